package sdk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/sdk/plugintest"
)

type (
	emitter   = func(*pluginv1.Record) error
	extractFn func(context.Context, *pluginv1.ExtractRequest, emitter) (*pluginv1.Complete, error)
)

// testExtractor is an extractor of one function.
type testExtractor struct {
	testPlugin
	list    func() (*pluginv1.ListProjectsResponse, error)
	extract extractFn
}

func (e testExtractor) ListProjects(context.Context, *pluginv1.ListProjectsRequest) (*pluginv1.ListProjectsResponse, error) {
	return e.list()
}

func (e testExtractor) Extract(ctx context.Context, request *pluginv1.ExtractRequest, emit emitter) (*pluginv1.Complete, error) {
	return e.extract(ctx, request, emit)
}

// testPlugin is the describing half of a plugin.
type testPlugin struct {
	describe  func() sdk.Description
	configure func(sdk.Config) []*pluginv1.Diagnostic
}

func (p testPlugin) Describe() sdk.Description {
	if p.describe == nil {
		return sdk.Description{Name: "test", Version: "1"}
	}
	return p.describe()
}

func (p testPlugin) Configure(_ context.Context, config sdk.Config) []*pluginv1.Diagnostic {
	if p.configure == nil {
		return nil
	}
	return p.configure(config)
}

// named is a record of a name and about a size.
func named(name string, bytes int) *pluginv1.Record {
	return &pluginv1.Record{ProjectId: "p", Kind: &pluginv1.Record_Cloud{Cloud: &pluginv1.CloudRecord{
		VmUuid: name, MachineName: strings.Repeat("x", bytes)}}}
}

// extract runs an extraction to its end.
func extract(t *testing.T, extract extractFn) (batches []*pluginv1.RecordBatch, last *pluginv1.ExtractResponse) {
	t.Helper()
	stream, err := plugintest.Extractor(t, testExtractor{extract: extract}).Extract(t.Context(), &pluginv1.ExtractRequest{})
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
			batches, last := extract(t, func(_ context.Context, _ *pluginv1.ExtractRequest, emit emitter) (*pluginv1.Complete, error) {
				for i := range test.records {
					if err := emit(named(fmt.Sprint(i), test.bytes)); err != nil {
						return nil, err
					}
				}
				return &pluginv1.Complete{NextState: []byte("next")}, nil
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
	batches, _ := extract(t, func(_ context.Context, _ *pluginv1.ExtractRequest, emit emitter) (*pluginv1.Complete, error) {
		for i := range 2000 {
			if err := emit(named(fmt.Sprint(i), 1000)); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	for _, batch := range batches[:len(batches)-1] {
		if bytes := proto.Size(batch); bytes > sdk.FullBatchBytes || bytes < sdk.FullBatchBytes-3000 {
			t.Errorf("a batch has %d bytes, far from %d", bytes, sdk.FullBatchBytes)
		}
	}
}

func TestRecordTooLarge(t *testing.T) {
	for name, overlook := range map[string]bool{"returned": false, "overlooked by the extractor": true} {
		t.Run(name, func(t *testing.T) {
			_, last := extract(t, func(_ context.Context, _ *pluginv1.ExtractRequest, emit emitter) (*pluginv1.Complete, error) {
				err := emit(named("big", sdk.MaxBatchBytes))
				if overlook {
					_ = emit(named("small", 1))
					return nil, nil
				}
				return nil, fmt.Errorf("emitting: %w", err)
			})
			diagnostics := last.GetFailure().GetDiagnostics()
			if len(diagnostics) != 1 || !strings.Contains(diagnostics[0].GetSummary(), "larger than a batch may be") ||
				diagnostics[0].GetResourceId() != "big" || diagnostics[0].GetProject() != "p" {
				t.Errorf("the stream ends with %v", last)
			}
		})
	}
}

func TestStateTooLarge(t *testing.T) {
	_, last := extract(t, func(context.Context, *pluginv1.ExtractRequest, emitter) (*pluginv1.Complete, error) {
		return &pluginv1.Complete{NextState: make([]byte, sdk.MaxStateBytes+1)}, nil
	})
	if diagnostics := last.GetFailure().GetDiagnostics(); len(diagnostics) != 1 || !strings.Contains(diagnostics[0].GetSummary(), "state") {
		t.Errorf("the stream ends with %v", last)
	}
	_, last = extract(t, func(context.Context, *pluginv1.ExtractRequest, emitter) (*pluginv1.Complete, error) {
		return &pluginv1.Complete{NextState: make([]byte, sdk.MaxStateBytes)}, nil
	})
	if len(last.GetComplete().GetNextState()) != sdk.MaxStateBytes {
		t.Errorf("the largest state does not pass")
	}
}

func TestEmitFromSeveralGoroutines(t *testing.T) {
	batches, last := extract(t, func(_ context.Context, _ *pluginv1.ExtractRequest, emit emitter) (*pluginv1.Complete, error) {
		var wait sync.WaitGroup
		for worker := range 8 {
			wait.Go(func() {
				for i := range 300 {
					_ = emit(named(fmt.Sprintf("%d-%d", worker, i), 1))
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
	plugin := plugintest.Extractor(t, testExtractor{extract: func(ctx context.Context, _ *pluginv1.ExtractRequest, emit emitter) (*pluginv1.Complete, error) {
		close(started)
		<-ctx.Done()
		// Far from a full batch: nothing has to be sent for emit to notice.
		err := emit(named("late", 1))
		emitted <- err
		return nil, err
	}})
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := plugin.Extract(ctx, &pluginv1.ExtractRequest{}); err != nil {
		t.Fatal(err)
	}
	<-started
	cancel()
	if err := <-emitted; !errors.Is(err, context.Canceled) {
		t.Errorf("emit returned %v", err)
	}
}

// Both extractions wait for the other to be under way.
func TestExtractIsConcurrent(t *testing.T) {
	meet := make(chan struct{})
	plugin := plugintest.Extractor(t, testExtractor{extract: func(ctx context.Context, request *pluginv1.ExtractRequest, emit emitter) (*pluginv1.Complete, error) {
		select {
		case meet <- struct{}{}:
		case <-meet:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return nil, emit(named(request.GetProject().GetId(), 1))
	}})
	for _, id := range []string{"one", "two"} {
		stream, err := plugin.Extract(t.Context(), &pluginv1.ExtractRequest{Project: &pluginv1.Project{Id: id}})
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
