package ceilometer

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
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

// now is the time in the stand-in clouds; beginning is the start of a first window.
var (
	now       = time.Date(2026, 4, 10, 12, 0, 0, 0, time.UTC)
	beginning = time.Unix(0, 0).UTC()
)

// bothArchives has the back ends by name.
var bothArchives = map[string]standin.Telemetry{"gnocchi": standin.TelemetryGnocchi, "ceilometer": standin.TelemetryCeilometer}

// bench is a stand-in cloud with an extractor for it.
type bench struct {
	t         *testing.T
	cloud     *standin.Cloud
	url       string
	project   string
	extractor *openstack.Extractor
}

// newBench serves a cloud with one project and the servers that a test adds.
func newBench(t *testing.T, options standin.Options, settings map[string]string) *bench {
	t.Helper()
	options.Now = now
	cloud := standin.New(options)
	server := httptest.NewServer(cloud)
	t.Cleanup(server.Close)
	b := &bench{t: t, cloud: cloud, url: server.URL}
	if options.Empty {
		b.project = cloud.AddProject(standin.Project{Name: "vo-one", Properties: map[string]string{"VO": "one.example.org"}})
		cloud.Grant(cloud.UserID(standin.AccountingUser), b.project, "reader")
		cloud.AddFlavor(standin.Flavor{ID: "f1", Name: "m1.small", VCPUs: 2, RAM: 4096, Disk: 20})
	} else {
		b.project = cloud.ProjectID("vo-biomed")
	}
	b.extractor = b.configured(newExtractor(func() time.Time { return now }), settings)
	return b
}

// configured configures an extractor for the cloud as the host does.
func (b *bench) configured(extractor *openstack.Extractor, settings map[string]string) *openstack.Extractor {
	b.t.Helper()
	extractor.Wait = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	all := map[string]string{"extractor.user": standin.AccountingUser, "extractor.password": standin.AccountingPassword, "extractor.endpoint": b.url + "/v3"}
	maps.Copy(all, settings)
	var values []*pluginv1.OptionValue
	for _, declared := range extractor.Describe().Options {
		option := declared.Proto()
		name := option.GetSection() + "." + option.GetName()
		text, ok := all[name]
		if !ok && option.DefaultValue != nil {
			text, ok = option.GetDefaultValue(), true
		}
		if number, err := strconv.ParseInt(text, 10, 64); ok && option.GetType() == pluginv1.OptionType_OPTION_TYPE_INTEGER && err == nil {
			values = append(values, &pluginv1.OptionValue{Option: &pluginv1.OptionRef{Section: option.GetSection(), Name: option.GetName()},
				Value: &pluginv1.OptionValue_IntegerValue{IntegerValue: number}})
		}
		if ok && option.GetType() == pluginv1.OptionType_OPTION_TYPE_STRING {
			values = append(values, &pluginv1.OptionValue{Option: &pluginv1.OptionRef{Section: option.GetSection(), Name: option.GetName()},
				Value: &pluginv1.OptionValue_StringValue{StringValue: text}})
		}
		delete(all, name)
	}
	for name := range all {
		b.t.Fatalf("the plugin declares no option %s", name)
	}
	if err := extractor.Configure(b.t.Context(), sdk.NewConfig("ceilometer", values)); err != nil {
		b.t.Fatalf("configuring: %v", err)
	}
	return extractor
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

func (o *output) Emit(record *pluginv1.Record) error {
	if err := o.check.Add(record); err != nil {
		o.t.Errorf("the host rejects this: %v", err)
	}
	o.records = append(o.records, record)
	return nil
}

func (o *output) Progress(string, int64) {}

// run extracts a regular window.
func (b *bench) run(extractor *openstack.Extractor, from, to time.Time, state []byte) answer {
	b.t.Helper()
	return b.request(extractor, sdk.ExtractRequest{Window: sdk.Window{From: from, To: to}, State: state})
}

// republish extracts a window that does not continue the last regular one.
func (b *bench) republish(from, to time.Time, state []byte) answer {
	b.t.Helper()
	return b.request(b.extractor, sdk.ExtractRequest{Window: sdk.Window{From: from, To: to}, State: state, Republish: true})
}

func (b *bench) request(extractor *openstack.Extractor, request sdk.ExtractRequest) answer {
	b.t.Helper()
	request.Project = &pluginv1.Project{Id: b.project, Name: "vo-one", Vo: "one.example.org"}
	request.RecordTypes = []pluginv1.RecordType{sdk.Cloud}
	out := &output{t: b.t, check: contract.NewStreamCheck(&pluginv1.ExtractRequest{
		Project: request.Project, RecordTypes: request.RecordTypes,
		Window: &pluginv1.Window{From: timestamppb.New(request.Window.From), To: timestamppb.New(request.Window.To)}})}
	state, err := extractor.Extract(b.t.Context(), request, out)
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
func (b *bench) must(from, to time.Time, state []byte) answer {
	b.t.Helper()
	a := b.run(b.extractor, from, to, state)
	if a.err != nil {
		b.t.Fatalf("extracting %v to %v: %v", from, to, a.err)
	}
	return a
}

// last returns the last record of a server.
func (a answer) last(id string) *pluginv1.CloudRecord {
	var found *pluginv1.CloudRecord
	for _, record := range a.records {
		if record.GetCloud().GetVmUuid() == id {
			found = record.GetCloud()
		}
	}
	return found
}

// hasDiagnostic reports whether a diagnostic has a text.
func (a answer) hasDiagnostic(text string) bool {
	for _, d := range a.diagnostics {
		if strings.Contains(d.Summary+"\n"+d.Detail, text) {
			return true
		}
	}
	return false
}

// server adds a running server.
func (b *bench) server(id string, created time.Time) {
	b.cloud.AddServer(standin.Server{ID: id, Name: id, ProjectID: b.project, UserID: "u1", FlavorID: "f1", Status: "ACTIVE",
		Created: created, Launched: created.Add(20 * time.Second), Updated: created.Add(20 * time.Second), Host: "node"})
}

// end deletes a server.
func (b *bench) end(id string, at time.Time) {
	b.cloud.UpdateServer(id, func(s *standin.Server) { s.Status, s.Terminated, s.Updated = "DELETED", at, at })
}

// cpu adds samples of processor time, in seconds, every five minutes from a time on.
func (b *bench) cpu(id string, from time.Time, seconds ...float64) {
	for i, value := range seconds {
		b.cloud.AddSamples(standin.Sample{ServerID: id, Meter: "cpu", At: from.Add(time.Duration(i) * 5 * time.Minute), Value: value * 1e9})
	}
}

// traffic adds samples of the traffic of an interface in both directions, in GB, every five minutes
// from a time on.
func (b *bench) traffic(id, tap string, from time.Time, gigabytes ...float64) {
	for i, value := range gigabytes {
		at := from.Add(time.Duration(i) * 5 * time.Minute)
		b.cloud.AddSamples(standin.Sample{ServerID: id, Meter: "network.incoming.bytes", Interface: tap, At: at, Value: value * (1 << 30)},
			standin.Sample{ServerID: id, Meter: "network.outgoing.bytes", Interface: tap, At: at, Value: 2 * value * (1 << 30)})
	}
}

// figures are the measured figures of a record; -1 is absent.
type figures struct{ cpu, in, out int64 }

func measured(record *pluginv1.CloudRecord) figures {
	f := figures{-1, -1, -1}
	if record.GetCpuDuration() != nil {
		f.cpu = record.GetCpuDuration().GetSeconds()
	}
	if record.NetworkInboundGb != nil {
		f.in = record.GetNetworkInboundGb()
	}
	if record.NetworkOutboundGb != nil {
		f.out = record.GetNetworkOutboundGb()
	}
	return f
}

// path returns a match of requests with a text in their path.
func path(text string) standin.Match {
	return func(r *http.Request) bool { return strings.Contains(r.URL.Path, text) }
}
