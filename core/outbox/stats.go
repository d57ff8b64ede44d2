package outbox

import (
	"cmp"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// Stats is what is in the outbox.
type Stats struct {
	// Batches counts those held, for whomever.
	Batches int
	// Records counts theirs.
	Records int
	// Bytes is the size of the batches held.
	Bytes int64
	// FileBytes is the size of the file, in which there may be free space.
	FileBytes int64
	// Messengers are those that are or were configured, by name.
	Messengers []MessengerStats
}

// MessengerStats is what waits for one messenger.
type MessengerStats struct {
	// Name is the messenger's.
	Name string
	// Retired says that it is no longer configured.
	Retired bool
	// Batches counts those that wait for it.
	Batches int
	// Records counts theirs.
	Records int
	// Oldest is when the first of them was committed; zero where none waits.
	Oldest time.Time
	// Waiting are the projects of which something waits, by extractor and project. What came before is
	// delivered; and so is all up to the checkpoint for a project that is not in the list.
	Waiting []Waiting
	// SetAside counts the batches of which the messenger refused something.
	SetAside int
}

// Waiting says since when a messenger is behind with one project.
type Waiting struct {
	// Extractor is the extractor's name.
	Extractor string
	// ProjectID is the cloud's ID of the project.
	ProjectID string
	// ProjectName is its name, for people.
	ProjectName string
	// From is the start of the earliest window that waits.
	From time.Time
}

// Stats counts what is in the outbox. It reads no records.
func (o *Outbox) Stats() (Stats, error) {
	var stats Stats
	err := o.view("counting what waits", func(tx *bbolt.Tx) error {
		stats.FileBytes = tx.Size()
		cursors, err := readCursors(tx)
		if err != nil {
			return err
		}
		for name, current := range cursors {
			one := MessengerStats{Name: name, Retired: current.Until != 0}
			if err := one.count(tx, current); err != nil {
				return err
			}
			stats.Messengers = append(stats.Messengers, one)
		}
		slices.SortFunc(stats.Messengers, func(a, b MessengerStats) int { return cmp.Compare(a.Name, b.Name) })
		return eachEntry(tx, 0, func(_ uint64, batch entry) error {
			stats.Batches++
			stats.Records += batch.Records
			stats.Bytes += int64(batch.Bytes)
			return nil
		})
	})
	if err != nil {
		return Stats{}, err
	}
	return stats, nil
}

func (s *MessengerStats) count(tx *bbolt.Tx, current cursor) error {
	type pair struct{ extractor, project string }
	behind := map[pair]Waiting{}
	err := eachEntry(tx, current.Next, func(position uint64, batch entry) error {
		if !current.wants(s.Name, position, batch) {
			return nil
		}
		s.Batches++
		s.Records += batch.Records
		if s.Oldest.IsZero() || batch.Committed.Before(s.Oldest) {
			s.Oldest = batch.Committed
		}
		key := pair{batch.Extractor, batch.ProjectID}
		if first, known := behind[key]; !known || batch.From.Before(first.From) {
			behind[key] = Waiting{batch.Extractor, batch.ProjectID, batch.ProjectName, batch.From}
		}
		return nil
	})
	for _, one := range behind {
		s.Waiting = append(s.Waiting, one)
	}
	slices.SortFunc(s.Waiting, func(a, b Waiting) int {
		return cmp.Or(cmp.Compare(a.Extractor, b.Extractor), cmp.Compare(a.ProjectID, b.ProjectID))
	})
	if err != nil {
		return err
	}
	return tx.Bucket([]byte(asideBucket)).ForEach(func(key, _ []byte) error {
		if messenger, _ := keyPair(key); messenger == s.Name {
			s.SetAside++
		}
		return nil
	})
}
