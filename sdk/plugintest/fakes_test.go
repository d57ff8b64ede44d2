package plugintest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

// fakeT is what the suite sees in place of a *testing.T.
type fakeT struct {
	ctx      context.Context
	cleanups []func()

	mu     sync.Mutex
	errors []string
}

func (f *fakeT) Helper()                  {}
func (f *fakeT) Context() context.Context { return f.ctx }
func (f *fakeT) Cleanup(cleanup func())   { f.cleanups = append(f.cleanups, cleanup) }
func (f *fakeT) Logf(string, ...any)      {}

func (f *fakeT) Failed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.errors) > 0
}

func (f *fakeT) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}

func (f *fakeT) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	panic(fatal{})
}

// fatal leaves a rule.
type fatal struct{}

// verdict runs the suite as Conform does and says what failed: subtests to messages.
func verdict(t *testing.T, plugin *Plugin, settings Settings) map[string][]string {
	t.Helper()
	failures := map[string][]string{}
	conform(t, plugin, settings, func(name string, rule func(tb)) bool {
		fake := &fakeT{ctx: t.Context()}
		defer func() {
			for _, cleanup := range slices.Backward(fake.cleanups) {
				cleanup()
			}
		}()
		func() {
			defer func() {
				if cause := recover(); cause != nil && cause != (fatal{}) {
					panic(cause)
				}
			}()
			rule(fake)
		}()
		if fake.Failed() {
			failures[name] = fake.errors
		}
		return !fake.Failed()
	})
	return failures
}

// expect wants some subtests to fail, or none.
func expect(t *testing.T, failures map[string][]string, want ...string) {
	t.Helper()
	for _, name := range want {
		if len(failures[name]) == 0 {
			t.Errorf("the suite should have failed at %s", name)
		}
	}
	for name, messages := range failures {
		if !slices.Contains(want, name) {
			t.Errorf("the suite failed at %s: %q", name, messages)
		}
	}
}

var (
	fakeFrom = time.Date(2026, 3, 5, 10, 0, 0, 0, time.UTC)
	fakeTo   = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)
)

// base is the describing half of a good plugin; the tests spoil one thing at a time.
type base struct {
	description sdk.Description
	describe    func() sdk.Description
	configure   func(sdk.Config) []*pluginv1.Diagnostic
}

func newBase(name string, types ...pluginv1.RecordType) base {
	return base{description: sdk.Description{
		Name: name, Version: "1.2.3", RecordTypes: types,
		Options: []*pluginv1.Option{
			{Section: name, Name: "endpoint", Type: pluginv1.OptionType_OPTION_TYPE_STRING, Required: true, Help: "Where the cloud answers."},
			{Section: name, Name: "password", Type: pluginv1.OptionType_OPTION_TYPE_STRING, Secret: true, Help: "The password for it."},
			{Section: name, Name: "size", Type: pluginv1.OptionType_OPTION_TYPE_INTEGER, DefaultValue: proto.String("5"),
				Minimum: proto.Int64(1), Maximum: proto.Int64(9), Help: "How many at a time."},
			{Section: "DEFAULT", Name: "caso_tag", Type: pluginv1.OptionType_OPTION_TYPE_STRING, DefaultValue: proto.String("$other"), Help: "The tag of projects to report."},
			{Section: name, Name: "mode", Type: pluginv1.OptionType_OPTION_TYPE_LIST, DefaultValue: proto.String("a, b"),
				Choices: []string{"a", "b", "c"}, Help: "What to do."},
			{Section: name, Name: "loud", Type: pluginv1.OptionType_OPTION_TYPE_BOOLEAN, DefaultValue: proto.String("no"), Help: "Whether to say more."},
		},
	}}
}

func (b *base) Describe() sdk.Description {
	if b.describe != nil {
		return b.describe()
	}
	return b.description
}

func (b *base) Configure(_ context.Context, config sdk.Config) []*pluginv1.Diagnostic {
	if b.configure != nil {
		return b.configure(config)
	}
	if !config.IsSet("fake", "endpoint") {
		return []*pluginv1.Diagnostic{sdk.OptionErrorf("fake", "endpoint", "no endpoint is given")}
	}
	return nil
}

func fakeSettings(name string) Settings {
	return Settings{
		Options: map[string]string{name + ".endpoint": "memory:", name + ".password": "s3cret-value", "DEFAULT.other": "x"},
		From:    fakeFrom, To: fakeTo,
	}
}

// fakeExtractor reports VMs that it makes up.
type fakeExtractor struct {
	base
	vms     int // enough for several batches
	list    func(*pluginv1.ListProjectsRequest) (*pluginv1.ListProjectsResponse, error)
	extract func(ctx context.Context, request *pluginv1.ExtractRequest, emit func(*pluginv1.Record) error) (*pluginv1.Complete, error)
}

func newExtractor() *fakeExtractor {
	return &fakeExtractor{base: newBase("fake", pluginv1.RecordType_RECORD_TYPE_CLOUD), vms: 1200}
}

func (f *fakeExtractor) ListProjects(_ context.Context, request *pluginv1.ListProjectsRequest) (*pluginv1.ListProjectsResponse, error) {
	if f.list != nil {
		return f.list(request)
	}
	response := &pluginv1.ListProjectsResponse{}
	if request.GetIncludeMarked() {
		response.Projects = []*pluginv1.Project{{Id: "p1", Name: "one", Vo: "vo"}, {Id: "p2", Name: "two"}}
	}
	for _, project := range request.GetProjects() {
		response.Diagnostics = append(response.Diagnostics, sdk.Errorf("project %q is not known", project))
	}
	return response, nil
}

func (f *fakeExtractor) Extract(ctx context.Context, request *pluginv1.ExtractRequest, emit func(*pluginv1.Record) error) (*pluginv1.Complete, error) {
	if f.extract != nil {
		return f.extract(ctx, request, emit)
	}
	return extractVMs(f.vms, request, emit)
}

func goodExtract(_ context.Context, request *pluginv1.ExtractRequest, emit func(*pluginv1.Record) error) (*pluginv1.Complete, error) {
	return extractVMs(1200, request, emit)
}

func extractVMs(n int, request *pluginv1.ExtractRequest, emit func(*pluginv1.Record) error) (*pluginv1.Complete, error) {
	if id := request.GetProject().GetId(); id != "p1" && id != "p2" {
		return nil, fmt.Errorf("project %q is not known", id)
	}
	for i := range n {
		if err := emit(fakeVM(request, i)); err != nil {
			return nil, err
		}
	}
	return &pluginv1.Complete{NextState: []byte("state")}, nil
}

func fakeVM(request *pluginv1.ExtractRequest, i int) *pluginv1.Record {
	return &pluginv1.Record{
		CloudType: "OpenStack", ProjectId: request.GetProject().GetId(),
		Kind: &pluginv1.Record_Cloud{Cloud: &pluginv1.CloudRecord{
			VmUuid: fmt.Sprintf("vm-%d", i), Status: pluginv1.CloudStatus_CLOUD_STATUS_STARTED,
			StartTime:        timestamppb.New(fakeFrom.Add(-time.Hour)),
			RecordCreateTime: request.GetWindow().GetTo(),
			WallDuration:     seconds(3 * 3600),
		}},
	}
}

// fakeMessenger keeps records in memory.
type fakeMessenger struct {
	base
	deliver func(ctx context.Context, batch *pluginv1.Batch) error

	mu   sync.Mutex
	kept map[string]bool
}

func newMessenger() *fakeMessenger {
	return &fakeMessenger{base: newBase("fake", pluginv1.RecordType_RECORD_TYPE_IP), kept: map[string]bool{}}
}

func (f *fakeMessenger) Deliver(ctx context.Context, batch *pluginv1.Batch) error {
	if f.deliver != nil {
		if err := f.deliver(ctx, batch); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, record := range batch.GetRecords() {
		f.kept[record.GetId()] = true
	}
	return nil
}

func (f *fakeMessenger) arrived(record *pluginv1.Record) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.kept[record.GetId()]
}
