package sqlstore

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/outbox/outboxtest"
)

// files is the content of the files of an outbox.
type files struct{ main, wal []byte }

// TestTornTransactions stops transactions between any two of their writes. A transaction appends to
// the write-ahead log and syncs it; then the log may be copied into the file. So what a power cut
// can leave is the old file with any sectors of the new log, or the new log with any sectors of the
// new file. All of these must read as before the transaction or as after it, the latter ones as
// after it, also once they were written to.
func TestTornTransactions(t *testing.T) {
	dir := t.TempDir()
	o := open(t, dir)
	read := func() files {
		var content files
		var err error
		content.main, err = os.ReadFile(o.Location())
		outboxtest.Must(t, err)
		content.wal, err = os.ReadFile(o.Location() + "-wal")
		outboxtest.Must(t, err)
		return content
	}
	random := rand.New(rand.NewPCG(1, 2))
	outboxtest.Register(t, o, "fast", "slow")
	windows := map[string]outbox.WindowWriter{}
	hour, tried, copied := 0, 0, 0
	steps := []func(){
		func() { // a window of several batches, staged one by one
			if windows["p"] == nil {
				windows["p"] = outboxtest.Begin(t, o, outboxtest.Origin("p", hour, hour+1))
				hour++
			}
			outboxtest.Must(t, windows["p"].Append(outboxtest.Large(fmt.Sprint("p", hour))))
		},
		func() {
			if w := windows["p"]; w != nil {
				outboxtest.Must(t, w.Commit(outbox.Change{MoveCheckpoint: true, State: fmt.Append(nil, hour)}))
				windows["p"] = nil
			}
		},
		func() { // one that is aborted
			w := outboxtest.Begin(t, o, outboxtest.Origin("q", 0, 1))
			outboxtest.Must(t, w.Append(outboxtest.Large("q")))
			outboxtest.Must(t, w.Append(outboxtest.Records("q")))
			outboxtest.Must(t, w.Abort())
		},
		func() { outboxtest.Commit(t, o, outboxtest.Records("small")) },
		func() {
			if batch, ok, err := o.Next("fast"); ok {
				outboxtest.Must(t, err)
				outboxtest.Must(t, o.Ack("fast", batch.ID))
			}
		},
		func() {
			if batch, ok, err := o.Next("slow"); ok {
				outboxtest.Must(t, err)
				outboxtest.Must(t, o.Reject("slow", []string{batch.ID}, "no", nil))
			}
		},
		func() { outboxtest.Register(t, o, "fast", "slow") },
		func() { outboxtest.Register(t, o, "slow") },
	}
	outboxtest.Register(t, o, "fast", "slow")
	for range 100 {
		before, revision := read(), o.state.revision
		steps[random.IntN(len(steps))]()
		after := read()
		if o.state.revision != revision+1 {
			continue // nothing was written, or more than one transaction
		}
		was, is := digest(t, before), digest(t, after)
		for range 3 {
			tried++
			got := digest(t, files{before.main, tear(random, before.wal, after.wal)})
			if got != was && got != is {
				t.Fatalf("after a power cut:\ngot  %s\nwant %s\nor   %s", got, was, is)
			}
		}
		if bytes.Equal(before.main, after.main) {
			continue
		}
		for range 3 {
			copied++
			if got := digest(t, files{tear(random, before.main, after.main), after.wal}); got != is {
				t.Fatalf("after a power cut while the log was copied:\ngot  %s\nwant %s", got, is)
			}
		}
	}
	t.Logf("%d cuts in a transaction, %d while the log was copied", tried, copied)
	if tried < 100 || copied < 3 {
		t.Errorf("only %d and %d cuts were tried", tried, copied)
	}
}

// tear returns before with some of the writes that make it after: in order up to some place, as
// after SIGKILL, or any pages or parts of pages, as after a power cut.
func tear(random *rand.Rand, before, after []byte) []byte {
	const page, sector = 4096, 512
	torn := append(slices.Clone(before), make([]byte, max(0, len(after)-len(before)))...)
	cut := random.IntN(len(torn)/page + 1)
	scattered := random.IntN(2) == 0
	for at := 0; at < len(torn) && at < len(after); at += page {
		end := min(at+page, len(torn))
		switch part := random.IntN(3); {
		case scattered && part == 0:
			copy(torn[at:end], after[at:])
		case scattered && part == 1:
			if from := at + sector*random.IntN(page/sector); from < end && from < len(after) {
				copy(torn[from:end], after[from:])
			}
		case !scattered && at/page < cut:
			copy(torn[at:end], after[at:])
		}
	}
	return torn
}

// digest returns everything that an outbox contains, as it is found by a run that opens the files,
// writes to them, and opens them again.
func digest(t *testing.T, content files) string {
	t.Helper()
	dir := t.TempDir()
	outboxtest.Must(t, os.WriteFile(filepath.Join(dir, outbox.FileName), content.main, 0o600))
	outboxtest.Must(t, os.WriteFile(filepath.Join(dir, outbox.FileName+"-wal"), content.wal, 0o600))
	o := open(t, dir)
	outboxtest.Commit(t, o, outboxtest.Records("later"), outboxtest.Large("later"))
	outboxtest.Must(t, o.Close())
	o = open(t, dir)
	checkpoints, err := o.Checkpoints()
	outboxtest.Must(t, err)
	letters, err := o.DeadLetters()
	outboxtest.Must(t, err)
	text := fmt.Sprint(checkpoints, len(letters))
	outboxtest.Register(t, o, "fast", "slow")
	for _, messenger := range []string{"fast", "slow"} {
		text += fmt.Sprint(" ", messenger, ": ", outboxtest.Drain(t, o, messenger))
	}
	outboxtest.Must(t, o.Close())
	return text
}
