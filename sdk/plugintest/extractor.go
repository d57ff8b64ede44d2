package plugintest

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// noSuchProject is an ID that no cloud gives.
const noSuchProject = "caso-plugintest-no-such-project"

// extractor checks an extractor that has its settings.
func (s *suite) extractor(run run) {
	var projects []*pluginv1.Project
	if !run("projects", func(t tb) {
		projects = s.listProjects(t)
	}) || len(projects) == 0 {
		return
	}
	run("projects_unknown", func(t tb) {
		response, err := s.ListProjects(s.patience(t), &pluginv1.ListProjectsRequest{Projects: []string{noSuchProject}})
		if err != nil {
			t.Fatalf("ListProjects of a project that does not exist must say so in a diagnostic, not fail: %v", err)
		}
		s.checkDiagnostics(t, "ListProjects", response.GetDiagnostics())
		if len(response.GetProjects()) > 0 {
			t.Errorf("ListProjects of a project that does not exist gives %v", response.GetProjects())
		}
		if !slices.ContainsFunc(response.GetDiagnostics(), contract.IsError) {
			t.Errorf("ListProjects of a project that does not exist gives no diagnostic of severity ERROR")
		}
	})
	var first *extraction
	if !run("extract_ends_once", func(t tb) {
		first = s.mustExtract(t, projects[0])
	}) || first == nil {
		return
	}
	run("extract_finds_records", func(t tb) {
		if len(first.records()) == 0 {
			t.Errorf("nothing ran in project %s from %s to %s: without records most rules cannot be tried; give Settings.Projects, From and To",
				projects[0].GetId(), s.settings.From, s.settings.To)
		}
	})
	s.checkBatches(run, first)
	s.checkRecords(run, first)
	run("extract_repeats", func(t tb) {
		again := s.mustExtract(t, projects[0])
		before, after := factsOf(first), factsOf(again)
		if !slices.Equal(before, after) {
			t.Errorf("the same window asked for again gives other facts:\n%q\n%q", before, after)
		}
	})
	run("extract_unknown_project", func(t tb) {
		result, err := s.extract(s.patience(t), s.request(&pluginv1.Project{Id: noSuchProject, Name: noSuchProject}))
		if err != nil {
			t.Fatalf("%v", err)
		}
		if result.failure == nil {
			t.Fatalf("Extract of a project that does not exist is Complete")
		}
		s.checkDiagnostics(t, "Failure", result.failure.GetDiagnostics())
		if !slices.ContainsFunc(result.failure.GetDiagnostics(), contract.IsError) {
			t.Errorf("Failure has no diagnostic of severity ERROR: nobody learns why")
		}
	})
	run("extract_two_at_once", func(t tb) {
		s.extractTwo(t, projects[0], projects[len(projects)-1])
	})
	run("extract_cancelled", func(t tb) {
		s.abandon(t, projects[0])
		s.idle(t, "its stream was cancelled")
		s.mustExtract(t, projects[0])
	})
}

// listProjects asks for every project twice, as a configuration may that has one both marked and listed.
func (s *suite) listProjects(t tb) []*pluginv1.Project {
	t.Helper()
	wanted := slices.Concat(s.settings.Projects, s.settings.Projects)
	response, err := s.ListProjects(s.patience(t), &pluginv1.ListProjectsRequest{Projects: wanted, IncludeMarked: len(wanted) == 0})
	if err != nil {
		t.Fatalf("ListProjects: %v", err)
	}
	s.checkDiagnostics(t, "ListProjects", response.GetDiagnostics())
	for _, diagnostic := range response.GetDiagnostics() {
		if contract.IsError(diagnostic) {
			t.Errorf("ListProjects: %s %s", diagnostic.GetSummary(), diagnostic.GetDetail())
		}
	}
	projects := response.GetProjects()
	if len(projects) == 0 {
		t.Errorf("ListProjects finds no project to try: give Settings.Projects")
	}
	for i, project := range projects {
		if project.GetId() == "" {
			t.Errorf("a project has no ID: %v", project)
		}
		if slices.ContainsFunc(projects[:i], func(other *pluginv1.Project) bool { return other.GetId() == project.GetId() }) {
			t.Errorf("project %s is listed twice: its usage would be counted twice", project.GetId())
		}
	}
	return projects
}

// extractTwo runs two extractions at the same time; each must be like one that runs alone.
func (s *suite) extractTwo(t tb, one, other *pluginv1.Project) {
	t.Helper()
	type outcome struct {
		result *extraction
		err    error
	}
	ctx := s.patience(t)
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
			t.Errorf("project %s: Extract fails when another runs: %v", o.result.request.GetProject().GetId(), diagnosticText(o.result.failure.GetDiagnostics()))
		default:
			checkProjects(t, o.result)
		}
	}
}

// factsOf are the ids of the records that must be the same when a window is asked for again. Addresses and
// volumes are measured when they are asked for; the others are as of moments of the window.
func factsOf(e *extraction) []string {
	var facts []string
	for _, record := range e.records() {
		switch contract.RecordTypeOf(record) {
		case pluginv1.RecordType_RECORD_TYPE_IP, pluginv1.RecordType_RECORD_TYPE_STORAGE:
		default:
			record = proto.CloneOf(record)
			facts = append(facts, contract.RecordID(record))
		}
	}
	slices.Sort(facts)
	return facts
}
