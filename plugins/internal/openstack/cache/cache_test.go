package cache

import (
	"context"
	"errors"
	"testing"
)

// TestGet: callers at the same time share one read; a failed read is repeated by the next caller.
func TestGet(t *testing.T) {
	var c Cache[int]
	reads := 0
	read := func(context.Context) (int, error) {
		reads++
		if reads == 1 {
			return 0, errors.New("away")
		}
		return 7, nil
	}
	if _, err := c.Get(t.Context(), "a", read); err == nil {
		t.Error("no error")
	}
	for range 3 {
		if value, err := c.Get(t.Context(), "a", read); value != 7 || err != nil {
			t.Errorf("%d %v", value, err)
		}
	}
	if reads != 2 {
		t.Errorf("%d reads", reads)
	}
}

// TestCancelledCaller: a caller that waits for the read of another one which is cancelled reads
// itself.
func TestCancelledCaller(t *testing.T) {
	var c Cache[string]
	cancelled, cancel := context.WithCancel(t.Context())
	started, first, second := make(chan struct{}), make(chan error), make(chan error)
	go func() {
		_, err := c.Get(cancelled, "a", func(ctx context.Context) (string, error) {
			close(started)
			<-ctx.Done()
			return "", ctx.Err()
		})
		first <- err
	}()
	<-started
	go func() {
		value, err := c.Get(t.Context(), "a", func(context.Context) (string, error) { return "mine", nil })
		if value != "mine" {
			t.Errorf("%q", value)
		}
		second <- err
	}()
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the cancelled caller: %v", err)
	}
	if err := <-second; err != nil {
		t.Errorf("the other caller: %v", err)
	}
}
