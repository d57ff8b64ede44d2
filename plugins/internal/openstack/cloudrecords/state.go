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

// state is what one window needs of the one before, so that every end is reported once, however
// late and with whatever time nova has it. It is encoded as the opaque state of the contract.
type state struct {
	// open has the servers that were reported as not ended. Their end is reported also where it
	// lies before the next window: the deletion began before and was recorded after, or the clock
	// of a host is behind.
	open map[string]bool
	// softDeleted has the servers whose soft deletion was reported as their end, with its time.
	// nova sets another end when it reclaims them, which must not be reported again.
	softDeleted map[string]time.Time
	// measurer is the state of the measurer.
	measurer []byte
}

// stateHeader returns the first line of an extractor's state, with the version of its format.
func stateHeader(extractor string) string { return "caso-extractor-" + extractor + " 1" }

// keepSoftDeleted is the time for which a soft-deleted server that is not reclaimed stays in the
// state.
const keepSoftDeleted = 400 * 24 * time.Hour

var errState = errors.New("the state of the last window is not readable by this version")

func newState() state {
	return state{open: map[string]bool{}, softDeleted: map[string]time.Time{}}
}

// parseState parses a state; no bytes are an empty state. It returns an empty state with an error.
func parseState(extractor string, encoded []byte) (state, error) {
	s := newState()
	if len(encoded) == 0 {
		return s, nil
	}
	header, rest, _ := strings.Cut(string(encoded), "\n")
	if header != stateHeader(extractor) {
		return s, errState
	}
	for rest != "" {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		switch fields := strings.Fields(line); {
		case len(fields) == 2 && fields[0] == "measured":
			// The last line, with the number of bytes that follow.
			if size, err := strconv.Atoi(fields[1]); err != nil || size != len(rest) || size == 0 {
				return newState(), errState
			}
			s.measurer, rest = []byte(rest), ""
		case len(fields) == 2 && fields[0] == "open":
			s.open[fields[1]] = true
		case len(fields) == 3 && fields[0] == "soft":
			seconds, err := strconv.ParseInt(fields[2], 10, 64)
			if err != nil {
				return newState(), errState
			}
			s.softDeleted[fields[1]] = time.Unix(seconds, 0).UTC()
		default:
			return newState(), errState
		}
	}
	return s, nil
}

// encode encodes a state. Equal states have equal bytes.
func (s state) encode(extractor string) []byte {
	var out bytes.Buffer
	fmt.Fprintln(&out, stateHeader(extractor))
	for _, id := range slices.Sorted(maps.Keys(s.open)) {
		fmt.Fprintln(&out, "open", id)
	}
	for _, id := range slices.Sorted(maps.Keys(s.softDeleted)) {
		fmt.Fprintln(&out, "soft", id, s.softDeleted[id].Unix())
	}
	if len(s.measurer) > 0 {
		fmt.Fprintln(&out, "measured", len(s.measurer))
		_, _ = out.Write(s.measurer)
	}
	return out.Bytes()
}

// softDeletionReported reports whether a server's end was reported when it was soft-deleted, and
// nova has reclaimed it since. It has no more records then.
func (s state) softDeletionReported(one server) bool {
	_, reported := s.softDeleted[one.ID]
	return reported && one.Status == "DELETED"
}

// next returns the state for the window that begins at a time. An open server that is in a list in
// an unreadable form stays open: its end is reported once it is readable.
func (s state) next(found []server, lists []regionList, from time.Time) state {
	after := newState()
	for _, list := range lists {
		for _, one := range list.unreadable {
			if s.open[one.ID] {
				after.open[one.ID] = true
			}
		}
	}
	for id, end := range s.softDeleted {
		if from.Sub(end) < keepSoftDeleted {
			after.softDeleted[id] = end
		}
	}
	for _, one := range found {
		end, ended := one.life.end()
		ended = ended && end.Before(from)
		switch {
		case s.softDeletionReported(one):
			if ended {
				delete(after.softDeleted, one.ID)
			}
		case !ended:
			after.open[one.ID] = true
			delete(after.softDeleted, one.ID)
		case one.Status == "SOFT_DELETED":
			after.softDeleted[one.ID] = end
		}
	}
	return after
}

// openWithout returns the IDs of the open servers that are in none of the lists, not even in an
// unreadable form.
func (s state) openWithout(lists []regionList) []string {
	vanished := maps.Clone(s.open)
	for _, list := range lists {
		for _, one := range list.servers {
			delete(vanished, one.ID)
		}
		for _, one := range list.unreadable {
			delete(vanished, one.ID)
		}
	}
	return slices.Sorted(maps.Keys(vanished))
}
