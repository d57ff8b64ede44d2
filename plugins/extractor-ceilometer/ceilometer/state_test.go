package ceilometer

import (
	"bytes"
	"testing"

	"github.com/caso-project/caso/plugins/extractor-ceilometer/counters"
	"github.com/caso-project/caso/plugins/extractor-ceilometer/samples"
)

const stateText = `samples 1 1775822400
never-sampled
not-readable 1775818800
server-a
+ c 1234.5
+ i 7
c - = 1775820000 300 5e+09 1000
i 0123456789abcdef ? 1775820000 300 12 0 = 1775819700 300 90 3
o 0123456789abcdef = 1775820000 300 12 0 !
`

func TestStateRoundTrip(t *testing.T) {
	l := newCounterState()
	l.settled = 1775822400
	a := l.addServer("server-a")
	a.reported[samples.CPU], a.reported[samples.Incoming] = 1234.5, 7
	cpu := counters.Track{From: 1775820000, To: 1775820300, Value: 5e9, Before: 1000}
	a.counters[counterKey{samples.CPU, shortenCounter("")}] = counters.State{Settled: cpu, Latest: cpu}
	a.counters[counterKey{samples.Incoming, "0123456789abcdef"}] = counters.State{
		Settled: counters.Track{From: 1775819700, To: 1775820000, Value: 90, Before: 3},
		Latest:  counters.Track{From: 1775820000, To: 1775820300, Value: 12, Doubtful: true}}
	a.counters[counterKey{samples.Outgoing, "0123456789abcdef"}] = counters.State{
		Latest: counters.Track{From: 1775820000, To: 1775820300, Value: 12}}
	l.addServer("never-sampled")
	l.addServer("not-readable").settled = 1775818800
	if got := string(l.encode()); got != stateText {
		t.Errorf("%s\nwant\n%s", got, stateText)
	}
	again, err := parseCounterState([]byte(stateText))
	if err != nil || !bytes.Equal(again.encode(), l.encode()) {
		t.Errorf("%v %v", again, err)
	}
}

func TestInvalidState(t *testing.T) {
	for _, text := range []string{"", "samples", "samples x\n", "samples 2 5\n", "samples 1 5\n+ c 1\n", "samples 1 5\na\n+ x 1\n", "samples 1 5\na\n+ c -1\n",
		"samples 1 5\na\nc - = 1 0 5 5\n", "samples 1 5\na\nc - = 1 300 NaN 5\n", "samples 1 5\na\nc - = 1 300 5 5 ?\n", "samples 1 5\na\nc - + 1 300 5 5\n", "samples 1 5\na\nc - 5\n", "samples 1 5\na x\n"} {
		if l, err := parseCounterState([]byte(text)); err == nil {
			t.Errorf("%q was read: %s", text, l.encode())
		}
	}
}

// FuzzParseState: a state that can be parsed is encoded as it was.
func FuzzParseState(f *testing.F) {
	f.Add([]byte(stateText))
	f.Fuzz(func(t *testing.T, state []byte) {
		l, err := parseCounterState(state)
		if err != nil {
			return
		}
		again, err := parseCounterState(l.encode())
		if err != nil || !bytes.Equal(again.encode(), l.encode()) {
			t.Errorf("%q: %v", l.encode(), err)
		}
	})
}
