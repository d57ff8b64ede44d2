package plugintest

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

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

// request asks for a project's window, with an own VO where the cloud knows none, as the host would.
func (s *suite) request(project *pluginv1.Project) *pluginv1.ExtractRequest {
	project = proto.CloneOf(project)
	if project.GetVo() == "" {
		project.Vo = "vo.example.org"
	}
	return &pluginv1.ExtractRequest{
		Project: project,
		Window:  &pluginv1.Window{From: timestamppb.New(s.settings.From), To: timestamppb.New(s.settings.To)},
	}
}

// extract reads a stream to its end, and says where it breaks the rules of streams.
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
			return result, fmt.Errorf("the stream breaks off, where it should end with Failure: %w", err)
		case ended:
			return result, fmt.Errorf("after Complete or Failure comes another message (%T)", message.GetMessage())
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

// mustExtract is an extraction that went well.
func (s *suite) mustExtract(t tb, project *pluginv1.Project) *extraction {
	t.Helper()
	result, err := s.extract(s.patience(t), s.request(project))
	if err != nil {
		t.Fatalf("project %s: %v", project.GetId(), err)
	}
	if result.failure != nil {
		t.Fatalf("project %s: Extract fails: %v", project.GetId(), diagnosticText(result.failure.GetDiagnostics()))
	}
	s.checkDiagnostics(t, "Complete", result.complete.GetDiagnostics())
	return result
}

// abandon begins an extraction and goes away after the first message.
func (s *suite) abandon(t tb, project *pluginv1.Project) {
	t.Helper()
	ctx, cancel := context.WithCancel(s.patience(t))
	defer cancel()
	var stream grpc.ServerStreamingClient[pluginv1.ExtractResponse]
	stream, err := s.Extract(ctx, s.request(project))
	if err == nil {
		_, err = stream.Recv()
	}
	if err != nil {
		t.Fatalf("project %s: %v", project.GetId(), err)
	}
}
