package plugintest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// extraction is one stream of Extract, read to its end.
type extraction struct {
	request  *pluginv1.ExtractRequest
	batches  []*pluginv1.RecordBatch
	complete *pluginv1.Complete
	failure  *pluginv1.Failure
}

func (e *extraction) records() []*pluginv1.Record {
	var records []*pluginv1.Record
	for _, batch := range e.batches {
		records = append(records, batch.GetRecords()...)
	}
	return records
}

func (e *extraction) testLimits(t tb) {
	for i, batch := range e.batches {
		if n := len(batch.GetRecords()); n == 0 {
			t.Errorf("batch %d is empty", i)
		} else if n > contract.MaxBatchRecords {
			t.Errorf("batch %d has %d records, more than %d", i, n, contract.MaxBatchRecords)
		}
		if bytes := proto.Size(batch); bytes > contract.MaxBatchBytes {
			t.Errorf("batch %d has %d bytes, more than %d", i, bytes, contract.MaxBatchBytes)
		}
	}
	if bytes := len(e.complete.GetNextState()); bytes > contract.MaxStateBytes {
		t.Errorf("the next state has %d bytes, more than %d", bytes, contract.MaxStateBytes)
	}
}

func window(from, to time.Time) *pluginv1.Window {
	return &pluginv1.Window{From: timestamppb.New(from), To: timestamppb.New(to)}
}

// request asks for all record types of a project in the window of the test. As the host does, it
// gives a VO to a project that has none.
func (s *suite) request(project *pluginv1.Project) *pluginv1.ExtractRequest {
	project = proto.CloneOf(project)
	if project.GetVo() == "" {
		project.Vo = "vo.example.org"
	}
	return &pluginv1.ExtractRequest{
		Project: project, Window: window(s.settings.From, s.settings.To), RecordTypes: s.recordTypes(),
	}
}

// extract reads a stream to its end. The error is the first violation of the rules of streams.
func (s *suite) extract(ctx context.Context, request *pluginv1.ExtractRequest) (*extraction, error) {
	stream, err := s.Extract(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("calling Extract: %w", err)
	}
	result := &extraction{request: request}
	for {
		message, err := stream.Recv()
		ended := result.complete != nil || result.failure != nil
		switch {
		case errors.Is(err, io.EOF) && ended:
			return result, nil
		case errors.Is(err, io.EOF):
			return result, errors.New("the stream ends without Complete or Failure")
		case err != nil:
			return result, fmt.Errorf("the stream fails where it should end with Failure: %w", err)
		case ended:
			return result, fmt.Errorf("another message (%T) follows Complete or Failure", message.GetMessage())
		}
		switch m := message.GetMessage().(type) {
		case *pluginv1.ExtractResponse_Batch:
			result.batches = append(result.batches, m.Batch)
		case *pluginv1.ExtractResponse_Complete:
			result.complete = m.Complete
		case *pluginv1.ExtractResponse_Failure:
			result.failure = m.Failure
		case *pluginv1.ExtractResponse_Progress:
		default:
			return result, errors.New("a message of the stream is empty")
		}
	}
}

// mustExtract extracts a window that must be complete.
func (s *suite) mustExtract(t tb, request *pluginv1.ExtractRequest) *extraction {
	t.Helper()
	result, err := s.extract(s.deadline(t), request)
	if err != nil {
		t.Fatalf("project %s: %v", request.GetProject().GetId(), err)
	}
	if result.failure != nil {
		t.Fatalf("project %s: Extract fails: %s", request.GetProject().GetId(), diagnosticText(result.failure.GetDiagnostics()...))
	}
	s.checkDiagnostics(t, "Complete", result.complete.GetDiagnostics())
	return result
}

// abandon begins an extraction and cancels it after the first message.
func (s *suite) abandon(t tb, project *pluginv1.Project) {
	t.Helper()
	ctx, cancel := context.WithCancel(s.deadline(t))
	defer cancel()
	stream, err := s.Extract(ctx, s.request(project))
	if err == nil {
		_, err = stream.Recv()
	}
	if err != nil {
		t.Fatalf("project %s: %v", project.GetId(), err)
	}
}
