package plugintest

import (
	"bytes"
	"sync"
)

// output collects what a plugin logs and prints it if the test failed. The test's own log would not
// do: a plugin may write a last line after its test has ended.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func newOutput(t tb) *output {
	out := &output{}
	t.Cleanup(func() {
		if text := out.String(); t.Failed() && text != "" {
			t.Logf("the plugin logged:\n%s", text)
		}
	})
	return out
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String returns everything logged so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
