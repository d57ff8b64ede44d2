package pipeline

import (
	"errors"
	"slices"
	"strings"

	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// diagnosticsError is the failure of a plugin: its diagnostics, of which one is an error.
type diagnosticsError []*pluginv1.Diagnostic

// newDiagnosticsError returns diagnostics as an error. If none of them is a reason, one with the
// text noReason is added.
func newDiagnosticsError(diagnostics []*pluginv1.Diagnostic, noReason string) error {
	if !slices.ContainsFunc(diagnostics, isReason) {
		diagnostics = append(slices.Clone(diagnostics), &pluginv1.Diagnostic{
			Severity: pluginv1.Diagnostic_SEVERITY_ERROR, Summary: noReason,
		})
	}
	return diagnosticsError(diagnostics)
}

func isReason(d *pluginv1.Diagnostic) bool { return contract.IsError(d) && d.GetSummary() != "" }

// Error returns the summaries and details of the reasons.
func (e diagnosticsError) Error() string {
	var reasons []string
	for _, d := range e {
		if !isReason(d) {
			continue
		}
		reason := d.GetSummary()
		if d.GetDetail() != "" {
			reason += ": " + d.GetDetail()
		}
		reasons = append(reasons, reason)
	}
	return strings.Join(reasons, "; ")
}

// problemsOf returns an error as problems: a plugin's diagnostics one by one, any other as one.
func problemsOf(err error) []report.Problem {
	if diagnostics := (diagnosticsError)(nil); errors.As(err, &diagnostics) {
		return report.FromDiagnostics(diagnostics)
	}
	return []report.Problem{report.Errorf("%v", err)}
}
