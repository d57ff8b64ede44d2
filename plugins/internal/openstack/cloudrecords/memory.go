package cloudrecords

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// memory is what one window has to know of the one before it, so that every end is reported once, however late
// nova tells of it and with what time. It travels as the contract's opaque state.
type memory struct {
	// open are the servers that were reported as not ended. One whose end lies before the next window
	// nevertheless (its deletion began before and was noted after, or a host's clock is behind) is owed.
	open map[string]bool
	// soft are the servers whose soft deletion was reported as their end, with the time of it. nova gives
	// them another end when it reclaims them, which must not be reported again.
	soft map[string]time.Time
	// measured is what the measurer remembers, in a form of its own.
	measured []byte
}

// memoryHeader is the first line of an extractor's state; another version of it may write another.
func memoryHeader(extractor string) string { return "caso-extractor-" + extractor + " 1" }

// forgetSoft is after how long a soft-deleted server is forgotten that was never seen reclaimed.
const forgetSoft = 400 * 24 * time.Hour

var errMemory = errors.New("the state of the last window is not readable by this version")

func newMemory() memory {
	return memory{open: map[string]bool{}, soft: map[string]time.Time{}}
}

// readMemory reads a state; an empty one is an empty memory.
func readMemory(extractor string, state []byte) (memory, error) {
	m := newMemory()
	if len(state) == 0 {
		return m, nil
	}
	header, rest, _ := strings.Cut(string(state), "\n")
	if header != memoryHeader(extractor) {
		return m, errMemory
	}
	for rest != "" {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		switch fields := strings.Fields(line); {
		case len(fields) == 2 && fields[0] == "measured":
			// The last line: as many bytes follow as it says.
			if size, err := strconv.Atoi(fields[1]); err != nil || size != len(rest) || size == 0 {
				return newMemory(), errMemory
			}
			m.measured, rest = []byte(rest), ""
		case len(fields) == 2 && fields[0] == "open":
			m.open[fields[1]] = true
		case len(fields) == 3 && fields[0] == "soft":
			seconds, err := strconv.ParseInt(fields[2], 10, 64)
			if err != nil {
				return newMemory(), errMemory
			}
			m.soft[fields[1]] = time.Unix(seconds, 0).UTC()
		default:
			return newMemory(), errMemory
		}
	}
	return m, nil
}

// bytes writes a state; the same memory gives the same bytes.
func (m memory) bytes(extractor string) []byte {
	var out bytes.Buffer
	fmt.Fprintln(&out, memoryHeader(extractor))
	for _, id := range slices.Sorted(maps.Keys(m.open)) {
		fmt.Fprintln(&out, "open", id)
	}
	for _, id := range slices.Sorted(maps.Keys(m.soft)) {
		fmt.Fprintln(&out, "soft", id, m.soft[id].Unix())
	}
	if len(m.measured) > 0 {
		fmt.Fprintln(&out, "measured", len(m.measured))
		_, _ = out.Write(m.measured)
	}
	return out.Bytes()
}

// closed says whether a server's end was reported when it was soft-deleted, so that nothing more is to be
// said now that nova has reclaimed it.
func (m memory) closed(s *subject) bool {
	_, reported := m.soft[s.ID]
	return reported && s.Server.Status == "DELETED"
}

// next is the memory for the window that begins at a time.
func (m memory) next(subjects []subject, from time.Time) memory {
	after := newMemory()
	for id, end := range m.soft {
		if from.Sub(end) < forgetSoft {
			after.soft[id] = end
		}
	}
	for i := range subjects {
		s := &subjects[i]
		end, ended := s.End()
		ended = ended && end.Before(from)
		switch {
		case m.closed(s):
			if ended {
				delete(after.soft, s.ID)
			}
		case !ended:
			after.open[s.ID] = true
			delete(after.soft, s.ID)
		case s.Server.Status == "SOFT_DELETED":
			after.soft[s.ID] = end
		}
	}
	return after
}

// lost are the servers that were open and that nova no longer speaks of; problems are those that it does
// speak of, but not readably.
func (m memory) lost(subjects []subject, problems []string) []string {
	gone := maps.Clone(m.open)
	for i := range subjects {
		delete(gone, subjects[i].ID)
	}
	for _, id := range problems {
		delete(gone, id)
	}
	return slices.Sorted(maps.Keys(gone))
}
