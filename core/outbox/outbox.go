package outbox

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"al.essio.dev/pkg/shellescape"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// FileName is the name of the embedded outbox in the spool directory.
const FileName = "outbox.db"

// Sentinel errors. The errors that a store returns wrap them.
var (
	// ErrLocked means that another process has opened the outbox for changes.
	ErrLocked = errors.New("outbox is locked by another process")
	// ErrDamaged means that stored data differs from what was written.
	ErrDamaged = errors.New("outbox is damaged")
	// ErrReadOnly means that the outbox was opened for reading and cannot be changed.
	ErrReadOnly = errors.New("outbox is open read-only")
	// ErrLeaseLost means that another host has taken over a shared outbox.
	ErrLeaseLost = errors.New("lease of the outbox is lost to another host")
	// ErrUnavailable means that the server of a shared outbox cannot be reached at present.
	ErrUnavailable = errors.New("outbox server is unavailable")
	// ErrOtherSite means that the outbox belongs to other sites than those of the configuration.
	ErrOtherSite = errors.New("outbox belongs to another site")
	// ErrNotFound means that no such batch, dead letter or messenger is stored.
	ErrNotFound = errors.New("not found")
	// ErrNotRegistered means that a messenger is not registered, see Register.
	ErrNotRegistered = errors.New("messenger is not registered")
	// ErrWindowEnded is the error of a WindowWriter after Commit or Abort.
	ErrWindowEnded = errors.New("window is already committed or aborted")
)

// Key identifies a checkpoint.
type Key struct {
	// Extractor is the name of the extractor instance.
	Extractor string
	// ProjectID is the cloud's ID of the project.
	ProjectID string
	// Region is the region of the cloud; empty where it has none.
	Region string
}

// String returns the key as messages show it.
func (k Key) String() string {
	if k.Region == "" {
		return fmt.Sprintf("project %q by extractor %q", k.ProjectID, k.Extractor)
	}
	return fmt.Sprintf("project %q in region %q by extractor %q", k.ProjectID, k.Region, k.Extractor)
}

// Flags returns the flags that select extractor and region in the commands of caso.
func (k Key) Flags() string {
	if k.Region == "" {
		return "--extractor " + k.Extractor
	}
	return fmt.Sprintf("--extractor %s --region %s", k.Extractor, shellescape.Quote(k.Region))
}

// Compare orders keys by extractor, project and region.
func (k Key) Compare(other Key) int {
	return cmp.Or(cmp.Compare(k.Extractor, other.Extractor), cmp.Compare(k.ProjectID, other.ProjectID), cmp.Compare(k.Region, other.Region))
}

// Origin identifies the window that a batch comes from.
type Origin struct {
	// Key is that of the checkpoint that the window moves.
	Key
	// ProjectName is the name of the project, for messages.
	ProjectName string
	// From is the start of the window.
	From time.Time
	// To is the end of the window, which is not part of it.
	To time.Time
}

// Check returns an error if the origin does not identify a window.
func (o Origin) Check() error {
	switch {
	case o.Extractor == "" || o.ProjectID == "":
		return errors.New("extractor and project must not be empty")
	case len(o.Extractor) > MaxKeyBytes || len(o.ProjectID) > MaxKeyBytes || len(o.Region) > MaxKeyBytes:
		return fmt.Errorf("extractor, project and region must have at most %d bytes", MaxKeyBytes)
	case !ValidKey(o.Extractor) || !ValidKey(o.ProjectID) || !ValidKey(o.Region):
		return errors.New("extractor, project and region must be UTF-8 without NUL")
	case !o.From.Before(o.To):
		return fmt.Errorf("the end %s is not after the start %s", FormatTime(o.To), FormatTime(o.From))
	}
	return nil
}

// MaxKeyBytes limits the names of extractor and messenger instances, the IDs of projects and the
// names of regions: the index of three of them must fit into the 3072 bytes of InnoDB and the 2704
// bytes of PostgreSQL.
const MaxKeyBytes = 255

// ValidKey reports whether every engine can store s as a key.
func ValidKey(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// FormatTime returns a time as messages show it.
func FormatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// WindowWriter stores the records of one window. One goroutine uses a WindowWriter; several may be
// open at once. Commit or Abort ends it.
type WindowWriter interface {
	// Append stages records. Their order is kept, and the records of one call stay in one batch.
	// After an error the window can only be aborted.
	Append(records Records) error
	// Commit makes the batches of the window visible and changes checkpoint and state, in one
	// transaction. A window without records may be committed. After an error the window must be
	// aborted; if the transaction took effect in spite of the error, Abort leaves it.
	Commit(change Change) error
	// Abort deletes the staged records. After Commit it does nothing, so that it can be deferred.
	Abort() error
}

// Change describes what Commit does in addition to making the batches of the window visible.
type Change struct {
	// MoveCheckpoint moves the checkpoint of the origin to the end of the window.
	MoveCheckpoint bool
	// State replaces the state of the extractor. It is stored only if the checkpoint moves, so that
	// state and checkpoint always belong together.
	State []byte
}

// Checkpoint is the time up to which an extractor instance has reported a project in a region.
type Checkpoint struct {
	Key
	// ProjectName is the name of the project when the checkpoint last moved.
	ProjectName string
	// To is the start of the next window.
	To time.Time
	// Moved is the time at which the checkpoint last moved.
	Moved time.Time
	// StateBytes is the size of the state.
	StateBytes int
	// State is passed to the extractor with the next window. Lists of checkpoints leave it empty.
	State []byte
}

// Batch is a bounded group of records of one window.
type Batch struct {
	Origin
	// ID is unique for all time: printable ASCII without blanks, at most 64 characters.
	ID string
	// Committed is the commit time of the window.
	Committed time.Time
	// Records has the records, of all types.
	Records Records
}

// Extent is which batches a group may have.
type Extent int

const (
	// FullGroup waits for further batches as long as they would fit.
	FullGroup Extent = iota
	// PendingGroup is what is pending now.
	PendingGroup
	// OneBatch is the next batch alone.
	OneBatch
)

// Group is consecutive batches of a messenger that are delivered as one: small batches cost a
// receiver as much as large ones.
type Group struct {
	// FirstID is the ID of the first batch.
	FirstID string
	// Incomplete is true if further batches may join the group; it then lists no batches.
	Incomplete bool
	// Batches lists the batches in commit order.
	Batches []*Batch
}

// ID identifies the content of the group for all time: the ID of the first batch, followed by +N if
// N other batches come after it. It has at most 64 characters, as that of a batch.
func (g *Group) ID() string {
	if len(g.Batches) < 2 {
		return g.FirstID
	}
	return fmt.Sprintf("%s+%d", g.FirstID, len(g.Batches)-1)
}

// BatchIDs returns the IDs of the batches.
func (g *Group) BatchIDs() []string {
	ids := make([]string, len(g.Batches))
	for i, batch := range g.Batches {
		ids[i] = batch.ID
	}
	return ids
}

// DamagedBatchError means that a stored batch differs from what was written. The batch stays the
// next one of the messenger until it is rejected or acknowledged.
type DamagedBatchError struct {
	// Location is the path or URL of the outbox.
	Location string
	// ID is the batch ID for Reject and Ack.
	ID string
	// Err is the cause.
	Err error
}

// Error returns a message with the location and the batch ID.
func (e *DamagedBatchError) Error() string {
	return fmt.Sprintf("reading batch %q: %s: %v: %v", e.ID, e.Location, ErrDamaged, e.Err)
}

// Unwrap returns ErrDamaged and the cause.
func (e *DamagedBatchError) Unwrap() []error { return []error{ErrDamaged, e.Err} }

// PendingBatch is a batch that at least one messenger has not acknowledged.
type PendingBatch struct {
	Batch
	// Bytes is the stored size.
	Bytes int
	// RecordCount is the number of records; Records is empty in a list.
	RecordCount int
	// Messengers lists the messengers that have not acknowledged it, in alphabetical order.
	Messengers []string
}

// DeadLetter is a batch, or the records of a batch, that a messenger rejected.
type DeadLetter struct {
	Origin
	// Messenger is the name of the messenger instance that rejected it.
	Messenger string
	// BatchID is the ID of the batch in which the records were delivered.
	BatchID string
	// Time is the time of the rejection.
	Time time.Time
	// Reason is the reason for rejecting the whole batch; empty if single records were rejected.
	Reason string
	// RecordReasons maps the ID of a rejected record to the reason.
	RecordReasons map[string]string
	// Records lists the rejected records; empty if the batch was damaged.
	Records []*pluginv1.Record
}

// SelectRejected reduces dead letters of whole batches to the records whose IDs are keys of
// reasons, each with its reasons. All of them stay whole if reasons is empty or names a record that
// is in none of the batches, because then it is unknown which one was meant.
func SelectRejected(letters []*DeadLetter, reasons map[string]string) []*DeadLetter {
	found := make(map[string]bool, len(reasons))
	var selected []*DeadLetter
	for _, letter := range letters {
		if len(letter.Records) == 0 { // damaged
			selected = append(selected, letter)
			continue
		}
		part := *letter
		part.Records, part.RecordReasons = nil, map[string]string{}
		for _, record := range letter.Records {
			if reason, named := reasons[record.GetId()]; named {
				part.Records = append(part.Records, record)
				part.RecordReasons[record.GetId()] = reason
				found[record.GetId()] = true
			}
		}
		if len(part.Records) > 0 {
			selected = append(selected, &part)
		}
	}
	if len(reasons) > 0 && len(found) == len(reasons) {
		return selected
	}
	for _, letter := range letters {
		letter.RecordReasons = reasons
	}
	return letters
}

// RetiredMessenger is a messenger that is no longer configured and has pending batches.
type RetiredMessenger struct {
	// Name is the name of the messenger instance.
	Name string
	// PendingBatches is the number of batches in the backlog.
	PendingBatches int
}

// Stats sums up the content of the outbox.
type Stats struct {
	// Batches is the number of batches that at least one messenger has not acknowledged.
	Batches int
	// Records is the number of records in these batches.
	Records int
	// Bytes is the size of everything stored: batches, dead letters, states and the overhead of the
	// engine as far as it is known, without free space.
	Bytes int64
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
	// PendingProjects lists the projects with pending batches, by key. Every window before
	// PendingProject.From is delivered; for a project that is not in the list, every window before its
	// checkpoint is.
	PendingProjects []PendingProject
	// DeadLetters is the number of dead letters of the messenger.
	DeadLetters int
}

// PendingProject is one project and region in the backlog of a messenger.
type PendingProject struct {
	Key
	// ProjectName is the name of the project.
	ProjectName string
	// From is the start of the earliest pending window.
	From time.Time
}
