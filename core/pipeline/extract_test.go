package pipeline

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/outbox/sqlstore"
	"github.com/caso-project/caso/core/plan"
	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// fakeExtractor answers every Extract call with the same messages. With hang, it then waits until
// the call is cancelled instead of ending the stream.
type fakeExtractor struct {
	pluginv1.ExtractorClient // for the methods that these tests do not call
	messages                 []*pluginv1.ExtractResponse
	hang                     bool
	// beforeMessage is called before each message.
	beforeMessage func()
	requests      []*pluginv1.ExtractRequest
}

func (f *fakeExtractor) Extract(ctx context.Context, request *pluginv1.ExtractRequest, _ ...grpc.CallOption) (grpc.ServerStreamingClient[pluginv1.ExtractResponse], error) {
	f.requests = append(f.requests, request)
	return &fakeStream{ctx: ctx, extractor: f}, nil
}

type fakeStream struct {
	grpc.ClientStream
	ctx       context.Context
	extractor *fakeExtractor
	next      int
}

func (s *fakeStream) Recv() (*pluginv1.ExtractResponse, error) {
	if s.next < len(s.extractor.messages) {
		if s.extractor.beforeMessage != nil {
			s.extractor.beforeMessage()
		}
		s.next++
		return proto.CloneOf(s.extractor.messages[s.next-1]), s.ctx.Err()
	}
	if s.extractor.hang {
		<-s.ctx.Done()
		return nil, s.ctx.Err()
	}
	return nil, io.EOF
}

const (
	projectID = "5500509818834e85ae461af8d76fc61c"
	cloudType = pluginv1.RecordType_RECORD_TYPE_CLOUD
	ipType    = pluginv1.RecordType_RECORD_TYPE_IP
)

// hour returns a time some hours after the start of the first window of the tests.
func hour(n int) time.Time { return time.Date(2026, 11, 23, n, 0, 0, 0, time.UTC) }

// records returns valid cloud records of the project as of the end of the first window, each of
// another server.
func records(n int) []*pluginv1.Record {
	var list []*pluginv1.Record
	for i := range n {
		start := hour(-24)
		list = append(list, &pluginv1.Record{
			ProjectId: projectID, CloudType: "OpenStack",
			Kind: &pluginv1.Record_Cloud{Cloud: &pluginv1.CloudRecord{
				VmUuid: fmt.Sprintf("server-%d", i), MachineName: "name", LocalUserId: "user",
				Status:    pluginv1.CloudStatus_CLOUD_STATUS_STARTED,
				StartTime: timestamppb.New(start), RecordCreateTime: timestamppb.New(hour(1)),
				WallDuration: durationpb.New(hour(1).Sub(start)), CpuDuration: durationpb.New(2 * hour(1).Sub(start)),
				CpuCount: proto.Float64(2), MemoryMb: proto.Int64(4096), DiskGb: proto.Int64(40), ImageId: proto.String("image"),
			}},
		})
	}
	return list
}

func batchOf(records ...*pluginv1.Record) *pluginv1.ExtractResponse {
	return &pluginv1.ExtractResponse{Message: &pluginv1.ExtractResponse_Batch{Batch: &pluginv1.RecordBatch{Records: records}}}
}

func completeWith(diagnostics ...*pluginv1.Diagnostic) *pluginv1.ExtractResponse {
	return &pluginv1.ExtractResponse{Message: &pluginv1.ExtractResponse_Complete{
		Complete: &pluginv1.Complete{NextState: []byte("state"), Diagnostics: diagnostics}}}
}

func failureWith(diagnostics ...*pluginv1.Diagnostic) *pluginv1.ExtractResponse {
	return &pluginv1.ExtractResponse{Message: &pluginv1.ExtractResponse_Failure{Failure: &pluginv1.Failure{Diagnostics: diagnostics}}}
}

func progressOf(done int64) *pluginv1.ExtractResponse {
	return &pluginv1.ExtractResponse{Message: &pluginv1.ExtractResponse_Progress{Progress: &pluginv1.Progress{Items: "servers", Done: done}}}
}

// unknownMessage returns a message of a newer version of the contract.
func unknownMessage() *pluginv1.ExtractResponse {
	response := &pluginv1.ExtractResponse{}
	response.ProtoReflect().SetUnknown(protowire.AppendString(protowire.AppendTag(nil, 1000, protowire.BytesType), "new"))
	return response
}

func errorDiagnostic(summary string) *pluginv1.Diagnostic {
	return &pluginv1.Diagnostic{Severity: pluginv1.Diagnostic_SEVERITY_ERROR, Summary: summary}
}

func warningDiagnostic(summary string) *pluginv1.Diagnostic {
	return &pluginv1.Diagnostic{Severity: pluginv1.Diagnostic_SEVERITY_WARNING, Summary: summary}
}

func changedRecord(change func(*pluginv1.Record)) *pluginv1.Record {
	record := records(1)[0]
	change(record)
	return record
}

func TestExtract(t *testing.T) {
	tests := map[string]struct {
		messages []*pluginv1.ExtractResponse
		hang     bool
		// failure is part of the window's error; empty if the window is committed.
		failure string
		records int
		// warning is part of the window's warnings; empty if there are none.
		warning string
	}{
		"complete":            {messages: []*pluginv1.ExtractResponse{batchOf(records(5)[:3]...), batchOf(records(5)[3:]...), completeWith()}, records: 5},
		"complete and empty":  {messages: []*pluginv1.ExtractResponse{completeWith()}},
		"complete, a warning": {messages: []*pluginv1.ExtractResponse{completeWith(warningDiagnostic("a server was skipped"))}, warning: "a server was skipped"},
		"progress":            {messages: []*pluginv1.ExtractResponse{progressOf(1), batchOf(records(3)...), progressOf(2), completeWith()}, records: 3},
		"unknown messages":    {messages: []*pluginv1.ExtractResponse{unknownMessage(), batchOf(records(3)...), unknownMessage(), {}, completeWith()}, records: 3, warning: "does not support"},
		"failure":             {messages: []*pluginv1.ExtractResponse{batchOf(records(3)...), failureWith(errorDiagnostic("nova is away"))}, failure: "nova is away"},
		"failure, no reason":  {messages: []*pluginv1.ExtractResponse{failureWith()}, failure: "gave no reason"},
		"no end":              {messages: []*pluginv1.ExtractResponse{batchOf(records(3)...)}, failure: "without Complete"},
		"more after the end":  {messages: []*pluginv1.ExtractResponse{completeWith(), batchOf(records(1)...)}, failure: "after Complete"},
		"silence":             {messages: []*pluginv1.ExtractResponse{batchOf(records(3)...)}, hang: true, failure: "sent nothing for 1ms ([extractor_nova] idle_timeout)"},
		"too many in a batch": {messages: []*pluginv1.ExtractResponse{batchOf(records(1001)...), completeWith()}, failure: "a batch of 1001 records"},
		"too large a batch": {messages: []*pluginv1.ExtractResponse{batchOf(changedRecord(func(r *pluginv1.Record) { r.GetCloud().MachineName = strings.Repeat("x", 2<<20) })),
			completeWith()}, failure: "more than 1048576"},
		"of another project": {messages: []*pluginv1.ExtractResponse{batchOf(changedRecord(func(r *pluginv1.Record) { r.ProjectId = "other" })), completeWith()}, failure: `"other"`},
		"of another type": {messages: []*pluginv1.ExtractResponse{batchOf(changedRecord(func(r *pluginv1.Record) {
			r.Kind = &pluginv1.Record_Ip{Ip: &pluginv1.IpRecord{MeasurementTime: timestamppb.New(hour(1)), LocalUserId: "u", GlobalUserName: "u", IpVersion: 4}}
		})), completeWith()}, failure: "ip"},
		"invalid": {messages: []*pluginv1.ExtractResponse{batchOf(changedRecord(func(r *pluginv1.Record) { r.GetCloud().VmUuid = "" })), completeWith()}, failure: "vm_uuid"},
		"of the future": {messages: []*pluginv1.ExtractResponse{batchOf(changedRecord(func(r *pluginv1.Record) {
			r.GetCloud().RecordCreateTime = timestamppb.New(hour(2))
			r.GetCloud().WallDuration = durationpb.New(26 * time.Hour)
		})), completeWith()}, failure: "after the window's end"},
		"usage of the window": {messages: []*pluginv1.ExtractResponse{batchOf(changedRecord(func(r *pluginv1.Record) { r.GetCloud().WallDuration = durationpb.New(time.Hour) })),
			completeWith()}, failure: "wall_duration"},
		"twice": {messages: []*pluginv1.ExtractResponse{batchOf(records(1)...), batchOf(records(1)...), completeWith()}, failure: "comes after a record"},
		"state too large": {messages: []*pluginv1.ExtractResponse{{Message: &pluginv1.ExtractResponse_Complete{
			Complete: &pluginv1.Complete{NextState: make([]byte, contract.MaxStateBytes+1)}}}}, failure: "a state of 16777217 bytes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			store := openStore(t)
			client := &fakeExtractor{messages: test.messages, hang: test.hang}
			idle := time.Minute
			if test.hang {
				idle = time.Millisecond
			}
			result := extract(t.Context(), store, client, idle, window(0, 1))[0]
			if failure := summaries(result.Problems, report.Error); result.Failed != (test.failure != "") || result.Records != test.records ||
				!strings.Contains(failure, test.failure) || (test.failure == "" && failure != "") {
				t.Errorf("got %+v, want an error with %q", result, test.failure)
			}
			if warning := summaries(result.Problems, report.Warning); !strings.Contains(warning, test.warning) ||
				(test.warning == "" && warning != "") || strings.Contains(warning, "; ") {
				t.Errorf("got warnings %q, want one with %q", warning, test.warning)
			}
			checkpoint, exists, err := store.Checkpoint(outbox.Key{Extractor: "nova", ProjectID: projectID})
			if err != nil || exists == result.Failed || string(checkpoint.State) != map[bool]string{true: "state"}[exists] {
				t.Errorf("got checkpoint %+v, %v, %v", checkpoint, exists, err)
			}
			stats, err := store.Stats()
			if err != nil || stats.Records != test.records {
				t.Errorf("got %d records in the outbox (%v), want %d", stats.Records, err, test.records)
			}
		})
	}
}

// TestExtractHostFields checks the fields that the host sets.
func TestExtractHostFields(t *testing.T) {
	store := openStore(t)
	if _, err := store.Register([]string{"ssm"}); err != nil {
		t.Fatal(err)
	}
	list := records(2)
	list[1].Fqan = "its own"
	extract(t.Context(), store, &fakeExtractor{messages: []*pluginv1.ExtractResponse{batchOf(list...), completeWith()}}, time.Minute, window(0, 1))
	batch, ok, err := store.Next("ssm")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	stored, err := batch.Records.Decode()
	if err != nil {
		t.Fatal(err)
	}
	first := stored[0]
	if first.GetSiteName() != "SITE" || first.GetCloudComputeService() != "SERVICE" || first.GetFqan() != "vo" || first.GetId() != contract.RecordID(first) {
		t.Errorf("got %v", first)
	}
	if fqan := stored[1].GetFqan(); fqan != "its own" {
		t.Errorf("got FQAN %q instead of the extractor's", fqan)
	}
}

// TestExtractRequest checks what regular and republished windows are given and leave behind.
func TestExtractRequest(t *testing.T) {
	store := openStore(t)
	client := &fakeExtractor{messages: []*pluginv1.ExtractResponse{completeWith()}}
	extract(t.Context(), store, client, time.Minute, window(0, 1))
	client.messages[0].GetComplete().NextState = []byte("state of a republish")
	again := window(-1, 1)
	again.Republish = true
	if result := extract(t.Context(), store, client, time.Minute, again)[0]; result.Failed || !result.Republish {
		t.Errorf("got %+v", result)
	}
	first, second := client.requests[0], client.requests[1]
	if len(first.GetState()) != 0 || first.GetRepublish() || !slices.Equal(first.GetRecordTypes(), []pluginv1.RecordType{cloudType}) {
		t.Errorf("regular window: got %v", first)
	}
	if string(second.GetState()) != "state" || !second.GetRepublish() || !second.GetWindow().GetFrom().AsTime().Equal(hour(-1)) {
		t.Errorf("republished window: got %v", second)
	}
	checkpoint, _, err := store.Checkpoint(outbox.Key{Extractor: "nova", ProjectID: projectID})
	if err != nil || string(checkpoint.State) != "state" || !checkpoint.To.Equal(hour(1)) {
		t.Errorf("after the republish: got %+v, %v", checkpoint, err)
	}
}

// TestExtractSignsOfLife checks that every message resets the idle timeout: the stream takes longer
// than it, each message does not.
func TestExtractSignsOfLife(t *testing.T) {
	extraction := extractionInto(openStore(t))
	extraction.Store = nil
	synctest.Test(t, func(t *testing.T) {
		client := &fakeExtractor{beforeMessage: func() { time.Sleep(50 * time.Second) }}
		for done := range int64(4) {
			client.messages = append(client.messages, progressOf(done), unknownMessage())
		}
		client.messages = append(client.messages, completeWith())
		var seen []int64
		extraction.Progress = func(job plan.Job, progress *pluginv1.Progress) {
			if job.Project.GetId() == projectID && progress.GetItems() == "servers" {
				seen = append(seen, progress.GetDone())
			}
		}
		results := extraction.Run(t.Context(), extractors(client, time.Minute), []plan.Job{job(window(0, 1))})
		if results[0].Failed || !slices.Equal(seen, []int64{0, 1, 2, 3}) {
			t.Errorf("got %+v, progress %v", results[0], seen)
		}
	})
}

// TestExtractAfterFailure checks that no window is extracted after one that failed: there would be
// a gap.
func TestExtractAfterFailure(t *testing.T) {
	client := &fakeExtractor{messages: []*pluginv1.ExtractResponse{failureWith(errorDiagnostic("nova is away"))}}
	results := extract(t.Context(), openStore(t), client, time.Minute, window(0, 1), window(1, 2))
	if len(client.requests) != 1 || !results[1].Failed {
		t.Errorf("%d requests, second window %+v", len(client.requests), results[1])
	}
}

func TestExtractInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	results := extract(ctx, openStore(t), &fakeExtractor{hang: true}, time.Minute, window(0, 1))
	if got := summaries(results[0].Problems, report.Error); !results[0].Failed || got != "interrupted" {
		t.Errorf("got %+v", results[0])
	}
}

// TestExtractBudget checks that a window that does not fit into the outbox leaves nothing there,
// and that its space is free again.
func TestExtractBudget(t *testing.T) {
	store := openStore(t)
	list := records(1000)
	client := &fakeExtractor{messages: []*pluginv1.ExtractResponse{batchOf(list[:500]...), batchOf(list[500:]...), completeWith()}}
	used := proto.Size(client.messages[0])
	extraction := extractionInto(store)
	extraction.Budget = NewBudget(int64(2*used), storedBytes(used/2))
	results := extraction.Run(t.Context(), extractors(client, time.Minute), []plan.Job{job(window(0, 1))})
	if got := summaries(results[0].Problems, report.Error); !strings.Contains(got, "spool_max_size") {
		t.Errorf("got %q", got)
	}
	if stats, err := store.Stats(); err != nil || stats.Batches != 0 {
		t.Errorf("%d batches, %v", stats.Batches, err)
	}
	if err := extraction.Budget.Check(); err != nil {
		t.Errorf("no space is left: %v", err)
	}
	if err := NewBudget(1<<20, storedBytes(1<<20)).Check(); err == nil {
		t.Error("a full outbox has space")
	}
	if err := NewBudget(0, storedBytes(1<<40)).Check(); err != nil {
		t.Errorf("no limit: %v", err)
	}
}

// storedBytes returns the function that measures an outbox of some size.
func storedBytes(n int) func() (int64, error) {
	return func() (int64, error) { return int64(n), nil }
}

func TestExtractDryRun(t *testing.T) {
	extraction := extractionInto(openStore(t))
	extraction.Store = nil
	client := &fakeExtractor{messages: []*pluginv1.ExtractResponse{batchOf(records(3)...), completeWith()}}
	results := extraction.Run(t.Context(), extractors(client, time.Minute), []plan.Job{job(window(0, 1))})
	if results[0].Failed || results[0].Records != 3 {
		t.Errorf("got %+v", results[0])
	}
}

func extractionInto(store *sqlstore.Store) *Extraction {
	return &Extraction{Checkpoints: store, Store: store, Concurrency: 2, Logger: hclog.NewNullLogger()}
}

func extract(ctx context.Context, store *sqlstore.Store, client pluginv1.ExtractorClient, idle time.Duration, windows ...plan.Window) []report.WindowResult {
	return extractionInto(store).Run(ctx, extractors(client, idle), []plan.Job{job(windows...)})
}

// window returns a regular window between two hours.
func window(from, to int) plan.Window {
	return plan.Window{From: hour(from), To: hour(to), RecordTypes: []pluginv1.RecordType{cloudType}}
}

func job(windows ...plan.Window) plan.Job {
	return plan.Job{Extractor: "nova", Project: &pluginv1.Project{Id: projectID, Name: "a-project", Vo: "vo"}, Windows: windows}
}

func extractors(client pluginv1.ExtractorClient, idle time.Duration) map[string]*Extractor {
	return map[string]*Extractor{"nova": {
		Instance: config.Instance{Name: "nova", Idle: config.Timeout{Limit: idle, Option: "[extractor_nova] idle_timeout"}},
		Client:   client, Site: Site{Name: "SITE", Service: "SERVICE"},
		Explain: func(err error) error { return err },
	}}
}

func openStore(t *testing.T) *sqlstore.Store {
	t.Helper()
	store, err := sqlstore.Open(sqlstore.InDirectory(t.TempDir()), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// summaries returns the summaries of the problems of a severity.
func summaries(problems []report.Problem, severity report.Severity) string {
	var texts []string
	for _, p := range problems {
		if p.Severity == severity {
			texts = append(texts, p.Summary)
		}
	}
	return strings.Join(texts, "; ")
}
