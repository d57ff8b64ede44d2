package run

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/plan"
	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// addUnlisted returns an error for each checkpoint whose project and region are missing in the list
// of its extractor. Those that the extractor finds by ID are added to the listing: the ends of
// their last subjects are reported, and nothing is lost if the list is wrong. The usage of the
// others since their checkpoints is not reported. An extractor whose projects the command line
// names lists no others.
func (s *Session) addUnlisted(ctx context.Context, listings []plan.Listing, checkpoints []outbox.Checkpoint) []report.Problem {
	var problems []report.Problem
	for n := range listings {
		listing := &listings[n]
		if namedByFlag(s.settings.Instance(s.extractor(listing.Instance).Instance)) {
			continue
		}
		unlisted := s.unlistedCheckpoints(*listing, checkpoints)
		if len(unlisted) == 0 {
			continue
		}
		found, causes := s.findUnlisted(ctx, *listing, unlisted)
		for _, c := range unlisted {
			problems = append(problems, unlistedProblem(*listing, c, found, causes))
		}
		listing.Projects = slices.Concat(listing.Projects, found)
	}
	return problems
}

// unlistedCheckpoints returns the checkpoints of an extractor whose project and region are not
// listed.
func (s *Session) unlistedCheckpoints(listing plan.Listing, checkpoints []outbox.Checkpoint) []outbox.Checkpoint {
	own := slices.DeleteFunc(slices.Clone(checkpoints), func(c outbox.Checkpoint) bool { return c.Extractor != listing.Instance })
	return slices.DeleteFunc(slices.Clone(own), func(c outbox.Checkpoint) bool {
		return listing.Lists(c.Key) || s.reportedElsewhere(listing, c, own)
	})
}

// findUnlisted asks an extractor for the projects of checkpoints by ID. It returns those that are
// found in the region of the checkpoint, and by ID why others are not.
func (s *Session) findUnlisted(ctx context.Context, listing plan.Listing, unlisted []outbox.Checkpoint) ([]*pluginv1.Project, map[string]string) {
	request := &pluginv1.ListProjectsRequest{}
	for _, c := range unlisted {
		if !slices.Contains(request.GetProjects(), c.ProjectID) {
			request.Projects = append(request.Projects, c.ProjectID)
		}
	}
	causes := map[string]string{}
	response, err := s.extractor(listing.Instance).listProjects(ctx, request)
	if err != nil {
		for _, id := range request.GetProjects() {
			causes[id] = err.Error()
		}
		return nil, causes
	}
	for _, d := range response.GetDiagnostics() {
		if contract.IsError(d) {
			causes[d.GetProject()] = d.GetSummary()
		}
	}
	isUnlisted := func(p *pluginv1.Project) bool {
		key := outbox.Key{Extractor: listing.Instance, ProjectID: p.GetId(), Region: p.GetRegion()}
		return slices.ContainsFunc(unlisted, func(c outbox.Checkpoint) bool { return c.Key == key })
	}
	found := slices.DeleteFunc(response.GetProjects(), func(p *pluginv1.Project) bool { return !isUnlisted(p) })
	return found, causes
}

// unlistedProblem returns the error of a checkpoint that is not listed.
func unlistedProblem(listing plan.Listing, c outbox.Checkpoint, found []*pluginv1.Project, causes map[string]string) report.Problem {
	label := report.ProjectLabel(c.ProjectID, c.ProjectName)
	if listing.ListsOtherRegion(c.Region) {
		label = report.RegionLabel(label, c.Region)
	}
	remedy := "If that is a mistake, name the project in the option projects or tag it in the cloud again"
	if len(listing.Projects) > 0 && !listing.ListsRegion(c.Region) {
		remedy += ", or add the region to the option region_name"
	}
	isFound := slices.ContainsFunc(found, func(p *pluginv1.Project) bool {
		return p.GetId() == c.ProjectID && p.GetRegion() == c.Region
	})
	if isFound {
		return report.Errorf("extractor %s: project %s is no longer listed, but can still be read: it is reported until that is confirmed",
			c.Extractor, label).WithProject(c.ProjectID).WithDetail(
			"%s; if it is not to be reported after this run: caso projects forget %s %s.", remedy, c.Flags(), c.ProjectID)
	}
	cause := causes[c.ProjectID]
	if cause == "" {
		cause = causes[""]
	}
	if cause != "" {
		cause = "Looked up by its ID: " + strings.TrimRight(cause, ".") + ". "
	}
	return report.Errorf("extractor %s: project %s is no longer listed: it is not reported since %s",
		c.Extractor, label, outbox.FormatTime(c.To)).WithProject(c.ProjectID).WithDetail(
		"%s%s; if it is gone for good: caso projects forget %s %s.", cause, remedy, c.Flags(), c.ProjectID)
}

// elsewhereAge is the age from which on a checkpoint of a region that this configuration does not
// report is an error, unless another configuration moves it.
const elsewhereAge = 24 * time.Hour

// reportedElsewhere reports whether a checkpoint is of a region that another configuration with the
// same outbox reports: this one reports other regions only, and the checkpoint has moved within a
// day, or since the last run of this configuration.
func (s *Session) reportedElsewhere(listing plan.Listing, c outbox.Checkpoint, own []outbox.Checkpoint) bool {
	if len(listing.Projects) == 0 || listing.ListsRegion(c.Region) {
		return false
	}
	var lastRun time.Time
	for _, other := range own {
		if listing.ListsRegion(other.Region) && other.Moved.After(lastRun) {
			lastRun = other.Moved
		}
	}
	return s.begun.Sub(c.Moved) < elsewhereAge || c.Moved.After(lastRun)
}
