package dirq

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// granularity is the number of seconds that share one directory, as in python-dirq.
const granularity = 60

// nameSequence returns names that never repeat and always increase. Readers sort by name, so they
// see elements in the order in which they were added, also when two are added within one
// microsecond and when the clock is set back.
type nameSequence struct {
	now func() time.Time
	// digit is the last digit of every name. It is random, so that two processes that add an
	// element in the same microsecond rarely use the same name.
	digit int
	// last is the time of the last name, in microseconds.
	last int64
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

// lastTime returns the time in the name of the last element of a queue, in microseconds; 0 where
// there is none. An earlier process may have written it under a clock that was ahead.
func lastTime(queue string) (int64, error) {
	dirs, err := readNames(queue, 8)
	if err != nil {
		return 0, err
	}
	for _, dir := range slices.Backward(dirs) {
		names, err := readNames(filepath.Join(queue, dir), 14)
		if err != nil {
			return 0, err
		}
		if len(names) > 0 {
			return timeOf(names[len(names)-1])
		}
	}
	return 0, nil
}

// timeOf returns the time in the name of an element, in microseconds.
func timeOf(name string) (int64, error) {
	seconds, err := strconv.ParseInt(name[:8], 16, 64)
	if err != nil {
		return 0, err
	}
	micros, err := strconv.ParseInt(name[8:13], 16, 64)
	return seconds*1e6 + micros, err
}

// readNames returns the names in a directory that have a number of hexadecimal digits, sorted; none
// where the directory does not exist.
func readNames(dir string, digits int) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if name := entry.Name(); len(name) == digits && strings.Trim(name, "0123456789abcdef") == "" {
			names = append(names, name)
		}
	}
	return names, nil
}
