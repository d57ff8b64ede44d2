package outboxtest

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/internal/contract"
)

// model is the outbox as one would write it without a disk.
type model struct {
	queue       []modelBatch
	cursors     map[string]*modelCursor
	checkpoints map[outbox.Key]int
	deadLetters int
}

type modelBatch struct {
	ids     []string
	only    string
	deleted bool
	// window is the same for the batches of one window.
	window *modelRange
}

// modelRange is a window of a project, in hours.
type modelRange struct {
	project  string
	from, to int
}

type modelCursor struct {
	next, until int
	// group is the last position of the group that was read; -1 if none was.
	group int
}

func (m *model) wants(name string, position int) bool {
	c, b := m.cursors[name], m.queue[position]
	return position >= c.next && (c.until < 0 || position < c.until) && (b.only == "" || b.only == name)
}

func (m *model) next(name string) int {
	for position := range m.queue {
		if !m.queue[position].deleted && m.wants(name, position) {
			return position
		}
	}
	return -1
}

func (m *model) register(names []string) {
	first := 0
	for first < len(m.queue) && m.queue[first].deleted {
		first++
	}
	for name, c := range m.cursors {
		switch {
		case slices.Contains(names, name):
			c.until = -1
		case c.until < 0:
			c.until = len(m.queue)
		}
	}
	for _, name := range names {
		if m.cursors[name] == nil {
			m.cursors[name] = &modelCursor{next: first, until: -1, group: -1}
		}
	}
}

func (m *model) pass(name string, position int) {
	c := m.cursors[name]
	c.next = position + 1
	if c.group <= position {
		c.group = -1
	}
	for other := range m.cursors {
		if m.wants(other, position) {
			return
		}
	}
	m.queue[position].deleted = true
}

func (m *model) configured() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(m.cursors)) {
		if m.cursors[name].until < 0 {
			names = append(names, name)
		}
	}
	return names
}

func (m *model) pending() int {
	count := 0
	for _, batch := range m.queue {
		if !batch.deleted {
			count++
		}
	}
	return count
}

// modelWindow is a window under way, its batches as they will be put together.
type modelWindow struct {
	writer  outbox.WindowWriter
	key     outbox.Key
	to      int
	batches [][]string
}

func (w *modelWindow) append(ids []string) {
	if last := len(w.batches) - 1; last >= 0 && len(w.batches[last])+len(ids) <= contract.FullBatchRecords {
		w.batches[last] = append(w.batches[last], ids...)
		return
	}
	w.batches = append(w.batches, ids)
}

func testAgainstModel(tb *testing.T, newPlace NewPlace) {
	rapid.Check(tb, func(rt *rapid.T) {
		t := rt
		place := newPlace(tb)
		openAt := func(place Place) Store {
			store, err := place.Open(false, nil)
			Must(t, err)
			return store
		}
		m := &model{cursors: map[string]*modelCursor{}, checkpoints: map[outbox.Key]int{}}
		o := openAt(place)
		defer func() { Must(t, o.Close()) }()
		var windows []*modelWindow
		recordCount := 0
		pick := func(t *rapid.T) (*modelWindow, int) {
			if len(windows) == 0 {
				t.Skip("no window is under way")
			}
			i := rapid.IntRange(0, len(windows)-1).Draw(t, "window")
			return windows[i], i
		}
		messenger := func(t *rapid.T) string {
			names := m.configured()
			if len(names) == 0 {
				t.Skip("no messenger is configured")
			}
			return rapid.SampledFrom(names).Draw(t, "messenger")
		}
		t.Repeat(map[string]func(*rapid.T){
			"begin": func(t *rapid.T) {
				w := &modelWindow{key: Key(rapid.SampledFrom([]string{"p", "q"}).Draw(t, "project"))}
				w.key.Region = rapid.SampledFrom([]string{"", "North", "South"}).Draw(t, "region")
				from := m.checkpoints[w.key]
				w.to = from + 1
				origin := Origin(w.key.ProjectID, from, w.to)
				origin.Key = w.key
				writer, err := o.Begin(origin)
				Must(t, err)
				w.writer = writer
				windows = append(windows, w)
			},
			"append": func(t *rapid.T) {
				w, _ := pick(t)
				var ids []string
				for range rapid.SampledFrom([]int{1, 2, 300}).Draw(t, "records") {
					recordCount++
					ids = append(ids, fmt.Sprint(recordCount))
				}
				Must(t, w.writer.Append(Records(ids...)))
				w.append(ids)
			},
			"commit": func(t *rapid.T) {
				w, i := pick(t)
				windows = slices.Delete(windows, i, i+1)
				move := rapid.Bool().Draw(t, "move")
				err := w.writer.Commit(outbox.Change{MoveCheckpoint: move})
				if move && m.checkpoints[w.key] > w.to {
					if err == nil {
						t.Fatal("a checkpoint moved back")
					}
					Must(t, w.writer.Abort())
					return
				}
				Must(t, err)
				window := &modelRange{w.key.ProjectID, w.to - 1, w.to}
				for _, ids := range w.batches {
					m.queue = append(m.queue, modelBatch{ids: ids, window: window})
				}
				if move {
					m.checkpoints[w.key] = w.to
				}
			},
			"abort": func(t *rapid.T) {
				w, i := pick(t)
				windows = slices.Delete(windows, i, i+1)
				Must(t, w.writer.Abort())
			},
			"register": func(t *rapid.T) {
				names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 3, rapid.ID).Draw(t, "messengers")
				_, err := o.Register(names)
				Must(t, err)
				m.register(names)
			},
			"deliver": func(t *rapid.T) {
				name := messenger(t)
				want := m.next(name)
				batch, ok, err := o.Next(name)
				Must(t, err)
				if ok != (want >= 0) {
					t.Fatalf("messenger %s: a batch waits: %v, wanted position %d", name, ok, want)
				}
				if !ok {
					return
				}
				if !slices.Equal(IDs(batch.Records), m.queue[want].ids) {
					t.Fatalf("messenger %s got %v, wanted %v", name, IDs(batch.Records), m.queue[want].ids)
				}
				switch rapid.SampledFrom([]string{"ack", "retry later", "reject"}).Draw(t, "result") {
				case "ack":
					Must(t, o.Ack(name, batch.ID))
					m.pass(name, want)
				case "reject":
					Must(t, o.Reject(name, []string{batch.ID}, "refused", nil))
					m.pass(name, want)
					m.deadLetters++
				}
			},
			"deliver a group": func(t *rapid.T) { m.deliverGroup(t, o, messenger(t)) },
			"retry": func(t *rapid.T) {
				list, err := o.DeadLetters()
				Must(t, err)
				for _, one := range list {
					if c := m.cursors[one.Messenger]; c != nil && c.until < 0 {
						Must(t, o.RetryDeadLetter(one.Messenger, one.BatchID, nil))
						m.queue = append(m.queue, modelBatch{ids: LetterIDs(one.Records), only: one.Messenger,
							window: &modelRange{one.ProjectID, hoursOf(one.From), hoursOf(one.To)}})
						m.deadLetters--
						return
					}
				}
			},
			"reopen": func(t *rapid.T) {
				Must(t, o.Close())
				o = openAt(place)
				windows = nil
			},
			"crash": func(t *rapid.T) {
				place = place.Crash(t, o)
				_ = o.Close()
				o = openAt(place)
				windows = nil
			},
			"": func(t *rapid.T) {
				stats, err := o.Stats()
				Must(t, err)
				if stats.Batches != m.pending() {
					t.Fatalf("%d batches are pending, wanted %d", stats.Batches, m.pending())
				}
				list, err := o.Checkpoints()
				Must(t, err)
				if len(list) != len(m.checkpoints) {
					t.Fatalf("%d checkpoints, wanted %d", len(list), len(m.checkpoints))
				}
				for _, one := range list {
					if !one.To.Equal(Hours(m.checkpoints[one.Key])) {
						t.Fatalf("checkpoint %+v, wanted %d", one, m.checkpoints[one.Key])
					}
				}
				deadLetters, err := o.DeadLetters()
				Must(t, err)
				if len(deadLetters) != m.deadLetters {
					t.Fatalf("%d dead letters, wanted %d", len(deadLetters), m.deadLetters)
				}
			},
		})
	})
}
