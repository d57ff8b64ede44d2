package cloudrecords

import (
	"bytes"
	"testing"
	"time"
)

func TestStateRoundTrip(t *testing.T) {
	m := newState()
	m.open["b"], m.open["a"] = true, true
	m.softDeleted["c"] = time.Unix(1775822400, 0).UTC()
	state := m.encode("nova")
	if want := "caso-extractor-nova 1\nopen a\nopen b\nsoft c 1775822400\n"; string(state) != want {
		t.Errorf("%q, want %q", state, want)
	}
	again, err := parseState("nova", state)
	if err != nil || !bytes.Equal(again.encode("nova"), state) {
		t.Errorf("%q %v", again.encode("nova"), err)
	}
}

// TestStateOfMeasurer: the state of a measurer is part of it, whatever its bytes are.
func TestStateOfMeasurer(t *testing.T) {
	m := newState()
	m.open["a"], m.measurer = true, []byte("\n\x00measured 7\n")
	state := m.encode("other")
	again, err := parseState("other", state)
	if err != nil || !again.open["a"] || !bytes.Equal(again.measurer, m.measurer) {
		t.Errorf("%q %v", again.measurer, err)
	}
	if _, err := parseState("nova", state); err == nil {
		t.Error("the state of another extractor was read")
	}
	if cut, err := parseState("other", state[:len(state)-1]); err == nil {
		t.Errorf("a cut state was parsed: %v", cut)
	}
}

// FuzzParseState: a state that can be parsed is encoded as it was.
func FuzzParseState(f *testing.F) {
	f.Add([]byte("caso-extractor-nova 1\nopen a\nsoft c 1775822400\n"))
	f.Add([]byte("caso-extractor-nova 1\nopen a\nmeasured 3\na\nb"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, state []byte) {
		m, err := parseState("nova", state)
		if err != nil {
			if len(m.open)+len(m.softDeleted)+len(m.measurer) > 0 {
				t.Error("an error with a part of the state")
			}
			return
		}
		again, err := parseState("nova", m.encode("nova"))
		if err != nil || !bytes.Equal(again.encode("nova"), m.encode("nova")) {
			t.Errorf("%q: %v", m.encode("nova"), err)
		}
	})
}
