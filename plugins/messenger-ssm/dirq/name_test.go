package dirq

import (
	"testing"
	"time"
)

// FuzzNames moves the clock to any time: every name is a valid element name and later than the one
// before it, or next returns an error.
func FuzzNames(f *testing.F) {
	f.Add(int64(1700000000123456), int64(0), int64(-3600000000), 7)
	f.Add(int64(0), int64(1), int64(-1), 0)
	f.Add(int64(1)<<32*1000000-1, int64(1), int64(1), 15)
	f.Add(int64(-1)<<62, int64(1)<<62, int64(1)<<62, 3)
	f.Fuzz(func(t *testing.T, start, first, second int64, digit int) {
		now := start
		names := nameSequence{now: func() time.Time { return time.UnixMicro(now) }, digit: digit & 15}
		var before string
		for _, step := range []int64{0, first, second, 0} {
			now += step
			dir, name, err := names.next()
			if err != nil {
				continue
			}
			if !isElement(dir + "/" + name) {
				t.Errorf("%s/%s is not an element", dir, name)
			}
			if whole := dir + "/" + name; whole <= before {
				t.Errorf("%s comes after %s", whole, before)
			} else {
				before = whole
			}
		}
	})
}
