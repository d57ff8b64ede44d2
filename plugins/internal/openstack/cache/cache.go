// Package cache keeps values that all projects of a run share, such as sessions and API versions,
// so that each is read once.
package cache

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/singleflight"
)

// Cache holds values by key. It is safe for concurrent use. The zero value is empty.
type Cache[V any] struct {
	reads  singleflight.Group
	values sync.Map
}

// Get returns the value of a key. The first caller reads it; others wait for that read. A failed
// read is not kept.
func (c *Cache[V]) Get(
	ctx context.Context, key string, read func(context.Context) (V, error),
) (V, error) {
	for {
		var zero V
		if value, ok := c.values.Load(key); ok {
			return value.(V), nil
		}
		result := c.reads.DoChan(key, func() (any, error) {
			value, err := read(ctx)
			if err == nil {
				c.values.Store(key, value)
			}
			return value, err
		})
		select {
		case <-ctx.Done():
			return zero, ctx.Err()
		case done := <-result:
			if done.Err == nil {
				return done.Val.(V), nil
			}
			// The caller whose context the read had was cancelled, this one was not.
			if done.Shared && isContextError(done.Err) && ctx.Err() == nil {
				continue
			}
			return zero, done.Err
		}
	}
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
