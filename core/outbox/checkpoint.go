package outbox

import (
	"bytes"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// Checkpoint is the time up to which an extractor instance has reported a project.
type Checkpoint struct {
	// Extractor is the name of the extractor instance.
	Extractor string `json:"-"`
	// ProjectID is the cloud's ID of the project.
	ProjectID string `json:"-"`
	// ProjectName is the name of the project when the checkpoint last moved.
	ProjectName string `json:"project_name,omitempty"`
	// To is the start of the next window.
	To time.Time `json:"to"`
	// Moved is the time at which the checkpoint last moved.
	Moved time.Time `json:"moved"`
	// StateBytes is the size of the state.
	StateBytes int `json:"state_bytes,omitempty"`
	// State is passed to the extractor with the next window. Checkpoints leaves it empty.
	State []byte `json:"-"`
}

// Checkpoint returns the checkpoint of an extractor and a project; false if there is none.
func (o *Outbox) Checkpoint(extractor, projectID string) (Checkpoint, bool, error) {
	var found Checkpoint
	var ok bool
	err := o.view("reading a checkpoint", func(tx *bbolt.Tx) (err error) {
		found, ok, err = readCheckpoint(tx, extractor, projectID)
		return err
	})
	return found, ok, err
}

// Checkpoints returns all checkpoints, without states, by extractor and project.
func (o *Outbox) Checkpoints() ([]Checkpoint, error) {
	var list []Checkpoint
	err := o.view("reading the checkpoints", func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(checkpointsBucket)).ForEach(func(key, value []byte) error {
			one, err := decodeCheckpoint(key, value)
			one.State = nil
			list = append(list, one)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

func readCheckpoint(tx *bbolt.Tx, extractor, projectID string) (Checkpoint, bool, error) {
	key := pairKey(extractor, projectID)
	value := tx.Bucket([]byte(checkpointsBucket)).Get(key)
	if value == nil {
		return Checkpoint{}, false, nil
	}
	found, err := decodeCheckpoint(key, value)
	return found, err == nil, err
}

func decodeCheckpoint(key, value []byte) (Checkpoint, error) {
	var found Checkpoint
	state, err := unseal(value, &found)
	found.Extractor, found.ProjectID = keyPair(key)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("the checkpoint of project %q by extractor %q: %w: %w", found.ProjectID, found.Extractor, ErrDamaged, err)
	}
	found.State = bytes.Clone(state)
	return found, nil
}

// moveCheckpoint moves a checkpoint to a window's end. The window must continue the checkpoint. The
// plan ensures that; it is checked here again, because usage in a gap is never billed.
func moveCheckpoint(tx *bbolt.Tx, window Origin, now time.Time, state []byte) error {
	old, ok, err := readCheckpoint(tx, window.Extractor, window.ProjectID)
	switch {
	case err != nil:
		return err
	case ok && window.To.Before(old.To):
		return fmt.Errorf("the checkpoint %s would move back", formatTime(old.To))
	case ok && window.From.After(old.To):
		return fmt.Errorf("a gap would follow the checkpoint %s", formatTime(old.To))
	}
	return put(tx, checkpointsBucket, pairKey(window.Extractor, window.ProjectID), Checkpoint{
		ProjectName: window.ProjectName,
		To:          window.To.UTC(),
		Moved:       now,
		StateBytes:  len(state),
	}, state)
}
