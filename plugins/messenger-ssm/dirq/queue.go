// Package dirq adds elements to a directory queue of the kind Directory::Queue::Simple, from which
// SSM's sender takes its messages with python-dirq's QueueSimple.
//
// An element is a file DIRECTORY/NAME of 8 and 14 hexadecimal digits. It appears complete and by
// one link, so a reader never sees a part of it, and it is on disk when Add returns (python-dirq
// does not sync). Removing elements, and the leftovers of killed writers, is up to the readers.
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

// maxAttempts bounds how often a step is repeated because another process interfered. A purger runs
// every few minutes, so it does not interfere this often.
const maxAttempts = 100

// temporarySuffix ends the name of a file that is not yet an element.
const temporarySuffix = ".tmp"

var errPurged = errors.New("temporary file was removed by another process")

// Queue is one directory queue. Its methods are safe for concurrent use.
type Queue struct {
	path  string
	files fileSystem

	mu    sync.Mutex
	names nameSequence
}

// Open returns the queue in a directory. Nothing on disk is touched until Add.
func Open(path string) *Queue {
	return &Queue{
		path:  path,
		files: realFileSystem(),
		names: nameSequence{now: time.Now, digit: rand.IntN(16)}, //nolint:gosec // not a secret
	}
}

// temporaryFile is a written file that is not yet linked.
type temporaryFile struct {
	dir, path string
}

// Add adds elements in this order and returns when they are on disk. It creates the directory of
// the queue if it does not exist. All contents are written before the first element appears, so
// that a full disk leaves none of them. After another error the first elements may stay in the
// queue: they are not removed, since a reader may already have locked them.
func (q *Queue) Add(ctx context.Context, contents ...[]byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.names.last == 0 {
		last, err := lastTime(q.path)
		if err != nil {
			return fmt.Errorf("reading the last name in the queue: %w", err)
		}
		q.names.last = last
	}
	var err error
	for range maxAttempts {
		var added int
		if added, err = q.addOnce(ctx, contents); err == nil {
			return nil
		}
		if !errors.Is(err, errPurged) {
			return err
		}
		// All elements that are missing are written again, not only the purged one: those after it
		// must follow it in the queue.
		contents = contents[added:]
	}
	return fmt.Errorf("stopped after %d attempts: %w", maxAttempts, err)
}

// addOnce adds elements and returns how many of them have appeared, also after an error.
func (q *Queue) addOnce(ctx context.Context, contents [][]byte) (added int, err error) {
	temporaries := make([]temporaryFile, 0, len(contents))
	defer func() {
		for _, temporary := range temporaries[added:] {
			_ = q.files.remove(temporary.path)
		}
	}()
	for _, content := range contents {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		temporary, err := q.writeTemporary(content)
		if err != nil {
			return 0, err
		}
		temporaries = append(temporaries, temporary)
	}
	for _, temporary := range temporaries {
		if err = q.linkElement(temporary); err != nil {
			break
		}
		added++
	}
	// Also after a failed link: Add does not add again what has appeared.
	if err := q.syncDirectories(temporaries[:added]); err != nil {
		return added, err
	}
	return added, err
}

func (q *Queue) writeTemporary(content []byte) (temporaryFile, error) {
	var err error
	for range maxAttempts {
		dir, name, nameErr := q.names.next()
		if nameErr != nil {
			return temporaryFile{}, nameErr
		}
		dir = filepath.Join(q.path, dir)
		temporary := temporaryFile{dir: dir, path: filepath.Join(dir, name+temporarySuffix)}
		err = q.files.write(temporary.path, content)
		switch {
		case err == nil:
			return temporary, nil
		case errors.Is(err, fs.ErrNotExist):
			// A purger may remove the empty directory before the file is created; hence the loop.
			if err := q.files.makeDirectory(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return temporaryFile{}, err
			}
		case errors.Is(err, fs.ErrExist):
			// Another writer uses the name: try the next one.
		default:
			return temporaryFile{}, err
		}
	}
	return temporaryFile{}, fmt.Errorf("stopped after %d attempts: %w", maxAttempts, err)
}

// linkElement makes an element of a temporary file. The element gets a new name, not that of the
// temporary file: a name that is in use must be replaced by a later one, and the elements after it
// must have later names still.
func (q *Queue) linkElement(temporary temporaryFile) error {
	var err error
	for range maxAttempts {
		_, name, nameErr := q.names.next()
		if nameErr != nil {
			return nameErr
		}
		err = q.files.link(temporary.path, filepath.Join(temporary.dir, name))
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %w", errPurged, err)
		}
		if err != nil {
			return err
		}
		// A purger may already have removed the temporary file.
		if err := q.files.remove(temporary.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	return fmt.Errorf("stopped after %d attempts: %w", maxAttempts, err)
}

// syncDirectories makes the names of elements, and of their directories, durable.
func (q *Queue) syncDirectories(elements []temporaryFile) error {
	if len(elements) == 0 {
		return nil
	}
	synced := map[string]bool{}
	for _, element := range elements {
		if synced[element.dir] {
			continue
		}
		synced[element.dir] = true
		// A missing directory was emptied by a reader and removed by a purger: its elements are
		// read.
		if err := q.files.sync(element.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return q.files.sync(q.path)
}
