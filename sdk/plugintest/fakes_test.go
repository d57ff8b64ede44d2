package plugintest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

// fakeT replaces *testing.T for the rules.
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

// fatal ends a rule.
type fatal struct{}

// verdict runs the suite and returns the rules that failed, with their messages. It records the
// names of all rules that were run in tried, if that is not nil.
func verdict(t *testing.T, plugin *Plugin, settings Settings, tried map[string]bool) map[string][]string {
	t.Helper()
	failures := map[string][]string{}
	conform(t, plugin, settings, func(name string, rule func(tb)) bool {
		if tried != nil {
			tried[name] = true
		}
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

// expect fails the test unless exactly the given rules failed.
func expect(t *testing.T, failures map[string][]string, want ...string) {
	t.Helper()
	for _, name := range want {
		if len(failures[name]) == 0 {
			t.Errorf("the rule %s holds", name)
		}
	}
	for name, messages := range failures {
		if !slices.Contains(want, name) {
			t.Errorf("the rule %s fails: %q", name, messages)
		}
	}
}

var (
	fakeFrom = time.Date(2026, 3, 5, 10, 0, 0, 0, time.UTC)
	fakeTo   = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)
)

func fakeSettings() Settings {
	return Settings{
		Options: map[string]string{"fake.endpoint": "memory:", "fake.password": "s3cret-value", "DEFAULT.other": "x"},
		From:    fakeFrom, To: fakeTo,
	}
}

func fakeOptions() []*pluginv1.Option {
	options := []sdk.Option{
		sdk.StringOption("fake", "endpoint", "The address of the cloud.").Required(),
		sdk.StringOption("fake", "password", "The password for it.").Secret(),
		sdk.IntOption("fake", "size", "How many at a time.").Default("5").Min(1).Max(9),
		sdk.StringOption("DEFAULT", "caso_tag", "The tag of projects to report.").Default("$other"),
		sdk.ListOption("fake", "mode", "What to do.").Default("a, b").Choices("a", "b", "c"),
		sdk.BoolOption("fake", "loud", "Whether to log more.").Default("no"),
	}
	var declared []*pluginv1.Option
	for _, option := range options {
		declared = append(declared, option.Proto())
	}
	return declared
}

// fakePlugin serves the contract without the SDK, as a plugin in another language does, so that it
// can break every rule. Each test changes one thing.
type fakePlugin struct {
	pluginv1.UnimplementedPluginServer
	pluginv1.UnimplementedExtractorServer
	pluginv1.UnimplementedMessengerServer

	description *pluginv1.DescribeResponse
	describe    func() (*pluginv1.DescribeResponse, error)
	configure   func(sdk.Config) ([]*pluginv1.Diagnostic, error)
	check       func() (*pluginv1.CheckResponse, error)
	list        func(*pluginv1.ListProjectsRequest) (*pluginv1.ListProjectsResponse, error)
	extract     func(ctx context.Context, request *pluginv1.ExtractRequest) ([]*pluginv1.ExtractResponse, error)
	// wait is called before Extract returns. May be nil.
	wait        func(ctx context.Context)
	deliver     func(ctx context.Context, batch *pluginv1.Batch) ([]*pluginv1.Ack, error)
	endDelivery error

	mu      sync.Mutex
	arrived map[string]bool
}

func newFakeExtractor(types ...pluginv1.RecordType) *fakePlugin {
	if len(types) == 0 {
		types = []pluginv1.RecordType{sdk.Cloud}
	}
	f := &fakePlugin{description: &pluginv1.DescribeResponse{
		Name: "fake", Version: "1.2.3", Kind: pluginv1.Kind_KIND_EXTRACTOR, Options: fakeOptions()}}
	for _, t := range types {
		f.description.RecordTypes = append(f.description.RecordTypes,
			&pluginv1.RecordTypeDescription{Type: t, TimeSemantics: contract.TimeSemanticsOf(t)})
	}
	f.extract = extractRecords
	return f
}

func newFakeMessenger(types ...pluginv1.RecordType) *fakePlugin {
	f := newFakeExtractor(types...)
	f.description.Kind = pluginv1.Kind_KIND_MESSENGER
	f.arrived = map[string]bool{}
	f.deliver = func(_ context.Context, batch *pluginv1.Batch) ([]*pluginv1.Ack, error) {
		return []*pluginv1.Ack{delivered(batch)}, nil
	}
	return f
}

// serveFake serves the plugin inside the test.
func serveFake(t *testing.T, f *fakePlugin) *Plugin {
	t.Helper()
	return serve(t, func(server *grpc.Server) { f.register(server) })
}

func (f *fakePlugin) register(server *grpc.Server) {
	pluginv1.RegisterPluginServer(server, f)
	if f.description.GetKind() == pluginv1.Kind_KIND_MESSENGER {
		pluginv1.RegisterMessengerServer(server, f)
	} else {
		pluginv1.RegisterExtractorServer(server, f)
	}
}

func (f *fakePlugin) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	if f.describe != nil {
		return f.describe()
	}
	return f.description, nil
}

func (f *fakePlugin) Configure(_ context.Context, request *pluginv1.ConfigureRequest) (*pluginv1.ConfigureResponse, error) {
	config := sdk.NewConfig(request.GetInstance(), request.GetValues())
	if f.configure != nil {
		diagnostics, err := f.configure(config)
		return &pluginv1.ConfigureResponse{Diagnostics: diagnostics}, err
	}
	if len(f.description.GetOptions()) > 0 && !config.IsSet("fake", "endpoint") {
		return &pluginv1.ConfigureResponse{Diagnostics: []*pluginv1.Diagnostic{failure("endpoint is missing")}}, nil
	}
	return &pluginv1.ConfigureResponse{}, nil
}

func (f *fakePlugin) Check(ctx context.Context, request *pluginv1.CheckRequest) (*pluginv1.CheckResponse, error) {
	if f.check != nil {
		return f.check()
	}
	return f.UnimplementedPluginServer.Check(ctx, request)
}

func (f *fakePlugin) Close(context.Context, *pluginv1.CloseRequest) (*pluginv1.CloseResponse, error) {
	return &pluginv1.CloseResponse{}, nil
}

func (f *fakePlugin) ListProjects(_ context.Context, request *pluginv1.ListProjectsRequest) (*pluginv1.ListProjectsResponse, error) {
	if f.list != nil {
		return f.list(request)
	}
	response := &pluginv1.ListProjectsResponse{}
	if request.GetIncludeMarked() {
		response.Projects = []*pluginv1.Project{{Id: "p1", Name: "one", Vo: "vo"}, {Id: "p2", Name: "two"}}
	}
	for _, project := range request.GetProjects() {
		response.Diagnostics = append(response.Diagnostics, failure("unknown project "+project))
	}
	return response, nil
}

func (f *fakePlugin) Extract(request *pluginv1.ExtractRequest, stream grpc.ServerStreamingServer[pluginv1.ExtractResponse]) error {
	if f.wait != nil {
		defer func() { f.wait(stream.Context()) }()
	}
	messages, err := f.extract(stream.Context(), request)
	for _, message := range messages {
		if err := stream.Send(message); err != nil {
			return err
		}
	}
	return err
}

func (f *fakePlugin) Deliver(stream grpc.BidiStreamingServer[pluginv1.DeliverRequest, pluginv1.DeliverResponse]) error {
	for {
		request, err := stream.Recv()
		if err != nil {
			return f.endDelivery
		}
		acks, err := f.deliver(stream.Context(), request.GetBatch())
		for _, ack := range acks {
			f.store(request.GetBatch(), ack)
			if err := stream.Send(&pluginv1.DeliverResponse{Ack: ack}); err != nil {
				return err
			}
		}
		if err != nil || len(acks) == 0 {
			return err
		}
	}
}

func (f *fakePlugin) store(batch *pluginv1.Batch, ack *pluginv1.Ack) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ack.GetResult() != pluginv1.Ack_RESULT_DELIVERED || len(ack.GetRejectedRecords()) > 0 {
		return
	}
	for _, record := range batch.GetRecords() {
		f.arrived[record.GetId()] = true
	}
}

func (f *fakePlugin) hasArrived(record *pluginv1.Record) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.arrived[record.GetId()]
}

func failure(summary string) *pluginv1.Diagnostic {
	return &pluginv1.Diagnostic{Severity: pluginv1.Diagnostic_SEVERITY_ERROR, Summary: summary}
}

func delivered(batch *pluginv1.Batch) *pluginv1.Ack {
	return &pluginv1.Ack{BatchId: batch.GetId(), Result: pluginv1.Ack_RESULT_DELIVERED}
}

// extractRecords emits valid records of every type that was requested.
func extractRecords(_ context.Context, request *pluginv1.ExtractRequest) ([]*pluginv1.ExtractResponse, error) {
	if id := request.GetProject().GetId(); id != "p1" && id != "p2" {
		return []*pluginv1.ExtractResponse{failureMessage(failure("unknown project " + id))}, nil
	}
	var messages []*pluginv1.ExtractResponse
	for records := range slices.Chunk(validRecords(request, 5), 7) {
		messages = append(messages, batchMessage(records))
	}
	return append(messages, completeMessage()), nil
}

// changing returns an extraction that changes the records of extractRecords. A change that returns
// false removes the record.
func changing(change func(i int, record *pluginv1.Record) bool) func(context.Context, *pluginv1.ExtractRequest) ([]*pluginv1.ExtractResponse, error) {
	return func(ctx context.Context, request *pluginv1.ExtractRequest) ([]*pluginv1.ExtractResponse, error) {
		messages, err := extractRecords(ctx, request)
		i := 0
		for _, message := range messages {
			if batch := message.GetBatch(); batch != nil {
				batch.Records = slices.DeleteFunc(batch.Records, func(record *pluginv1.Record) bool {
					i++
					return !change(i-1, record)
				})
			}
		}
		messages = slices.DeleteFunc(messages, func(m *pluginv1.ExtractResponse) bool {
			return m.GetBatch() != nil && len(m.GetBatch().GetRecords()) == 0
		})
		return messages, err
	}
}

// validRecords returns records of n subjects of every type that was requested, in time order.
func validRecords(request *pluginv1.ExtractRequest, n int) []*pluginv1.Record {
	from, to := request.GetWindow().GetFrom().AsTime(), request.GetWindow().GetTo().AsTime()
	start := time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)
	var records []*pluginv1.Record
	add := func(record *pluginv1.Record) {
		record.CloudType, record.ProjectId = "OpenStack", request.GetProject().GetId()
		records = append(records, record)
	}
	for _, t := range request.GetRecordTypes() {
		template := Records(1, 1, t)[0]
		for i := range n {
			id := fmt.Sprintf("subject-%d", i)
			switch template.GetKind().(type) {
			case *pluginv1.Record_Cloud:
				for _, month := range contract.Months(from, to) {
					add(&pluginv1.Record{Kind: &pluginv1.Record_Cloud{Cloud: &pluginv1.CloudRecord{
						VmUuid: id, Status: pluginv1.CloudStatus_CLOUD_STATUS_STARTED,
						StartTime: timestamppb.New(start), RecordCreateTime: timestamppb.New(month.AsOf),
						WallDuration: seconds(int64(month.AsOf.Sub(start) / time.Second)),
					}}})
				}
			case *pluginv1.Record_Accelerator:
				for _, month := range contract.Months(from, to) {
					accelerator := proto.CloneOf(template).GetAccelerator()
					accelerator.VmUuid = id
					accelerator.MeasurementYear, accelerator.MeasurementMonth = int32(month.From.Year()), int32(month.From.Month())
					accelerator.AvailableDuration, accelerator.ActiveDuration = seconds(3600), nil
					add(&pluginv1.Record{Kind: &pluginv1.Record_Accelerator{Accelerator: accelerator}})
				}
			case *pluginv1.Record_Ip:
				ip := proto.CloneOf(template).GetIp()
				ip.LocalUserId, ip.MeasurementTime = id, timestamppb.New(to)
				add(&pluginv1.Record{Kind: &pluginv1.Record_Ip{Ip: ip}})
			case *pluginv1.Record_Storage:
				storage := proto.CloneOf(template).GetStorage()
				storage.VolumeId, storage.StartTime = id, timestamppb.New(start)
				storage.EndTime, storage.CreateTime = timestamppb.New(to), timestamppb.New(to)
				add(&pluginv1.Record{Kind: &pluginv1.Record_Storage{Storage: storage}})
			case *pluginv1.Record_Energy:
				energy := proto.CloneOf(template).GetEnergy()
				energy.VmUuid, energy.StartTime, energy.EndTime = id, timestamppb.New(from), timestamppb.New(to)
				add(&pluginv1.Record{Kind: &pluginv1.Record_Energy{Energy: energy}})
			}
		}
	}
	return records
}

func batchMessage(records []*pluginv1.Record) *pluginv1.ExtractResponse {
	return &pluginv1.ExtractResponse{Message: &pluginv1.ExtractResponse_Batch{Batch: &pluginv1.RecordBatch{Records: records}}}
}

func completeMessage() *pluginv1.ExtractResponse {
	return &pluginv1.ExtractResponse{Message: &pluginv1.ExtractResponse_Complete{Complete: &pluginv1.Complete{NextState: []byte("state")}}}
}

func failureMessage(diagnostics ...*pluginv1.Diagnostic) *pluginv1.ExtractResponse {
	return &pluginv1.ExtractResponse{Message: &pluginv1.ExtractResponse_Failure{Failure: &pluginv1.Failure{Diagnostics: diagnostics}}}
}
