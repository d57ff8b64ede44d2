package outbox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestTornTransactions stops transactions between any two of their writes. A transaction writes its
// pages, which reach the disk in any order, syncs, and then writes one meta page. So a power cut
// leaves the old meta and any subset of the new pages, also parts of a page. All of these must read
// as before the transaction, also after further writes; and the file with the new meta as after it.
func TestTornTransactions(t *testing.T) {
	dir := t.TempDir()
	o := open(t, dir)
	path := filepath.Join(dir, FileName)
	random := rand.New(rand.NewPCG(1, 2))
	file := func() []byte {
		content, err := os.ReadFile(path)
		must(t, err)
		return content
	}
	register(t, o, "fast", "slow")
	windows := map[string]*WindowWriter{}
	hour, tried := 0, 0
	steps := []func(){
		func() { // a window of several batches, staged one by one
			if windows["p"] == nil {
				windows["p"] = begin(t, o, origin("p", hour, hour+1))
				hour++
			}
			must(t, windows["p"].Append(large(fmt.Sprint("p", hour))))
		},
		func() {
			if w := windows["p"]; w != nil {
				must(t, w.Commit(Change{MoveCheckpoint: true, State: fmt.Append(nil, hour)}))
				windows["p"] = nil
			}
		},
		func() { // an aborted window
			w := begin(t, o, origin("q", 0, 1))
			must(t, w.Append(large("q")))
			must(t, w.Append(records("q")))
			must(t, w.Abort())
		},
		func() { commit(t, o, records("small")) },
		func() {
			if batch, ok, err := o.Next("fast"); ok {
				must(t, err)
				must(t, o.Ack("fast", batch.ID))
			}
		},
		func() {
			if batch, ok, err := o.Next("slow"); ok {
				must(t, err)
				must(t, o.Reject("slow", batch.ID, "no", nil))
			}
		},
		func() { register(t, o, "fast", "slow") },
		func() { register(t, o, "slow") },
	}
	for range 45 {
		before := file()
		steps[random.IntN(len(steps))]()
		after := file()
		if transaction(t, after) != transaction(t, before)+1 {
			// No transaction, or more than one.
			continue
		}
		want := digest(t, before)
		for range 3 {
			tried++
			if got := digest(t, tear(random, before, after)); got != want {
				t.Fatalf("after a power cut:\ngot  %s\nwant %s", got, want)
			}
		}
	}
	if tried < 45 {
		t.Errorf("only %d cuts were tried", tried)
	}
}

func transaction(t *testing.T, file []byte) uint64 {
	t.Helper()
	current, found := newestMeta(bytes.NewReader(file), int64(len(file)))
	if !found {
		t.Fatal("no meta")
	}
	return current.transaction
}

// tear returns a file with some of a transaction's writes, without the last one.
func tear(random *rand.Rand, before, after []byte) []byte {
	const page, sector = 4096, 512
	torn := append(slices.Clone(before), make([]byte, max(0, len(after)-len(before)))...)
	cut := random.IntN(len(torn)/page + 1) // in order up to here, as after SIGKILL
	scattered := random.IntN(2) == 0       // or any, as after a power cut
	for at := 2 * page; at < len(torn) && at < len(after); at += page {
		switch {
		case scattered && random.IntN(3) == 0:
			copy(torn[at:at+page], after[at:])
		case scattered && random.IntN(3) == 0: //nolint:gocritic // another random number
			from := at + sector*random.IntN(page/sector)
			copy(torn[from:at+page], after[from:])
		case !scattered && at/page < cut:
			copy(torn[at:at+page], after[at:])
		}
	}
	if random.IntN(3) == 0 {
		// The meta page that is written next may be torn too: it belongs to the older transaction.
		older := 0
		if binary.NativeEndian.Uint64(before[pageHead+48:]) > binary.NativeEndian.Uint64(before[page+pageHead+48:]) {
			older = page
		}
		copy(torn[older:older+pageHead+40], after[older:])
	}
	return torn
}

// digest returns the contents of an outbox after it was opened, written to, and opened again.
func digest(t *testing.T, file []byte) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, FileName), file, 0o600))
	o := open(t, dir)
	commit(t, o, records("later"), large("later"))
	must(t, o.Close())
	o = open(t, dir)
	checkpoints, err := o.Checkpoints()
	must(t, err)
	letters, err := o.DeadLetters()
	must(t, err)
	text := fmt.Sprint(checkpoints, len(letters))
	register(t, o, "fast", "slow")
	for _, messenger := range []string{"fast", "slow"} {
		text += fmt.Sprint(" ", messenger, ": ", drain(t, o, messenger))
	}
	must(t, o.Close())
	return text
}
