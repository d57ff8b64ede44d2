package run

import (
	"io"
	"strings"
	"sync/atomic"

	"github.com/caso-project/caso/core/report"
)

// minMaskedLength is the length of the shortest secret that is masked. A shorter one occurs
// everywhere: masking it would hide more than it protects.
const minMaskedLength = 4

// masker replaces secrets in everything that a run returns or logs. Plugins must not log secrets;
// the masker covers those that do, and errors of libraries that quote what they sent. As a Writer
// it relies on each line arriving in one Write, as hclog and fmt send them.
type masker struct {
	out     io.Writer
	secrets atomic.Pointer[strings.Replacer]
}

// setSecrets replaces the list of secrets.
func (m *masker) setSecrets(secrets []string) {
	var pairs []string
	for _, secret := range secrets {
		if len(secret) >= minMaskedLength {
			pairs = append(pairs, secret, "***")
		}
	}
	m.secrets.Store(strings.NewReplacer(pairs...))
}

// mask returns the text with each secret replaced.
func (m *masker) mask(text string) string {
	if secrets := m.secrets.Load(); secrets != nil {
		return secrets.Replace(text)
	}
	return text
}

// Write writes a line with each secret replaced. It returns the length of the line that it was
// given.
func (m *masker) Write(line []byte) (int, error) {
	if _, err := io.WriteString(m.out, m.mask(string(line))); err != nil {
		return 0, err
	}
	return len(line), nil
}

// maskReport replaces secrets in the texts of a report.
func (m *masker) maskReport(run *report.Run) {
	m.maskProblems(run.Problems)
	for _, window := range run.Windows {
		m.maskProblems(window.Problems)
	}
	for _, messenger := range run.Messengers {
		m.maskProblems(messenger.Problems)
	}
}

func (m *masker) maskProblems(problems []report.Problem) {
	for i := range problems {
		problems[i].Summary = m.mask(problems[i].Summary)
		problems[i].Detail = m.mask(problems[i].Detail)
	}
}
