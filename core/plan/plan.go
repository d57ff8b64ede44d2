package plan

import (
	"io/fs"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Pair is the key of a checkpoint.
type Pair struct {
	// Extractor is the name of the extractor instance.
	Extractor string
	// ProjectID is the ID of the project in the cloud.
	ProjectID string
}

// Listing is the projects of one extractor instance, and how to report them.
type Listing struct {
	// Instance is the name of the extractor instance.
	Instance string
	// Projects are the projects that the extractor listed, in order.
	Projects []*pluginv1.Project
	// RecordTypes are the types to extract, as WantedTypes returns them.
	RecordTypes []*pluginv1.RecordTypeDescription
	// Spellings are the projects as the operator wrote them.
	Spellings []string
	// VOs is the content of the mapping file.
	VOs VOMap
}

// Input is everything that a plan depends on.
type Input struct {
	// Now is the end of a regular window. Fractions of a second are cut off.
	Now time.Time
	// Listings are the extractor instances, in the order of the configuration.
	Listings []Listing
	// Checkpoints are the existing checkpoints: the start of the next window of each pair.
	Checkpoints map[Pair]time.Time
	// Requested is the window that the operator requested; zero for a regular run.
	Requested Range
	// LastRunDir is the directory with cASO's lastrun files; nil if there is none.
	LastRunDir fs.FS
}

// Window is one Extract call, for the time [From, To).
type Window struct {
	// From is the first instant.
	From time.Time
	// To is the first instant after the window.
	To time.Time
	// Republish is true if the window does not continue the last regular window: it reports a past
	// time again, or starts after a gap. Its commit advances no checkpoint and stores no state.
	Republish bool
	// RecordTypes are the types to extract; at least one.
	RecordTypes []pluginv1.RecordType
}

// Job is the windows of one extractor instance and project. They are extracted one after the other;
// if one fails, those after it are not extracted.
type Job struct {
	// Extractor is the name of the extractor instance.
	Extractor string
	// Project is the project. Its VO is not empty.
	Project *pluginv1.Project
	// Windows are in the order of extraction; at least one.
	Windows []Window
}

// Plan is what a run extracts.
type Plan struct {
	// Jobs are independent of each other.
	Jobs []Job
	// Problems name, with severity Error, every project that is skipped.
	Problems []report.Problem
}

// Make returns the plan of a run.
func Make(in Input) Plan {
	in.Now = truncateToSecond(in.Now)
	var plan Plan
	for _, listing := range in.Listings {
		if len(listing.RecordTypes) > 0 {
			plan.addListing(in, listing)
		}
	}
	return plan
}

func (p *Plan) addListing(in Input, listing Listing) {
	planned := map[string]bool{}
	var skippedSnapshots []pluginv1.RecordType
	for _, project := range listing.Projects {
		id := project.GetId()
		switch {
		case id == "":
			p.addProblem(report.Errorf("extractor %s lists a project without an ID (name %q): it is skipped",
				listing.Instance, project.GetName()))
			continue
		case planned[id]:
			// Two windows of one pair would bill the same time twice.
			p.addProblem(report.Warnf("extractor %s lists project %s twice: it is extracted once",
				listing.Instance, projectLabel(project)).WithProject(id))
			continue
		}
		planned[id] = true
		skippedSnapshots = append(skippedSnapshots, p.addJob(in, listing, project)...)
	}
	slices.Sort(skippedSnapshots)
	for _, recordType := range slices.Compact(skippedSnapshots) {
		p.addProblem(report.Infof(
			"extractor %s: %s records are snapshots: a window that is republished or ends in the past yields none",
			listing.Instance, contract.RecordTypeName(recordType)))
	}
}

// addJob plans one project. It returns the snapshot types that were left out of windows.
func (p *Plan) addJob(in Input, listing Listing, project *pluginv1.Project) (skippedSnapshots []pluginv1.RecordType) {
	vo, problem := listing.VOs.voOf(project)
	if problem != nil {
		problem.Summary = "extractor " + listing.Instance + ": " + problem.Summary
		p.addProblem(problem.WithProject(project.GetId()))
		return nil
	}
	start := in.startOf(listing, project, p)
	candidates, problems := start.candidates(in.Requested, in.Now)
	for _, problem := range problems {
		problem.Summary = "extractor " + listing.Instance + ", project " + projectLabel(project) + ": " + problem.Summary
		p.addProblem(problem.WithProject(project.GetId()))
	}
	var windows []Window
	for _, c := range candidates {
		var skipped []pluginv1.RecordType
		c.RecordTypes, skipped = c.yieldedTypes(listing.RecordTypes, in.Now)
		skippedSnapshots = append(skippedSnapshots, skipped...)
		if len(c.RecordTypes) > 0 {
			windows = append(windows, c.Window)
		}
	}
	if len(windows) > 0 {
		project = proto.CloneOf(project)
		project.Vo, project.VoRemedy = vo, ""
		p.Jobs = append(p.Jobs, Job{Extractor: listing.Instance, Project: project, Windows: windows})
	}
	return skippedSnapshots
}

func (p *Plan) addProblem(problems ...report.Problem) {
	p.Problems = append(p.Problems, problems...)
}

// startOf returns the start of a regular window: the checkpoint, or else the time in cASO's lastrun
// files.
func (in Input) startOf(listing Listing, project *pluginv1.Project, plan *Plan) start {
	pair := Pair{listing.Instance, project.GetId()}
	if checkpoint, ok := in.Checkpoints[pair]; ok {
		return start{at: truncateToSecond(checkpoint), pair: pair, reported: true}
	}
	if in.LastRunDir == nil {
		return start{at: epoch(), pair: pair}
	}
	at, problems := readLastRun(in.LastRunDir, project, projectSpellings(project, listing.Spellings))
	plan.addProblem(problems...)
	return start{at: at, pair: pair, reported: at.After(epoch())}
}

// projectLabel returns name and ID of a project for messages.
func projectLabel(project *pluginv1.Project) string {
	return report.ProjectLabel(project.GetId(), project.GetName())
}
