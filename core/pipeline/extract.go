package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/plan"
	"github.com/caso-project/caso/core/report"
	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Extractor is a running extractor plugin.
type Extractor struct {
	// Name is how the configuration calls it; with a project's ID it is the key of a checkpoint.
	Name   string
	Client pluginv1.ExtractorClient
	// Types are the record types that it said it emits.
	Types []pluginv1.RecordType
	// Silence is how long it may send nothing before the window is given up.
	Silence time.Duration
	// Explain puts the error of a call into words; the plugin's process may have died.
	Explain func(error) error
}

// Memory is what is kept of earlier windows.
type Memory interface {
	Checkpoint(extractor, projectID string) (outbox.Checkpoint, bool, error)
}

// Store is where the records of a window go.
type Store interface {
	Begin(outbox.Origin) (*outbox.WindowWriter, error)
}

// Extraction is one run's extraction.
type Extraction struct {
	Memory Memory
	// Store keeps the records; nil for a dry run.
	Store Store
	// Budget bounds what the records may take up; nil for no bound.
	Budget *Budget
	Site   Site
	// Concurrency is how many projects are asked for at once.
	Concurrency int
	Logger      hclog.Logger
	// Done is told of every finished window, from several goroutines; may be nil.
	Done func(report.WindowResult)
}

// Run extracts the windows of all jobs and reports them in their order. Jobs are independent: one that fails
// stops no other. Within a job a window continues the one before it, so that none is extracted after one
// that failed.
func (e *Extraction) Run(ctx context.Context, extractors map[string]*Extractor, jobs []plan.Job) []report.WindowResult {
	reports := make([][]report.WindowResult, len(jobs))
	var group errgroup.Group
	group.SetLimit(max(e.Concurrency, 1))
	for i, job := range jobs {
		group.Go(func() error {
			reports[i] = e.job(ctx, extractors[job.Extractor], job)
			return nil // each window reports its own failure
		})
	}
	_ = group.Wait()
	return slices.Concat(reports...)
}

func (e *Extraction) job(ctx context.Context, extractor *Extractor, job plan.Job) []report.WindowResult {
	var reports []report.WindowResult
	failed := false
	for _, w := range job.Windows {
		result := report.WindowResult{
			Extractor: job.Extractor, ProjectID: job.Project.GetId(), ProjectName: job.Project.GetName(), VO: job.Project.GetVo(),
			From: w.From, To: w.To,
		}
		if failed {
			fail(&result, errors.New("not extracted, because the window before it failed"))
		} else {
			e.window(ctx, extractor, job.Project, w, &result)
		}
		failed = result.Failed
		reports = append(reports, result)
		if e.Done != nil {
			e.Done(result)
		}
	}
	return reports
}

// fail marks a window as left for the next run.
func fail(result *report.WindowResult, err error) {
	result.Failed = true
	result.Records = 0
	result.Problems = append(result.Problems, report.FromDiagnostics(sdk.Diagnostics(err))...)
}

// failureOf is an extractor's Failure as an error. One without an error among its diagnostics is a failure
// all the same.
func failureOf(diagnostics []*pluginv1.Diagnostic) error {
	if !slices.ContainsFunc(diagnostics, sdk.IsError) {
		diagnostics = append(diagnostics, sdk.Errorf("the extractor failed and did not say why"))
	}
	return sdk.Fail(diagnostics...)
}

// window extracts one window and commits it, or leaves no trace of it.
func (e *Extraction) window(ctx context.Context, extractor *Extractor, project *pluginv1.Project, w plan.Window, result *report.WindowResult) {
	logger := e.Logger.With("extractor", extractor.Name, "project", project.GetId())
	logger.Debug("extracting", "from", w.From, "to", w.To)
	sink, err := e.begin(extractor, project, w)
	if err != nil {
		fail(result, err)
		return
	}
	complete, got, err := e.stream(ctx, extractor, project, w, sink)
	if err == nil {
		result.Problems = report.FromDiagnostics(complete.GetDiagnostics())
		err = sink.commit(w, complete)
	}
	if err != nil {
		if abortErr := sink.abort(); abortErr != nil {
			logger.Warn("could not drop what was staged for a failed window; the next run does", "error", abortErr)
		}
		e.Budget.giveBack(got.bytes)
		fail(result, err)
		return
	}
	result.Records = got.records
	logger.Debug("extracted", "records", got.records)
}

// request is what the extractor is asked. Only a window that moves the checkpoint continues what the
// extractor remembers.
func (e *Extraction) request(extractor *Extractor, project *pluginv1.Project, w plan.Window) (*pluginv1.ExtractRequest, error) {
	request := &pluginv1.ExtractRequest{
		Project: project,
		Window:  &pluginv1.Window{From: timestamppb.New(w.From), To: timestamppb.New(w.To)},
	}
	if w.MoveCheckpoint {
		checkpoint, _, err := e.Memory.Checkpoint(extractor.Name, project.GetId())
		if err != nil {
			return nil, err
		}
		request.State = checkpoint.State
	}
	return request, nil
}

// received is what came of a window's records.
type received struct{ records, bytes int }

// stream receives a window's records up to its Complete.
func (e *Extraction) stream(ctx context.Context, extractor *Extractor, project *pluginv1.Project, w plan.Window, sink sink) (_ *pluginv1.Complete, got received, _ error) {
	request, err := e.request(extractor, project, w)
	if err != nil {
		return nil, got, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := fmt.Errorf("the extractor sent nothing for %s; [extractor_%s] timeout sets how long it may be silent", extractor.Silence, extractor.Name)
	watchdog := time.AfterFunc(extractor.Silence, func() { cancel(silence) })
	defer watchdog.Stop()

	stream, err := extractor.Client.Extract(ctx, request)
	if err != nil {
		return nil, got, extractor.broken(ctx, err)
	}
	for {
		response, err := stream.Recv()
		watchdog.Reset(extractor.Silence)
		if errors.Is(err, io.EOF) {
			return nil, got, errors.New("the extractor ended its answer without saying that it was complete")
		}
		if err != nil {
			return nil, got, extractor.broken(ctx, err)
		}
		switch message := response.GetMessage().(type) {
		case *pluginv1.ExtractResponse_Batch:
			batch := message.Batch.GetRecords()
			if err := accept(batch, extractor, project, e.Site); err != nil {
				return nil, got, err
			}
			size := proto.Size(message.Batch)
			if err := e.Budget.take(size); err != nil {
				return nil, got, err
			}
			got.bytes += size
			if err := sink.append(batch); err != nil {
				return nil, got, err
			}
			got.records += len(batch)
		case *pluginv1.ExtractResponse_Complete:
			if size := len(message.Complete.GetNextState()); size > sdk.MaxStateBytes {
				return nil, got, fmt.Errorf("the extractor wants %d bytes of state remembered, of at most %d", size, sdk.MaxStateBytes)
			}
			if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
				return nil, got, errors.New("the extractor went on after it had said that it was complete")
			}
			return message.Complete, got, nil
		case *pluginv1.ExtractResponse_Failure:
			return nil, got, failureOf(message.Failure.GetDiagnostics())
		default:
			return nil, got, errors.New("the extractor sent a message that is neither a batch nor an end")
		}
	}
}

// broken says why a call ended: the watchdog, a signal, the death of the process, or what gRPC says.
func (x *Extractor) broken(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		if errors.Is(cause, context.Canceled) {
			return errors.New("interrupted")
		}
		return cause
	}
	return x.Explain(err)
}
