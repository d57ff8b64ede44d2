// Package dirq adds elements to a directory queue of the kind Directory::Queue::Simple, which is how SSM
// is given messages: python-dirq's QueueSimple, in SSM's sender, takes them out again.
//
// An element is a file DIRECTORY/NAME of 8 and 14 hexadecimal digits. It appears whole and by one link, so
// a reader never sees a part of one; and when Add returns it is on disk, which python-dirq itself does
// not see to. Taking elements out, and clearing up what a killed writer left, is the readers' business.
package dirq

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"
)

// attempts bounds how often Add begins anew because somebody else was in its way. Purgers come by every
// few minutes; one that wins this often is no purger.
const attempts = 100

// temporary ends the name of an element that is not there yet.
const temporary = ".tmp"

// errPurged says that a temporary file was removed before it became an element.
var errPurged = errors.New("temporary file was removed by somebody else")

// Queue is one directory queue. Its methods may be called at the same time.
type Queue struct {
	path  string
	files files

	mu    sync.Mutex
	names namer
}

// Open is the queue in a directory. Nothing is touched until Add, which also makes the directory.
func Open(path string) *Queue {
	return &Queue{
		path:  path,
		files: realFiles(),
		names: namer{now: time.Now, digit: rand.IntN(16)},
	}
}

// draft is an element that is written but not linked.
type draft struct {
	dir, path string
}

// Add adds elements, in this order, and returns when they are on disk. All contents are written before the first
// appears, so that a full disk leaves none of them. An error may still leave the first few: they
// are not taken back, since a reader may hold them already and would fail over their absence.
func (q *Queue) Add(ctx context.Context, contents ...[]byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	var err error
	for range attempts {
		var added int
		if added, err = q.add(ctx, contents); err == nil {
			return nil
		}
		if !errors.Is(err, errPurged) {
			return err
		}
		// The rest is written anew, not only what was purged: it must come later in the queue, and
		// the directory of what is written already may be an earlier one.
		contents = contents[added:]
	}
	return fmt.Errorf("gave up after %d attempts: %w", attempts, err)
}

// add adds elements and says how many have appeared when it fails.
func (q *Queue) add(ctx context.Context, contents [][]byte) (added int, err error) {
	drafts := make([]draft, 0, len(contents))
	defer func() {
		for _, left := range drafts[added:] {
			_ = q.files.remove(left.path)
		}
	}()
	for _, content := range contents {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		written, err := q.write(content)
		if err != nil {
			return 0, err
		}
		drafts = append(drafts, written)
	}
	for _, draft := range drafts {
		if err = q.link(draft); err != nil {
			break
		}
		added++
	}
	// Also when a link failed: what has appeared is not added again.
	if err := q.sync(drafts[:added]); err != nil {
		return added, err
	}
	return added, err
}

// write makes a temporary file.
func (q *Queue) write(content []byte) (draft, error) {
	var err error
	for range attempts {
		dir, name, nameErr := q.names.next()
		if nameErr != nil {
			return draft{}, nameErr
		}
		dir = filepath.Join(q.path, dir)
		made := draft{dir: dir, path: filepath.Join(dir, name+temporary)}
		err = q.files.write(made.path, content)
		switch {
		case err == nil:
			return made, nil
		case errors.Is(err, fs.ErrNotExist):
			// A purger may remove an empty directory again before the file is made: hence the loop.
			if err := q.files.makeDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return draft{}, err
			}
		case errors.Is(err, fs.ErrExist):
			// Another writer's name: take the next.
		default:
			return draft{}, err
		}
	}
	return draft{}, fmt.Errorf("gave up after %d attempts: %w", attempts, err)
}

// link makes an element of a temporary file. Its name is made now and not taken from the temporary file: a
// name that somebody else has must be replaced by a later one, and those after it must be later still.
func (q *Queue) link(draft draft) error {
	var err error
	for range attempts {
		_, name, nameErr := q.names.next()
		if nameErr != nil {
			return nameErr
		}
		err = q.files.link(draft.path, filepath.Join(draft.dir, name))
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %w", errPurged, err)
		}
		if err != nil {
			return err
		}
		// The element is there; a purger may have been faster with the temporary file.
		if err := q.files.remove(draft.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	return fmt.Errorf("gave up after %d attempts: %w", attempts, err)
}

// sync puts the elements' names on disk, and the names of their directories.
func (q *Queue) sync(elements []draft) error {
	if len(elements) == 0 {
		return nil
	}
	synced := map[string]bool{}
	for _, element := range elements {
		if synced[element.dir] {
			continue
		}
		synced[element.dir] = true
		// A directory that is gone was emptied by a reader: its elements are out of our hands.
		if err := q.files.sync(element.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return q.files.sync(q.path)
}
