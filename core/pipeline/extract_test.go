package pipeline

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/plan"
	"github.com/caso-project/caso/core/report"
	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk/plugintest"
)

// answers is an extractor that answers every Extract with the same messages. With hang it then waits to be
// cut off instead of ending its answer.
type answers struct {
	messages []*pluginv1.ExtractResponse
	hang     bool
	asked    int
}

func (a *answers) ListProjects(context.Context, *pluginv1.ListProjectsRequest, ...grpc.CallOption) (*pluginv1.ListProjectsResponse, error) {
	return nil, errors.New("not asked in these tests")
}

func (a *answers) Extract(ctx context.Context, _ *pluginv1.ExtractRequest, _ ...grpc.CallOption) (grpc.ServerStreamingClient[pluginv1.ExtractResponse], error) {
	a.asked++
	return &answer1{ctx: ctx, answers: a}, nil
}

type answer1 struct {
	grpc.ClientStream
	ctx     context.Context
	answers *answers
	next    int
}

func (s *answer1) Recv() (*pluginv1.ExtractResponse, error) {
	if s.next < len(s.answers.messages) {
		s.next++
		return s.answers.messages[s.next-1], nil
	}
	if s.answers.hang {
		<-s.ctx.Done()
		return nil, s.ctx.Err()
	}
	return nil, io.EOF
}

const project = "5500509818834e85ae461af8d76fc61c"

// records are valid cloud records of the project.
func records(n int) []*pluginv1.Record {
	all := plugintest.Records(1, n, pluginv1.RecordType_RECORD_TYPE_CLOUD)
	for _, record := range all {
		record.ProjectId = project
		record.Id, record.SiteName, record.CloudComputeService, record.Fqan = "", "", "", ""
	}
	return all
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

func other(change func(*pluginv1.Record)) *pluginv1.Record {
	record := records(1)[0]
	change(record)
	return record
}

func TestExtract(t *testing.T) {
	tests := map[string]struct {
		messages []*pluginv1.ExtractResponse
		hang     bool
		// failure is what the window's error says; empty where it is committed.
		failure string
		records int
	}{
		"complete":             {messages: []*pluginv1.ExtractResponse{batchOf(records(3)...), batchOf(records(2)...), completeWith()}, records: 5},
		"complete and empty":   {messages: []*pluginv1.ExtractResponse{completeWith()}},
		"complete, a warning":  {messages: []*pluginv1.ExtractResponse{completeWith(sdk.Warnf("a server was skipped"))}},
		"failure":              {messages: []*pluginv1.ExtractResponse{batchOf(records(3)...), failureWith(sdk.Errorf("nova is away"))}, failure: "nova is away"},
		"failure without why":  {messages: []*pluginv1.ExtractResponse{failureWith()}, failure: "did not say why"},
		"no end":               {messages: []*pluginv1.ExtractResponse{batchOf(records(3)...)}, failure: "without saying that it was complete"},
		"more after the end":   {messages: []*pluginv1.ExtractResponse{completeWith(), batchOf(records(1)...)}, failure: "went on after"},
		"an empty message":     {messages: []*pluginv1.ExtractResponse{{}}, failure: "neither a batch nor an end"},
		"silence":              {messages: []*pluginv1.ExtractResponse{batchOf(records(3)...)}, hang: true, failure: "sent nothing for"},
		"too many in a batch":  {messages: []*pluginv1.ExtractResponse{batchOf(records(1001)...), completeWith()}, failure: "a batch of 1001 records"},
		"of another project":   {messages: []*pluginv1.ExtractResponse{batchOf(other(func(r *pluginv1.Record) { r.ProjectId = "other" })), completeWith()}, failure: `a record of project "other"`},
		"of a type not stated": {messages: []*pluginv1.ExtractResponse{batchOf(other(func(r *pluginv1.Record) { r.Kind = &pluginv1.Record_Ip{} })), completeWith()}, failure: "had not announced"},
		"invalid":              {messages: []*pluginv1.ExtractResponse{batchOf(other(func(r *pluginv1.Record) { r.GetCloud().VmUuid = "" })), completeWith()}, failure: "vm_uuid"},
		"state too large": {messages: []*pluginv1.ExtractResponse{{Message: &pluginv1.ExtractResponse_Complete{
			Complete: &pluginv1.Complete{NextState: make([]byte, sdk.MaxStateBytes+1)}}}}, failure: "bytes of state"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			store := openStore(t)
			client := &answers{messages: test.messages, hang: test.hang}
			silence := time.Minute
			if test.hang {
				silence = time.Millisecond
			}
			reports := run(t.Context(), store, client, silence, window(0, 3600))
			if test.failure == "" {
				if reports[0].Failed || reports[0].Records != test.records {
					t.Errorf("got %+v", reports[0])
				}
			} else {
				if !reports[0].Failed || reports[0].Records != 0 || !strings.Contains(errorsOf(reports[0].Problems), test.failure) {
					t.Errorf("got %+v, want an error with %q", reports[0], test.failure)
				}
			}
			checkpoint, there, err := store.Checkpoint("nova", project)
			if err != nil || there != (test.failure == "") || string(checkpoint.State) != map[bool]string{true: "state"}[there] {
				t.Errorf("the checkpoint is %+v, %v, %v", checkpoint, there, err)
			}
			stats, err := store.Stats()
			if err != nil || stats.Records != test.records {
				t.Errorf("the outbox holds %d records (%v), want %d", stats.Records, err, test.records)
			}
		})
	}
}

func TestExtractStamps(t *testing.T) {
	store := openStore(t)
	if _, err := store.Register([]string{"ssm"}); err != nil {
		t.Fatal(err)
	}
	own := other(func(r *pluginv1.Record) { r.Fqan = "its own" })
	run(t.Context(), store, &answers{messages: []*pluginv1.ExtractResponse{batchOf(records(1)[0], own), completeWith()}}, time.Minute, window(0, 3600))
	batch, ok, err := store.Next("ssm")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	first := batch.Records[0]
	if first.GetSiteName() != "SITE" || first.GetCloudComputeService() != "SERVICE" || first.GetFqan() != "vo" || first.GetId() != sdk.RecordID(first) {
		t.Errorf("the host has made %v", first)
	}
	if batch.Records[1].GetFqan() != "its own" {
		t.Errorf("the host replaced the extractor's FQAN by %q", batch.Records[1].GetFqan())
	}
}

// A window that continues one that failed would leave a gap, so it is not even asked for.
func TestExtractChain(t *testing.T) {
	store := openStore(t)
	client := &answers{messages: []*pluginv1.ExtractResponse{failureWith(sdk.Errorf("nova is away"))}}
	reports := run(t.Context(), store, client, time.Minute, window(0, 3600), window(3600, 7200))
	if client.asked != 1 || !reports[1].Failed {
		t.Errorf("asked %d times, second window %+v", client.asked, reports[1])
	}
}

func TestExtractInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	reports := run(ctx, openStore(t), &answers{hang: true}, time.Minute, window(0, 3600))
	if got := errorsOf(reports[0].Problems); !reports[0].Failed || got != "interrupted" {
		t.Errorf("got %+v", reports[0])
	}
}

// A window that does not fit into the outbox leaves nothing there, and one that does still has its room.
func TestExtractBudget(t *testing.T) {
	store := openStore(t)
	client := &answers{messages: []*pluginv1.ExtractResponse{batchOf(records(500)...), batchOf(records(500)...), completeWith()}}
	extraction := Extraction{
		Memory: store, Store: store, Budget: NewBudget(300<<10, 50<<10), Concurrency: 1, Logger: hclog.NewNullLogger(),
	}
	reports := extraction.Run(t.Context(), map[string]*Extractor{"nova": extractor(client, time.Minute)}, []plan.Job{job(window(0, 3600))})
	if got := errorsOf(reports[0].Problems); !strings.Contains(got, "spool_max_size") {
		t.Errorf("got %q", got)
	}
	if stats, err := store.Stats(); err != nil || stats.Batches != 0 {
		t.Errorf("%d batches, %v", stats.Batches, err)
	}
	if err := extraction.Budget.Check(); err != nil {
		t.Errorf("no room is left: %v", err)
	}
	if err := NewBudget(1<<20, 1<<20).Check(); err == nil {
		t.Error("a full outbox has room")
	}
	if err := NewBudget(0, 1<<40).Check(); err != nil {
		t.Errorf("no limit: %v", err)
	}
}

func TestExtractDryRun(t *testing.T) {
	extraction := Extraction{Memory: openStore(t), Logger: hclog.NewNullLogger(), Concurrency: 1}
	client := &answers{messages: []*pluginv1.ExtractResponse{batchOf(records(3)...), completeWith()}}
	reports := extraction.Run(t.Context(), map[string]*Extractor{"nova": extractor(client, time.Minute)}, []plan.Job{job(window(0, 3600))})
	if reports[0].Failed || reports[0].Records != 3 {
		t.Errorf("got %+v", reports[0])
	}
}

func run(ctx context.Context, store *outbox.Outbox, client pluginv1.ExtractorClient, silence time.Duration, windows ...plan.Window) []report.WindowResult {
	extraction := Extraction{Memory: store, Store: store, Site: Site{Name: "SITE", Service: "SERVICE"}, Concurrency: 2, Logger: hclog.NewNullLogger()}
	return extraction.Run(ctx, map[string]*Extractor{"nova": extractor(client, silence)}, []plan.Job{job(windows...)})
}

func window(from, to int64) plan.Window {
	return plan.Window{From: time.Unix(from, 0), To: time.Unix(to, 0), MoveCheckpoint: true}
}

func job(windows ...plan.Window) plan.Job {
	return plan.Job{Extractor: "nova", Project: &pluginv1.Project{Id: project, Name: "a-project", Vo: "vo"}, Windows: windows}
}

func extractor(client pluginv1.ExtractorClient, silence time.Duration) *Extractor {
	return &Extractor{
		Name: "nova", Client: client, Types: []pluginv1.RecordType{pluginv1.RecordType_RECORD_TYPE_CLOUD}, Silence: silence,
		Explain: func(err error) error { return err },
	}
}

func openStore(t *testing.T) *outbox.Outbox {
	t.Helper()
	store, err := outbox.Open(t.TempDir(), outbox.Options{})
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

func errorsOf(problems []report.Problem) string {
	var texts []string
	for _, p := range problems {
		if p.Severity == report.Error {
			texts = append(texts, p.Summary)
		}
	}
	return strings.Join(texts, "; ")
}
