package outbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Origin identifies the window that a batch comes from.
type Origin struct {
	// Extractor is the name of the extractor instance.
	Extractor string `json:"extractor"`
	// ProjectID is the cloud's ID of the project.
	ProjectID string `json:"project_id"`
	// ProjectName is the name of the project, for messages.
	ProjectName string `json:"project_name,omitempty"`
	// From is the start of the window.
	From time.Time `json:"from"`
	// To is the end of the window, which is not part of it.
	To time.Time `json:"to"`
}

// Change describes what Commit does in addition to making the batches of the window visible.
type Change struct {
	// MoveCheckpoint moves the checkpoint of the extractor and project to the end of the window.
	MoveCheckpoint bool
	// State replaces the state of the extractor. It is stored only if the checkpoint moves, so that
	// state and checkpoint always belong together.
	State []byte
}

// WindowWriter stores the records of one window. One goroutine uses a WindowWriter; several may be
// open at once. Commit or Abort ends it.
type WindowWriter struct {
	outbox *Outbox
	origin Origin
	// pending has the records that are not in the file yet. Small batches are joined to full ones, and
	// the last is written with the commit: for most projects that is the only write.
	pending      []*pluginv1.Record
	pendingBytes int
	staged       []entry
	failed       error
	ended        bool
}

// errEnded is the error of a WindowWriter after Commit or Abort.
var errEnded = errors.New("window is already committed or aborted")

// Begin returns a writer for the records of a window.
func (o *Outbox) Begin(origin Origin) (*WindowWriter, error) {
	doing := fmt.Sprintf("beginning a window of project %q by extractor %q", origin.ProjectID, origin.Extractor)
	switch {
	case o.readOnly:
		return nil, fmt.Errorf("%s: %s: %w", doing, o.path, ErrReadOnly)
	case origin.Extractor == "" || origin.ProjectID == "":
		return nil, fmt.Errorf("%s: %s: extractor and project must not be empty", doing, o.path)
	case strings.Contains(origin.Extractor, "\x00"):
		return nil, fmt.Errorf("%s: %s: the extractor name contains a NUL", doing, o.path)
	case !origin.From.Before(origin.To):
		return nil, fmt.Errorf("%s: %s: the end %s is not after the start %s", doing, o.path, formatTime(origin.To), formatTime(origin.From))
	}
	return &WindowWriter{outbox: o, origin: origin}, nil
}

// Append stages records, which the caller must not change afterwards. Their order is kept, and the
// records of one call stay in one batch. After an error the window can only be aborted.
func (w *WindowWriter) Append(records []*pluginv1.Record) error {
	if w.ended {
		return w.errorf("staging records", errEnded)
	}
	if w.failed != nil {
		return w.failed
	}
	bytes := proto.Size(&pluginv1.RecordBatch{Records: records})
	if len(w.pending)+len(records) > contract.FullBatchRecords || w.pendingBytes+bytes > contract.FullBatchBytes {
		if err := w.stage(); err != nil {
			w.failed = err
			return err
		}
	}
	w.pending = append(w.pending, records...)
	w.pendingBytes += bytes
	return nil
}

// stage writes the pending records as a staged batch, which no messenger gets.
func (w *WindowWriter) stage() error {
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

// Commit makes the batches of the window visible and changes checkpoint and state, in one
// transaction. A window without records may be committed. After an error the window must be
// aborted; if the transaction took effect in spite of the error, Abort leaves it.
func (w *WindowWriter) Commit(change Change) error {
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
			batches = append(slices.Clip(batches), last)
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

// Abort deletes the staged records. After Commit it does nothing, so that it can be deferred.
func (w *WindowWriter) Abort() error {
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

func (w *WindowWriter) doing(what string) string {
	return fmt.Sprintf("%s of project %q by extractor %q from %s to %s", what,
		w.origin.ProjectID, w.origin.Extractor, formatTime(w.origin.From), formatTime(w.origin.To))
}

func (w *WindowWriter) errorf(what string, err error) error {
	return fmt.Errorf("%s: %s: %w", w.doing(what), w.outbox.path, err)
}

// formatTime formats a time for messages.
func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
