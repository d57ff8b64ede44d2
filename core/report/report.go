// Package report is what a person or a monitor sees of a run: what was extracted for which project, what
// was delivered to which messenger, and what is left. It gathers and prints; it decides nothing but
// whether all was done.
package report

import (
	"time"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Run is everything that one run did.
type Run struct {
	// DryRun says that nothing was kept or delivered.
	DryRun bool `json:"dry_run,omitempty"`
	// Windows are in the order in which they were planned.
	Windows []Window `json:"windows"`
	// Messengers are in the order of the configuration.
	Messengers []Messenger `json:"messengers"`
	// Problems are those that belong to no single window or messenger.
	Problems []Problem `json:"problems,omitempty"`
	// Duration is how long the run took.
	Duration Seconds `json:"duration_s"`
}

// Window is one extractor's report on one project.
type Window struct {
	Extractor   string    `json:"extractor"`
	ProjectID   string    `json:"project_id"`
	ProjectName string    `json:"project_name,omitempty"`
	VO          string    `json:"vo,omitempty"`
	From        time.Time `json:"from"`
	To          time.Time `json:"to"`
	// Records counts what was committed; for a failed window it is 0.
	Records int `json:"records"`
	// Failed says that the window is left for the next run.
	Failed   bool      `json:"failed,omitempty"`
	Problems []Problem `json:"problems,omitempty"`
}

// Messenger is one messenger's deliveries.
type Messenger struct {
	Name    string `json:"name"`
	Batches int    `json:"batches"`
	Records int    `json:"records"`
	// SetAside counts the records that were refused for good in this run.
	SetAside int `json:"set_aside,omitempty"`
	// WaitingBatches and WaitingRecords are what is still in the outbox for it.
	WaitingBatches int `json:"waiting_batches"`
	WaitingRecords int `json:"waiting_records"`
	// OldestWaiting is when the first of them was committed; nil when none waits.
	OldestWaiting *time.Time `json:"oldest_waiting,omitempty"`
	Problems      []Problem  `json:"problems,omitempty"`
}

// Severity says what follows from a problem.
type Severity string

// Severities, as in the contract's diagnostics.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// Problem is something a person should know.
type Problem struct {
	Severity Severity `json:"severity"`
	Summary  string   `json:"summary"`
	Detail   string   `json:"detail,omitempty"`
	Project  string   `json:"project,omitempty"`
	Resource string   `json:"resource,omitempty"`
}

// Seconds prints as a number of seconds in JSON.
type Seconds float64

// FromDiagnostic makes a problem of a plugin's diagnostic. A severity that is not set is an error, as the
// contract says.
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

// FromDiagnostics makes problems of a plugin's diagnostics.
func FromDiagnostics(diagnostics []*pluginv1.Diagnostic) []Problem {
	problems := make([]Problem, 0, len(diagnostics))
	for _, d := range diagnostics {
		problems = append(problems, FromDiagnostic(d))
	}
	return problems
}

// Complete says whether nothing was left for the next run: no failed window, no batch waiting, no error.
func (r *Run) Complete() bool {
	if hasError(r.Problems) {
		return false
	}
	for _, w := range r.Windows {
		if w.Failed || hasError(w.Problems) {
			return false
		}
	}
	for _, m := range r.Messengers {
		if m.WaitingBatches > 0 || m.SetAside > 0 || hasError(m.Problems) {
			return false
		}
	}
	return true
}

func hasError(problems []Problem) bool {
	for _, p := range problems {
		if p.Severity == Error {
			return true
		}
	}
	return false
}
