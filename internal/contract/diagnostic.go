package contract

import (
	"fmt"
	"strings"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Limits of the texts of a diagnostic, in bytes. A host cuts longer ones.
const (
	MaxSummaryBytes = 4 << 10
	MaxDetailBytes  = 16 << 10
)

// NoReason is the reason of a rejection whose messenger gave none.
const NoReason = "the messenger gave no reason"

// IsError reports whether a diagnostic is of severity ERROR. A severity that is not set or unknown
// is.
func IsError(d *pluginv1.Diagnostic) bool {
	return d.GetSeverity() != pluginv1.Diagnostic_SEVERITY_WARNING && d.GetSeverity() != pluginv1.Diagnostic_SEVERITY_INFO
}

// CheckDiagnostic returns what is wrong with a diagnostic: a summary that is empty or not one line,
// or a text over its limit.
func CheckDiagnostic(d *pluginv1.Diagnostic) error {
	switch summary := d.GetSummary(); {
	case summary == "":
		return fmt.Errorf("the summary of a diagnostic is empty")
	case strings.ContainsAny(summary, "\r\n"):
		return fmt.Errorf("the summary of a diagnostic has several lines: %q", summary)
	case len(summary) > MaxSummaryBytes:
		return fmt.Errorf("the summary of a diagnostic has %d bytes, more than %d", len(summary), MaxSummaryBytes)
	case len(d.GetDetail()) > MaxDetailBytes:
		return fmt.Errorf("the detail of a diagnostic has %d bytes, more than %d", len(d.GetDetail()), MaxDetailBytes)
	}
	return nil
}
