package dirq

import (
	"fmt"
	"math"
	"time"
)

// granularity is the seconds that share one directory, as in python-dirq.
const granularity = 60

// namer gives elements names that never repeat and always rise, so that a reader, which goes by name, sees
// them in the order in which they were added: also when two are added within one microsecond, and when
// the clock is set back while the process runs.
type namer struct {
	now func() time.Time
	// digit is the last of a name: two processes that add at the same microsecond are likely to
	// differ in it.
	digit int
	last  int64
}

// next is the directory and the name of one more element.
func (n *namer) next() (dir, name string, err error) {
	n.last = max(n.now().UnixMicro(), n.last+1)
	seconds, micros := n.last/1e6, n.last%1e6
	// Readers pass over whatever is not 8 and 14 hexadecimal digits, without a word.
	if seconds <= 0 || seconds > math.MaxUint32 {
		return "", "", fmt.Errorf("the clock says %s, for which there are no names in a dirq queue: set the clock",
			time.Unix(seconds, 0).UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("%08x", seconds-seconds%granularity), fmt.Sprintf("%08x%05x%01x", seconds, micros, n.digit), nil
}
