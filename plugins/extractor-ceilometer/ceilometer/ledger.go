package ceilometer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/caso-project/caso/plugins/internal/openstack/counters"
	"github.com/caso-project/caso/plugins/internal/openstack/samples"
)

// ledger is what is remembered of a project's servers from one window to the next. It travels in the
// contract's state.
type ledger struct {
	// settled is until when (epoch s) all samples were read and counted. Those after it are read again.
	settled int64
	servers map[string]*account
}

// account is a server's. Its maps are keyed by short names of meters (see meters).
type account struct {
	// settled is the ledger's, or earlier where the server was not to be read in a window.
	settled int64
	// marks are its counters.
	marks map[counterKey]counters.Mark
	// reported are the totals that its last records were made of. Those of its next are not less.
	reported map[samples.Meter]float64
}

// counterKey is one counter of a server. An interface that went away is kept: its bytes are part of the total.
type counterKey struct {
	meter samples.Meter
	// counter is short: it is kept for every interface.
	counter string
}

// short makes a key of the name of a counter, which may be long. Two of one server's few interfaces do not meet in
// 64 bits.
func short(counter string) string {
	if counter == "" {
		return "-"
	}
	sum := sha256.Sum256([]byte(counter))
	return hex.EncodeToString(sum[:8])
}

const ledgerHeader = "samples 1"

var errLedger = errors.New("what is remembered of the last window is not readable by this version")

func newLedger() *ledger { return &ledger{servers: map[string]*account{}} }

// of is a server's account; a new one where there was none.
func (l *ledger) of(server string) *account {
	one := l.servers[server]
	if one == nil {
		one = &account{settled: l.settled, marks: map[counterKey]counters.Mark{}, reported: map[samples.Meter]float64{}}
		l.servers[server] = one
	}
	return one
}

// bytes writes a ledger, a line for each server, also one that was never sampled, and each of its counters; the same ledger gives the same bytes.
func (l *ledger) bytes() []byte {
	var out bytes.Buffer
	fmt.Fprintln(&out, ledgerHeader, l.settled)
	for _, server := range slices.Sorted(maps.Keys(l.servers)) {
		one := l.servers[server]
		fmt.Fprint(&out, server)
		if one.settled != l.settled {
			fmt.Fprint(&out, " ", one.settled)
		}
		fmt.Fprintln(&out)
		for _, meter := range meters() {
			if total, ok := one.reported[meter]; ok {
				fmt.Fprintln(&out, "+", letter(meter), number(total))
			}
		}
		keys := slices.SortedFunc(maps.Keys(one.marks), func(a, b counterKey) int {
			return strings.Compare(letter(a.meter)+a.counter, letter(b.meter)+b.counter)
		})
		for _, key := range keys {
			mark := one.marks[key]
			fmt.Fprint(&out, letter(key.meter), " ", key.counter, track(mark.Latest))
			if !mark.Settled.Known() {
				fmt.Fprint(&out, " !")
			} else if mark.Settled != mark.Latest {
				fmt.Fprint(&out, track(mark.Settled))
			}
			fmt.Fprintln(&out)
		}
	}
	return out.Bytes()
}

// track writes a track.
func track(t counters.Track) string {
	kind := "="
	if t.Doubtful {
		kind = "?"
	}
	return fmt.Sprintf(" %s %d %d %s %s", kind, t.From, t.To-t.From, number(t.Value), number(t.Before))
}

// readLedger reads a ledger; it is whole or an error.
func readLedger(state []byte) (*ledger, error) {
	l := newLedger()
	header, rest, _ := strings.Cut(string(state), "\n")
	settled, ok := strings.CutPrefix(header, ledgerHeader+" ")
	var err error
	if l.settled, err = strconv.ParseInt(settled, 10, 64); !ok || err != nil {
		return nil, errLedger
	}
	var server *account
	for line := range strings.Lines(rest) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 1:
			server = l.of(fields[0])
		case len(fields) == 2:
			server = l.of(fields[0])
			server.settled, err = strconv.ParseInt(fields[1], 10, 64)
		case server == nil:
			return nil, errLedger
		case len(fields) == 3 && fields[0] == "+":
			err = server.readReported(fields)
		case len(fields) == 7 || len(fields) == 8 && fields[7] == "!" || len(fields) == 12:
			err = server.readMark(fields)
		default:
			err = errLedger
		}
		if err != nil {
			return nil, err
		}
	}
	return l, nil
}

// readReported reads `+ METER TOTAL`.
func (a *account) readReported(fields []string) error {
	meter, ok := meterOf(fields[1])
	total, err := readNumber(fields[2])
	if !ok || err != nil {
		return errLedger
	}
	a.reported[meter] = total
	return nil
}

// readMark reads `METER COUNTER LATEST [SETTLED]`. `!` in place of the second says that nothing was settled; without any it
// is the same as the first.
func (a *account) readMark(fields []string) error {
	meter, ok := meterOf(fields[0])
	if !ok {
		return errLedger
	}
	var mark counters.Mark
	var err error
	if mark.Latest, err = readTrack(fields[2:7]); err != nil {
		return err
	}
	switch len(fields) {
	case 7:
		mark.Settled = mark.Latest
	case 12:
		if mark.Settled, err = readTrack(fields[7:]); err != nil {
			return err
		}
	}
	a.marks[counterKey{meter, fields[1]}] = mark
	return nil
}

// readTrack reads `= FROM LENGTH VALUE BEFORE`, or with `?` for one whose value is doubtful.
func readTrack(fields []string) (counters.Track, error) {
	from, err1 := strconv.ParseInt(fields[1], 10, 64)
	length, err2 := strconv.ParseInt(fields[2], 10, 64)
	value, err3 := readNumber(fields[3])
	before, err4 := readNumber(fields[4])
	if errors.Join(err1, err2, err3, err4) != nil || fields[0] != "=" && fields[0] != "?" || from < 0 || length <= 0 || from+length <= 0 {
		return counters.Track{}, errLedger
	}
	return counters.Track{From: from, To: from + length, Value: value, Before: before, Doubtful: fields[0] == "?"}, nil
}

// number writes a figure so that it is read as the same.
func number(value float64) string { return strconv.FormatFloat(value, 'g', -1, 64) }

// readNumber reads a figure that can be a total: not negative, and small enough to be reported.
func readNumber(text string) (float64, error) {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || !(value >= 0) || value > 1e27 {
		return 0, errLedger
	}
	return value, nil
}

// meters are those that records are made of.
func meters() []samples.Meter {
	return []samples.Meter{samples.CPU, samples.Incoming, samples.Outgoing}
}

// letter is a meter's short name.
func letter(meter samples.Meter) string {
	switch meter {
	case samples.CPU:
		return "c"
	case samples.Incoming:
		return "i"
	}
	return "o"
}

func meterOf(letter string) (samples.Meter, bool) {
	switch letter {
	case "c":
		return samples.CPU, true
	case "i":
		return samples.Incoming, true
	case "o":
		return samples.Outgoing, true
	}
	return "", false
}
