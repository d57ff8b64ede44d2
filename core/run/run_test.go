package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/plan"
	"github.com/caso-project/caso/core/report"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func TestMain(m *testing.M) {
	syscall.Umask(0o022) // the host refuses plugins that a group can write to
	status := m.Run()
	if pluginDir != "" {
		_ = os.RemoveAll(pluginDir)
	}
	os.Exit(status)
}

var pluginDir string

// buildPlugins builds the plugins of testdata/plugin, once.
var buildPlugins = sync.OnceValues(func() (string, error) {
	var err error
	if pluginDir, err = os.MkdirTemp("/tmp", "run"); err != nil {
		return "", err
	}
	binary := filepath.Join(pluginDir, "plugin")
	if output, err := exec.Command("go", "build", "-o", binary, "./testdata/plugin").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building testdata/plugin: %w: %s", err, output)
	}
	for _, name := range []string{"caso-extractor-cloud", "caso-messenger-file", "caso-messenger-broken", "caso-extractor-broken"} {
		if err := os.Link(binary, filepath.Join(pluginDir, name)); err != nil {
			return "", err
		}
	}
	return pluginDir, nil
})

// site is a configuration and its directory.
type site struct {
	t        *testing.T
	dir      string
	settings string
	// clock is the time in sessions that are opened.
	clock time.Time
	log   strings.Builder
}

// newSite returns a site with a configuration file in which @DIR@ is its directory.
func newSite(t *testing.T, settings string) *site {
	t.Helper()
	plugins, err := buildPlugins()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &site{t: t, dir: dir, settings: filepath.Join(dir, "caso.conf"), clock: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)}
	text := strings.NewReplacer("@DIR@", dir, "[DEFAULT]\n", "[DEFAULT]\nplugin_dirs = "+plugins+"\nspooldir = "+dir+"/spool\n").Replace(settings)
	if err := os.WriteFile(s.settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// session opens, starts and configures a session, or returns the error that ends it.
func (s *site) session(overrides ...config.Override) (*Session, error) {
	session, err := Open(Environment{
		Home: s.dir, Getenv: func(string) string { return "" }, Log: &s.log,
		Now: func() time.Time { return s.clock },
	}, Input{Sources: []config.Source{{Path: s.settings}}, Overrides: overrides})
	if err != nil {
		return nil, err
	}
	s.t.Cleanup(func() { _ = session.Close() })
	if err := session.Start(s.t.Context()); err != nil {
		return nil, err
	}
	return session, session.Configure(s.t.Context(), pluginv1.Kind_KIND_EXTRACTOR, pluginv1.Kind_KIND_MESSENGER)
}

// extract runs Extract, which must return a report.
func (s *site) extract(overrides ...config.Override) *report.Run {
	s.t.Helper()
	session, err := s.session(overrides...)
	if err != nil {
		s.t.Fatal(err)
	}
	result, err := session.Extract(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return result
}

// delivered returns what messenger file wrote.
func (s *site) delivered() string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "delivered"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	return string(text)
}

// errorsIn returns the error lines of a report.
func errorsIn(t *testing.T, result *report.Run) string {
	t.Helper()
	var text strings.Builder
	if err := result.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(text.String()) {
		if strings.HasPrefix(line, "error: ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

const oneCloud = `[DEFAULT]
site_name = SITE
extractor = cloud
messengers = file
projects = p1, p2
[cloud]
projects = p1, p2
password = hunter22
[file]
path = @DIR@/delivered
`

func TestExtract(t *testing.T) {
	s := newSite(t, oneCloud)
	result := s.extract()
	if !result.Complete() || len(result.Windows) != 2 || len(result.Messengers) != 1 || result.Messengers[0].Records != 2 {
		t.Errorf("got %+v", result)
	}
	if got := s.delivered(); got != "SITE p1\nSITE p2\n" && got != "SITE p2\nSITE p1\n" {
		t.Errorf("delivered %q", got)
	}
	// The checkpoints are at the present.
	if result := s.extract(); !result.Complete() || len(result.Windows) != 0 {
		t.Errorf("the second run: %+v", result)
	}
}

func TestDryRun(t *testing.T) {
	s := newSite(t, oneCloud)
	result := s.extract(config.Override{Section: "DEFAULT", Name: "dry_run", Value: "true", Flag: "--dry-run"})
	if !result.Complete() || !result.DryRun || len(result.Windows) != 2 || s.delivered() != "" {
		t.Errorf("got %+v, delivered %q", result, s.delivered())
	}
	if _, err := os.Stat(filepath.Join(s.dir, "spool")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a spool directory exists after a dry run: %v", err)
	}
}

// What is wrong in the files ends a session before anything is extracted.
func TestConfigurationErrors(t *testing.T) {
	tests := map[string]struct{ settings, want string }{
		"a value":               {strings.Replace(oneCloud, "[DEFAULT]", "[DEFAULT]\nextract_concurrency = many", 1), "[DEFAULT] extract_concurrency"},
		"a missing value":       {"[DEFAULT]\nmessengers = file\nextractor = cloud\nsite_name = SITE\n", "[file] path"},
		"a missing executable":  {strings.Replace(oneCloud, "= file", "= nowhere", 1), "caso-messenger-nowhere"},
		"a wrong checksum":      {oneCloud + "[messenger_file]\nsha256 = " + strings.Repeat("0", 64) + "\n", "SHA-256"},
		"a record type":         {oneCloud + "[messenger_file]\nrecord_types = ip, energy\n", "[messenger_file] record_types: messenger file accepts no energy records, only cloud, ip, accelerator, storage"},
		"a plugin's diagnostic": {strings.Replace(oneCloud, "[cloud]", "[cloud]\nfail = configure", 1), "[cloud] fail: configure fails with ***"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, test.settings)
			_, err := s.session()
			var failed *Error
			if !errors.As(err, &failed) || failed.Kind != Configuration || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want it to contain %q", err, test.want)
			}
		})
	}
}

func TestRangeErrors(t *testing.T) {
	session, err := newSite(t, oneCloud).session(config.Override{Section: "DEFAULT", Name: "extract_from", Value: "yesterday", Flag: "--extract-from"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = session.Extract(t.Context())
	if failed := (*Error)(nil); !errors.As(err, &failed) || failed.Kind != Configuration || !strings.Contains(err.Error(), "--extract-from") {
		t.Errorf("got %v", err)
	}
}

func TestLocked(t *testing.T) {
	s := newSite(t, oneCloud)
	session, err := s.session()
	if err != nil {
		t.Fatal(err)
	}
	_, release, err := session.OpenOutbox()
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	second, err := s.session()
	if err != nil {
		t.Fatal(err)
	}
	_, err = second.Extract(t.Context())
	if failed := (*Error)(nil); !errors.As(err, &failed) || failed.Kind != Locked {
		t.Errorf("got %v", err)
	}
}

// An instance that fails costs its own records alone.
func TestInstanceFailures(t *testing.T) {
	tests := map[string]struct {
		settings, want string
		// delivered is what messenger file has.
		delivered bool
	}{
		"a messenger does not start":                {strings.Replace(oneCloud, "= file", "= file, broken", 1), "messenger broken: ", true},
		"an extractor does not start":               {strings.Replace(oneCloud, "= cloud", "= broken, cloud", 1), "extractor broken: ", true},
		"a messenger ends while it is configured":   {strings.Replace(oneCloud, "[file]", "[file]\nfail = configure-exit", 1), "messenger file: ", false},
		"an extractor ends while it is configured":  {strings.Replace(oneCloud, "[cloud]", "[cloud]\nfail = configure-exit", 1), "extractor cloud: ", false},
		"an extractor cannot list its projects":     {strings.Replace(oneCloud, "[cloud]", "[cloud]\nfail = list", 1), "extractor cloud: list fails", false},
		"an extractor ends while it lists projects": {strings.Replace(oneCloud, "[cloud]", "[cloud]\nfail = list-exit", 1), "extractor cloud: listing the projects: ", false},
		"a window fails":                            {strings.Replace(oneCloud, "[cloud]", "[cloud]\nfail = extract", 1), "extract fails", false},
		"a delivery fails":                          {strings.Replace(oneCloud, "[file]", "[file]\nfail = deliver", 1), "messenger file: deliver fails", false},
		"a messenger ends while it delivers":        {strings.Replace(oneCloud, "[file]", "[file]\nfail = deliver-exit", 1), "messenger file: ", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, test.settings)
			result := s.extract()
			got := errorsIn(t, result)
			if result.Complete() || !strings.Contains(got, test.want) {
				t.Errorf("got %q, want it to contain %q", got, test.want)
			}
			// One instance is named once in a line.
			for line := range strings.Lines(got) {
				for _, name := range []string{"messenger file:", "extractor cloud:", "messenger broken:", "extractor broken:"} {
					if strings.Count(line, name) > 1 {
						t.Errorf("%q names it twice: %s", line, name)
					}
				}
			}
			if got := s.delivered() != ""; got != test.delivered {
				t.Errorf("delivered %q", s.delivered())
			}
		})
	}
}

// The records of a messenger that does not start stay pending, and the report counts them.
func TestPendingForFailedMessenger(t *testing.T) {
	s := newSite(t, strings.Replace(oneCloud, "= file", "= broken, file", 1))
	result := s.extract()
	if len(result.Messengers) != 2 || result.Messengers[0].Name != "broken" || result.Messengers[1].Name != "file" {
		t.Fatalf("got %+v", result.Messengers)
	}
	if result.Messengers[0].PendingRecords != 2 || result.Messengers[1].PendingRecords != 0 || result.Messengers[1].Records != 2 {
		t.Errorf("got %+v", result.Messengers)
	}
}

const twoClouds = `[DEFAULT]
extractor = cloud@one, cloud@two
messengers = file
[file]
path = @DIR@/delivered
[DEFAULT@one]
site_name = ONE
projects = p1, shared
[cloud@one]
projects = p1, shared
[DEFAULT@two]
site_name = TWO
projects = p2, shared
[cloud@two]
projects = p2, shared
`

// One run reports two clouds, each with its own site name and projects.
func TestTwoClouds(t *testing.T) {
	s := newSite(t, twoClouds)
	if result := s.extract(); !result.Complete() || len(result.Windows) != 4 {
		t.Errorf("got %+v", result)
	}
	lines := strings.Split(strings.TrimSpace(s.delivered()), "\n")
	slices.Sort(lines)
	if want := []string{"ONE p1", "ONE shared", "TWO p2", "TWO shared"}; !slices.Equal(lines, want) {
		t.Errorf("delivered %q, want %q", lines, want)
	}
}

func TestOneOfTwoCloudsFails(t *testing.T) {
	for _, fail := range []string{"configure-exit", "list", "list-exit", "extract", "extract-exit"} {
		s := newSite(t, strings.Replace(twoClouds, "[cloud@two]", "[cloud@two]\nfail = "+fail, 1))
		result := s.extract()
		if got := errorsIn(t, result); !strings.Contains(got, "cloud@two") || strings.Contains(got, "cloud@one") {
			t.Errorf("%s: errors %q", fail, got)
		}
		if got := s.delivered(); !strings.Contains(got, "ONE p1") || !strings.Contains(got, "ONE shared") || strings.Contains(got, "TWO") {
			t.Errorf("%s: delivered %q", fail, got)
		}
	}
}

// A project on the command line is one wherever an instance has it, and an error if none has it.
func TestProjectsByFlag(t *testing.T) {
	tests := map[string]struct {
		projects string
		want     []string
		errors   int
	}{
		"of one cloud":   {"p2", []string{"cloud@two p2"}, 0},
		"of both":        {"shared", []string{"cloud@one shared", "cloud@two shared"}, 0},
		"of one each":    {"p1,p2", []string{"cloud@one p1", "cloud@two p2"}, 0},
		"of none":        {"p3", nil, 2},
		"of one or none": {"p1,p3", []string{"cloud@one p1"}, 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			session, err := newSite(t, twoClouds).session(config.Override{Section: "DEFAULT", Name: "projects", Value: test.projects, Flag: "--projects"})
			if err != nil {
				t.Fatal(err)
			}
			projects, result, err := session.Projects(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, project := range projects {
				got = append(got, project.Extractor+" "+project.ID)
			}
			if !slices.Equal(got, test.want) || len(result.ErrorLines()) != test.errors {
				t.Errorf("got %q and %q", got, result.ErrorLines())
			}
		})
	}
	// A file names the projects of each instance, so a missing one is an error there.
	session, err := newSite(t, strings.Replace(twoClouds, "= p2, shared\n[cloud@two]", "= p1, shared\n[cloud@two]", 1)).session()
	if err != nil {
		t.Fatal(err)
	}
	if _, result, err := session.Projects(t.Context()); err != nil || len(result.ErrorLines()) != 1 {
		t.Errorf("%v, %q", err, result.ErrorLines())
	}
}

func TestDeliver(t *testing.T) {
	s := newSite(t, oneCloud)
	session, err := s.session(config.Override{Section: "file", Name: "fail", Value: "deliver"})
	if err != nil {
		t.Fatal(err)
	}
	if result, err := session.Extract(t.Context()); err != nil || result.Complete() {
		t.Fatalf("%v, %+v", err, result)
	}
	if session, err = s.session(config.Override{Section: "file", Name: "fail", Value: "nothing"}); err != nil {
		t.Fatal(err)
	}
	result, err := session.Deliver(t.Context())
	if err != nil || !result.Complete() || result.Messengers[0].Records != 2 || len(result.Windows) != 0 {
		t.Errorf("%v, %+v", err, result)
	}
}

func TestProjects(t *testing.T) {
	session, err := newSite(t, strings.Replace(oneCloud, "= p1, p2\n[cloud]", "= p1, elsewhere\n[cloud]", 1)).session()
	if err != nil {
		t.Fatal(err)
	}
	projects, result, err := session.Projects(t.Context())
	if err != nil || len(projects) != 1 || projects[0].ID != "p1" || projects[0].VO != "vo.p1" || projects[0].From == nil {
		t.Errorf("%v, %+v", err, projects)
	}
	if got := errorsIn(t, result); !strings.Contains(got, `extractor cloud: project "elsewhere" not found`) {
		t.Errorf("got %q", got)
	}
}

func TestCheck(t *testing.T) {
	for fail, want := range map[string]CheckStatus{"": CheckOK, "check": CheckFailed, "check-exit": CheckFailed} {
		session, err := newSite(t, strings.Replace(oneCloud, "[file]", "[file]\nfail = "+fail, 1)).session()
		if err != nil {
			t.Fatal(err)
		}
		results := session.Check(t.Context())
		if len(results) != 2 || results[0].Status != CheckNotSupported || results[1].Instance != "file" || results[1].Status != want {
			t.Errorf("%q: got %+v", fail, results)
		}
	}
}

// A canceled run reports what is left, and nothing is lost.
func TestCanceled(t *testing.T) {
	s := newSite(t, oneCloud)
	session, err := s.session()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if result, err := session.Extract(ctx); err != nil || result.Complete() {
		t.Errorf("%v, %+v", err, result)
	}
	if result := s.extract(); !result.Complete() || result.Messengers[0].Records != 2 {
		t.Errorf("the next run: %+v", result)
	}
}

// A project that has a checkpoint and is no longer listed is an error until its checkpoint is
// deleted. --projects lists no others.
func TestUnlistedProject(t *testing.T) {
	s := newSite(t, oneCloud)
	if result := s.extract(); !result.Complete() {
		t.Fatalf("got %+v", result)
	}
	one := []config.Override{{Section: "DEFAULT", Name: "projects", Value: "p1"}}
	// While it can be read, its usage is reported.
	for range 2 {
		s.clock = s.clock.Add(time.Hour)
		result := s.extract(one...)
		if got := errorsIn(t, result); !strings.Contains(got, "extractor cloud: project p2 is no longer listed, but can still be read: it is reported until that is confirmed") ||
			!strings.Contains(got, "caso projects forget --extractor cloud p2") {
			t.Errorf("got %q", got)
		}
		if len(result.Windows) != 2 || result.Windows[1].ProjectID != "p2" || result.Windows[1].Records != 1 || !result.Windows[1].To.Equal(s.clock) {
			t.Errorf("got %+v", result.Windows)
		}
	}
	// Gone for good, it is not.
	gone := append([]config.Override{{Section: "cloud", Name: "projects", Value: "p1"}}, one...)
	for range 2 {
		got := errorsIn(t, s.extract(gone...))
		for _, part := range []string{"extractor cloud: project p2 is no longer listed: it is not reported since 2026-11-25T14:00:00Z",
			`Looked up by its ID: project "p2" not found. If that is a mistake`} {
			if !strings.Contains(got, part) {
				t.Errorf("%q is not in %q", part, got)
			}
		}
	}
	if result := s.extract(config.Override{Section: "DEFAULT", Name: "projects", Value: "p1", Flag: "--projects"}); !result.Complete() {
		t.Errorf("with --projects: %q", errorsIn(t, result))
	}
	session, err := s.session()
	if err != nil {
		t.Fatal(err)
	}
	store, closeOutbox, err := session.OpenOutbox()
	if err != nil {
		t.Fatal(err)
	}
	if err := store.DeleteCheckpoint(outbox.Key{Extractor: "cloud", ProjectID: "p2"}); err != nil {
		t.Error(err)
	}
	closeOutbox()
	if result := s.extract(one...); !result.Complete() {
		t.Errorf("after its checkpoint was deleted: %q", errorsIn(t, result))
	}
}

// TestRegionsShareAnOutbox runs two configurations of one instance, one for each region, with one
// outbox. Each region is reported from the beginning and without a gap. A region that no
// configuration reports any more is an error after a day.
func TestRegionsShareAnOutbox(t *testing.T) {
	s := newSite(t, oneCloud)
	in := func(regions string) []config.Override {
		return []config.Override{{Section: "cloud", Name: "regions", Value: regions}, {Section: "DEFAULT", Name: "projects", Value: "p1"}}
	}
	// run returns the windows as region, start and end.
	run := func(regions string) (windows []string, problems string) {
		t.Helper()
		result := s.extract(in(regions)...)
		for _, w := range result.Windows {
			windows = append(windows, w.Region+" "+w.From.Format("2006-01-02T15")+" "+w.To.Format("2006-01-02T15"))
		}
		s.clock = s.clock.Add(time.Hour)
		return windows, errorsIn(t, result)
	}
	for _, step := range []struct {
		regions string
		windows []string
	}{
		{"North", []string{"North 1970-01-01T00 2026-11-25T12"}},
		{"South", []string{"South 1970-01-01T00 2026-11-25T13"}},
		{"North", []string{"North 2026-11-25T12 2026-11-25T14"}},
		{"South", []string{"South 2026-11-25T13 2026-11-25T15"}},
		{"South,North,West", []string{"South 2026-11-25T15 2026-11-25T16", "North 2026-11-25T14 2026-11-25T16", "West 1970-01-01T00 2026-11-25T16"}},
		{"North", []string{"North 2026-11-25T16 2026-11-25T17"}},
	} {
		if windows, problems := run(step.regions); !slices.Equal(windows, step.windows) || problems != "" {
			t.Errorf("regions %s: %q, want %q; %s", step.regions, windows, step.windows, problems)
		}
	}
	s.clock = s.clock.Add(24 * time.Hour)
	if _, problems := run("North"); !strings.Contains(problems, "project p1 in region South is no longer listed: it is not reported since 2026-11-25T16:00:00Z") ||
		!strings.Contains(problems, "add the region to the option region_name") || !strings.Contains(problems, "caso projects forget --extractor cloud --region South p1") {
		t.Errorf("a region that is not reported: %q", problems)
	}
}

// TestProjectWithoutWindow: the VO of a project does not depend on whether it has a window.
func TestProjectWithoutWindow(t *testing.T) {
	vos, err := plan.ParseVOMap("voms.json", []byte(`{"vo.mapped": {"projects": ["p"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	listing := plan.Listing{Instance: "cloud", Projects: []*pluginv1.Project{{Id: "p"}}, VOs: vos}
	if got := plannedProjects(plan.Input{Listings: []plan.Listing{listing}}, plan.Plan{}); len(got) != 1 || got[0].VO != "vo.mapped" {
		t.Errorf("got %+v", got)
	}
}
