package plan

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

const (
	cloud       = pluginv1.RecordType_RECORD_TYPE_CLOUD
	ip          = pluginv1.RecordType_RECORD_TYPE_IP
	accelerator = pluginv1.RecordType_RECORD_TYPE_ACCELERATOR
	storage     = pluginv1.RecordType_RECORD_TYPE_STORAGE
	energy      = pluginv1.RecordType_RECORD_TYPE_ENERGY
)

// describe returns record types with their time semantics.
func describe(types ...pluginv1.RecordType) []*pluginv1.RecordTypeDescription {
	var descriptions []*pluginv1.RecordTypeDescription
	for _, recordType := range types {
		descriptions = append(descriptions, &pluginv1.RecordTypeDescription{Type: recordType, TimeSemantics: contract.TimeSemanticsOf(recordType)})
	}
	return descriptions
}

// cloudListing returns a listing of cloud records.
func cloudListing(instance string, projects ...*pluginv1.Project) Listing {
	return Listing{Instance: instance, Projects: projects, RecordTypes: describe(cloud)}
}

// formatWindows returns windows as the tests write them.
func formatWindows(windows []Window) string {
	var texts []string
	for _, w := range windows {
		text := strings.TrimSuffix(w.From.Format("01-02 15:04:05"), " 00:00:00") + " to " + strings.TrimSuffix(w.To.Format("01-02 15:04:05"), " 00:00:00")
		if w.Republish {
			text += " again"
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ", ")
}

// formatTypes returns the record types of windows as the tests write them.
func formatTypes(windows []Window) string {
	var texts []string
	for _, w := range windows {
		var names []string
		for _, recordType := range w.RecordTypes {
			names = append(names, contract.RecordTypeName(recordType))
		}
		texts = append(texts, strings.Join(names, "+"))
	}
	return strings.Join(texts, ", ")
}

func formatProblems(problems []report.Problem) string {
	var lines []string
	for _, problem := range problems {
		lines = append(lines, problem.Line(""))
	}
	return strings.Join(lines, "\n")
}

func TestWindows(t *testing.T) {
	for name, test := range map[string]struct {
		checkpoint string
		from, to   string
		want       string
		problem    string
	}{
		"normal":                      {checkpoint: "2026-11-23 09:00", want: "11-23 09:00:00 to 11-23 10:00:00"},
		"after a gap":                 {checkpoint: "2026-11-20", want: "11-20 to 11-23 10:00:00", problem: "warning: "},
		"after a day":                 {checkpoint: "2026-11-22 10:00", want: "11-22 10:00:00 to 11-23 10:00:00"},
		"first":                       {want: "01-01 to 11-23 10:00:00"},
		"twice in a second":           {checkpoint: "2026-11-23 10:00", problem: "info: "},
		"the clock jumped back":       {checkpoint: "2026-11-23 10:01", problem: "error: "},
		"only to":                     {checkpoint: "2026-11-23", to: "2026-11-23 05:00", want: "11-23 to 11-23 05:00:00"},
		"only to, before it":          {checkpoint: "2026-11-23", to: "2026-11-22", problem: "--extract-from"},
		"only to, first":              {to: "2026-11-22", want: "01-01 to 11-22"},
		"only from, in the past":      {checkpoint: "2026-11-23", from: "2026-11-10", want: "11-10 to 11-23 again, 11-23 to 11-23 10:00:00"},
		"from the checkpoint":         {checkpoint: "2026-11-23", from: "2026-11-23", want: "11-23 to 11-23 10:00:00"},
		"at the checkpoint":           {checkpoint: "2026-11-10", from: "2026-11-10", to: "2026-11-12", want: "11-10 to 11-12"},
		"after a gap, from":           {checkpoint: "2026-11-10", from: "2026-11-11", to: "2026-11-12", want: "11-11 to 11-12 again", problem: "info: "},
		"no checkpoint":               {from: "2026-11-11", to: "2026-11-12", want: "11-11 to 11-12", problem: "caso extract --extract-from 1970-01-01T00:00:00Z --extract-to 2026-11-11T00:00:00Z --extractor nova@ifca --projects p"},
		"no checkpoint, from alone":   {from: "2026-11-11", want: "11-11 to 11-23 10:00:00", problem: "the first window starts at 2026-11-11T00:00:00Z, as requested: the time before it is not reported"},
		"no checkpoint, from 1970":    {from: "1970-01-01", to: "2026-11-12", want: "01-01 to 11-12"},
		"a whole month again":         {checkpoint: "2026-11-23", from: "2026-10-01", to: "2026-11-01", want: "10-01 to 11-01 again"},
		"half a month again":          {checkpoint: "2026-11-23", from: "2026-10-01", to: "2026-10-15", want: "10-01 to 10-15 again, 10-15 to 11-01 again"},
		"up to a month's last second": {checkpoint: "2026-11-23", from: "2026-10-01", to: "2026-10-31 23:59:59", want: "10-01 to 10-31 23:59:59 again, 10-31 23:59:59 to 11-01 again"},
		"this month's beginning":      {checkpoint: "2026-11-23", from: "2026-10-01", to: "2026-11-05", want: "10-01 to 11-05 again, 11-05 to 11-23 again"},
		"up to the checkpoint":        {checkpoint: "2026-11-23", from: "2026-10-01", to: "2026-11-23", want: "10-01 to 11-23 again"},
		"December":                    {checkpoint: "2026-01-10", from: "2025-12-01", to: "2025-12-05", want: "12-01 to 12-05 again, 12-05 to 01-01 again"},
		"again, checkpoint ahead":     {checkpoint: "2026-11-25", from: "2026-11-01", to: "2026-11-05", want: "11-01 to 11-05 again, 11-05 to 11-23 10:00:00 again"},
		"again to now, ahead":         {checkpoint: "2026-11-25", from: "2026-11-01", want: "11-01 to 11-23 10:00:00 again"},
	} {
		t.Run(name, func(t *testing.T) {
			now := at(t, "2026-11-23 10:00:00").Add(600 * time.Millisecond)
			requested, _, err := ParseRange(test.from, test.to, now)
			if err != nil {
				t.Fatal(err)
			}
			input := Input{
				Now:       now,
				Requested: requested,
				Listings:  []Listing{cloudListing("nova@ifca", &pluginv1.Project{Id: "p", Vo: "vo"})},
			}
			if test.checkpoint != "" {
				input.Checkpoints = map[outbox.Key]time.Time{{Extractor: "nova@ifca", ProjectID: "p"}: at(t, test.checkpoint)}
			}
			plan := Make(input)
			got := ""
			if len(plan.Jobs) > 0 {
				got = formatWindows(plan.Jobs[0].Windows)
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			text := formatProblems(plan.Problems)
			if !strings.Contains(text, test.problem) || (test.problem == "" && text != "") {
				t.Errorf("got problems %q, want %q", text, test.problem)
			}
			for _, problem := range plan.Problems {
				if problem.Project != "p" || !strings.Contains(problem.Summary, "extractor nova@ifca, project p: ") {
					t.Errorf("no extractor or project in %+v", problem)
				}
			}
		})
	}
}

// TestTimeSemantics checks which windows yield which record types, for every time semantics alone
// and for all of them together.
func TestTimeSemantics(t *testing.T) {
	const regular, snapshotInfo = "11-23 to 11-23 10:00:00", "records are snapshots"
	for name, test := range map[string]struct {
		types    []pluginv1.RecordType
		from, to string
		want     string
		yields   string
		problem  string
	}{
		"cumulative":               {types: []pluginv1.RecordType{cloud}, want: regular, yields: "cloud"},
		"cumulative, half a month": {types: []pluginv1.RecordType{cloud}, from: "2026-10-01", to: "2026-10-15", want: "10-01 to 10-15 again, 10-15 to 11-01 again", yields: "cloud, cloud"},
		"cumulative, across":       {types: []pluginv1.RecordType{cloud}, from: "2026-10-01", want: "10-01 to 11-23 again, " + regular, yields: "cloud, cloud"},
		"monthly":                  {types: []pluginv1.RecordType{accelerator}, want: regular, yields: "accelerator"},
		"monthly, half a month":    {types: []pluginv1.RecordType{accelerator}, from: "2026-10-01", to: "2026-10-15", want: "10-01 to 10-15 again, 10-15 to 11-01 again", yields: "accelerator, accelerator"},
		"interval":                 {types: []pluginv1.RecordType{energy}, want: regular, yields: "energy"},
		"interval, half a month":   {types: []pluginv1.RecordType{energy}, from: "2026-10-01", to: "2026-10-15", want: "10-01 to 10-15 again", yields: "energy"},
		"interval, across":         {types: []pluginv1.RecordType{energy}, from: "2026-10-01", want: "10-01 to 11-23 again, " + regular, yields: "energy, energy"},
		"snapshot":                 {types: []pluginv1.RecordType{ip}, want: regular, yields: "ip"},
		"snapshot, to the past":    {types: []pluginv1.RecordType{ip}, to: "2026-11-23 05:00", problem: snapshotInfo},
		"snapshot, half a month":   {types: []pluginv1.RecordType{ip}, from: "2026-10-01", to: "2026-10-15", problem: snapshotInfo},
		"snapshot, across":         {types: []pluginv1.RecordType{ip}, from: "2026-10-01", want: regular, yields: "ip", problem: snapshotInfo},
		"snapshot, after a gap":    {types: []pluginv1.RecordType{ip}, from: "2026-11-23 09:00", problem: snapshotInfo},
		"all":                      {types: []pluginv1.RecordType{cloud, ip, accelerator, energy}, want: regular, yields: "cloud+ip+accelerator+energy"},
		"all, to the past":         {types: []pluginv1.RecordType{cloud, ip, accelerator, energy}, to: "2026-11-23 05:00", want: "11-23 to 11-23 05:00:00", yields: "cloud+accelerator+energy", problem: snapshotInfo},
		"all, half a month":        {types: []pluginv1.RecordType{cloud, ip, accelerator, energy}, from: "2026-10-01", to: "2026-10-15", want: "10-01 to 10-15 again, 10-15 to 11-01 again", yields: "cloud+accelerator+energy, cloud+accelerator", problem: snapshotInfo},
		"all, across":              {types: []pluginv1.RecordType{cloud, ip, accelerator, energy}, from: "2026-10-01", want: "10-01 to 11-23 again, " + regular, yields: "cloud+accelerator+energy, cloud+ip+accelerator+energy", problem: snapshotInfo},
		"none":                     {from: "2026-10-01"},
	} {
		t.Run(name, func(t *testing.T) {
			now := at(t, "2026-11-23 10:00:00")
			requested, _, err := ParseRange(test.from, test.to, now)
			if err != nil {
				t.Fatal(err)
			}
			plan := Make(Input{
				Now: now, Requested: requested, Checkpoints: map[outbox.Key]time.Time{{Extractor: "x", ProjectID: "p"}: at(t, "2026-11-23"), {Extractor: "x", ProjectID: "q"}: at(t, "2026-11-23")},
				Listings: []Listing{{
					Instance: "x", RecordTypes: describe(test.types...),
					Projects: []*pluginv1.Project{{Id: "p", Vo: "vo"}, {Id: "q", Vo: "vo"}},
				}},
			})
			if wantJobs := 2; len(plan.Jobs) != wantJobs && test.want != "" {
				t.Fatalf("got %d jobs", len(plan.Jobs))
			}
			for _, job := range plan.Jobs {
				if windows, yields := formatWindows(job.Windows), formatTypes(job.Windows); windows != test.want || yields != test.yields {
					t.Errorf("got %s (%s)", windows, yields)
				}
			}
			if infos := strings.Count(formatProblems(plan.Problems), snapshotInfo); infos != min(len(test.problem), 1) {
				t.Errorf("%d lines about snapshots in %q", infos, formatProblems(plan.Problems))
			}
			if report.HasError(plan.Problems) {
				t.Errorf("got %s", formatProblems(plan.Problems))
			}
		})
	}
}

func TestLastRunFiles(t *testing.T) {
	project := &pluginv1.Project{Id: "abc", Name: "biomed", Vo: "vo"}
	for name, test := range map[string]struct {
		files     map[string]string
		spellings []string
		want      string
		problem   []string
		silent    bool
	}{
		"by id":             {files: map[string]string{"lastrun.abc": "2026-11-23 09:00:01"}, want: "11-23 09:00:00", problem: []string{"info: ", "lastrun.abc"}},
		"by name":           {files: map[string]string{"lastrun.biomed": "2026-11-23 09:00:01.123456+00:00"}, want: "11-23 09:00:00", problem: []string{"info: "}},
		"as requested":      {files: map[string]string{"lastrun.BioMed": "2026-11-23T09:00:01+01:00"}, spellings: []string{"x", "BioMed"}, want: "11-23 08:00:00"},
		"a date":            {files: map[string]string{"lastrun.abc": "2026-11-23\n"}, want: "11-22 23:59:59"},
		"the oldest counts": {files: map[string]string{"lastrun.abc": "2026-11-23 09:00:01", "lastrun.biomed": "2026-11-23 08:00:01"}, want: "11-23 08:00:00", problem: []string{"warning: ", "lastrun.abc", "lastrun.biomed", "oldest"}},
		"empty":             {files: map[string]string{"lastrun.abc": ""}, want: "01-01", problem: []string{"warning: ", "lastrun.abc", "empty", "1970"}},
		"garbage":           {files: map[string]string{"lastrun.abc": "\x00\x00"}, want: "01-01", problem: []string{"warning: ", "lastrun.abc"}},
		"None":              {files: map[string]string{"lastrun.abc": "None"}, want: "01-01", problem: []string{"warning: "}},
		"large":             {files: map[string]string{"lastrun.abc": strings.Repeat(" ", 2000)}, want: "01-01", problem: []string{"warning: ", "1024"}},
		"one is empty":      {files: map[string]string{"lastrun.abc": "", "lastrun.biomed": "2026-11-23 08:00:01"}, want: "01-01", problem: []string{"warning: "}},
		"another's":         {files: map[string]string{"lastrun.other": "2026-11-23 09:00:01"}, want: "01-01", silent: true},
		"before 1970":       {files: map[string]string{"lastrun.abc": "1969-01-01"}, want: "01-01"},
		"a directory":       {files: map[string]string{"lastrun.abc/x": ""}, want: "01-01", problem: []string{"warning: ", "lastrun.abc"}},
		"an old one":        {files: map[string]string{"lastrun.abc": "2026-10-23 09:00:01"}, want: "10-23 09:00:00", problem: []string{"warning: ", "the last window ended 745h0m0s ago"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := fstest.MapFS{}
			for file, content := range test.files {
				dir[file] = &fstest.MapFile{Data: []byte(content)}
			}
			listing := cloudListing("nova", project)
			listing.Spellings = test.spellings
			plan := Make(Input{Now: at(t, "2026-11-23 10:00"), LastRunDir: dir, Listings: []Listing{listing}})
			if got := formatWindows(plan.Jobs[0].Windows); got != test.want+" to 11-23 10:00:00" {
				t.Errorf("got %s", got)
			}
			text := formatProblems(plan.Problems)
			for _, part := range test.problem {
				if !strings.Contains(text, part) {
					t.Errorf("%q is not in %q", part, text)
				}
			}
			if test.silent && text != "" {
				t.Errorf("got %q", text)
			}
		})
	}
}

// TestRequestedStartAndLastRunFile: after cASO, the time between the end of its last run and a
// requested start is left for the next run.
func TestRequestedStartAndLastRunFile(t *testing.T) {
	for name, dir := range map[string]fs.FS{"": fstest.MapFS{"lastrun.p": {Data: []byte("2026-11-01")}}, "unreadable": forbiddenDir{}} {
		plan := Make(Input{Now: at(t, "2026-11-23 10:00"), LastRunDir: dir, Requested: Range{From: at(t, "2026-11-20")},
			Listings: []Listing{cloudListing("nova", &pluginv1.Project{Id: "p", Vo: "vo"})}})
		if got := formatWindows(plan.Jobs[0].Windows); got != "11-20 to 11-23 10:00:00 again" {
			t.Errorf("%s: got %s", name, got)
		}
		if text := formatProblems(plan.Problems); !strings.Contains(text, "the next run without --extract-from reports the time between them") {
			t.Errorf("%s: got %q", name, text)
		}
	}
}

func TestCheckpointWinsOverLastRunFile(t *testing.T) {
	plan := Make(Input{
		Now:         at(t, "2026-11-23 10:00"),
		LastRunDir:  fstest.MapFS{"lastrun.p": {Data: []byte("2026-11-01")}},
		Checkpoints: map[outbox.Key]time.Time{{Extractor: "nova", ProjectID: "p"}: at(t, "2026-11-23 09:00")},
		Listings: []Listing{
			cloudListing("nova", &pluginv1.Project{Id: "p", Vo: "vo"}),
			cloudListing("nova@ifca", &pluginv1.Project{Id: "p", Vo: "vo"}),
		},
	})
	if len(plan.Jobs) != 2 || formatWindows(plan.Jobs[0].Windows) != "11-23 09:00:00 to 11-23 10:00:00" ||
		formatWindows(plan.Jobs[1].Windows) != "10-31 23:59:59 to 11-23 10:00:00" {
		t.Errorf("%+v", plan.Jobs)
	}
}

// forbiddenDir is a directory in which no file can be opened.
type forbiddenDir struct{}

func (forbiddenDir) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
}

func TestUnreadableLastRunFile(t *testing.T) {
	plan := Make(Input{Now: at(t, "2026-11-23"), LastRunDir: forbiddenDir{},
		Listings: []Listing{cloudListing("nova", &pluginv1.Project{Id: "p", Vo: "vo"})}})
	if text := formatProblems(plan.Problems); !strings.Contains(text, "warning: ") || !strings.Contains(text, "permission denied") {
		t.Errorf("got %q", text)
	}
}

func TestProjectNamesThatAreNotFileNames(t *testing.T) {
	for _, name := range []string{"a/b", "../../etc/passwd", "\x00", "..", "Zürich ⛰"} {
		plan := Make(Input{Now: at(t, "2026-11-23"), LastRunDir: fstest.MapFS{},
			Listings: []Listing{cloudListing("nova", &pluginv1.Project{Id: "p", Name: name, Vo: "vo"})}})
		if len(plan.Jobs) != 1 || len(plan.Problems) != 0 {
			t.Errorf("%q: %d jobs, %s", name, len(plan.Jobs), formatProblems(plan.Problems))
		}
	}
}

func TestSkippedProjects(t *testing.T) {
	vos, err := ParseVOMap("/etc/caso/voms.json", []byte(`{"one": {"projects": ["by-name", "both"]}, "two": {"projects": ["both"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	listed := &pluginv1.Project{Id: "3", Name: "by-name"}
	listing := cloudListing("nova",
		&pluginv1.Project{Id: "1", Vo: "cloud"}, &pluginv1.Project{Id: "1", Vo: "cloud"}, &pluginv1.Project{Name: "no id"},
		&pluginv1.Project{Id: "2", Name: "no-vo"}, listed, &pluginv1.Project{Id: "4", Name: "both"}, &pluginv1.Project{Id: "5", Name: "both", Vo: "cloud"})
	listing.VOs = vos
	plan := Make(Input{Now: at(t, "2026-11-23"), Listings: []Listing{listing}})
	var got []string
	for _, job := range plan.Jobs {
		got = append(got, job.Project.GetId()+"="+job.Project.GetVo())
	}
	if fmt.Sprint(got) != "[1=cloud 3=one 5=cloud]" {
		t.Errorf("planned %v", got)
	}
	if listed.GetVo() != "" {
		t.Error("the caller's project was changed")
	}
	errors := map[string]string{}
	for _, problem := range plan.Problems {
		if problem.Severity == report.Error {
			errors[problem.Project] = problem.Summary + problem.Detail
		}
	}
	for id, part := range map[string]string{"": "without an ID", "2": "has no VO", "4": "more than one VO (one, two)"} {
		if !strings.Contains(errors[id], part) {
			t.Errorf("project %q: %q", id, errors[id])
		}
	}
	if len(errors) != 3 || !strings.Contains(errors["2"], "/etc/caso/voms.json") {
		t.Errorf("%v", errors)
	}
}

// TestRegions checks that each region of a project has its own windows, and that the past of a
// region is reported whatever was reported of another one.
func TestRegions(t *testing.T) {
	inRegions := func(regions ...string) Listing {
		var projects []*pluginv1.Project
		for _, region := range regions {
			projects = append(projects, &pluginv1.Project{Id: "p", Vo: "vo", Region: region})
		}
		return cloudListing("nova", projects...)
	}
	lastRun := fstest.MapFS{"lastrun.p": {Data: []byte("2026-11-01")}}
	const first, second = "01-01 to 11-23 10:00:00", "11-23 09:00:00 to 11-23 10:00:00"
	for name, test := range map[string]struct {
		listing     Listing
		lastRun     fs.FS
		checkpoints []string
		want        []string
		problem     string
	}{
		"a region is added":      {inRegions("North", "South"), nil, []string{"North"}, []string{second, first}, `region "South" of project p is new`},
		"another configuration":  {inRegions("South"), lastRun, []string{"North"}, []string{first}, `region "South" of project p is new`},
		"from cASO":              {inRegions("South"), lastRun, nil, []string{"10-31 23:59:59 to 11-23 10:00:00"}, "where cASO stopped"},
		"from cASO, two regions": {inRegions("North", "South"), lastRun, nil, []string{"10-31 23:59:59 to 11-23 10:00:00", first}, `counts for region "North" only: the first window of region "South"`},
		"a first run":            {inRegions("North", "South"), nil, nil, []string{first, first}, ""},
		"both":                   {inRegions("North", "South"), lastRun, []string{"South", "North"}, []string{second, second}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			in := Input{Now: at(t, "2026-11-23 10:00"), Listings: []Listing{test.listing}, Checkpoints: map[outbox.Key]time.Time{}, LastRunDir: test.lastRun}
			for _, region := range test.checkpoints {
				in.Checkpoints[outbox.Key{Extractor: "nova", ProjectID: "p", Region: region}] = at(t, "2026-11-23 09:00")
			}
			plan := Make(in)
			var got []string
			for _, job := range plan.Jobs {
				got = append(got, formatWindows(job.Windows))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
			if text := formatProblems(plan.Problems); !strings.Contains(text, test.problem) || test.problem == "" && text != "" {
				t.Errorf("problems %q, want %q", text, test.problem)
			}
		})
	}
	// What concerns a project is one problem, what concerns a window names the region.
	listing := inRegions("North", "South")
	for _, project := range listing.Projects {
		project.Vo = ""
	}
	if plan := Make(Input{Now: at(t, "2026-11-23 10:00"), Listings: []Listing{listing}}); len(plan.Problems) != 1 {
		t.Errorf("got %q", formatProblems(plan.Problems))
	}
	future := map[outbox.Key]time.Time{{Extractor: "nova", ProjectID: "p", Region: "South"}: at(t, "2026-11-24"), {Extractor: "nova", ProjectID: "p", Region: "North"}: at(t, "2026-11-23")}
	text := formatProblems(Make(Input{Now: at(t, "2026-11-23 10:00"), Listings: []Listing{inRegions("North", "South")}, Checkpoints: future}).Problems)
	for _, part := range []string{"project p in region South: the checkpoint", "caso checkpoint set --extractor nova --region South --project p TIME"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in %q", part, text)
		}
	}
}
