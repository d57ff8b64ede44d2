package plugintest

import (
	"strings"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// shortestSecret is the length from which a secret is looked for in texts; shorter ones are found everywhere.
const shortestSecret = 4

// checkDiagnostics applies what holds for diagnostics wherever they come from.
func (s *suite) checkDiagnostics(t tb, from string, diagnostics []*pluginv1.Diagnostic) {
	t.Helper()
	secrets := s.secrets()
	for _, diagnostic := range diagnostics {
		summary := diagnostic.GetSummary()
		if summary == "" || strings.ContainsAny(summary, "\r\n") {
			t.Errorf("%s: the summary of a diagnostic is one line, not %q", from, summary)
		}
		if _, known := pluginv1.Diagnostic_Severity_name[int32(diagnostic.GetSeverity())]; !known {
			t.Errorf("%s: severity %d is none of the contract's", from, diagnostic.GetSeverity())
		}
		// The SDK's words for it; other languages have their own ways to fall over, which end the call.
		if strings.HasPrefix(summary, "the plugin panicked") {
			t.Errorf("%s: %s", from, summary)
		}
		for _, secret := range secrets {
			if strings.Contains(summary, secret) || strings.Contains(diagnostic.GetDetail(), secret) {
				t.Errorf("%s: a diagnostic holds the value of a secret option", from)
			}
		}
	}
}

// secrets are the values of the secret options.
func (s *suite) secrets() []string {
	var secrets []string
	for _, option := range s.description.GetOptions() {
		value := s.settings.Options[option.GetSection()+"."+option.GetName()]
		if option.GetSecret() && len(value) >= shortestSecret {
			secrets = append(secrets, value)
		}
	}
	return secrets
}

// diagnosticText returns diagnostics as one line, for messages.
func diagnosticText(diagnostics []*pluginv1.Diagnostic) string {
	var texts []string
	for _, d := range diagnostics {
		texts = append(texts, strings.TrimSpace(d.GetSummary()+" "+d.GetDetail()))
	}
	return strings.Join(texts, "; ")
}
