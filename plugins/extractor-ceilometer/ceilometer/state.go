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
	"time"

	"github.com/caso-project/caso/plugins/extractor-ceilometer/counters"
	"github.com/caso-project/caso/plugins/extractor-ceilometer/samples"
)

// counterState is the state of a project's counters between two windows. It is part of the state of
// package cloudrecords.
type counterState struct {
	// settled is the time (epoch s) up to which all samples are counted. Later ones are read again.
	settled int64
	servers map[string]*serverState
}

// serverState is the state of one server.
type serverState struct {
	// settled is that of the counterState, or earlier where a window lacked the server.
	settled  int64
	counters map[counterKey]counters.State
	// reported has the totals of the last records. Those of the next ones are not less.
	reported map[samples.Meter]float64
}

// counterKey identifies a counter of a server. An interface that was removed stays: its bytes are
// part of the total.
type counterKey struct {
	meter samples.Meter
	// counter is short, because the state has it for every interface.
	counter string
}

// shortenCounter returns a short form of a counter's name: 64 bits of a hash, which do not collide
// for the few interfaces of a server.
func shortenCounter(counter string) string {
	if counter == "" {
		return "-"
	}
	sum := sha256.Sum256([]byte(counter))
	return hex.EncodeToString(sum[:8])
}

// keepAbsent is the time for which a server that is in no list of nova's stays in the state.
const keepAbsent = 60 * 24 * time.Hour

const stateHeader = "samples 1"

var errState = errors.New("the counter state of the last window is not readable by this version")

func newCounterState() *counterState { return &counterState{servers: map[string]*serverState{}} }

// counters returns the counters of a server; none for an unknown server.
func (s *counterState) counters(server string) map[counterKey]counters.State {
	if one := s.servers[server]; one != nil {
		return one.counters
	}
	return nil
}

// reported returns the totals of the last records of a server; none for an unknown server.
func (s *counterState) reported(server string) map[samples.Meter]float64 {
	if one := s.servers[server]; one != nil {
		return one.reported
	}
	return nil
}

// addServer adds a server and returns its state. A known server keeps its state.
func (s *counterState) addServer(id string) *serverState {
	if s.servers[id] == nil {
		s.servers[id] = &serverState{settled: s.settled, counters: map[counterKey]counters.State{},
			reported: map[samples.Meter]float64{}}
	}
	return s.servers[id]
}

// nextState returns the state for the next window.
func nextState(w window, read readings, totals map[string]serverTotals) *counterState {
	next := newCounterState()
	next.settled = max(w.settleTime(), w.previous.settled)
	for id, one := range w.previous.servers {
		_, present := w.servers[id]
		absentFor := w.Window.To.Unix() - one.settled
		if !present && !w.Finished[id] && absentFor <= int64(keepAbsent/time.Second) {
			next.servers[id] = one
		}
	}
	for id := range w.servers {
		if w.Finished[id] {
			continue
		}
		one := next.addServer(id)
		maps.Copy(one.counters, w.previous.counters(id))
		maps.Copy(one.reported, w.previous.reported(id))
		for key, follower := range read.followers[id] {
			if state := follower.State(); state.Known() {
				one.counters[key] = state
			}
		}
		for meter, figures := range totals[id] {
			if last := figures[len(figures)-1]; last.known {
				one.reported[meter] = last.value
			}
		}
	}
	return next
}

// encode encodes a state: a line for each server, also one that was never sampled, and one for
// each of its counters. Equal states have equal bytes.
func (s *counterState) encode() []byte {
	var out bytes.Buffer
	fmt.Fprintln(&out, stateHeader, s.settled)
	for _, server := range slices.Sorted(maps.Keys(s.servers)) {
		one := s.servers[server]
		fmt.Fprint(&out, server)
		if one.settled != s.settled {
			fmt.Fprint(&out, " ", one.settled)
		}
		fmt.Fprintln(&out)
		for _, meter := range allMeters() {
			if reported, ok := one.reported[meter]; ok {
				fmt.Fprintln(&out, "+", meterLetter(meter), formatFigure(reported))
			}
		}
		keys := slices.SortedFunc(maps.Keys(one.counters), func(a, b counterKey) int {
			return strings.Compare(meterLetter(a.meter)+a.counter, meterLetter(b.meter)+b.counter)
		})
		for _, key := range keys {
			state := one.counters[key]
			fmt.Fprint(&out, meterLetter(key.meter), " ", key.counter, formatTrack(state.Latest))
			if !state.Settled.Known() {
				fmt.Fprint(&out, " !")
			} else if state.Settled != state.Latest {
				fmt.Fprint(&out, formatTrack(state.Settled))
			}
			fmt.Fprintln(&out)
		}
	}
	return out.Bytes()
}

// formatTrack formats a track as ` = FROM LENGTH VALUE BEFORE`, with `?` for a doubtful value.
func formatTrack(t counters.Track) string {
	kind := "="
	if t.Doubtful {
		kind = "?"
	}
	return fmt.Sprintf(" %s %d %d %s %s", kind, t.From, t.To-t.From, formatFigure(t.Value), formatFigure(t.Before))
}

// parseCounterState parses a state.
func parseCounterState(encoded []byte) (*counterState, error) {
	s := newCounterState()
	header, rest, _ := strings.Cut(string(encoded), "\n")
	settled, ok := strings.CutPrefix(header, stateHeader+" ")
	var err error
	if s.settled, err = strconv.ParseInt(settled, 10, 64); !ok || err != nil {
		return nil, errState
	}
	var server *serverState
	for line := range strings.Lines(rest) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 1:
			server = s.addServer(fields[0])
		case len(fields) == 2:
			server = s.addServer(fields[0])
			server.settled, err = strconv.ParseInt(fields[1], 10, 64)
		case server == nil:
			return nil, errState
		case len(fields) == 3 && fields[0] == "+":
			err = server.parseReported(fields)
		case len(fields) == 7 || len(fields) == 8 && fields[7] == "!" || len(fields) == 12:
			err = server.parseCounter(fields)
		default:
			err = errState
		}
		if err != nil {
			return nil, errState
		}
	}
	return s, nil
}

// parseReported parses `+ METER TOTAL`.
func (s *serverState) parseReported(fields []string) error {
	meter, ok := parseMeter(fields[1])
	reported, err := parseFigure(fields[2])
	if !ok || err != nil {
		return errState
	}
	s.reported[meter] = reported
	return nil
}

// parseCounter parses `METER COUNTER LATEST [SETTLED]`. `!` in place of the second means that
// nothing is settled; without it the two are equal.
func (s *serverState) parseCounter(fields []string) error {
	meter, ok := parseMeter(fields[0])
	if !ok {
		return errState
	}
	var state counters.State
	var err error
	if state.Latest, err = parseTrack(fields[2:7]); err != nil {
		return err
	}
	switch len(fields) {
	case 7:
		state.Settled = state.Latest
	case 12:
		if state.Settled, err = parseTrack(fields[7:]); err != nil {
			return err
		}
	}
	s.counters[counterKey{meter, fields[1]}] = state
	return nil
}

// parseTrack parses the fields of formatTrack.
func parseTrack(fields []string) (counters.Track, error) {
	from, err1 := strconv.ParseInt(fields[1], 10, 64)
	length, err2 := strconv.ParseInt(fields[2], 10, 64)
	value, err3 := parseFigure(fields[3])
	before, err4 := parseFigure(fields[4])
	if errors.Join(err1, err2, err3, err4) != nil || fields[0] != "=" && fields[0] != "?" ||
		from < 0 || length <= 0 || from+length <= 0 {
		return counters.Track{}, errState
	}
	return counters.Track{From: from, To: from + length, Value: value, Before: before,
		Doubtful: fields[0] == "?"}, nil
}

// formatFigure formats a figure so that parseFigure returns the same.
func formatFigure(value float64) string { return strconv.FormatFloat(value, 'g', -1, 64) }

// parseFigure parses a figure that can be a total: not negative, and small enough for a record.
func parseFigure(text string) (float64, error) {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || !(value >= 0) || value > 1e27 {
		return 0, errState
	}
	return value, nil
}

// allMeters returns the meters of the records.
func allMeters() []samples.Meter {
	return []samples.Meter{samples.CPU, samples.Incoming, samples.Outgoing}
}

// meterLetter returns the name of a meter in the state.
func meterLetter(meter samples.Meter) string {
	switch meter {
	case samples.CPU:
		return "c"
	case samples.Incoming:
		return "i"
	}
	return "o"
}

// parseMeter returns the meter with a letter.
func parseMeter(letter string) (samples.Meter, bool) {
	for _, meter := range allMeters() {
		if meterLetter(meter) == letter {
			return meter, true
		}
	}
	return "", false
}
