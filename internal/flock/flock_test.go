package flock

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	open := func() *os.File {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = file.Close() })
		return file
	}
	reader, other, writer := open(), open(), open()
	if err := errors.Join(Shared(reader, 0), Shared(other, 0)); err != nil {
		t.Fatalf("two shared locks: %v", err)
	}
	if err := Exclusive(writer, 0); !errors.Is(err, ErrLocked) {
		t.Errorf("an exclusive lock beside shared ones gives %v", err)
	}
	if err := errors.Join(reader.Close(), other.Close()); err != nil {
		t.Fatal(err)
	}
	if err := Exclusive(writer, 0); err != nil {
		t.Errorf("an exclusive lock on an unlocked file gives %v", err)
	}
	begin := time.Now()
	if err := Shared(open(), 2*retryInterval); !errors.Is(err, ErrLocked) {
		t.Errorf("a shared lock beside an exclusive one gives %v", err)
	}
	if took := time.Since(begin); took < 2*retryInterval {
		t.Errorf("the wait ended after %s", took)
	}
}

// TestWait releases the lock while another open file waits for it.
func TestWait(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	holder, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Exclusive(holder, 0); err != nil {
		t.Fatal(err)
	}
	waiter, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = waiter.Close() }()
	result := make(chan error)
	go func() { result <- Exclusive(waiter, time.Minute) }()
	if err := holder.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Errorf("the lock was not taken after its release: %v", err)
	}
}

func TestClosedFile(t *testing.T) {
	t.Parallel()
	file, err := os.Create(filepath.Join(t.TempDir(), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Exclusive(file, time.Minute); err == nil || errors.Is(err, ErrLocked) {
		t.Errorf("a lock on a closed file gives %v", err)
	}
}
