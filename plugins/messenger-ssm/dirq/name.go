package dirq

import (
	"fmt"
	"math"
	"time"
)

// granularity is the number of seconds that share one directory, as in python-dirq.
const granularity = 60

// nameSequence returns names that never repeat and always increase. Readers sort by name, so they
// see elements in the order in which they were added, also when two are added within one
// microsecond and when the clock is set back while the process runs.
type nameSequence struct {
	now func() time.Time
	// digit is the last digit of every name. It is random, so that two processes that add an
	// element in the same microsecond rarely use the same name.
	digit int
	last  int64
}

// next returns the directory and the name of the next element.
func (n *nameSequence) next() (dir, name string, err error) {
	n.last = max(n.now().UnixMicro(), n.last+1)
	seconds, micros := n.last/1e6, n.last%1e6
	// Readers ignore every name that is not 8 and 14 hexadecimal digits.
	if seconds <= 0 || seconds > math.MaxUint32 {
		return "", "", fmt.Errorf("naming an element: the system clock is at %s, outside the years "+
			"1970 to 2106 of a dirq queue: set the clock", time.Unix(seconds, 0).UTC().Format(time.RFC3339))
	}
	dir = fmt.Sprintf("%08x", seconds-seconds%granularity)
	return dir, fmt.Sprintf("%08x%05x%01x", seconds, micros, n.digit), nil
}
