package plugintest

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// noSuchProject is an ID that no cloud has.
const noSuchProject = "caso-plugintest-no-such-project"

// testExtractor tests a configured extractor.
func (s *suite) testExtractor(run runRule) {
	var projects []*pluginv1.Project
	if !run("projects", func(t tb) {
		projects = s.listProjects(t)
	}) || len(projects) == 0 {
		return
	}
	run("projects_unknown", s.testUnknownProject)
	var result *extraction
	if !run("extract_ends_once", func(t tb) {
		result = s.mustExtract(t, s.request(projects[0]))
	}) || result == nil {
		return
	}
	run("extract_finds_records", func(t tb) {
		if len(result.records()) == 0 {
			t.Errorf("project %s has no records from %s to %s: set Settings.Projects, From and To",
				projects[0].GetId(), s.settings.From, s.settings.To)
		}
	})
	run("extract_batch_limits", result.testLimits)
	run("extract_host_fields", func(t tb) {
		for _, record := range result.records() {
			if record.GetId() != "" || record.GetSiteName() != "" || record.GetCloudComputeService() != "" {
				t.Errorf("%s: id, site_name and cloud_compute_service must be empty", contract.RecordID(record))
			}
			if record.GetCloudType() == "" {
				t.Errorf("%s: cloud_type is missing", contract.RecordID(record))
			}
		}
	})
	s.testRecords(run, result)
	s.testRequests(run, projects, result)
}

// testRecords tests the records of the window, and of one that reaches back over a month end,
// against the rules for the records of one window.
func (s *suite) testRecords(run runRule, result *extraction) {
	broken := result.violations()
	monthsBefore := s.request(result.request.GetProject())
	monthsBefore.Window = window(firstOfMonth(s.settings.To).Add(-time.Second), s.settings.To)
	if firstOfMonth(s.settings.To).Add(-time.Second).Before(s.settings.From) {
		run("extract_over_month_end", func(t tb) {
			for rule, errs := range s.mustExtract(t, monthsBefore).violations() {
				broken[rule] = append(broken[rule], errs...)
			}
		})
	}
	for _, rule := range slices.Sorted(maps.Keys(contract.StreamRules())) {
		run("extract_"+string(rule), func(t tb) {
			for _, err := range broken[rule] {
				t.Errorf("%v", err)
			}
		})
	}
}

func firstOfMonth(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// testRequests tests how the extractor answers other requests than the plain one.
func (s *suite) testRequests(run runRule, projects []*pluginv1.Project, result *extraction) {
	if types := s.recordTypes(); len(types) > 1 {
		run("extract_wanted_types", func(t tb) {
			for _, wanted := range types {
				request := s.request(projects[0])
				request.RecordTypes = []pluginv1.RecordType{wanted}
				for _, err := range s.mustExtract(t, request).violations()[contract.RuleRequestedTypes] {
					t.Errorf("%v", err)
				}
			}
		})
	}
	same := func(t tb, request *pluginv1.ExtractRequest, how string) {
		before, after := result.repeatableFacts(), s.mustExtract(t, request).repeatableFacts()
		if !slices.Equal(before, after) {
			t.Errorf("the window %s gives other facts:\n%q\n%q", how, before, after)
		}
	}
	run("extract_repeats", func(t tb) {
		same(t, s.request(projects[0]), "extracted again")
	})
	run("extract_republish", func(t tb) {
		request := s.request(projects[0])
		request.State, request.Republish = result.complete.GetNextState(), true
		same(t, request, "republished")
	})
	run("extract_unknown_project", func(t tb) {
		result, err := s.extract(s.deadline(t), s.request(&pluginv1.Project{Id: noSuchProject, Name: noSuchProject}))
		if err != nil {
			t.Fatalf("%v", err)
		}
		if result.failure == nil {
			t.Fatalf("Extract of a project that does not exist is Complete")
		}
		s.checkDiagnostics(t, "Failure", result.failure.GetDiagnostics())
		if !slices.ContainsFunc(result.failure.GetDiagnostics(), contract.IsError) {
			t.Errorf("Failure has no diagnostic of severity ERROR")
		}
	})
	run("extract_two_at_once", func(t tb) {
		s.extractTwo(t, projects[0], projects[len(projects)-1])
	})
	run("extract_cancelled", func(t tb) {
		s.abandon(t, projects[0])
		s.waitIdle(t, "its stream was cancelled")
		s.mustExtract(t, s.request(projects[0]))
	})
}

// listProjects asks for every project twice, as a configuration may that both tags and names it.
func (s *suite) listProjects(t tb) []*pluginv1.Project {
	t.Helper()
	wanted := slices.Concat(s.settings.Projects, s.settings.Projects)
	response, err := s.ListProjects(s.deadline(t), &pluginv1.ListProjectsRequest{Projects: wanted, IncludeMarked: len(wanted) == 0})
	if err != nil {
		t.Fatalf("ListProjects: %v", err)
	}
	s.checkDiagnostics(t, "ListProjects", response.GetDiagnostics())
	for _, diagnostic := range response.GetDiagnostics() {
		if contract.IsError(diagnostic) {
			t.Errorf("ListProjects: %s", diagnosticText(diagnostic))
		}
	}
	projects := response.GetProjects()
	if len(projects) == 0 {
		t.Errorf("ListProjects finds no project: set Settings.Projects")
	}
	for i, project := range projects {
		if project.GetId() == "" {
			t.Errorf("a project has no ID: %v", project)
		}
		if slices.ContainsFunc(projects[:i], func(other *pluginv1.Project) bool { return other.GetId() == project.GetId() }) {
			t.Errorf("project %s is listed twice", project.GetId())
		}
	}
	return projects
}

func (s *suite) testUnknownProject(t tb) {
	response, err := s.ListProjects(s.deadline(t), &pluginv1.ListProjectsRequest{Projects: []string{noSuchProject}})
	if err != nil {
		t.Fatalf("ListProjects of a project that does not exist must return a diagnostic, not fail: %v", err)
	}
	s.checkDiagnostics(t, "ListProjects", response.GetDiagnostics())
	if len(response.GetProjects()) > 0 {
		t.Errorf("ListProjects of a project that does not exist returns %v", response.GetProjects())
	}
	if !slices.ContainsFunc(response.GetDiagnostics(), contract.IsError) {
		t.Errorf("ListProjects of a project that does not exist returns no diagnostic of severity ERROR")
	}
}

// extractTwo runs two extractions at once; each must be like one that runs alone.
func (s *suite) extractTwo(t tb, one, other *pluginv1.Project) {
	t.Helper()
	type outcome struct {
		result *extraction
		err    error
	}
	ctx := s.deadline(t)
	side := make(chan outcome, 1)
	go func() {
		result, err := s.extract(ctx, s.request(other))
		side <- outcome{result, err}
	}()
	result, err := s.extract(ctx, s.request(one))
	for _, o := range []outcome{{result, err}, <-side} {
		switch {
		case o.err != nil:
			t.Errorf("%v", o.err)
		case o.result.failure != nil:
			t.Errorf("project %s: Extract fails while another runs: %s", o.result.request.GetProject().GetId(), diagnosticText(o.result.failure.GetDiagnostics()...))
		default:
			for _, err := range o.result.violations()[contract.RuleRequestedProject] {
				t.Errorf("%v", err)
			}
		}
	}
}

// violations returns the rules that the records break, each with at most one error per subject.
func (e *extraction) violations() map[contract.Rule][]error {
	broken := map[contract.Rule][]error{}
	reported := map[string]bool{}
	add := func(subject string, err error) {
		var v *contract.Violation
		if errors.As(err, &v) && !reported[string(v.Rule)+subject] {
			reported[string(v.Rule)+subject] = true
			broken[v.Rule] = append(broken[v.Rule], v)
		}
	}
	check := contract.NewStreamCheck(e.request)
	for _, record := range e.records() {
		add(contract.Subject(record), check.Add(record))
	}
	add("", check.Finish())
	return broken
}

// repeatableFacts returns the ids of the records that must be the same when a window is extracted
// again. Snapshots are as of the time of the call.
func (e *extraction) repeatableFacts() []string {
	var facts []string
	for _, record := range e.records() {
		if contract.TimeSemanticsOf(contract.RecordTypeOf(record)) != pluginv1.TimeSemantics_TIME_SEMANTICS_SNAPSHOT {
			facts = append(facts, contract.RecordID(record))
		}
	}
	slices.Sort(facts)
	return facts
}
