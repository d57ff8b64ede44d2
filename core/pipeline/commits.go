package pipeline

import (
	"context"
	"sync"
)

// Commits announces committed windows to the deliveries of the same run. A nil Commits has ended.
type Commits struct {
	mu      sync.Mutex
	ended   bool
	changed chan struct{}
}

// NewCommits returns a Commits that has not ended.
func NewCommits() *Commits { return &Commits{changed: make(chan struct{})} }

// announce wakes up the deliveries after a commit.
func (c *Commits) announce() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.changed)
	c.changed = make(chan struct{})
}

// End announces that no window is committed any more.
func (c *Commits) End() {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	c.announce()
}

// state returns whether the last window was committed, and a channel that is closed when that or
// what is committed changes.
func (c *Commits) state() (ended bool, changed <-chan struct{}) {
	if c == nil {
		return true, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended, c.changed
}

// waitForEnd returns when no window is committed any more, or ctx has ended.
func (c *Commits) waitForEnd(ctx context.Context) {
	for {
		ended, changed := c.state()
		if ended {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}
