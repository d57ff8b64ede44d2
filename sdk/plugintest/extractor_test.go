package plugintest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

type (
	emitter   = func(*pluginv1.Record) error
	extractFn = func(context.Context, *pluginv1.ExtractRequest, emitter) (*pluginv1.Complete, error)
)

// changing is an extraction that does something to each record.
func changing(change func(i int, record *pluginv1.Record)) extractFn {
	return func(ctx context.Context, request *pluginv1.ExtractRequest, emit emitter) (*pluginv1.Complete, error) {
		i := 0
		return goodExtract(ctx, request, func(record *pluginv1.Record) error {
			change(i, record)
			i++
			return emit(record)
		})
	}
}

func TestConformBadRecords(t *testing.T) {
	var calls atomic.Int64
	tests := map[string]struct {
		extract extractFn
		want    []string
	}{
		"nothing": {func(ctx context.Context, request *pluginv1.ExtractRequest, _ emitter) (*pluginv1.Complete, error) {
			return goodExtract(ctx, request, func(*pluginv1.Record) error { return nil })
		}, []string{"extract_finds_records"}},
		"always fails": {func(context.Context, *pluginv1.ExtractRequest, emitter) (*pluginv1.Complete, error) {
			return nil, errors.New("no")
		}, []string{"extract_ends_once"}},
		"panics": {func(context.Context, *pluginv1.ExtractRequest, emitter) (*pluginv1.Complete, error) {
			panic("oops")
		}, []string{"extract_ends_once"}},
		"type not declared": {changing(func(i int, record *pluginv1.Record) {
			if i == 0 {
				record.Kind = Records(1, 1, pluginv1.RecordType_RECORD_TYPE_IP)[0].Kind
			}
		}), []string{"extract_declared_types"}},
		"no status": {changing(func(_ int, record *pluginv1.Record) { record.GetCloud().Status = 0 }), []string{"extract_records_complete"}},
		"no cloud type": {changing(func(_ int, record *pluginv1.Record) {
			record.CloudType = ""
		}), []string{"extract_records_complete"}},
		"id set":        {changing(func(_ int, record *pluginv1.Record) { record.Id = "mine" }), []string{"extract_records_complete"}},
		"other project": {changing(func(_ int, record *pluginv1.Record) { record.ProjectId = "p9" }), []string{"extract_asked_project", "extract_two_at_once"}},
		"same fact twice": {changing(func(_ int, record *pluginv1.Record) {
			record.GetCloud().VmUuid = "same"
		}), []string{"extract_each_fact_once"}},
		"against time": {changing(func(i int, record *pluginv1.Record) {
			record.GetCloud().VmUuid = "same"
			record.GetCloud().RecordCreateTime = timestamppb.New(fakeTo.Add(-time.Duration(i) * time.Second))
			record.GetCloud().WallDuration = nil
		}), []string{"extract_time_order"}},
		"as of another time": {changing(func(_ int, record *pluginv1.Record) {
			record.GetCloud().RecordCreateTime = timestamppb.New(fakeTo.Add(time.Second))
		}), []string{"extract_window"}},
		"created after the window": {changing(func(_ int, record *pluginv1.Record) {
			record.GetCloud().StartTime = timestamppb.New(fakeTo)
			record.GetCloud().WallDuration = nil
		}), []string{"extract_window"}},
		"ended before the window": {changing(func(_ int, record *pluginv1.Record) {
			record.GetCloud().Status = pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED
			record.GetCloud().EndTime = timestamppb.New(fakeFrom.Add(-time.Second))
			record.GetCloud().WallDuration = nil
		}), []string{"extract_window"}},
		"other facts each time": {changing(func(i int, record *pluginv1.Record) {
			record.GetCloud().VmUuid = fmt.Sprintf("vm-%d", calls.Add(1))
		}), []string{"extract_repeats"}},
		"takes any project": {func(ctx context.Context, request *pluginv1.ExtractRequest, emit emitter) (*pluginv1.Complete, error) {
			if request.GetProject().GetId() == noSuchProject {
				return nil, nil
			}
			return goodExtract(ctx, request, emit)
		}, []string{"extract_unknown_project"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			extractor := newExtractor()
			extractor.extract = test.extract
			expect(t, verdict(t, Extractor(t, extractor), fakeSettings("fake")), test.want...)
		})
	}
}

func TestConformBadProjects(t *testing.T) {
	one := &pluginv1.Project{Id: "p1", Name: "one"}
	tests := map[string]struct {
		list func(*pluginv1.ListProjectsRequest) (*pluginv1.ListProjectsResponse, error)
		want []string
	}{
		"none": {func(*pluginv1.ListProjectsRequest) (*pluginv1.ListProjectsResponse, error) {
			return nil, nil
		}, []string{"projects"}},
		"fails": {func(*pluginv1.ListProjectsRequest) (*pluginv1.ListProjectsResponse, error) {
			return nil, errors.New("no")
		}, []string{"projects"}},
		"twice": {func(*pluginv1.ListProjectsRequest) (*pluginv1.ListProjectsResponse, error) {
			return &pluginv1.ListProjectsResponse{Projects: []*pluginv1.Project{one, one}}, nil
		}, []string{"projects"}},
		"without an id": {func(*pluginv1.ListProjectsRequest) (*pluginv1.ListProjectsResponse, error) {
			return &pluginv1.ListProjectsResponse{Projects: []*pluginv1.Project{{Name: "one"}}}, nil
		}, []string{"projects"}},
		"unknown ones too": {func(*pluginv1.ListProjectsRequest) (*pluginv1.ListProjectsResponse, error) {
			return &pluginv1.ListProjectsResponse{Projects: []*pluginv1.Project{one}}, nil
		}, []string{"projects_unknown"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			extractor := newExtractor()
			extractor.list = test.list
			expect(t, verdict(t, Extractor(t, extractor), fakeSettings("fake")), test.want...)
		})
	}
}

// One extraction at a time: two of them break each other.
func TestConformNotConcurrent(t *testing.T) {
	var together atomic.Bool
	met := make(chan struct{})
	extractor := newExtractor()
	extractor.extract = func(ctx context.Context, request *pluginv1.ExtractRequest, emit emitter) (*pluginv1.Complete, error) {
		if request.GetProject().GetId() == noSuchProject {
			together.Store(true) // the next calls are those of extract_two_at_once
		} else if together.Load() {
			select {
			case met <- struct{}{}:
				return nil, errors.New("busy with another project")
			case <-met:
				together.Store(false)
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		return goodExtract(ctx, request, emit)
	}
	expect(t, verdict(t, Extractor(t, extractor), fakeSettings("fake")), "extract_two_at_once")
}

func TestConformDeafExtractor(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	extractor := newExtractor()
	extractor.extract = func(ctx context.Context, request *pluginv1.ExtractRequest, emit emitter) (*pluginv1.Complete, error) {
		complete, err := goodExtract(ctx, request, emit)
		if ctx.Err() != nil {
			<-release
		}
		return complete, err
	}
	// More to send than the connection holds, so that the extractor is in the midst of it when the host goes.
	many := extractor.extract
	extractor.extract = func(ctx context.Context, request *pluginv1.ExtractRequest, emit emitter) (*pluginv1.Complete, error) {
		return many(ctx, request, func(record *pluginv1.Record) error {
			record.GetCloud().MachineName = string(make([]byte, 4000))
			return emit(record)
		})
	}
	settings := fakeSettings("fake")
	settings.Patience = 5 * time.Second
	expect(t, verdict(t, Extractor(t, extractor), settings), "extract_cancelled")
}

// rawExtractor speaks the contract without the SDK, as a plugin in another language does.
type rawExtractor struct {
	pluginv1.UnimplementedPluginServer
	pluginv1.UnimplementedExtractorServer
	description *pluginv1.DescribeResponse
	messages    func(good []*pluginv1.ExtractResponse) []*pluginv1.ExtractResponse
	unknown     *pluginv1.ExtractResponse
	err         error
}

func (r *rawExtractor) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	return r.description, nil
}

func (r *rawExtractor) Configure(context.Context, *pluginv1.ConfigureRequest) (*pluginv1.ConfigureResponse, error) {
	return &pluginv1.ConfigureResponse{}, nil
}

func (r *rawExtractor) Close(context.Context, *pluginv1.CloseRequest) (*pluginv1.CloseResponse, error) {
	return &pluginv1.CloseResponse{}, nil
}

func (r *rawExtractor) ListProjects(ctx context.Context, request *pluginv1.ListProjectsRequest) (*pluginv1.ListProjectsResponse, error) {
	return newExtractor().ListProjects(ctx, request)
}

func (r *rawExtractor) Extract(request *pluginv1.ExtractRequest, stream grpc.ServerStreamingServer[pluginv1.ExtractResponse]) error {
	if request.GetProject().GetId() == noSuchProject {
		return stream.Send(r.unknown)
	}
	for _, message := range r.messages([]*pluginv1.ExtractResponse{batchMessage(request, 3), completeMessage()}) {
		message = proto.CloneOf(message) // the tests' own may be sent by two calls at once
		for _, record := range message.GetBatch().GetRecords() {
			record.ProjectId = request.GetProject().GetId()
		}
		if err := stream.Send(message); err != nil {
			return err
		}
	}
	return r.err
}

func batchMessage(request *pluginv1.ExtractRequest, n int) *pluginv1.ExtractResponse {
	batch := &pluginv1.RecordBatch{}
	for i := range n {
		batch.Records = append(batch.Records, fakeVM(request, i))
	}
	return &pluginv1.ExtractResponse{Message: &pluginv1.ExtractResponse_Batch{Batch: batch}}
}

func completeMessage() *pluginv1.ExtractResponse {
	return &pluginv1.ExtractResponse{Message: &pluginv1.ExtractResponse_Complete{Complete: &pluginv1.Complete{}}}
}

func failureMessage(diagnostics ...*pluginv1.Diagnostic) *pluginv1.ExtractResponse {
	return &pluginv1.ExtractResponse{Message: &pluginv1.ExtractResponse_Failure{Failure: &pluginv1.Failure{Diagnostics: diagnostics}}}
}

func TestConformBadStreams(t *testing.T) {
	type messages = []*pluginv1.ExtractResponse
	window := &pluginv1.ExtractRequest{Window: &pluginv1.Window{From: timestamppb.New(fakeFrom), To: timestamppb.New(fakeTo)}}
	same := func(good messages) messages { return good }
	refusal := failureMessage(sdk.Errorf("no such project"))
	huge := batchMessage(window, 2)
	for _, record := range huge.GetBatch().GetRecords() {
		record.GetCloud().MachineName = string(make([]byte, sdk.MaxBatchBytes/2))
	}
	tests := map[string]struct {
		messages func(good messages) messages
		unknown  *pluginv1.ExtractResponse
		err      error
		want     []string
	}{
		"good":                 {same, refusal, nil, nil},
		"no complete":          {func(good messages) messages { return good[:1] }, refusal, nil, []string{"extract_ends_once"}},
		"complete twice":       {func(good messages) messages { return append(good, good[1]) }, refusal, nil, []string{"extract_ends_once"}},
		"batch after complete": {func(good messages) messages { return messages{good[1], good[0]} }, refusal, nil, []string{"extract_ends_once"}},
		"error after complete": {same, refusal, status.Error(codes.Unknown, "oops"), []string{"extract_ends_once"}},
		"empty message":        {func(good messages) messages { return messages{{}, good[0], good[1]} }, refusal, nil, []string{"extract_ends_once"}},
		"empty batch": {func(good messages) messages {
			return messages{good[0], batchMessage(window, 0), good[1]}
		}, refusal, nil, []string{"extract_batch_limits"}},
		"too many records": {func(good messages) messages {
			return messages{batchMessage(window, sdk.MaxBatchRecords+1), good[1]}
		}, refusal, nil, []string{"extract_batch_limits"}},
		"too many bytes": {func(good messages) messages { return messages{huge, good[1]} }, refusal, nil, []string{"extract_batch_limits"}},
		"too large a state": {func(good messages) messages {
			good[1].GetComplete().NextState = make([]byte, sdk.MaxStateBytes+1)
			return good
		}, refusal, nil, []string{"extract_batch_limits"}},
		"failure without reason": {same, failureMessage(), nil, []string{"extract_unknown_project"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			raw := &rawExtractor{
				description: &pluginv1.DescribeResponse{
					Name: "raw", Version: "1", Kind: pluginv1.Kind_KIND_EXTRACTOR,
					RecordTypes: []pluginv1.RecordType{pluginv1.RecordType_RECORD_TYPE_CLOUD},
				},
				messages: test.messages, unknown: test.unknown, err: test.err,
			}
			plugin := serve(t, func(server *grpc.Server) {
				pluginv1.RegisterPluginServer(server, raw)
				pluginv1.RegisterExtractorServer(server, raw)
			})
			expect(t, verdict(t, plugin, Settings{From: fakeFrom, To: fakeTo}), test.want...)
		})
	}
}
