package outbox

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

// Origin says which window something comes from.
type Origin struct {
	// Extractor is the extractor's name.
	Extractor string `json:"extractor"`
	// ProjectID is the cloud's ID of the project.
	ProjectID string `json:"project_id"`
	// ProjectName is its name, for people.
	ProjectName string `json:"project_name,omitempty"`
	// From is the window's first instant.
	From time.Time `json:"from"`
	// To is the first instant after it.
	To time.Time `json:"to"`
}

// Change is what a commit does beside making the window's batches visible.
type Change struct {
	// MoveCheckpoint moves the checkpoint of extractor and project to the window's end.
	MoveCheckpoint bool
	// State replaces the extractor's state. It is kept only when the checkpoint moves: a state that
	// does not belong to its checkpoint is worse than none.
	State []byte
}

// Window is a window that is being extracted. One goroutine uses it; any number of windows may be under
// way at once. It is ended by Commit or Abort.
type Window struct {
	outbox *Outbox
	origin Origin
	// pending are records that are not in the file yet. Small batches are put together to the size of
	// a full one, and the last goes in with the commit: for most projects that is the only write.
	pending      []*pluginv1.Record
	pendingBytes int
	staged       []entry
	failed       error
	ended        bool
}

// errEnded is what a window says that was committed or aborted.
var errEnded = errors.New("the window has ended already")

// Begin starts a window.
func (o *Outbox) Begin(origin Origin) (*Window, error) {
	doing := fmt.Sprintf("beginning a window of project %q by extractor %q", origin.ProjectID, origin.Extractor)
	switch {
	case o.readOnly:
		return nil, fmt.Errorf("outbox %s: %s: %w", o.path, doing, ErrReadOnly)
	case origin.Extractor == "" || origin.ProjectID == "":
		return nil, fmt.Errorf("outbox %s: %s: both need a name", o.path, doing)
	case strings.Contains(origin.Extractor, "\x00"):
		return nil, fmt.Errorf("outbox %s: %s: the extractor's name holds a NUL", o.path, doing)
	case !origin.From.Before(origin.To):
		return nil, fmt.Errorf("outbox %s: %s: it would end at %s, not after its start %s", o.path, doing, when(origin.To), when(origin.From))
	}
	return &Window{outbox: o, origin: origin}, nil
}

// Append stages records, which must not be changed afterwards. They stay in order, and those of one call
// stay in one batch. After an error the window can only be aborted.
func (w *Window) Append(records []*pluginv1.Record) error {
	if w.ended {
		return w.errorf("staging records", errEnded)
	}
	if w.failed != nil {
		return w.failed
	}
	bytes := proto.Size(&pluginv1.RecordBatch{Records: records})
	if len(w.pending)+len(records) > sdk.FullBatchRecords || w.pendingBytes+bytes > sdk.FullBatchBytes {
		if err := w.stage(); err != nil {
			w.failed = err
			return err
		}
	}
	w.pending = append(w.pending, records...)
	w.pendingBytes += bytes
	return nil
}

// stage writes the pending records where no messenger looks.
func (w *Window) stage() error {
	if len(w.pending) == 0 {
		return nil
	}
	var added entry
	err := w.outbox.update(w.doing("staging records"), func(tx *bbolt.Tx) (err error) {
		if added, err = w.outbox.addBatch(tx, w.pending); err != nil {
			return err
		}
		return tx.Bucket([]byte(stagedBucket)).Put(numberKey(added.Number), []byte{1})
	})
	if err != nil {
		return err
	}
	w.staged = append(w.staged, added)
	w.pending, w.pendingBytes = nil, 0
	return nil
}

// Commit makes the window's batches visible and changes checkpoint and state, all in one transaction. A
// window without records may be committed. After an error nothing of it was done, as far as can be
// known, and the window is to be aborted; if the disk failed so late that all of it was done after all,
// Abort leaves it.
func (w *Window) Commit(change Change) error {
	doing := "committing"
	if w.ended {
		return w.errorf(doing, errEnded)
	}
	if w.failed != nil {
		return w.failed
	}
	committed := w.outbox.now().UTC()
	err := w.outbox.update(w.doing(doing), func(tx *bbolt.Tx) error {
		batches := w.staged
		if len(w.pending) > 0 {
			last, err := w.outbox.addBatch(tx, w.pending)
			if err != nil {
				return err
			}
			batches = append(batches[:len(batches):len(batches)], last)
		}
		for _, batch := range batches {
			if err := tx.Bucket([]byte(stagedBucket)).Delete(numberKey(batch.Number)); err != nil {
				return err
			}
			batch.Origin, batch.Committed = w.origin, committed
			if err := enqueue(tx, batch); err != nil {
				return err
			}
		}
		if !change.MoveCheckpoint {
			return nil
		}
		return moveCheckpoint(tx, w.origin, committed, change.State)
	})
	if err != nil {
		w.failed = err
		return err
	}
	w.ended, w.pending = true, nil
	return nil
}

// Abort drops what was staged. After Commit it does nothing, so that it can be deferred.
func (w *Window) Abort() error {
	if w.ended {
		return nil
	}
	w.ended, w.pending = true, nil
	if len(w.staged) == 0 {
		return nil
	}
	return w.outbox.update(w.doing("dropping staged records"), func(tx *bbolt.Tx) error {
		for _, batch := range w.staged {
			if err := dropIfStaged(tx, numberKey(batch.Number)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *Window) doing(what string) string {
	return fmt.Sprintf("%s of project %q by extractor %q from %s to %s", what,
		w.origin.ProjectID, w.origin.Extractor, when(w.origin.From), when(w.origin.To))
}

func (w *Window) errorf(what string, err error) error {
	return fmt.Errorf("outbox %s: %s: %w", w.outbox.path, w.doing(what), err)
}

// when is a time as messages show it.
func when(t time.Time) string { return t.UTC().Format(time.RFC3339) }
