package plan

import (
	"io/fs"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Listing is the projects of one extractor instance, and how to report them.
type Listing struct {
	// Instance is the name of the extractor instance.
	Instance string
	// Projects are the projects that the extractor listed, in order; one in several regions is listed
	// once for each.
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
	// Checkpoints are the existing checkpoints: the start of the next window of each key.
	Checkpoints map[outbox.Key]time.Time
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

// Job is the windows of one extractor instance, project and region. They are extracted one after
// the other; if one fails, those after it are not extracted.
type Job struct {
	// Extractor is the name of the extractor instance.
	Extractor string
	// Project is the project. Its VO is not empty.
	Project *pluginv1.Project
	// Windows are in the order of extraction; at least one.
	Windows []Window
}

// Key returns the key of the checkpoint.
func (j Job) Key() outbox.Key {
	return outbox.Key{Extractor: j.Extractor, ProjectID: j.Project.GetId(), Region: j.Project.GetRegion()}
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
	planned := map[outbox.Key]bool{}
	var skippedSnapshots []pluginv1.RecordType
	for _, project := range listing.Projects {
		key := listing.key(project)
		switch {
		case key.ProjectID == "":
			p.addProblem(report.Errorf("extractor %s lists a project without an ID (name %q): it is skipped",
				listing.Instance, project.GetName()))
			continue
		case planned[key]:
			// Two windows of one key would bill the same time twice.
			p.addProblem(report.Warnf("extractor %s lists project %s twice: it is extracted once",
				listing.Instance, listing.label(project)).WithProject(key.ProjectID))
			continue
		}
		planned[key] = true
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
		p.addProblemOnce(problem.WithProject(project.GetId()))
		return nil
	}
	start := in.startOf(listing, project, p)
	candidates, problems := start.candidates(in.Requested, in.Now)
	for _, problem := range problems {
		problem.Summary = "extractor " + listing.Instance + ", project " + listing.label(project) + ": " + problem.Summary
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

// addProblemOnce adds a problem of a project that would be the same for each of its regions.
func (p *Plan) addProblemOnce(problem report.Problem) {
	if !slices.Contains(p.Problems, problem) {
		p.addProblem(problem)
	}
}

// startOf returns the start of a regular window: the checkpoint, or else the time in cASO's lastrun
// files. These are of one region, since cASO reported one: of the first that is listed, unless
// another was reported already.
func (in Input) startOf(listing Listing, project *pluginv1.Project, plan *Plan) start {
	key := listing.key(project)
	if checkpoint, ok := in.Checkpoints[key]; ok {
		return start{at: truncateToSecond(checkpoint), key: key, reported: true}
	}
	if other, found := in.otherRegion(key); found {
		plan.addProblem(report.Infof("extractor %s: region %q of project %s is new: its first window starts at %s, whatever was reported of region %q",
			listing.Instance, key.Region, projectLabel(project), formatTime(in.firstStart()), other).WithProject(key.ProjectID))
		return start{at: epoch(), key: key, unreported: true}
	}
	if in.LastRunDir == nil {
		return start{at: epoch(), key: key, unreported: true}
	}
	at, problems := readLastRun(in.LastRunDir, project, projectSpellings(project, listing.Spellings))
	if first := listing.firstRegion(key.ProjectID); first != key.Region {
		if at.After(epoch()) {
			plan.addProblem(report.Infof("extractor %s: cASO's lastrun file of project %s counts for region %q only: the first window of region %q starts at %s",
				listing.Instance, projectLabel(project), first, key.Region, formatTime(in.firstStart())).WithProject(key.ProjectID))
		}
		return start{at: epoch(), key: key, unreported: true}
	}
	plan.addProblem(problems...)
	return start{at: at, key: key, reported: at.After(epoch()), unreported: len(problems) == 0}
}

// firstStart returns the start of the first window of what was never reported.
func (in Input) firstStart() time.Time {
	if in.Requested.From.After(epoch()) {
		return in.Requested.From
	}
	return epoch()
}

// otherRegion returns another region of the same project that was reported.
func (in Input) otherRegion(key outbox.Key) (region string, found bool) {
	for other := range in.Checkpoints {
		if other.Extractor == key.Extractor && other.ProjectID == key.ProjectID && (!found || other.Region < region) {
			region, found = other.Region, true
		}
	}
	return region, found
}

// firstRegion returns the first region in which a project is listed.
func (l Listing) firstRegion(projectID string) string {
	n := slices.IndexFunc(l.Projects, func(p *pluginv1.Project) bool { return p.GetId() == projectID })
	return l.Projects[n].GetRegion()
}

// VO returns the VO of a project; empty if it has none that can be reported.
func (l Listing) VO(project *pluginv1.Project) string {
	vo, _ := l.VOs.voOf(project)
	return vo
}

// Lists reports whether the project and region of a key are listed.
func (l Listing) Lists(key outbox.Key) bool {
	return slices.ContainsFunc(l.Projects, func(p *pluginv1.Project) bool { return l.key(p) == key })
}

// ListsRegion reports whether a project is listed in a region.
func (l Listing) ListsRegion(region string) bool {
	return slices.ContainsFunc(l.Projects, func(p *pluginv1.Project) bool { return p.GetRegion() == region })
}

// ListsOtherRegion reports whether a project is listed in another region.
func (l Listing) ListsOtherRegion(region string) bool {
	return slices.ContainsFunc(l.Projects, func(p *pluginv1.Project) bool { return p.GetRegion() != region })
}

// HasSeveralRegions reports whether projects are listed in more than one region.
func (l Listing) HasSeveralRegions() bool {
	return len(l.Projects) > 0 && l.ListsOtherRegion(l.Projects[0].GetRegion())
}

// key returns the key of the checkpoint of a project.
func (l Listing) key(project *pluginv1.Project) outbox.Key {
	return outbox.Key{Extractor: l.Instance, ProjectID: project.GetId(), Region: project.GetRegion()}
}

// label returns name and ID of a project for messages, and the region where several are listed.
func (l Listing) label(project *pluginv1.Project) string {
	if l.HasSeveralRegions() {
		return report.RegionLabel(projectLabel(project), project.GetRegion())
	}
	return projectLabel(project)
}

// projectLabel returns name and ID of a project for messages.
func projectLabel(project *pluginv1.Project) string {
	return report.ProjectLabel(project.GetId(), project.GetName())
}
