package sqlstore

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/caso-project/caso/core/outbox"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// batchHead is what is known of a batch without reading its records.
type batchHead struct {
	window  *windowRow
	number  int64
	records int
	bytes   int
}

// pendingBatches calls visit for every batch of the queue in commit order. A batch whose row is
// missing counts as one without records.
func (t *tx) pendingBatches(visit func(batchHead)) error {
	windows, err := t.windows(0)
	if err != nil {
		return err
	}
	type key struct{ window, number int64 }
	heads := map[key]batchHead{}
	err = t.query(selectBatchHeads, func(rows *sql.Rows) error {
		var windowID int64
		var head batchHead
		if err := rows.Scan(&windowID, &head.number, &head.records, &head.bytes); err != nil {
			return fmt.Errorf("%w: %w", outbox.ErrDamaged, err)
		}
		heads[key{windowID, head.number}] = head
		return nil
	})
	if err != nil {
		return err
	}
	for _, w := range windows {
		for number := w.firstNumber; number <= w.batchCount; number++ {
			head := heads[key{w.windowID, number}]
			head.window, head.number = w, number
			visit(head)
		}
	}
	return nil
}

// Pending returns every pending batch in commit order, without its records.
func (s *Store) Pending() ([]outbox.PendingBatch, error) {
	var list []outbox.PendingBatch
	err := s.view("listing pending batches", func(t *tx) error {
		list = nil
		cursors, err := t.cursors()
		if err != nil {
			return err
		}
		return t.pendingBatches(func(head batchHead) {
			pending := outbox.PendingBatch{
				Batch: outbox.Batch{Origin: head.window.Origin, ID: head.window.batchID(head.number), Committed: head.window.committed},
				Bytes: head.bytes, RecordCount: head.records,
			}
			for messenger, c := range cursors {
				if c.wants(head.window, head.number) {
					pending.Messengers = append(pending.Messengers, messenger)
				}
			}
			slices.Sort(pending.Messengers)
			list = append(list, pending)
		})
	})
	return list, err
}

// Batch returns a pending batch with its records; false if no pending batch has that ID.
func (s *Store) Batch(id string) (*outbox.Batch, bool, error) {
	var found *outbox.Batch
	err := s.view(fmt.Sprintf("reading batch %q", id), func(t *tx) error {
		windows, err := t.windows(0)
		if err != nil {
			return err
		}
		for _, w := range windows {
			for number := w.firstNumber; number <= w.batchCount; number++ {
				if w.batchID(number) != id {
					continue
				}
				records, err := t.readBatch(w, number)
				found = &outbox.Batch{Origin: w.Origin, ID: id, Committed: w.committed, Records: records}
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	return found, found != nil, nil
}

// Stats returns the counts of pending batches and dead letters. It reads no records.
func (s *Store) Stats() (outbox.Stats, error) {
	var stats outbox.Stats
	err := s.view("counting pending batches", func(t *tx) error {
		stats = outbox.Stats{}
		cursors, err := t.cursors()
		if err != nil {
			return err
		}
		letters, err := t.countDeadLetters()
		if err != nil {
			return err
		}
		backlogs := map[string]*backlog{}
		for name, c := range cursors {
			backlogs[name] = &backlog{
				MessengerStats: outbox.MessengerStats{Name: name, Retired: c.until != 0, DeadLetters: letters[name]},
				projects:       map[outbox.Key]outbox.PendingProject{},
			}
		}
		err = t.pendingBatches(func(head batchHead) {
			stats.Batches++
			stats.Records += head.records
			for name, c := range cursors {
				if c.wants(head.window, head.number) {
					backlogs[name].add(head)
				}
			}
		})
		if err != nil {
			return err
		}
		for _, b := range backlogs {
			stats.Messengers = append(stats.Messengers, b.stats())
		}
		stats.Bytes, err = s.engine.storedBytes(t)
		return err
	})
	if err != nil {
		return outbox.Stats{}, err
	}
	slices.SortFunc(stats.Messengers, func(a, b outbox.MessengerStats) int { return cmp.Compare(a.Name, b.Name) })
	return stats, nil
}

// backlog collects the statistics of one messenger.
type backlog struct {
	outbox.MessengerStats
	projects map[outbox.Key]outbox.PendingProject
}

func (b *backlog) add(head batchHead) {
	w := head.window
	b.PendingBatches++
	b.PendingRecords += head.records
	if b.OldestPending.IsZero() || w.committed.Before(b.OldestPending) {
		b.OldestPending = w.committed
	}
	key := w.Key
	if earliest, known := b.projects[key]; !known || w.From.Before(earliest.From) {
		b.projects[key] = outbox.PendingProject{Key: key, ProjectName: w.ProjectName, From: w.From}
	}
}

func (b *backlog) stats() outbox.MessengerStats {
	for _, project := range b.projects {
		b.PendingProjects = append(b.PendingProjects, project)
	}
	slices.SortFunc(b.PendingProjects, func(x, y outbox.PendingProject) int { return x.Compare(y.Key) })
	return b.MessengerStats
}

func (t *tx) countDeadLetters() (map[string]int, error) {
	counts := map[string]int{}
	err := t.query(countDeadLetters, func(rows *sql.Rows) error {
		var messenger string
		var count int
		err := rows.Scan(&messenger, &count)
		counts[messenger] = count
		return err
	})
	return counts, err
}

// sumBodies returns the size of what is stored without the overhead of the engine.
func (t *tx) sumBodies() (int64, error) {
	total := int64(0)
	for _, s := range []statement{sumBatches, sumDeadLetters, sumStates} {
		var bytes int64
		if _, err := t.queryOne(s, []any{&bytes}); err != nil {
			return 0, err
		}
		total += bytes
	}
	return total, nil
}

func (t *tx) insertDeadLetter(letter *outbox.DeadLetter) error {
	records, err := outbox.EncodeRecords(letter.Records, nil)
	if err != nil {
		return err
	}
	body := records.Bytes()
	reasons, err := json.Marshal(letter.RecordReasons) // escapes NUL and invalid UTF-8
	if err != nil {
		return err
	}
	columns := []any{
		letter.Messenger, letter.BatchID, letter.Extractor, letter.ProjectID, letter.Region, letter.ProjectName,
		formatTime(letter.From), formatTime(letter.To), formatTime(letter.Time), letter.Reason, string(reasons),
	}
	sum := rowChecksum(append(columns, body)...)
	t.state.digest += sum
	return t.execOne(insertDeadLetter, append(columns, int64(len(body)), sum, body)...)
}

func scanDeadLetter(rows *sql.Rows) (letter outbox.DeadLetter, checksum int64, err error) {
	var from, to, rejected, reasons string
	var body []byte
	err = rows.Scan(&letter.Messenger, &letter.BatchID, &letter.Extractor, &letter.ProjectID, &letter.Region,
		&letter.ProjectName, &from, &to, &rejected, &letter.Reason, &reasons, &checksum, &body)
	if err != nil {
		return letter, 0, fmt.Errorf("%w: %w", outbox.ErrDamaged, err)
	}
	sum := rowChecksum(letter.Messenger, letter.BatchID, letter.Extractor, letter.ProjectID, letter.Region, letter.ProjectName,
		from, to, rejected, letter.Reason, reasons, body)
	times := timeParser{}
	letter.From, letter.To, letter.Time = times.parse(from), times.parse(to), times.parse(rejected)
	err = times.err
	if err == nil {
		err = json.Unmarshal([]byte(reasons), &letter.RecordReasons)
	}
	if err == nil {
		letter.Records, err = decodeRecords(body)
	}
	if sum != checksum {
		err = errChecksum
	}
	if err != nil {
		return letter, checksum, fmt.Errorf("dead letter of messenger %q, batch %q: %w: %w", letter.Messenger, letter.BatchID, outbox.ErrDamaged, err)
	}
	return letter, checksum, nil
}

// DeadLetters returns all dead letters, oldest first. A damaged one has no records and the damage
// as its reason, so that it can be dropped.
func (s *Store) DeadLetters() ([]outbox.DeadLetter, error) {
	var list []outbox.DeadLetter
	err := s.view("reading dead letters", func(t *tx) error {
		list = nil
		return t.query(selectDeadLetters, func(rows *sql.Rows) error {
			letter, checksum, err := scanDeadLetter(rows)
			if err != nil && checksum != 0 {
				letter.Reason, err = err.Error(), nil
				letter.Records, letter.RecordReasons = nil, nil
			}
			list = append(list, letter)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b outbox.DeadLetter) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Messenger, b.Messenger), cmp.Compare(a.BatchID, b.BatchID))
	})
	return list, nil
}

// deadLetter reads a dead letter with its checksum. The error is outbox.ErrNotFound, or wraps
// outbox.ErrDamaged; a damaged one can still be deleted.
func (t *tx) deadLetter(messenger, batchID string) (letter outbox.DeadLetter, checksum int64, err error) {
	err = outbox.ErrNotFound
	queryErr := t.query(selectDeadLetter, func(rows *sql.Rows) error {
		letter, checksum, err = scanDeadLetter(rows)
		return nil
	}, messenger, batchID)
	if queryErr != nil {
		err = queryErr
	}
	return letter, checksum, err
}

func (t *tx) deleteDeadLetter(messenger, batchID string, checksum int64) error {
	t.state.digest -= checksum
	return t.execOne(deleteDeadLetter, messenger, batchID)
}

// RetryDeadLetter appends a dead letter to the queue again, as a batch with a new ID that only the
// messenger that rejected it gets. A receiver that keeps the last of several reports about a
// subject gets an older report after newer ones this way, so that edit can keep records. It returns
// the records to retry, which it may change, and those that stay a dead letter; it may be called
// several times. Nil retries all records.
func (s *Store) RetryDeadLetter(messenger, batchID string, edit func([]*pluginv1.Record) (retry, keep []*pluginv1.Record)) error {
	doing := fmt.Sprintf("retrying the dead letter of messenger %q, batch %q", messenger, batchID)
	return s.update(doing, func(t *tx) error {
		letter, checksum, err := t.deadLetter(messenger, batchID)
		if err != nil {
			return err
		}
		if len(letter.Records) == 0 {
			return fmt.Errorf("the batch was damaged when it was rejected: republish the window with --extract-from %s --extract-to %s",
				outbox.FormatTime(letter.From), outbox.FormatTime(letter.To))
		}
		if _, err := t.cursor(messenger); err != nil {
			return err
		}
		retry, keep := letter.Records, []*pluginv1.Record(nil)
		if edit != nil {
			retry, keep = edit(letter.Records)
		}
		if len(retry) == 0 {
			return nil
		}
		if err := t.deleteDeadLetter(messenger, batchID, checksum); err != nil {
			return err
		}
		if len(keep) > 0 {
			letter.Records = keep
			if err := t.insertDeadLetter(&letter); err != nil {
				return err
			}
		}
		records, err := outbox.EncodeRecords(retry, nil)
		if err != nil {
			return err
		}
		windowID := t.windowID(0)
		if err := t.insertBatch(windowID, 1, records); err != nil {
			return err
		}
		return t.appendWindow(&windowRow{
			Origin: letter.Origin, windowID: windowID, committed: s.options.now().UTC(), messenger: messenger, batchCount: 1,
		})
	})
}

// DropDeadLetter deletes a dead letter.
func (s *Store) DropDeadLetter(messenger, batchID string) error {
	doing := fmt.Sprintf("dropping the dead letter of messenger %q, batch %q", messenger, batchID)
	return s.update(doing, func(t *tx) error {
		_, checksum, err := t.deadLetter(messenger, batchID)
		if err != nil && (checksum == 0 || !errors.Is(err, outbox.ErrDamaged)) {
			return err
		}
		return t.deleteDeadLetter(messenger, batchID, checksum)
	})
}
