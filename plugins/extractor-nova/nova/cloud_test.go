package nova

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/caso-project/caso/internal/contract"
	"github.com/caso-project/caso/plugins/internal/openstack"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/test/standin"
)

// now is the time in the stand-in clouds.
var now = time.Date(2026, 4, 10, 12, 0, 0, 0, time.UTC)

// bench is a stand-in cloud with an extractor for it.
type bench struct {
	t         *testing.T
	cloud     *standin.Cloud
	url       string
	extractor *openstack.Extractor
	configure []*sdk.Diagnostic
}

// newBench serves a cloud and configures an extractor, with options (`section.name`: value) beside
// those to sign in.
func newBench(t *testing.T, options standin.Options, settings map[string]string) *bench {
	t.Helper()
	if options.Now.IsZero() {
		options.Now = now
	}
	cloud := standin.New(options)
	server := httptest.NewServer(cloud)
	t.Cleanup(server.Close)
	b := &bench{t: t, cloud: cloud, url: server.URL}
	all := map[string]string{
		"extractor.user":     standin.AccountingUser,
		"extractor.password": standin.AccountingPassword,
		"extractor.endpoint": server.URL + "/identity/v3",
	}
	for name, value := range settings {
		all[name] = strings.ReplaceAll(value, "{url}", server.URL)
	}
	b.extractor, b.configure = configured(t, all)
	return b
}

// configured returns an extractor with settings that does not wait between attempts. Clocks are not
// compared unless the settings do, because that of the clouds is another one than the host's.
func configured(t *testing.T, settings map[string]string) (*openstack.Extractor, []*sdk.Diagnostic) {
	t.Helper()
	all := map[string]string{"DEFAULT.max_clock_skew": "0"}
	maps.Copy(all, settings)
	extractor := New()
	extractor.Wait = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	return extractor, sdk.Diagnostics(extractor.Configure(t.Context(), config(t, extractor, all)))
}

// config returns settings as the host sends them.
func config(t *testing.T, extractor *openstack.Extractor, settings map[string]string) sdk.Config {
	t.Helper()
	var values []*pluginv1.OptionValue
	used := map[string]bool{}
	for _, declared := range extractor.Describe().Options {
		option := declared.Proto()
		name := option.GetSection() + "." + option.GetName()
		text, ok := settings[name]
		used[name] = true
		if !ok {
			if option.DefaultValue == nil {
				continue
			}
			text = option.GetDefaultValue()
		}
		value := &pluginv1.OptionValue{Option: &pluginv1.OptionRef{Section: option.GetSection(), Name: option.GetName()}}
		switch option.GetType() {
		case pluginv1.OptionType_OPTION_TYPE_BOOLEAN:
			value.Value = &pluginv1.OptionValue_BooleanValue{BooleanValue: text == "true"}
		case pluginv1.OptionType_OPTION_TYPE_INTEGER:
			seconds, err := time.ParseDuration(text + "s")
			if err != nil {
				t.Fatal(err)
			}
			value.Value = &pluginv1.OptionValue_IntegerValue{IntegerValue: int64(seconds / time.Second)}
		default:
			value.Value = &pluginv1.OptionValue_StringValue{StringValue: text}
		}
		values = append(values, value)
	}
	for name := range settings {
		if !used[name] {
			t.Fatalf("the plugin declares no option %s", name)
		}
	}
	return sdk.NewConfig("nova", values)
}

// listProjects lists projects; an error without a project fails the test.
func (b *bench) listProjects(marked bool, named ...string) ([]*pluginv1.Project, []*sdk.Diagnostic) {
	b.t.Helper()
	projects, err := b.extractor.ListProjects(b.t.Context(), sdk.ListProjectsRequest{Projects: named, IncludeMarked: marked})
	diagnostics := sdk.Diagnostics(err)
	for _, d := range diagnostics {
		if d.Project == "" {
			b.t.Fatal(err)
		}
	}
	return projects, diagnostics
}

// answer is the result of Extract.
type answer struct {
	records     []*pluginv1.Record
	state       []byte
	diagnostics []*sdk.Diagnostic
	err         error
}

// output collects the records of a window and checks them as the host does.
type output struct {
	t       *testing.T
	check   *contract.StreamCheck
	records []*pluginv1.Record
}

func newOutput(t *testing.T, request sdk.ExtractRequest) *output {
	return &output{t: t, check: contract.NewStreamCheck(&pluginv1.ExtractRequest{
		Project: request.Project, RecordTypes: request.RecordTypes,
		Window: &pluginv1.Window{From: timestamppb.New(request.Window.From), To: timestamppb.New(request.Window.To)}})}
}

func (o *output) Emit(record *pluginv1.Record) error {
	if err := o.check.Add(record); err != nil {
		o.t.Errorf("the host rejects this: %v", err)
	}
	o.records = append(o.records, record)
	return nil
}

func (o *output) Progress(string, int64) {}

// extract extracts a regular window.
func (b *bench) extract(project string, from, to time.Time, state []byte) answer {
	b.t.Helper()
	return b.run(sdk.ExtractRequest{Window: sdk.Window{From: from, To: to}, State: state}, project)
}

func (b *bench) run(request sdk.ExtractRequest, project string) answer {
	b.t.Helper()
	request.Project = &pluginv1.Project{Id: project, Region: request.Project.GetRegion(), Name: "the project", Vo: "vo.example.org"}
	request.RecordTypes = []pluginv1.RecordType{sdk.Cloud}
	out := newOutput(b.t, request)
	state, err := b.extractor.Extract(b.t.Context(), request, out)
	a := answer{records: out.records, state: state, diagnostics: sdk.Diagnostics(err)}
	for _, d := range a.diagnostics {
		if d.Severity == sdk.SeverityError {
			a.err = err
			return a
		}
	}
	if err := out.check.Finish(); err != nil {
		b.t.Errorf("the host rejects this: %v", err)
	}
	return a
}

// must extracts a regular window that must succeed.
func (b *bench) must(project string, from, to time.Time, state []byte) answer {
	b.t.Helper()
	a := b.extract(project, from, to, state)
	if a.err != nil {
		b.t.Fatalf("extracting: %v", a.err)
	}
	return a
}

// last returns the last record of each server, by name.
func (a answer) last() map[string]*pluginv1.CloudRecord {
	byName := map[string]*pluginv1.CloudRecord{}
	for _, record := range a.records {
		byName[record.GetCloud().GetMachineName()] = record.GetCloud()
	}
	return byName
}

// hasDiagnostic reports whether a diagnostic has a text.
func hasDiagnostic(diagnostics []*sdk.Diagnostic, text string) bool {
	for _, d := range diagnostics {
		if strings.Contains(d.Summary+"\n"+d.Detail, text) {
			return true
		}
	}
	return false
}

// beginning is the start of a first window.
var beginning = time.Unix(0, 0).UTC()

// small returns a cloud with one project and no servers.
func small(t *testing.T, options standin.Options, settings map[string]string) (*bench, string) {
	t.Helper()
	options.Empty = true
	b := newBench(t, options, settings)
	return b, addSmallProject(b.cloud)
}

// addSmallProject adds a project without servers and a flavor to a cloud.
func addSmallProject(cloud *standin.Cloud) string {
	project := cloud.AddProject(standin.Project{Name: "vo-one", Tags: []string{"caso"}, Properties: map[string]string{"VO": "one.example.org"}})
	cloud.Grant(cloud.UserID(standin.AccountingUser), project, "reader")
	cloud.AddFlavor(standin.Flavor{ID: "f1", Name: "m1.small", VCPUs: 2, RAM: 4096, Disk: 20, Ephemeral: 5,
		ExtraSpecs: map[string]string{"accounting:benchmark_type": "HEPscore23", "accounting:benchmark_value": "11.35"}})
	return project
}

// server returns a running server.
func server(project, id string, created time.Time) standin.Server {
	return standin.Server{ID: id, Name: id, ProjectID: project, UserID: "u1", FlavorID: "f1", Status: "ACTIVE",
		Created: created, Launched: created.Add(20 * time.Second), Updated: created.Add(20 * time.Second), Host: "node"}
}

// path returns a match of requests with a text in their path.
func path(text string) standin.Match {
	return func(r *http.Request) bool { return strings.Contains(r.URL.Path, text) }
}
