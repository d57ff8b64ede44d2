package outbox

import (
	"os"
	"testing"
)

func TestDeliveredBatchesGiveTheirSpaceBack(t *testing.T) {
	o := open(t, t.TempDir())
	register(t, o, "ssm")
	cycle := func() {
		commit(t, o, large("a"), large("b"), records("c"))
		drain(t, o, "ssm")
	}
	size := func() int64 {
		info, err := os.Stat(o.Path())
		must(t, err)
		return info.Size()
	}
	for range 20 {
		cycle()
	}
	before := size()
	for range 1000 {
		cycle()
	}
	if after := size(); after > before {
		t.Errorf("the file grew from %d to %d bytes", before, after)
	}
}
