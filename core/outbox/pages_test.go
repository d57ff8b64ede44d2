package outbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// used returns the file of an outbox with some of everything: large and small batches, two
// messengers, checkpoints, dead letters, free pages; and the same file before any delivery.
func used(t testing.TB) (whole, early []byte) {
	o := open(t, t.TempDir())
	register(t, o, "slow", "fast")
	for i := range 8 {
		w := begin(t, o, origin("p", i, i+1))
		must(t, w.Append(records(fmt.Sprintf("small-%d", i))))
		if i == 2 {
			must(t, w.Append(large(fmt.Sprintf("large-%d", i))))
		}
		must(t, w.Commit(Change{MoveCheckpoint: true, State: []byte("state")}))
	}
	early, err := os.ReadFile(o.Path())
	must(t, err)
	batch, _, err := o.Next("fast")
	must(t, err)
	must(t, o.Reject("fast", batch.ID, "no", nil))
	drain(t, o, "fast")
	for range 3 {
		batch, _, err := o.Next("slow")
		must(t, err)
		must(t, o.Ack("slow", batch.ID))
	}
	must(t, o.Close())
	whole, err = os.ReadFile(o.Path())
	must(t, err)
	return whole, early
}

func TestCheckPagesAcceptsValidFiles(t *testing.T) {
	whole, _ := used(t)
	must(t, checkPages(bytes.NewReader(whole), int64(len(whole))))
	// Enough batches for trees of several levels, a long free list, and large and inline buckets.
	o := open(t, t.TempDir())
	register(t, o, "ssm")
	for i := range 600 {
		commit(t, o, records(fmt.Sprint(i)))
	}
	for range 250 {
		batch, _, err := o.Next("ssm")
		must(t, err)
		must(t, o.Ack("ssm", batch.ID))
	}
	must(t, o.Close())
	whole, err := os.ReadFile(o.Path())
	must(t, err)
	must(t, checkPages(bytes.NewReader(whole), int64(len(whole))))
}

// TestDamagedPagesAreNotWrittenTo flips bits in bbolt's own data, and writes to files that still
// open. It must end with bounded memory, and records must be unchanged or unreadable.
func TestDamagedPagesAreNotWrittenTo(t *testing.T) {
	whole, early := used(t)
	truth := map[string]string{}
	for _, batch := range contents(t, early) {
		truth[batch.ID] = fmt.Sprint(batch.Records)
	}
	var heads []int
	for page := range len(whole) / 4096 {
		if binary.NativeEndian.Uint64(whole[page*4096:]) == uint64(page) {
			heads = append(heads, page)
		}
	}
	random := rand.New(rand.NewPCG(5, 5))
	dir := t.TempDir()
	path := filepath.Join(dir, FileName)
	refused, worked := 0, 0
	for range 250 {
		bad := bytes.Clone(whole)
		// Heads and first elements, where damage has the greatest effect.
		page, offset := heads[random.IntN(len(heads))], random.IntN(96)
		for range 1 + random.IntN(3) {
			bad[page*4096+offset] ^= 1 << random.IntN(8)
		}
		must(t, os.WriteFile(path, bad, 0o600))
		o, err := Open(dir, Options{noSync: true})
		if err != nil {
			refused++
			after, readErr := os.ReadFile(path)
			must(t, readErr)
			if !bytes.Equal(after, bad) {
				t.Fatalf("page %d, byte %d: refused with %q, and changed", page, offset, err)
			}
			continue
		}
		worked++
		mistreat(t, o, truth)
		_ = o.Close()
	}
	if refused == 0 || worked == 0 {
		t.Errorf("%d files were refused, %d were not", refused, worked)
	}
}

// mistreat uses an outbox that may be damaged. Errors are allowed, wrong records are not.
func mistreat(t *testing.T, o *Outbox, truth map[string]string) {
	_, _ = o.Register([]string{"slow", "fast"})
	for range 10 {
		batch, ok, err := o.Next("slow")
		if damaged := (*DamagedBatchError)(nil); errors.As(err, &damaged) {
			_ = o.Reject("slow", damaged.ID, "damaged", nil)
			continue
		}
		if err != nil || !ok {
			break
		}
		if want := truth[batch.ID]; want != fmt.Sprint(batch.Records) {
			t.Errorf("batch %s: got %.100v, want %.100s", batch.ID, batch.Records, want)
		}
		_ = o.Ack("slow", batch.ID)
	}
	if w, err := o.Begin(origin("q", 0, 1)); err == nil {
		_ = w.Append(large("new"))
		_ = w.Commit(Change{MoveCheckpoint: true})
	}
	_, _ = o.Stats()
	_, _ = o.Checkpoints()
}

// contents returns all batches in a file.
func contents(t testing.TB, whole []byte) []*Batch {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, FileName), whole, 0o600))
	o := open(t, dir)
	var all []*Batch
	for _, messenger := range []string{"slow", "fast"} {
		for {
			batch, ok, err := o.Next(messenger)
			must(t, err)
			if !ok {
				break
			}
			all = append(all, batch)
			must(t, o.Ack(messenger, batch.ID))
		}
	}
	must(t, o.Close())
	return all
}

// TestDamagedHeadsAreNamed tests each kind of damage that bbolt does not survive.
func TestDamagedHeadsAreNamed(t *testing.T) {
	whole, _ := used(t)
	current, found := newestMeta(bytes.NewReader(whole), int64(len(whole)))
	if !found {
		t.Fatal("no meta")
	}
	put16 := func(page uint64, offset int, value uint16) func([]byte) {
		return func(file []byte) { binary.NativeEndian.PutUint16(file[int(page)*4096+offset:], value) }
	}
	put32 := func(page uint64, offset int, value uint32) func([]byte) {
		return func(file []byte) { binary.NativeEndian.PutUint32(file[int(page)*4096+offset:], value) }
	}
	put64 := func(page uint64, offset int, value uint64) func([]byte) {
		return func(file []byte) { binary.NativeEndian.PutUint64(file[int(page)*4096+offset:], value) }
	}
	for name, test := range map[string]struct {
		damage func([]byte)
		says   string
	}{
		"root of another number":   {put64(current.root, 0, 7777), "has the number of page 7777"},
		"root without end":         {put32(current.root, 12, 1<<31), "would reach beyond the end"},
		"root of no type":          {put16(current.root, 8, 0x40), "has no known type"},
		"root with too many keys":  {put16(current.root, 10, 0xffff), "cannot have 65535 keys"},
		"key out of its place":     {put32(current.root, 16+4, 1<<30), "has a key or value out of its place"},
		"long key":                 {put32(current.root, 16+8, 1<<31), "has a key or value out of its place"},
		"value that is cut off":    {put32(current.root, 16+12, 3), "has a"},
		"long list of free pages":  {longFreelist(current, 1<<34), "cannot list"},
		"free page that is not":    {put64(current.freelist, 16, 1<<40), "does not exist"},
		"free page that is in use": {put64(current.freelist, 16, current.root), "is in use"},
		"list of no free pages":    {put16(current.freelist, 8, leafPage), "is not a list of free pages"},
		"unordered keys": {func(file []byte) {
			file[bytes.Index(file[int(current.root)*4096:], []byte("deadletters"))+int(current.root)*4096] = 'z'
		}, "unordered keys"},
		"bucket that has no children": {func(file []byte) { pointBucket(file, current.root, 1<<33) }, "does not exist"},
		"bucket that leads up":        {func(file []byte) { pointBucket(file, current.root, current.root) }, "is used twice"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := bytes.Clone(whole)
			test.damage(bad)
			for _, readOnly := range []bool{true, false} {
				dir := t.TempDir()
				path := filepath.Join(dir, FileName)
				must(t, os.WriteFile(path, bad, 0o600))
				_, err := Open(dir, Options{ReadOnly: readOnly, noSync: true})
				mustFail(t, err, path, "damaged", test.says, "was left unchanged", "backup")
				if !errors.Is(err, ErrDamaged) {
					t.Errorf("%v is not ErrDamaged", err)
				}
				after, err := os.ReadFile(path)
				must(t, err)
				if !bytes.Equal(after, bad) {
					t.Error("the file was changed")
				}
			}
		})
	}
}

// longFreelist sets the length of the free list.
func longFreelist(current meta, count uint64) func([]byte) {
	return func(file []byte) {
		page := file[current.freelist*4096:]
		binary.NativeEndian.PutUint16(page[10:], longList)
		binary.NativeEndian.PutUint64(page[16:], count)
	}
}

// pointBucket changes the root page of the bucket of batches.
func pointBucket(file []byte, root, to uint64) {
	page := file[root*4096:]
	at := bytes.Index(page, []byte(batchesBucket)) + len(batchesBucket)
	binary.NativeEndian.PutUint64(page[at:], to)
}

// TestALowCounterIsAnError checks a counter with which the next batch would overwrite one.
func TestALowCounterIsAnError(t *testing.T) {
	whole, _ := used(t)
	current, _ := newestMeta(bytes.NewReader(whole), int64(len(whole)))
	page := whole[current.root*4096:]
	at := bytes.Index(page, []byte(batchesBucket)) + len(batchesBucket)
	binary.NativeEndian.PutUint64(page[at+8:], 1)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, FileName), whole, 0o600))
	_, err := Open(dir, Options{noSync: true})
	mustFail(t, err, "damaged", `bucket "batches"`, "above the counter 1")
}

func FuzzCheckPages(f *testing.F) {
	whole, _ := used(f)
	f.Add(uint32(0), uint64(0))
	for _, offset := range []uint32{2 * 4096, 2*4096 + 8, 3*4096 + 12, 4*4096 + 16, 5*4096 + 24} {
		f.Add(offset, uint64(1)<<offset%63)
	}
	f.Fuzz(func(t *testing.T, offset uint32, mask uint64) {
		bad := bytes.Clone(whole)
		at := bad[int(offset)%(len(bad)-8):]
		binary.NativeEndian.PutUint64(at, binary.NativeEndian.Uint64(at)^mask)
		if checkPages(bytes.NewReader(bad), int64(len(bad))) != nil {
			return
		}
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, FileName), bad, 0o600))
		o, err := Open(dir, Options{noSync: true})
		if err != nil {
			return
		}
		_, _ = o.Register([]string{"slow", "fast"})
		_, _, _ = o.Next("slow")
		_, _ = o.Stats()
		_ = o.Close()
	})
}
