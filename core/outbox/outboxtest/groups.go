package outboxtest

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/internal/contract"
)

// group returns the positions of the next group of a messenger, and whether later batches may join
// it.
func (m *model) group(name string, extent outbox.Extent) (positions []int, open bool) {
	c := m.cursors[name]
	records := 0
	for position := range m.queue {
		batch := m.queue[position]
		if batch.deleted || !m.wants(name, position) {
			continue
		}
		records += len(batch.ids)
		limited := c.group < 0
		switch {
		case len(positions) == 0:
		case !limited && position > c.group, limited && records > contract.FullBatchRecords, m.repeats(positions, batch.window):
			return positions, false
		}
		positions = append(positions, position)
		if extent == outbox.OneBatch || limited && records == contract.FullBatchRecords || position == c.group {
			return positions, false
		}
	}
	return positions, true
}

func (m *model) repeats(positions []int, window *modelRange) bool {
	return slices.ContainsFunc(positions, func(position int) bool {
		other := m.queue[position].window
		return other != window && other.project == window.project && other.from < window.to && window.from < other.to
	})
}

// deliverGroup reads a group and acknowledges it, rejects it, or leaves it.
func (m *model) deliverGroup(t *rapid.T, o Store, name string) {
	extent := rapid.SampledFrom([]outbox.Extent{outbox.FullGroup, outbox.PendingGroup, outbox.OneBatch}).Draw(t, "extent")
	want, open := m.group(name, extent)
	group, err := o.NextGroup(name, extent)
	Must(t, err)
	switch {
	case len(want) == 0:
		if group != nil {
			t.Fatalf("messenger %s got a group %v, wanted none", name, group.BatchIDs())
		}
		return
	case group == nil:
		t.Fatalf("messenger %s got no group, wanted %v", name, want)
	case open && extent == outbox.FullGroup:
		if !group.Incomplete || len(group.Batches) > 0 {
			t.Fatalf("messenger %s got an open group %v", name, group.BatchIDs())
		}
		return
	}
	var got, wanted [][]string
	for _, batch := range group.Batches {
		got = append(got, IDs(batch.Records))
	}
	for _, position := range want {
		wanted = append(wanted, m.queue[position].ids)
	}
	Equal(t, "group of messenger "+name, got, wanted)
	last := want[len(want)-1]
	m.cursors[name].group = last
	switch rapid.SampledFrom([]string{"ack", "retry later", "reject"}).Draw(t, "result") {
	case "ack":
		Must(t, o.Ack(name, group.BatchIDs()...))
	case "reject":
		Must(t, o.Reject(name, group.BatchIDs(), "refused", nil))
		m.deadLetters += len(want)
	default:
		return
	}
	for _, position := range want {
		m.pass(name, position)
	}
}

// testGroups checks that small batches are joined up to the size of a full one, and that a group
// that was read stays the same.
func testGroups(t *testing.T, newPlace NewPlace) {
	place := newPlace(t)
	o := Open(t, place)
	Register(t, o, "ssm", "logstash")
	commit := func(project string, from, count int) {
		var ids []string
		for i := range count {
			ids = append(ids, fmt.Sprintf("%s-%d-%d", project, from, i))
		}
		w := Begin(t, o, Origin(project, from, from+1))
		Must(t, w.Append(Records(ids...)))
		Must(t, w.Commit(outbox.Change{}))
	}
	read := func(messenger string, extent outbox.Extent) *outbox.Group {
		t.Helper()
		group, err := o.NextGroup(messenger, extent)
		Must(t, err)
		return group
	}
	if group := read("ssm", outbox.PendingGroup); group != nil {
		t.Fatalf("a group of an empty outbox: %v", group)
	}
	commit("p", 0, 200)
	commit("q", 0, 200)
	if group := read("ssm", outbox.FullGroup); !group.Incomplete || len(group.Batches) != 0 {
		t.Errorf("a full group of 400 records: %+v", group)
	}
	first := read("ssm", outbox.PendingGroup)
	Equal(t, "batches", len(first.Batches), 2)
	Equal(t, "id", first.ID(), first.Batches[0].ID+"+1")
	commit("r", 0, 100)
	commit("p", 1, 1)
	Must(t, o.Close())
	o = Open(t, place)
	Equal(t, "after a crash", read("ssm", outbox.FullGroup).BatchIDs(), first.BatchIDs())
	Equal(t, "logstash, full", len(read("logstash", outbox.FullGroup).Batches), 3)
	Equal(t, "one", read("ssm", outbox.OneBatch).BatchIDs(), first.BatchIDs()[:1])
	Must(t, o.Ack("ssm", first.BatchIDs()[0]))
	commit("p", 1, 1)
	second := read("ssm", outbox.FullGroup)
	Equal(t, "the same window again ends the group before it", len(second.Batches), 3)

	// Records of some batches are rejected: each batch has a dead letter of its own.
	MustFail(t, o.Ack("ssm", second.BatchIDs()[1]), "the next batch is")
	Must(t, o.Reject("ssm", second.BatchIDs(), "", map[string]string{"q-0-7": "bad", "p-1-0": "worse"}))
	letters, err := o.DeadLetters()
	Must(t, err)
	Equal(t, "dead letters", len(letters), 2)
	for _, letter := range letters {
		want := map[string]string{"q-0-7": "bad"}
		if letter.ProjectID == "p" {
			want = map[string]string{"p-1-0": "worse"}
		}
		Equal(t, "reasons", letter.RecordReasons, want)
		Equal(t, "records", len(letter.Records), 1)
	}
	Equal(t, "left", len(read("ssm", outbox.PendingGroup).Batches), 1)
}
