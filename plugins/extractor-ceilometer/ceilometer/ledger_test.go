package ceilometer

import (
	"bytes"
	"testing"

	"github.com/caso-project/caso/plugins/internal/openstack/counters"
	"github.com/caso-project/caso/plugins/internal/openstack/samples"
)

const ledgerText = `samples 1 1775822400
never-sampled
not-readable 1775818800
server-a
+ c 1234.5
+ i 7
c - = 1775820000 300 5e+09 1000
i 0123456789abcdef ? 1775820000 300 12 0 = 1775819700 300 90 3
o 0123456789abcdef = 1775820000 300 12 0 !
`

func TestLedgerRoundTrip(t *testing.T) {
	l := newLedger()
	l.settled = 1775822400
	a := l.of("server-a")
	a.reported[samples.CPU], a.reported[samples.Incoming] = 1234.5, 7
	cpu := counters.Track{From: 1775820000, To: 1775820300, Value: 5e9, Before: 1000}
	a.marks[counterKey{samples.CPU, short("")}] = counters.Mark{Settled: cpu, Latest: cpu}
	a.marks[counterKey{samples.Incoming, "0123456789abcdef"}] = counters.Mark{
		Settled: counters.Track{From: 1775819700, To: 1775820000, Value: 90, Before: 3},
		Latest:  counters.Track{From: 1775820000, To: 1775820300, Value: 12, Doubtful: true}}
	a.marks[counterKey{samples.Outgoing, "0123456789abcdef"}] = counters.Mark{
		Latest: counters.Track{From: 1775820000, To: 1775820300, Value: 12}}
	l.of("never-sampled")
	l.of("not-readable").settled = 1775818800
	if got := string(l.bytes()); got != ledgerText {
		t.Errorf("%s\nwant\n%s", got, ledgerText)
	}
	again, err := readLedger([]byte(ledgerText))
	if err != nil || !bytes.Equal(again.bytes(), l.bytes()) {
		t.Errorf("%v %v", again, err)
	}
}

func TestLedgerRefused(t *testing.T) {
	for _, text := range []string{"", "samples", "samples x\n", "samples 2 5\n", "samples 1 5\n+ c 1\n", "samples 1 5\na\n+ x 1\n", "samples 1 5\na\n+ c -1\n",
		"samples 1 5\na\nc - = 1 0 5 5\n", "samples 1 5\na\nc - = 1 300 NaN 5\n", "samples 1 5\na\nc - = 1 300 5 5 ?\n", "samples 1 5\na\nc - + 1 300 5 5\n", "samples 1 5\na\nc - 5\n", "samples 1 5\na x\n"} {
		if l, err := readLedger([]byte(text)); err == nil {
			t.Errorf("%q was read: %s", text, l.bytes())
		}
	}
}

// FuzzReadLedger: what can be read is written as it was.
func FuzzReadLedger(f *testing.F) {
	f.Add([]byte(ledgerText))
	f.Fuzz(func(t *testing.T, state []byte) {
		l, err := readLedger(state)
		if err != nil {
			return
		}
		again, err := readLedger(l.bytes())
		if err != nil || !bytes.Equal(again.bytes(), l.bytes()) {
			t.Errorf("%q: %v", l.bytes(), err)
		}
	})
}
