package nova

import (
	"bytes"
	"testing"
	"time"
)

func TestMemoryRoundTrip(t *testing.T) {
	m := newMemory()
	m.open["b"], m.open["a"] = true, true
	m.soft["c"] = time.Unix(1775822400, 0).UTC()
	state := m.bytes()
	if want := "caso-extractor-nova 1\nopen a\nopen b\nsoft c 1775822400\n"; string(state) != want {
		t.Errorf("%q, want %q", state, want)
	}
	again, err := readMemory(state)
	if err != nil || !bytes.Equal(again.bytes(), state) {
		t.Errorf("%q %v", again.bytes(), err)
	}
}

// FuzzReadMemory: what can be read is written as it was.
func FuzzReadMemory(f *testing.F) {
	f.Add([]byte("caso-extractor-nova 1\nopen a\nsoft c 1775822400\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, state []byte) {
		m, err := readMemory(state)
		if err != nil {
			if len(m.open)+len(m.soft) > 0 {
				t.Error("half a memory")
			}
			return
		}
		again, err := readMemory(m.bytes())
		if err != nil || !bytes.Equal(again.bytes(), m.bytes()) {
			t.Errorf("%q: %v", m.bytes(), err)
		}
	})
}
