package cloudrecords

import (
	"bytes"
	"testing"
	"time"
)

func TestMemoryRoundTrip(t *testing.T) {
	m := newMemory()
	m.open["b"], m.open["a"] = true, true
	m.soft["c"] = time.Unix(1775822400, 0).UTC()
	state := m.bytes("nova")
	if want := "caso-extractor-nova 1\nopen a\nopen b\nsoft c 1775822400\n"; string(state) != want {
		t.Errorf("%q, want %q", state, want)
	}
	again, err := readMemory("nova", state)
	if err != nil || !bytes.Equal(again.bytes("nova"), state) {
		t.Errorf("%q %v", again.bytes("nova"), err)
	}
}

// TestMemoryOfMeasurer: what a measurer remembers travels with it, whatever bytes it is made of.
func TestMemoryOfMeasurer(t *testing.T) {
	m := newMemory()
	m.open["a"], m.measured = true, []byte("\n\x00measured 7\n")
	state := m.bytes("other")
	again, err := readMemory("other", state)
	if err != nil || !again.open["a"] || !bytes.Equal(again.measured, m.measured) {
		t.Errorf("%q %v", again.measured, err)
	}
	if _, err := readMemory("nova", state); err == nil {
		t.Error("the state of another extractor was read")
	}
	if cut, err := readMemory("other", state[:len(state)-1]); err == nil {
		t.Errorf("half a state was read: %v", cut)
	}
}

// FuzzReadMemory: what can be read is written as it was.
func FuzzReadMemory(f *testing.F) {
	f.Add([]byte("caso-extractor-nova 1\nopen a\nsoft c 1775822400\n"))
	f.Add([]byte("caso-extractor-nova 1\nopen a\nmeasured 3\na\nb"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, state []byte) {
		m, err := readMemory("nova", state)
		if err != nil {
			if len(m.open)+len(m.soft)+len(m.measured) > 0 {
				t.Error("half a memory")
			}
			return
		}
		again, err := readMemory("nova", m.bytes("nova"))
		if err != nil || !bytes.Equal(again.bytes("nova"), m.bytes("nova")) {
			t.Errorf("%q: %v", m.bytes("nova"), err)
		}
	})
}
