package plan

import (
	"io/fs"
	"time"

	"google.golang.org/protobuf/proto"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Pair is what has a checkpoint: an extractor and a project.
type Pair struct {
	// Extractor is the extractor's name.
	Extractor string
	// ProjectID is the cloud's ID of the project.
	ProjectID string
}

// Checkpoint says until when a pair was reported.
type Checkpoint struct {
	// To is where the next window starts.
	To time.Time
	// HasState says that the extractor remembers something, as of To.
	HasState bool
}

// Listing is what one extractor answered when asked for its projects.
type Listing struct {
	// Extractor is its name.
	Extractor string
	// Projects are those to report on, in order.
	Projects []*pluginv1.Project
}

// Input is all that a plan depends on.
type Input struct {
	// Now is where windows end unless asked otherwise. Fractions of a second are cut off.
	Now time.Time
	// Listings are the extractors, in order.
	Listings []Listing
	// Checkpoints are those there are.
	Checkpoints map[Pair]Checkpoint
	// Asked is the interval that the operator asked for; zero for a normal run.
	Asked Range
	// Spellings are the projects as the operator wrote them.
	Spellings []string
	// Spool is the directory in which cASO left its marks; nil where there is none.
	Spool fs.FS
	// VOs is the mapping file's content.
	VOs VOMap
}

// Window is one call of an extractor: the interval [From, To).
type Window struct {
	// From is its first instant.
	From time.Time
	// To is the first instant after it.
	To time.Time
	// MoveCheckpoint says that its commit moves the checkpoint to To. Such a window is given the state
	// that is kept and its next state is kept; any other is given none, and what it returns is dropped.
	MoveCheckpoint bool
}

// Job is what is to be extracted of one project by one extractor. Its windows build on each other: they
// are extracted one after another, and when one fails those after it are left out.
type Job struct {
	// Extractor is the extractor's name.
	Extractor string
	// Project is the project; its VO is not empty.
	Project *pluginv1.Project
	// Windows are in the order in which they are to be extracted; there is at least one.
	Windows []Window
}

// Plan is what a run has to do.
type Plan struct {
	// Jobs are independent of each other.
	Jobs []Job
	// Diagnostics are what a person should know. One of severity ERROR names a project that is left out
	// and keeps its checkpoint.
	Diagnostics []*pluginv1.Diagnostic
}

// Make makes the plan of a run.
func Make(in Input) Plan {
	in.Now = whole(in.Now)
	var plan Plan
	for _, listing := range in.Listings {
		planned := map[string]bool{}
		for _, project := range listing.Projects {
			if project.GetId() == "" {
				plan.add(sdk.Errorf("extractor %s listed a project without an ID (name %q): it is left out", listing.Extractor, project.GetName()))
				continue
			}
			if planned[project.GetId()] {
				// Two windows of one pair would bill the same time twice.
				plan.add(about(project, sdk.Warnf("extractor %s listed project %s twice: it is extracted once", listing.Extractor, label(project))))
				continue
			}
			planned[project.GetId()] = true
			plan.job(in, listing.Extractor, project)
		}
	}
	return plan
}

// job adds what is to be done for one project.
func (p *Plan) job(in Input, extractor string, project *pluginv1.Project) {
	vo, problem := in.VOs.voOf(project)
	if problem != nil {
		p.add(about(project, problem))
		return
	}
	start := in.startOf(extractor, project, p)
	windows, notes := start.windows(in.Asked, in.Now)
	for _, note := range notes {
		note.Summary = "project " + label(project) + ", extractor " + extractor + ": " + note.GetSummary()
		p.add(about(project, note))
	}
	if len(windows) == 0 {
		return
	}
	project = proto.CloneOf(project)
	project.Vo, project.VoRemedy = vo, ""
	p.Jobs = append(p.Jobs, Job{Extractor: extractor, Project: project, Windows: windows})
}

func (p *Plan) add(diagnostics ...*pluginv1.Diagnostic) {
	p.Diagnostics = append(p.Diagnostics, diagnostics...)
}

// startOf finds where a normal run would start.
func (in Input) startOf(extractor string, project *pluginv1.Project, plan *Plan) start {
	if checkpoint, known := in.Checkpoints[Pair{extractor, project.GetId()}]; known {
		return start{at: whole(checkpoint.To), reported: true, hasState: checkpoint.HasState}
	}
	if in.Spool == nil {
		return start{at: epoch()}
	}
	at, notes := readMark(in.Spool, project, spellings(project, in.Spellings))
	plan.add(notes...)
	return start{at: at, reported: at.After(epoch())}
}

// label is a project as messages show it.
func label(project *pluginv1.Project) string {
	if project.GetName() == "" || project.GetName() == project.GetId() {
		return project.GetId()
	}
	return project.GetName() + " (" + project.GetId() + ")"
}
