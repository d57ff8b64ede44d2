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
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/plan"
	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Extractor is a running extractor plugin.
type Extractor struct {
	// Instance has the name, which with a project's ID and region is the key of a checkpoint, and the
	// idle timeout.
	Instance config.Instance
	Client   pluginv1.ExtractorClient
	// Site is set in every record.
	Site Site
	// Explain returns the cause of a call's error, such as the end of the process.
	Explain func(error) error
}

// CheckpointReader reads the checkpoints and states of earlier windows.
type CheckpointReader interface {
	Checkpoint(key outbox.Key) (outbox.Checkpoint, bool, error)
}

// Store stores the records of windows.
type Store interface {
	Begin(outbox.Origin) (outbox.WindowWriter, error)
}

// Extraction is the extraction of one run.
type Extraction struct {
	Checkpoints CheckpointReader
	// Store is nil in a dry run.
	Store Store
	// Budget limits the size of the records; nil for no limit.
	Budget *Budget
	// Commits announces each committed window; may be nil.
	Commits *Commits
	// Concurrency is the number of projects that are extracted at the same time.
	Concurrency int
	Logger      hclog.Logger
	// Finished receives the result of every window as it ends; may be nil. Several goroutines call it.
	Finished func(report.WindowResult)
	// Progress receives the progress that extractors report within a window; may be nil. Several
	// goroutines call it.
	Progress func(plan.Job, *pluginv1.Progress)
}

// Run extracts the windows of all jobs and returns their results in the order of the plan. A job
// that fails does not stop others. Within a job no window is extracted after one that failed.
func (e *Extraction) Run(ctx context.Context, extractors map[string]*Extractor, jobs []plan.Job) []report.WindowResult {
	results := make([][]report.WindowResult, len(jobs))
	var group errgroup.Group
	group.SetLimit(max(e.Concurrency, 1))
	for i, job := range jobs {
		group.Go(func() error {
			results[i] = e.runJob(ctx, extractors[job.Extractor], job)
			return nil // the results have the errors
		})
	}
	_ = group.Wait()
	return slices.Concat(results...)
}

func (e *Extraction) runJob(ctx context.Context, extractor *Extractor, job plan.Job) []report.WindowResult {
	var results []report.WindowResult
	failed := false
	for _, w := range job.Windows {
		result := report.WindowResult{
			Extractor: job.Extractor, ProjectID: job.Project.GetId(), ProjectName: job.Project.GetName(), Region: job.Project.GetRegion(),
			VO: job.Project.GetVo(), From: w.From, To: w.To, Republish: w.Republish,
		}
		if failed {
			setFailed(&result, errors.New("not extracted, because the window before it failed"))
		} else {
			e.runWindow(ctx, extractor, job, w, &result)
		}
		failed = result.Failed
		results = append(results, result)
		if e.Finished != nil {
			e.Finished(result)
		}
	}
	return results
}

func setFailed(result *report.WindowResult, err error) {
	result.Failed = true
	result.Records = 0
	result.Problems = append(result.Problems, problemsOf(err)...)
}

// runWindow extracts one window and commits it, or stores nothing of it.
func (e *Extraction) runWindow(ctx context.Context, extractor *Extractor, job plan.Job, w plan.Window, result *report.WindowResult) {
	logger := e.Logger.With("extractor", job.Extractor, "project", job.Project.GetId(), "region", job.Project.GetRegion())
	logger.Debug("extracting", "from", w.From, "to", w.To, "republish", w.Republish)
	sink, err := e.openSink(job, w)
	if err != nil {
		setFailed(result, err)
		return
	}
	stream := &extractStream{extraction: e, extractor: extractor, job: job, sink: sink}
	complete, err := stream.receive(ctx, w)
	result.Problems = stream.problems
	if err == nil {
		result.Problems = append(result.Problems, report.FromDiagnostics(complete.GetDiagnostics())...)
		err = sink.commit(complete.GetNextState())
	}
	if err != nil {
		if abortErr := sink.abort(); abortErr != nil {
			logger.Warn("deleting the staged records of a failed window; the next run deletes them", "error", abortErr)
		}
		e.Budget.release(stream.bytes)
		setFailed(result, err)
		return
	}
	e.Commits.announce()
	result.Records = stream.records
	logger.Debug("extracted", "records", stream.records)
}

// extractStream is the answer to one Extract call.
type extractStream struct {
	extraction *Extraction
	extractor  *Extractor
	job        plan.Job
	sink       sink
	check      *contract.StreamCheck
	// records and bytes count what was received, problems are warnings about it.
	records, bytes int
	problems       []report.Problem
	unknownMessage bool
}

// receive calls the extractor and appends the records to the sink until the stream is complete.
func (s *extractStream) receive(ctx context.Context, w plan.Window) (*pluginv1.Complete, error) {
	request, err := s.request(w)
	if err != nil {
		return nil, err
	}
	s.check = contract.NewStreamCheck(request)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	idle := s.extractor.Instance.Idle
	watchdog := time.AfterFunc(idle.Limit, func() { cancel(fmt.Errorf("the extractor sent nothing for %s", idle)) })
	defer watchdog.Stop()

	stream, err := s.extractor.Client.Extract(ctx, request)
	if err != nil {
		return nil, s.extractor.callError(ctx, err)
	}
	for {
		response, err := stream.Recv()
		watchdog.Reset(idle.Limit)
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the extractor ended the stream without Complete")
		}
		if err != nil {
			return nil, s.extractor.callError(ctx, err)
		}
		complete, err := s.handle(response)
		if err != nil {
			return nil, err
		}
		if complete != nil {
			if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
				return nil, errors.New("the extractor did not end the stream after Complete")
			}
			return complete, nil
		}
	}
}

// request returns the request for a window. The state of the checkpoint is for reference where the
// window is republished.
func (s *extractStream) request(w plan.Window) (*pluginv1.ExtractRequest, error) {
	checkpoint, _, err := s.extraction.Checkpoints.Checkpoint(s.job.Key())
	if err != nil {
		return nil, err
	}
	return &pluginv1.ExtractRequest{
		Project:     s.job.Project,
		Window:      &pluginv1.Window{From: timestamppb.New(w.From), To: timestamppb.New(w.To)},
		State:       checkpoint.State,
		Republish:   w.Republish,
		RecordTypes: w.RecordTypes,
	}, nil
}

// handle processes one message. It returns the Complete message if that is the one.
func (s *extractStream) handle(response *pluginv1.ExtractResponse) (*pluginv1.Complete, error) {
	switch message := response.GetMessage().(type) {
	case *pluginv1.ExtractResponse_Batch:
		return nil, s.handleBatch(message.Batch)
	case *pluginv1.ExtractResponse_Progress:
		if s.extraction.Progress != nil {
			s.extraction.Progress(s.job, message.Progress)
		}
		return nil, nil
	case *pluginv1.ExtractResponse_Complete:
		if err := s.check.Finish(); err != nil {
			return nil, invalidRecord(err)
		}
		if size := len(message.Complete.GetNextState()); size > contract.MaxStateBytes {
			return nil, fmt.Errorf("the extractor sent a state of %d bytes, more than %d", size, contract.MaxStateBytes)
		}
		return message.Complete, nil
	case *pluginv1.ExtractResponse_Failure:
		return nil, newDiagnosticsError(message.Failure.GetDiagnostics(), "the extractor failed and gave no reason")
	}
	if !s.unknownMessage {
		s.unknownMessage = true
		s.problems = append(s.problems, report.Warnf("the extractor sent messages of a type that this version of caso does not support: they are ignored").
			WithDetail("Update caso."))
	}
	return nil, nil
}

func (s *extractStream) handleBatch(batch *pluginv1.RecordBatch) error {
	records, err := acceptBatch(batch, s.check, s.job.Project, s.extractor.Site)
	if err != nil {
		return err
	}
	size := len(records.Bytes())
	if err := s.extraction.Budget.reserve(size); err != nil {
		return err
	}
	s.bytes += size
	s.records += records.Count()
	return s.sink.append(records)
}

// callError returns why a call ended: the idle timeout, a signal, the end of the process, or gRPC's
// reason.
func (x *Extractor) callError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		if errors.Is(cause, context.Canceled) {
			return errors.New("interrupted")
		}
		return cause
	}
	return x.Explain(err)
}
