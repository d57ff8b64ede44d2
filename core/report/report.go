// Package report holds the result of a run and prints it as text or as JSON: what was extracted for
// each project, what was delivered to each messenger, and what is left for the next run.
package report

import (
	"fmt"
	"slices"
	"time"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Run is the result of one run.
type Run struct {
	// DryRun is true if nothing was stored or delivered.
	DryRun bool `json:"dry_run,omitempty"`
	// SeveralRegions is true if the extractors list more than one region: text names that of each
	// window.
	SeveralRegions bool `json:"-"`
	// Windows are in the order of the plan.
	Windows []WindowResult `json:"windows"`
	// Messengers are in the order of the configuration.
	Messengers []MessengerResult `json:"messengers"`
	// Problems are those of no single window or messenger.
	Problems []Problem `json:"problems,omitempty"`
	// Duration is the time that the run took.
	Duration Seconds `json:"duration_s"`
}

// WindowResult is the result of one window.
type WindowResult struct {
	// Extractor is the name of the extractor instance.
	Extractor   string `json:"extractor"`
	ProjectID   string `json:"project_id"`
	ProjectName string `json:"project_name,omitempty"`
	// Region is the region of the cloud; empty where it has none.
	Region string    `json:"region,omitempty"`
	VO     string    `json:"vo,omitempty"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	// Republish is true if the window reports a past time again and leaves the checkpoint alone.
	Republish bool `json:"republish,omitempty"`
	// Records counts the records that were committed; 0 for a failed window.
	Records int `json:"records"`
	// Failed is true if none of the window's records were stored. The next run extracts it again,
	// unless it was a republish.
	Failed   bool      `json:"failed,omitempty"`
	Problems []Problem `json:"problems,omitempty"`
}

// MessengerResult is the result of the deliveries to one messenger.
type MessengerResult struct {
	// Name is the name of the messenger instance.
	Name string `json:"name"`
	// Batches and Records count what was delivered.
	Batches int `json:"batches"`
	Records int `json:"records"`
	// DeadLetters counts the records that the messenger rejected in this run.
	DeadLetters int `json:"dead_letters,omitempty"`
	// PendingBatches and PendingRecords count what is not yet delivered.
	PendingBatches int `json:"pending_batches"`
	PendingRecords int `json:"pending_records"`
	// OldestPending is the time at which the oldest pending batch was committed; nil if no batch is
	// pending.
	OldestPending *time.Time `json:"oldest_pending,omitempty"`
	Problems      []Problem  `json:"problems,omitempty"`
}

// Severity is the consequence of a problem.
type Severity string

// The severities are those of the contract's diagnostics.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// Problem is a diagnostic of the host: a message for a person, as data.
type Problem struct {
	Severity Severity `json:"severity"`
	// Summary is one line: what was being done, and what went wrong.
	Summary string `json:"summary"`
	// Detail is the cause in full, or what to do.
	Detail string `json:"detail,omitempty"`
	// Project is the ID of the project, or its name as the operator spelled it.
	Project string `json:"project,omitempty"`
	// Resource is the ID of the server, record or batch.
	Resource string `json:"resource,omitempty"`
}

// Errorf returns a problem of severity Error.
func Errorf(format string, args ...any) Problem {
	return Problem{Severity: Error, Summary: fmt.Sprintf(format, args...)}
}

// Warnf returns a problem of severity Warning.
func Warnf(format string, args ...any) Problem {
	return Problem{Severity: Warning, Summary: fmt.Sprintf(format, args...)}
}

// Infof returns a problem of severity Info.
func Infof(format string, args ...any) Problem {
	return Problem{Severity: Info, Summary: fmt.Sprintf(format, args...)}
}

// WithDetail returns the problem with a detail.
func (p Problem) WithDetail(format string, args ...any) Problem {
	p.Detail = fmt.Sprintf(format, args...)
	return p
}

// WithProject returns the problem with a project.
func (p Problem) WithProject(id string) Problem {
	p.Project = id
	return p
}

// WithResource returns the problem with a resource.
func (p Problem) WithResource(id string) Problem {
	p.Resource = id
	return p
}

// Seconds is a duration that JSON shows as a number of seconds.
type Seconds float64

// FromDiagnostic converts a plugin's diagnostic. A severity that is not set or not known is an
// error, as in the contract.
func FromDiagnostic(d *pluginv1.Diagnostic) Problem {
	severity := Error
	switch d.GetSeverity() {
	case pluginv1.Diagnostic_SEVERITY_WARNING:
		severity = Warning
	case pluginv1.Diagnostic_SEVERITY_INFO:
		severity = Info
	}
	return Problem{
		Severity: severity,
		Summary:  d.GetSummary(),
		Detail:   d.GetDetail(),
		Project:  d.GetProject(),
		Resource: d.GetResourceId(),
	}
}

// FromDiagnostics converts a plugin's diagnostics.
func FromDiagnostics(diagnostics []*pluginv1.Diagnostic) []Problem {
	problems := make([]Problem, 0, len(diagnostics))
	for _, d := range diagnostics {
		problems = append(problems, FromDiagnostic(d))
	}
	return problems
}

// Complete reports whether nothing is left for the next run and nothing was rejected: no failed
// window, no pending batch, no dead letter, no error.
func (r *Run) Complete() bool {
	failedWindow := func(w WindowResult) bool { return w.Failed || HasError(w.Problems) }
	unfinishedMessenger := func(m MessengerResult) bool {
		return m.PendingBatches > 0 || m.DeadLetters > 0 || HasError(m.Problems)
	}
	return !HasError(r.Problems) &&
		!slices.ContainsFunc(r.Windows, failedWindow) &&
		!slices.ContainsFunc(r.Messengers, unfinishedMessenger)
}

// HasError reports whether one of the problems is an error.
func HasError(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return p.Severity == Error })
}
