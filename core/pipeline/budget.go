package pipeline

import (
	"fmt"
	"sync/atomic"
)

// Budget is the space for records in the outbox. Without a limit the pending batches of a messenger
// that is down would fill the disk that the outbox itself needs. Windows that are extracted at the
// same time share one Budget.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget returns a budget with a limit, in bytes, of which some are in use. A limit of 0 is
// none.
func NewBudget(limit, used int64) *Budget {
	b := &Budget{limit: limit}
	b.used.Store(used)
	return b
}

// Check returns an error if no space is left.
func (b *Budget) Check() error { return b.reserve(0) }

// reserve uses some bytes, or returns an error if there is no space for them.
func (b *Budget) reserve(bytes int) error {
	if b == nil || b.limit == 0 {
		return nil
	}
	if used := b.used.Add(int64(bytes)); used >= b.limit {
		b.used.Add(-int64(bytes))
		return fmt.Errorf("outbox full (%d MiB, [DEFAULT] spool_max_size); extraction paused until batches are delivered, and dead letters retried or dropped", b.limit>>20)
	}
	return nil
}

// release returns the bytes of a window that was not committed.
func (b *Budget) release(bytes int) {
	if b != nil {
		b.used.Add(-int64(bytes))
	}
}
