package oldsdk

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Errorf makes a diagnostic of severity ERROR with a summary.
func Errorf(format string, args ...any) *pluginv1.Diagnostic {
	return &pluginv1.Diagnostic{Severity: pluginv1.Diagnostic_SEVERITY_ERROR, Summary: fmt.Sprintf(format, args...)}
}

// Warnf makes a diagnostic of severity WARNING with a summary.
func Warnf(format string, args ...any) *pluginv1.Diagnostic {
	return &pluginv1.Diagnostic{Severity: pluginv1.Diagnostic_SEVERITY_WARNING, Summary: fmt.Sprintf(format, args...)}
}

// OptionErrorf makes a diagnostic of severity ERROR about an option; the host adds file and line.
func OptionErrorf(section, name, format string, args ...any) *pluginv1.Diagnostic {
	diagnostic := Errorf(format, args...)
	diagnostic.Option = &pluginv1.OptionRef{Section: section, Name: name}
	return diagnostic
}

// IsError says whether a diagnostic is of severity ERROR, which an unset severity is too.
func IsError(d *pluginv1.Diagnostic) bool {
	return d.GetSeverity() <= pluginv1.Diagnostic_SEVERITY_ERROR
}

// Error is an error that carries diagnostics.
type Error struct {
	Diagnostics []*pluginv1.Diagnostic
}

// Fail makes an error of diagnostics.
func Fail(diagnostics ...*pluginv1.Diagnostic) error {
	return &Error{Diagnostics: diagnostics}
}

// Error joins the summaries and details.
func (e *Error) Error() string {
	texts := make([]string, 0, len(e.Diagnostics))
	for _, d := range e.Diagnostics {
		text := d.GetSummary()
		if d.GetDetail() != "" {
			text += ": " + d.GetDetail()
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "; ")
}

// Diagnostics is what an error says as diagnostics: those it carries, or one of severity ERROR with
// its text. A nil error has none; any other has at least one of severity ERROR, as the contract wants
// of everything that failed.
func Diagnostics(err error) []*pluginv1.Diagnostic {
	if err == nil {
		return nil
	}
	var carrier *Error
	if errors.As(err, &carrier) && slices.ContainsFunc(carrier.Diagnostics, IsError) {
		return carrier.Diagnostics
	}
	if carrier != nil && len(carrier.Diagnostics) > 0 {
		return append(slices.Clone(carrier.Diagnostics), Errorf("%s", err))
	}
	return []*pluginv1.Diagnostic{Errorf("%s", err)}
}
