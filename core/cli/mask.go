package cli

import (
	"io"
	"strings"
	"sync/atomic"

	"github.com/caso-project/caso/core/report"
)

// shortestMasked is the length below which a secret is not looked for in what is printed: it would be found
// everywhere, and hide more than it protects.
const shortestMasked = 4

// masker replaces secrets in what is logged. Plugins are told not to log theirs; this is for the one that
// does, and for errors of libraries that quote what they sent. It counts on a line coming in one Write, as
// both hclog and fmt do.
type masker struct {
	out     io.Writer
	secrets atomic.Pointer[strings.Replacer]
}

// know tells the masker the secrets.
func (m *masker) know(secrets []string) {
	var pairs []string
	for _, secret := range secrets {
		if len(secret) >= shortestMasked {
			pairs = append(pairs, secret, "***")
		}
	}
	m.secrets.Store(strings.NewReplacer(pairs...))
}

// mask is a text without the secrets.
func (m *masker) mask(text string) string {
	if secrets := m.secrets.Load(); secrets != nil {
		return secrets.Replace(text)
	}
	return text
}

// Write writes a line without the secrets. It says that it wrote what it was given: how long the line has
// become is nobody's business.
func (m *masker) Write(line []byte) (int, error) {
	if _, err := io.WriteString(m.out, m.mask(string(line))); err != nil {
		return 0, err
	}
	return len(line), nil
}

// maskRun takes secrets out of what plugins said about a run.
func (m *masker) maskRun(run *report.Run) {
	mask := func(problems []report.Problem) {
		for i := range problems {
			problems[i].Summary = m.mask(problems[i].Summary)
			problems[i].Detail = m.mask(problems[i].Detail)
		}
	}
	mask(run.Problems)
	for _, window := range run.Windows {
		mask(window.Problems)
	}
	for _, messenger := range run.Messengers {
		mask(messenger.Problems)
	}
}
