package sdk

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Severity is the consequence of a diagnostic.
type Severity int

const (
	// SeverityError fails the call.
	SeverityError Severity = iota
	// SeverityWarning does not fail the call; something needs a person.
	SeverityWarning
	// SeverityInfo is for information.
	SeverityInfo
)

// Diagnostic is a message for a person, as data. It is an error, so that every call returns it in
// the same way. It must contain no secret: the host prints it.
type Diagnostic struct {
	Severity Severity
	// Summary is one line: what was being done, to what, and what went wrong.
	Summary string
	// Detail is what the reader can do about it. It may be empty and may have several lines.
	Detail string
	// Project is the ID of the project, or what the operator called it where no ID is known.
	Project string
	// Resource is the ID of the server, volume or user.
	Resource string
	// Section and Option name the option that the diagnostic is about; the host adds file and line.
	Section, Option string
}

// Errorf returns a diagnostic of severity error.
func Errorf(format string, args ...any) *Diagnostic {
	return &Diagnostic{Severity: SeverityError, Summary: fmt.Sprintf(format, args...)}
}

// Warnf returns a diagnostic of severity warning.
func Warnf(format string, args ...any) *Diagnostic {
	return &Diagnostic{Severity: SeverityWarning, Summary: fmt.Sprintf(format, args...)}
}

// Infof returns a diagnostic of severity info.
func Infof(format string, args ...any) *Diagnostic {
	return &Diagnostic{Severity: SeverityInfo, Summary: fmt.Sprintf(format, args...)}
}

// OptionErrorf returns a diagnostic of severity error about an option.
func OptionErrorf(section, option, format string, args ...any) *Diagnostic {
	return Errorf(format, args...).WithOption(section, option)
}

// OptionWarnf returns a diagnostic of severity warning about an option.
func OptionWarnf(section, option, format string, args ...any) *Diagnostic {
	return Warnf(format, args...).WithOption(section, option)
}

// WithDetail returns the diagnostic with a detail.
func (d *Diagnostic) WithDetail(detail string) *Diagnostic {
	changed := *d
	changed.Detail = detail
	return &changed
}

// WithProject returns the diagnostic about a project.
func (d *Diagnostic) WithProject(id string) *Diagnostic {
	changed := *d
	changed.Project = id
	return &changed
}

// WithResource returns the diagnostic about a resource.
func (d *Diagnostic) WithResource(id string) *Diagnostic {
	changed := *d
	changed.Resource = id
	return &changed
}

// WithOption returns the diagnostic about an option.
func (d *Diagnostic) WithOption(section, option string) *Diagnostic {
	changed := *d
	changed.Section, changed.Option = section, option
	return &changed
}

// Error returns the summary and the detail.
func (d *Diagnostic) Error() string {
	if d.Detail == "" {
		return d.Summary
	}
	return d.Summary + ": " + d.Detail
}

// Diagnostics splits an error into diagnostics: those that errors.Join joins, each with the text
// that fmt.Errorf puts before it, and one of severity error for every other error.
func Diagnostics(err error) []*Diagnostic {
	if err == nil {
		return nil
	}
	if diagnostic, ok := err.(*Diagnostic); ok { //nolint:errorlint // the chain is walked here
		return []*Diagnostic{diagnostic}
	}
	if joined := joinedErrors(err); joined != nil {
		var all []*Diagnostic
		for _, one := range joined {
			all = append(all, Diagnostics(one)...)
		}
		return all
	}
	var carried *Diagnostic
	if !errors.As(err, &carried) {
		return []*Diagnostic{Errorf("%s", err)}
	}
	inner := errors.Unwrap(err)
	if inner != nil && strings.HasSuffix(err.Error(), inner.Error()) {
		prefix := strings.TrimSuffix(err.Error(), inner.Error())
		diagnostics := Diagnostics(inner)
		for i, diagnostic := range diagnostics {
			changed := *diagnostic
			changed.Summary = prefix + changed.Summary
			diagnostics[i] = &changed
		}
		return diagnostics
	}
	changed := *carried
	changed.Summary, changed.Detail = err.Error(), ""
	return []*Diagnostic{&changed}
}

// joinedErrors returns the errors that errors.Join joined, or nil for any other error. fmt.Errorf
// with several %w makes one error of its operands.
func joinedErrors(err error) []error {
	tree, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	var texts []string
	for _, one := range tree.Unwrap() {
		texts = append(texts, one.Error())
	}
	if err.Error() != strings.Join(texts, "\n") {
		return nil
	}
	return tree.Unwrap()
}

// failed reports whether one of the diagnostics is of severity error.
func failed(diagnostics []*Diagnostic) bool {
	return slices.ContainsFunc(diagnostics, func(d *Diagnostic) bool { return d.Severity == SeverityError })
}

// encodeDiagnostics returns diagnostics in the form of the contract: UTF-8, summaries of one line,
// texts within the limits.
func encodeDiagnostics(diagnostics []*Diagnostic) []*pluginv1.Diagnostic {
	encoded := make([]*pluginv1.Diagnostic, 0, len(diagnostics))
	for _, d := range diagnostics {
		summary, rest, _ := strings.Cut(strings.TrimSpace(strings.ToValidUTF8(d.Summary, "\uFFFD")), "\n")
		detail := strings.ToValidUTF8(d.Detail, "\uFFFD")
		if rest != "" {
			detail = strings.TrimSpace(rest + "\n" + detail)
		}
		if summary = strings.ReplaceAll(summary, "\r", ""); summary == "" {
			summary = "an error without a text"
		}
		one := &pluginv1.Diagnostic{
			Severity:   encodeSeverity(d.Severity),
			Summary:    cutText(summary, contract.MaxSummaryBytes),
			Detail:     cutText(detail, contract.MaxDetailBytes),
			Project:    strings.ToValidUTF8(d.Project, "\uFFFD"),
			ResourceId: strings.ToValidUTF8(d.Resource, "\uFFFD"),
		}
		if d.Section != "" || d.Option != "" {
			one.Option = &pluginv1.OptionRef{Section: d.Section, Name: d.Option}
		}
		encoded = append(encoded, one)
	}
	return encoded
}

func encodeSeverity(severity Severity) pluginv1.Diagnostic_Severity {
	switch severity {
	case SeverityWarning:
		return pluginv1.Diagnostic_SEVERITY_WARNING
	case SeverityInfo:
		return pluginv1.Diagnostic_SEVERITY_INFO
	}
	return pluginv1.Diagnostic_SEVERITY_ERROR
}

// cutText cuts a text to a number of bytes, at the end of a character.
func cutText(text string, limit int) string {
	const mark = "..."
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit-len(mark)], "") + mark
}
