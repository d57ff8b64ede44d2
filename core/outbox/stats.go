package outbox

import (
	"cmp"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// Stats has the counts of batches, records and bytes in the outbox.
type Stats struct {
	// Batches is the number of batches that at least one messenger has not acknowledged.
	Batches int
	// Records is the number of records in these batches.
	Records int
	// Bytes is the size of these batches.
	Bytes int64
	// FileBytes is the size of the file, free space in it included.
	FileBytes int64
	// Messengers lists the messengers that are registered or retired, by name.
	Messengers []MessengerStats
}

// MessengerStats is the backlog of one messenger.
type MessengerStats struct {
	// Name is the name of the messenger instance.
	Name string
	// Retired is true if the messenger is no longer configured.
	Retired bool
	// PendingBatches is the number of batches in the backlog.
	PendingBatches int
	// PendingRecords is the number of records in the backlog.
	PendingRecords int
	// OldestPending is the earliest commit time in the backlog; zero if the backlog is empty.
	OldestPending time.Time
	// PendingProjects lists the projects with pending batches, by extractor and project. Every
	// window before PendingProject.From is delivered; for a project that is not in the list,
	// every window before its checkpoint is.
	PendingProjects []PendingProject
	// DeadLetters is the number of dead letters of the messenger.
	DeadLetters int
}

// PendingProject is one project in the backlog of a messenger.
type PendingProject struct {
	// Extractor is the name of the extractor instance.
	Extractor string
	// ProjectID is the cloud's ID of the project.
	ProjectID string
	// ProjectName is the name of the project.
	ProjectName string
	// From is the start of the earliest pending window.
	From time.Time
}

// Stats returns the counts of pending batches and dead letters. It reads no records.
func (o *Outbox) Stats() (Stats, error) {
	var stats Stats
	err := o.view("counting pending batches", func(tx *bbolt.Tx) error {
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
	behind := map[pair]PendingProject{}
	err := eachEntry(tx, current.Next, func(position uint64, batch entry) error {
		if !current.wants(s.Name, position, batch) {
			return nil
		}
		s.PendingBatches++
		s.PendingRecords += batch.Records
		if s.OldestPending.IsZero() || batch.Committed.Before(s.OldestPending) {
			s.OldestPending = batch.Committed
		}
		key := pair{batch.Extractor, batch.ProjectID}
		if first, known := behind[key]; !known || batch.From.Before(first.From) {
			behind[key] = PendingProject{batch.Extractor, batch.ProjectID, batch.ProjectName, batch.From}
		}
		return nil
	})
	for _, one := range behind {
		s.PendingProjects = append(s.PendingProjects, one)
	}
	slices.SortFunc(s.PendingProjects, func(a, b PendingProject) int {
		return cmp.Or(cmp.Compare(a.Extractor, b.Extractor), cmp.Compare(a.ProjectID, b.ProjectID))
	})
	if err != nil {
		return err
	}
	return tx.Bucket([]byte(deadLettersBucket)).ForEach(func(key, _ []byte) error {
		if messenger, _ := keyPair(key); messenger == s.Name {
			s.DeadLetters++
		}
		return nil
	})
}
