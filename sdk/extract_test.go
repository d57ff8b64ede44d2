package sdk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/sdk/plugintest"
)

type extractFunc func(context.Context, sdk.ExtractRequest, sdk.Output) ([]byte, error)

// testExtractor is an extractor of one function.
type testExtractor struct {
	testPlugin
	list    func() ([]*pluginv1.Project, error)
	extract extractFunc
}

func (e testExtractor) ListProjects(context.Context, sdk.ListProjectsRequest) ([]*pluginv1.Project, error) {
	return e.list()
}

func (e testExtractor) Extract(ctx context.Context, request sdk.ExtractRequest, out sdk.Output) ([]byte, error) {
	return e.extract(ctx, request, out)
}

// testPlugin is the common part of the plugins of these tests.
type testPlugin struct {
	describe  func() sdk.Description
	configure func(sdk.Config) error
}

func (p testPlugin) Describe() sdk.Description {
	if p.describe == nil {
		return sdk.Description{Name: "test", Version: "1", RecordTypes: sdk.Emits(sdk.Cloud)}
	}
	return p.describe()
}

func (p testPlugin) Configure(_ context.Context, config sdk.Config) error {
	if p.configure == nil {
		return nil
	}
	return p.configure(config)
}

var (
	windowFrom = time.Date(2026, 3, 5, 10, 0, 0, 0, time.UTC)
	windowTo   = windowFrom.Add(time.Hour)
)

func testRequest(project string) *pluginv1.ExtractRequest {
	return &pluginv1.ExtractRequest{
		Project:     &pluginv1.Project{Id: project, Vo: "vo"},
		Window:      &pluginv1.Window{From: timestamppb.New(windowFrom), To: timestamppb.New(windowTo)},
		RecordTypes: []pluginv1.RecordType{sdk.Cloud},
	}
}

// cloudRecord returns a valid record with an id and of about a size.
func cloudRecord(id string, bytes int) *pluginv1.Record {
	return &pluginv1.Record{ProjectId: "p", Kind: &pluginv1.Record_Cloud{Cloud: &pluginv1.CloudRecord{
		VmUuid: id, MachineName: strings.Repeat("x", bytes), Status: pluginv1.CloudStatus_CLOUD_STATUS_STARTED,
		StartTime: timestamppb.New(windowFrom), RecordCreateTime: timestamppb.New(windowTo), WallDuration: durationpb.New(time.Hour),
	}}}
}

// extractWindow runs an extraction to its end.
func extractWindow(t *testing.T, extract extractFunc) (batches []*pluginv1.RecordBatch, last *pluginv1.ExtractResponse) {
	t.Helper()
	stream, err := plugintest.Extractor(t, testExtractor{extract: extract}).Extract(t.Context(), testRequest("p"))
	if err != nil {
		t.Fatal(err)
	}
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return batches, last
		}
		if err != nil {
			t.Fatal(err)
		}
		if batch := message.GetBatch(); batch != nil {
			batches = append(batches, batch)
		}
		last = message
	}
}

func TestBatches(t *testing.T) {
	tests := map[string]struct {
		records, bytes int
		want           []int
	}{
		"none":              {0, 0, nil},
		"one":               {1, 10, []int{1}},
		"by count, exactly": {500, 10, []int{500}},
		"by count":          {1201, 10, []int{500, 500, 201}},
		"by bytes":          {5, 60 << 10, []int{3, 2}},
		"each too large for a full batch, but allowed": {3, 500 << 10, []int{1, 1, 1}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			batches, last := extractWindow(t, func(_ context.Context, _ sdk.ExtractRequest, out sdk.Output) ([]byte, error) {
				for i := range test.records {
					if err := out.Emit(cloudRecord(fmt.Sprint(i), test.bytes)); err != nil {
						return nil, err
					}
				}
				return []byte("next"), nil
			})
			if string(last.GetComplete().GetNextState()) != "next" {
				t.Errorf("the stream ends with %v", last)
			}
			var sizes []int
			i := 0
			for _, batch := range batches {
				sizes = append(sizes, len(batch.GetRecords()))
				if bytes := proto.Size(batch); bytes > sdk.MaxBatchBytes {
					t.Errorf("a batch has %d bytes", bytes)
				}
				for _, record := range batch.GetRecords() {
					if record.GetCloud().GetVmUuid() != fmt.Sprint(i) {
						t.Fatalf("record %d is %s: the order is lost", i, record.GetCloud().GetVmUuid())
					}
					i++
				}
			}
			if fmt.Sprint(sizes) != fmt.Sprint(test.want) {
				t.Errorf("batches of %v records, want %v", sizes, test.want)
			}
		})
	}
}

func TestBatchFullBytes(t *testing.T) {
	batches, _ := extractWindow(t, func(_ context.Context, _ sdk.ExtractRequest, out sdk.Output) ([]byte, error) {
		for i := range 2000 {
			if err := out.Emit(cloudRecord(fmt.Sprint(i), 1000)); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	for _, batch := range batches[:len(batches)-1] {
		if bytes := proto.Size(batch); bytes > contract.FullBatchBytes || bytes < contract.FullBatchBytes-3000 {
			t.Errorf("a batch has %d bytes, far from %d", bytes, contract.FullBatchBytes)
		}
	}
}

func TestRecordTooLarge(t *testing.T) {
	for name, ignored := range map[string]bool{"returned": false, "ignored by the extractor": true} {
		t.Run(name, func(t *testing.T) {
			_, last := extractWindow(t, func(_ context.Context, _ sdk.ExtractRequest, out sdk.Output) ([]byte, error) {
				err := out.Emit(cloudRecord("big", sdk.MaxBatchBytes))
				if ignored {
					_ = out.Emit(cloudRecord("small", 1))
					return nil, nil
				}
				return nil, fmt.Errorf("emitting: %w", err)
			})
			diagnostics := last.GetFailure().GetDiagnostics()
			if len(diagnostics) != 1 || !strings.Contains(diagnostics[0].GetSummary(), "more than a batch may have") ||
				diagnostics[0].GetResourceId() != "big" || diagnostics[0].GetProject() != "p" {
				t.Errorf("the stream ends with %v", last)
			}
		})
	}
}

func TestStateTooLarge(t *testing.T) {
	_, last := extractWindow(t, func(context.Context, sdk.ExtractRequest, sdk.Output) ([]byte, error) {
		return make([]byte, sdk.MaxStateBytes+1), nil
	})
	if diagnostics := last.GetFailure().GetDiagnostics(); len(diagnostics) != 1 || !strings.Contains(diagnostics[0].GetSummary(), "state") {
		t.Errorf("the stream ends with %v", last)
	}
	_, last = extractWindow(t, func(context.Context, sdk.ExtractRequest, sdk.Output) ([]byte, error) {
		return make([]byte, sdk.MaxStateBytes), nil
	})
	if len(last.GetComplete().GetNextState()) != sdk.MaxStateBytes {
		t.Errorf("the largest state does not pass")
	}
}

func TestEmitFromSeveralGoroutines(t *testing.T) {
	batches, last := extractWindow(t, func(_ context.Context, _ sdk.ExtractRequest, out sdk.Output) ([]byte, error) {
		var wait sync.WaitGroup
		for worker := range 8 {
			wait.Go(func() {
				for i := range 300 {
					_ = out.Emit(cloudRecord(fmt.Sprintf("%d-%d", worker, i), 1))
				}
			})
		}
		wait.Wait()
		return nil, nil
	})
	seen := map[string]bool{}
	for _, batch := range batches {
		for _, record := range batch.GetRecords() {
			seen[record.GetCloud().GetVmUuid()] = true
		}
	}
	if len(seen) != 8*300 || last.GetComplete() == nil {
		t.Errorf("%d records arrived of %d, then %v", len(seen), 8*300, last)
	}
}

func TestEmitFailsOnceTheHostIsGone(t *testing.T) {
	started, emitted := make(chan struct{}), make(chan error, 1)
	plugin := plugintest.Extractor(t, testExtractor{extract: func(ctx context.Context, _ sdk.ExtractRequest, out sdk.Output) ([]byte, error) {
		close(started)
		<-ctx.Done()
		// Far from a full batch: Emit fails without sending anything.
		err := out.Emit(cloudRecord("late", 1))
		emitted <- err
		return nil, err
	}})
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := plugin.Extract(ctx, testRequest("p")); err != nil {
		t.Fatal(err)
	}
	<-started
	cancel()
	if err := <-emitted; !errors.Is(err, context.Canceled) {
		t.Errorf("Emit returned %v", err)
	}
}

// Both extractions wait for the other to be under way.
func TestExtractIsConcurrent(t *testing.T) {
	meet := make(chan struct{})
	plugin := plugintest.Extractor(t, testExtractor{extract: func(ctx context.Context, request sdk.ExtractRequest, out sdk.Output) ([]byte, error) {
		select {
		case meet <- struct{}{}:
		case <-meet:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		record := cloudRecord(request.Project.GetId(), 1)
		record.ProjectId = request.Project.GetId()
		return nil, out.Emit(record)
	}})
	for _, id := range []string{"one", "two"} {
		stream, err := plugin.Extract(t.Context(), testRequest(id))
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			message, err := stream.Recv()
			if err != nil || message.GetBatch().GetRecords()[0].GetCloud().GetVmUuid() != id {
				t.Errorf("project %s: %v, %v", id, message, err)
			}
		}()
	}
}

// An invalid record fails the window with a diagnostic that names record and field.
func TestInvalidRecords(t *testing.T) {
	tests := map[string]struct {
		change func(record *pluginv1.Record)
		want   string
	}{
		"not UTF-8":         {func(r *pluginv1.Record) { r.GetCloud().MachineName = "a\xffb" }, `invalid cloud record of "vm": machine_name is not UTF-8: "a\xffb"`},
		"no wall time":      {func(r *pluginv1.Record) { r.GetCloud().WallDuration = nil }, "wall_duration is missing"},
		"another project":   {func(r *pluginv1.Record) { r.ProjectId = "q" }, `project_id is "q"`},
		"not requested":     {func(r *pluginv1.Record) { r.CloudType, r.Kind = "x", ipRecord().Kind }, "record type ip was not requested"},
		"after the window":  {func(r *pluginv1.Record) { r.GetCloud().RecordCreateTime.Seconds++; r.GetCloud().WallDuration.Seconds++ }, "is after the window's end"},
		"wall time too low": {func(r *pluginv1.Record) { r.GetCloud().WallDuration.Seconds-- }, "wall_duration is 3599 s: it must be 3600 s"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, last := extractWindow(t, func(_ context.Context, _ sdk.ExtractRequest, out sdk.Output) ([]byte, error) {
				record := cloudRecord("vm", 1)
				test.change(record)
				return nil, out.Emit(record)
			})
			diagnostics := last.GetFailure().GetDiagnostics()
			if len(diagnostics) != 1 || !strings.Contains(diagnostics[0].GetSummary(), test.want) || !contract.IsError(diagnostics[0]) {
				t.Errorf("the stream ends with %v, want %s", last, test.want)
			}
		})
	}
}

func ipRecord() *pluginv1.Record {
	record := plugintest.Records(1, 1, sdk.IP)[0]
	record.ProjectId = "p"
	return record
}

// What only the end of a stream shows fails the window too.
func TestMissingMonthEnd(t *testing.T) {
	request := testRequest("p")
	request.Window.From = timestamppb.New(time.Date(2026, 2, 20, 0, 0, 0, 0, time.UTC))
	stream, err := plugintest.Extractor(t, testExtractor{extract: func(_ context.Context, _ sdk.ExtractRequest, out sdk.Output) ([]byte, error) {
		record := cloudRecord("vm", 1)
		monthEnd := time.Date(2026, 2, 28, 23, 59, 59, 0, time.UTC)
		record.GetCloud().StartTime = request.GetWindow().GetFrom()
		record.GetCloud().RecordCreateTime = timestamppb.New(monthEnd)
		record.GetCloud().WallDuration = durationpb.New(monthEnd.Sub(request.GetWindow().GetFrom().AsTime()))
		return nil, out.Emit(record)
	}}).Extract(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	message, err := stream.Recv()
	if text := fmt.Sprint(message.GetFailure().GetDiagnostics()); err != nil || !strings.Contains(text, "the record as of 2026-03-05T11:00:00Z is missing") {
		t.Errorf("%v, %v", message, err)
	}
}

// A warning alone does not fail the window, an error joined to it does.
func TestExtractWarnings(t *testing.T) {
	_, last := extractWindow(t, func(context.Context, sdk.ExtractRequest, sdk.Output) ([]byte, error) {
		return []byte("next"), errors.Join(sdk.Warnf("one"), sdk.Warnf("two").WithResource("vm"))
	})
	complete := last.GetComplete()
	if string(complete.GetNextState()) != "next" || len(complete.GetDiagnostics()) != 2 || complete.GetDiagnostics()[1].GetResourceId() != "vm" {
		t.Errorf("the stream ends with %v", last)
	}
	_, last = extractWindow(t, func(context.Context, sdk.ExtractRequest, sdk.Output) ([]byte, error) {
		return []byte("next"), errors.Join(sdk.Warnf("one"), errors.New("two"))
	})
	if len(last.GetFailure().GetDiagnostics()) != 2 {
		t.Errorf("the stream ends with %v", last)
	}
}

// streamRecorder records the messages of an Extract call.
type streamRecorder struct {
	grpc.ServerStreamingServer[pluginv1.ExtractResponse]
	ctx context.Context

	mu   sync.Mutex
	sent []*pluginv1.ExtractResponse
}

func (r *streamRecorder) Context() context.Context { return r.ctx }

func (r *streamRecorder) Send(message *pluginv1.ExtractResponse) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, message)
	return nil
}

// registrar keeps the extractor service that is registered with it.
type registrar struct{ extractor pluginv1.ExtractorServer }

func (r *registrar) RegisterService(_ *grpc.ServiceDesc, service any) {
	if extractor, ok := service.(pluginv1.ExtractorServer); ok {
		r.extractor = extractor
	}
}

// An extractor that emits a record now and then is not silent: batches are sent by time too, and
// progress at most once a second.
func TestSlowExtractor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder := &streamRecorder{ctx: t.Context()}
		seen := func() (batches, progress int) {
			recorder.mu.Lock()
			defer recorder.mu.Unlock()
			for _, message := range recorder.sent {
				if message.GetBatch() != nil {
					batches++
				}
				if message.GetProgress() != nil {
					progress++
				}
			}
			return batches, progress
		}
		var service registrar
		sdk.RegisterExtractor(&service, testExtractor{extract: func(_ context.Context, _ sdk.ExtractRequest, out sdk.Output) ([]byte, error) {
			for i := range 60 {
				if err := out.Emit(cloudRecord(fmt.Sprint(i), 1)); err != nil {
					return nil, err
				}
				for n := range 10 {
					out.Progress("servers", int64(10*i+n))
				}
				<-time.After(time.Second)
			}
			if batches, progress := seen(); batches < 10 || progress < 50 || progress > 60 {
				t.Errorf("%d batches and %d progress messages within a minute", batches, progress)
			}
			return nil, nil
		}})
		if err := service.extractor.Extract(testRequest("p"), recorder); err != nil {
			t.Fatal(err)
		}
		if recorder.sent[len(recorder.sent)-1].GetComplete() == nil {
			t.Errorf("the stream ends with %v", recorder.sent[len(recorder.sent)-1])
		}
	})
}
