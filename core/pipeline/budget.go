package pipeline

import (
	"fmt"
	"sync/atomic"
)

// Budget is how much may be put into the outbox before extraction has to stop: what messengers that are
// down leave there must not fill the disk that the outbox needs to recover. Several windows share one.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget makes a budget of a limit, in bytes, of which some are in use. A limit of 0 is none.
func NewBudget(limit, used int64) *Budget {
	b := &Budget{limit: limit}
	b.used.Store(used)
	return b
}

// Check says whether there is room at all.
func (b *Budget) Check() error { return b.take(0) }

// take uses some bytes, or says that there is no room for them.
func (b *Budget) take(bytes int) error {
	if b == nil || b.limit == 0 {
		return nil
	}
	if used := b.used.Add(int64(bytes)); used >= b.limit {
		b.used.Add(-int64(bytes))
		return fmt.Errorf("the outbox holds as much as it may (%d MiB of [DEFAULT] spool_max_size): nothing more is extracted until the messengers have caught up",
			b.limit>>20)
	}
	return nil
}

// giveBack returns what a window took that was not kept.
func (b *Budget) giveBack(bytes int) {
	if b != nil {
		b.used.Add(-int64(bytes))
	}
}
