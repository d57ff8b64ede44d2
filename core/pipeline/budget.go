package pipeline

import (
	"fmt"
	"sync"
)

// Budget is the space for records in the outbox. Without a limit the pending batches of a messenger
// that is down would fill the disk that the outbox itself needs. Windows that are extracted at the
// same time share one Budget.
type Budget struct {
	limit int64
	// measure returns how many bytes are stored.
	measure func() (int64, error)

	mu   sync.Mutex
	used int64
	// outdated is true if batches were delivered, and perhaps deleted, since the last measurement.
	outdated bool
}

// NewBudget returns a budget with a limit, in bytes, of what measure returns. A limit of 0 is none.
func NewBudget(limit int64, measure func() (int64, error)) *Budget {
	return &Budget{limit: limit, measure: measure, outdated: true}
}

// Check returns an error if no space is left.
func (b *Budget) Check() error { return b.reserve(0) }

// reserve uses some bytes, or returns an error if there is no space for them. Before that it
// measures again if batches were delivered.
func (b *Budget) reserve(bytes int) error {
	if b == nil || b.limit == 0 {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.outdated && (b.used == 0 || b.used+int64(bytes) >= b.limit) {
		used, err := b.measure()
		if err != nil {
			return err
		}
		b.used, b.outdated = used, false
	}
	if b.used+int64(bytes) >= b.limit {
		return fmt.Errorf("outbox full (%d MiB, [DEFAULT] spool_max_size); extraction paused until batches are delivered, and dead letters retried or dropped", b.limit>>20)
	}
	b.used += int64(bytes)
	return nil
}

// release returns the bytes of a window that was not committed.
func (b *Budget) release(bytes int) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used = max(0, b.used-int64(bytes))
}

// delivered makes the next shortage measure again.
func (b *Budget) delivered() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outdated = true
}
