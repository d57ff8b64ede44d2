package run

import (
	"slices"
	"time"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// RetryOptions controls a Retrier.
type RetryOptions struct {
	// Force retries records of which a newer one was reported, too.
	Force bool
	// Restamp sets the site and service of the present configuration in the records.
	Restamp bool
}

// RetryStore is what a Retrier needs of the outbox.
type RetryStore interface {
	Checkpoints() ([]outbox.Checkpoint, error)
	RetryDeadLetter(messenger, batchID string, edit func([]*pluginv1.Record) (retry, keep []*pluginv1.Record)) error
}

// Retrier makes dead letters pending again.
type Retrier struct {
	// Retried and Kept count the records so far.
	Retried, Kept int

	session     *Session
	store       RetryStore
	options     RetryOptions
	checkpoints map[outbox.Key]time.Time
}

// NewRetrier returns a Retrier. It needs no plugin.
func (s *Session) NewRetrier(store RetryStore, options RetryOptions) (*Retrier, error) {
	checkpoints, err := store.Checkpoints()
	if err != nil {
		return nil, OutboxError(err)
	}
	r := &Retrier{session: s, store: store, options: options, checkpoints: map[outbox.Key]time.Time{}}
	for _, c := range checkpoints {
		r.checkpoints[c.Key] = c.To
	}
	return r, nil
}

// Retry makes the records of a dead letter pending again, except those of which a newer one was
// reported.
func (r *Retrier) Retry(letter outbox.DeadLetter) error {
	reported := r.checkpoints[letter.Key]
	retried, kept := 0, 0
	err := r.store.RetryDeadLetter(letter.Messenger, letter.BatchID, func(records []*pluginv1.Record) (retry, keep []*pluginv1.Record) {
		for _, record := range records {
			if !r.options.Force && isSuperseded(record, letter.To, reported) {
				keep = append(keep, record)
				continue
			}
			if r.options.Restamp {
				r.session.restamp(record, letter.Extractor)
			}
			retry = append(retry, record)
		}
		retried, kept = len(retry), len(keep)
		return retry, keep
	})
	if err != nil {
		return err
	}
	r.Retried += retried
	r.Kept += kept
	return nil
}

// isSuperseded reports whether a newer record of the same subject and month was reported: the
// project was reported beyond the end of the record's window, and the record is not the last of its
// month or of its subject.
func isSuperseded(record *pluginv1.Record, to, reported time.Time) bool {
	if !reported.After(to) {
		return false
	}
	switch kind := record.GetKind().(type) {
	case *pluginv1.Record_Cloud:
		// As of the last second of a month, or after the end of the server, it is the last one.
		asOf := kind.Cloud.GetRecordCreateTime().AsTime()
		return kind.Cloud.GetEndTime() == nil && asOf.Month() == asOf.Add(time.Second).Month()
	case *pluginv1.Record_Accelerator:
		monthEnd := time.Date(int(kind.Accelerator.GetMeasurementYear()), time.Month(kind.Accelerator.GetMeasurementMonth())+1, 1, 0, 0, 0, 0, time.UTC)
		return to.Before(monthEnd)
	}
	return false
}

// restamp sets the fields of a record that come from the configuration of its extractor. A record
// of an extractor that is no longer configured stays as it is.
func (s *Session) restamp(record *pluginv1.Record, extractor string) {
	n := slices.IndexFunc(s.plugins.Extractors, func(i config.Instance) bool { return i.Name == extractor })
	if n < 0 {
		return
	}
	settings := s.settings.Instance(s.plugins.Extractors[n])
	record.SiteName, record.CloudComputeService = settings.String("DEFAULT", "site_name"), settings.String("DEFAULT", "service_name")
	record.Id = contract.RecordID(record)
}
