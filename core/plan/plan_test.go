package plan

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// short is a window as the tests write it.
func short(windows []Window) string {
	var all []string
	for _, w := range windows {
		text := strings.TrimSuffix(w.From.Format("01-02 15:04:05"), " 00:00:00") + " to " + strings.TrimSuffix(w.To.Format("01-02 15:04:05"), " 00:00:00")
		if w.MoveCheckpoint {
			text += " moves"
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

func says(notes []*pluginv1.Diagnostic) string {
	var all []string
	for _, note := range notes {
		severity := strings.TrimPrefix(note.GetSeverity().String(), "SEVERITY_")
		all = append(all, severity+" "+note.GetSummary()+" "+note.GetDetail())
	}
	return strings.Join(all, "\n")
}

func TestWindows(t *testing.T) {
	for name, test := range map[string]struct {
		checkpoint string
		state      bool
		from, to   string
		want       string
		says       string
	}{
		"normal":                      {checkpoint: "2026-11-23 09:00", want: "11-23 09:00:00 to 11-23 10:00:00 moves"},
		"after a gap":                 {checkpoint: "2026-11-20", want: "11-20 to 11-23 10:00:00 moves", says: "WARNING"},
		"a gap of a day is none":      {checkpoint: "2026-11-22 10:00", want: "11-22 10:00:00 to 11-23 10:00:00 moves"},
		"first":                       {want: "01-01 to 11-23 10:00:00 moves"},
		"two within a second":         {checkpoint: "2026-11-23 10:00", says: "INFO"},
		"the clock jumped back":       {checkpoint: "2026-11-23 10:01", says: "WARNING"},
		"only to":                     {checkpoint: "2026-11-23", to: "2026-11-23 05:00", want: "11-23 to 11-23 05:00:00 moves"},
		"only to, reported already":   {checkpoint: "2026-11-23", to: "2026-11-22", says: "--extract-from"},
		"only to, first":              {to: "2026-11-22", want: "01-01 to 11-22 moves"},
		"only from, in the past":      {checkpoint: "2026-11-23", from: "2026-11-10", want: "11-10 to 11-23 10:00:00 moves"},
		"with state, joined":          {checkpoint: "2026-11-23", state: true, from: "2026-11-10", want: "11-10 to 11-23, 11-23 to 11-23 10:00:00 moves"},
		"with state, at checkpoint":   {checkpoint: "2026-11-23", state: true, from: "2026-11-23", want: "11-23 to 11-23 10:00:00 moves"},
		"at the checkpoint":           {checkpoint: "2026-11-10", from: "2026-11-10", to: "2026-11-12", want: "11-10 to 11-12 moves"},
		"behind a gap":                {checkpoint: "2026-11-10", from: "2026-11-11", to: "2026-11-12", want: "11-11 to 11-12", says: "INFO"},
		"no checkpoint":               {from: "2026-11-11", to: "2026-11-12", want: "11-11 to 11-12", says: "INFO"},
		"no checkpoint, from 1970":    {from: "1970-01-01", to: "2026-11-12", want: "01-01 to 11-12 moves"},
		"a whole month again":         {checkpoint: "2026-11-23", from: "2026-10-01", to: "2026-11-01", want: "10-01 to 11-01"},
		"half a month again":          {checkpoint: "2026-11-23", from: "2026-10-01", to: "2026-10-15", want: "10-01 to 10-15, 10-15 to 11-01"},
		"up to a month's last second": {checkpoint: "2026-11-23", from: "2026-10-01", to: "2026-10-31 23:59:59", want: "10-01 to 10-31 23:59:59, 10-31 23:59:59 to 11-01"},
		"this month's beginning":      {checkpoint: "2026-11-23", from: "2026-10-01", to: "2026-11-05", want: "10-01 to 11-05, 11-05 to 11-23"},
		"up to the checkpoint":        {checkpoint: "2026-11-23", from: "2026-10-01", to: "2026-11-23", want: "10-01 to 11-23"},
		"state and again":             {checkpoint: "2026-11-23", state: true, from: "2026-10-01", to: "2026-10-15", want: "10-01 to 10-15, 10-15 to 11-01"},
		"December":                    {checkpoint: "2026-01-10", from: "2025-12-01", to: "2025-12-05", want: "12-01 to 12-05, 12-05 to 01-01"},
		"again, checkpoint ahead":     {checkpoint: "2026-11-25", from: "2026-11-01", to: "2026-11-05", want: "11-01 to 11-05, 11-05 to 11-23 10:00:00"},
		"again to now, ahead":         {checkpoint: "2026-11-25", from: "2026-11-01", want: "11-01 to 11-23 10:00:00"},
	} {
		t.Run(name, func(t *testing.T) {
			now := at(t, "2026-11-23 10:00:00").Add(600 * time.Millisecond)
			asked, _, err := ParseRange(test.from, test.to, now)
			if err != nil {
				t.Fatal(err)
			}
			input := Input{
				Now:      now,
				Asked:    asked,
				Listings: []Listing{{"nova", []*pluginv1.Project{{Id: "p", Vo: "vo"}}}},
			}
			if test.checkpoint != "" {
				input.Checkpoints = map[Pair]Checkpoint{{"nova", "p"}: {To: at(t, test.checkpoint), HasState: test.state}}
			}
			plan := Make(input)
			got := ""
			if len(plan.Jobs) > 0 {
				got = short(plan.Jobs[0].Windows)
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			text := says(plan.Diagnostics)
			if !strings.Contains(text, test.says) || (test.says == "" && text != "") {
				t.Errorf("said %q, want %q", text, test.says)
			}
			for _, note := range plan.Diagnostics {
				if note.GetProject() != "p" || !strings.Contains(note.GetSummary(), "project p, extractor nova") {
					t.Errorf("about nothing: %v", note)
				}
			}
		})
	}
}

func TestMarksOfCASO(t *testing.T) {
	project := &pluginv1.Project{Id: "abc", Name: "biomed", Vo: "vo"}
	for name, test := range map[string]struct {
		files     map[string]string
		spellings []string
		want      string
		says      []string
		silent    bool
	}{
		"by id":             {files: map[string]string{"lastrun.abc": "2026-11-23 09:00:01"}, want: "11-23 09:00:00", says: []string{"INFO", "lastrun.abc"}},
		"by name":           {files: map[string]string{"lastrun.biomed": "2026-11-23 09:00:01.123456+00:00"}, want: "11-23 09:00:00", says: []string{"INFO"}},
		"as asked for":      {files: map[string]string{"lastrun.BioMed": "2026-11-23T09:00:01+01:00"}, spellings: []string{"x", "BioMed"}, want: "11-23 08:00:00"},
		"a date":            {files: map[string]string{"lastrun.abc": "2026-11-23\n"}, want: "11-22 23:59:59"},
		"the oldest counts": {files: map[string]string{"lastrun.abc": "2026-11-23 09:00:01", "lastrun.biomed": "2026-11-23 08:00:01"}, want: "11-23 08:00:00", says: []string{"WARNING", "lastrun.abc", "lastrun.biomed", "oldest"}},
		"empty":             {files: map[string]string{"lastrun.abc": ""}, want: "01-01", says: []string{"WARNING", "lastrun.abc", "empty", "1970"}},
		"garbage":           {files: map[string]string{"lastrun.abc": "\x00\x00"}, want: "01-01", says: []string{"WARNING", "lastrun.abc"}},
		"None":              {files: map[string]string{"lastrun.abc": "None"}, want: "01-01", says: []string{"WARNING"}},
		"large":             {files: map[string]string{"lastrun.abc": strings.Repeat(" ", 2000)}, want: "01-01", says: []string{"WARNING", "1024"}},
		"one is empty":      {files: map[string]string{"lastrun.abc": "", "lastrun.biomed": "2026-11-23 08:00:01"}, want: "01-01", says: []string{"WARNING"}},
		"another's":         {files: map[string]string{"lastrun.other": "2026-11-23 09:00:01"}, want: "01-01", silent: true},
		"before 1970":       {files: map[string]string{"lastrun.abc": "1969-01-01"}, want: "01-01"},
		"a directory":       {files: map[string]string{"lastrun.abc/x": ""}, want: "01-01", says: []string{"WARNING", "lastrun.abc"}},
		"an old one":        {files: map[string]string{"lastrun.abc": "2026-10-23 09:00:01"}, want: "10-23 09:00:00", says: []string{"WARNING", "last reported 745h0m0s ago"}},
	} {
		t.Run(name, func(t *testing.T) {
			spool := fstest.MapFS{}
			for file, content := range test.files {
				spool[file] = &fstest.MapFile{Data: []byte(content)}
			}
			plan := Make(Input{Now: at(t, "2026-11-23 10:00"), Spool: spool, Spellings: test.spellings,
				Listings: []Listing{{"nova", []*pluginv1.Project{project}}}})
			if got := short(plan.Jobs[0].Windows); got != test.want+" to 11-23 10:00:00 moves" {
				t.Errorf("got %s", got)
			}
			text := says(plan.Diagnostics)
			for _, part := range test.says {
				if !strings.Contains(text, part) {
					t.Errorf("said %q, not %q", text, part)
				}
			}
			if test.silent && text != "" {
				t.Errorf("said %q", text)
			}
		})
	}
}

func TestACheckpointOfOurOwnCountsMoreThanAMark(t *testing.T) {
	plan := Make(Input{
		Now:         at(t, "2026-11-23 10:00"),
		Spool:       fstest.MapFS{"lastrun.p": {Data: []byte("2026-11-01")}},
		Checkpoints: map[Pair]Checkpoint{{"nova", "p"}: {To: at(t, "2026-11-23 09:00")}},
		Listings: []Listing{
			{"nova", []*pluginv1.Project{{Id: "p", Vo: "vo"}}},
			{"cinder", []*pluginv1.Project{{Id: "p", Vo: "vo"}}},
		},
	})
	if len(plan.Jobs) != 2 || short(plan.Jobs[0].Windows) != "11-23 09:00:00 to 11-23 10:00:00 moves" ||
		short(plan.Jobs[1].Windows) != "10-31 23:59:59 to 11-23 10:00:00 moves" {
		t.Errorf("%+v", plan.Jobs)
	}
}

// noFiles is a spool directory in which nothing can be opened.
type noFiles struct{}

func (noFiles) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
}

func TestAMarkThatMayNotBeReadIsWarnedOf(t *testing.T) {
	plan := Make(Input{Now: at(t, "2026-11-23"), Spool: noFiles{}, Listings: []Listing{{"nova", []*pluginv1.Project{{Id: "p", Vo: "vo"}}}}})
	if text := says(plan.Diagnostics); !strings.Contains(text, "WARNING") || !strings.Contains(text, "permission denied") {
		t.Errorf("said %q", text)
	}
}

func TestProjectNamesThatAreNoFileNames(t *testing.T) {
	for _, name := range []string{"a/b", "../../etc/passwd", "\x00", "..", "Zürich ⛰"} {
		plan := Make(Input{Now: at(t, "2026-11-23"), Spool: fstest.MapFS{},
			Listings: []Listing{{"nova", []*pluginv1.Project{{Id: "p", Name: name, Vo: "vo"}}}}})
		if len(plan.Jobs) != 1 || len(plan.Diagnostics) != 0 {
			t.Errorf("%q: %d jobs, %s", name, len(plan.Jobs), says(plan.Diagnostics))
		}
	}
}

func TestProjectsAreTakenOnceAndOnlyWithIDAndVO(t *testing.T) {
	vos, err := ParseVOMap("/etc/caso/voms.json", []byte(`{"one": {"projects": ["by-name", "both"]}, "two": {"projects": ["both"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	listed := &pluginv1.Project{Id: "3", Name: "by-name"}
	plan := Make(Input{Now: at(t, "2026-11-23"), VOs: vos, Listings: []Listing{{"nova", []*pluginv1.Project{
		{Id: "1", Vo: "cloud"}, {Id: "1", Vo: "cloud"}, {Name: "no id"}, {Id: "2", Name: "no-vo"}, listed, {Id: "4", Name: "both"}, {Id: "5", Name: "both", Vo: "cloud"},
	}}}})
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
	for _, note := range plan.Diagnostics {
		if sdk.IsError(note) {
			errors[note.GetProject()] = note.GetSummary() + note.GetDetail()
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
