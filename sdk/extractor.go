package sdk

import (
	"context"

	"google.golang.org/grpc"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Extractor turns a cloud's API into records.
type Extractor interface {
	Plugin
	// ListProjects resolves the projects to report on, each once. A project that cannot be had is a
	// diagnostic of severity ERROR that names it; an error means that nothing could be listed.
	ListProjects(ctx context.Context, request *pluginv1.ListProjectsRequest) (*pluginv1.ListProjectsResponse, error)
	// Extract emits every record of one project's window and then returns what is to be remembered
	// and what a person should know. An error fails the window. Emit fails once the host has gone
	// away; Extract then returns that error. Extract is called for several projects at once.
	Extract(ctx context.Context, request *pluginv1.ExtractRequest, emit func(*pluginv1.Record) error) (*pluginv1.Complete, error)
}

// RegisterExtractor puts an extractor on a gRPC server. ServeExtractor does it for a plugin's own
// process; tests use it to serve one in theirs.
func RegisterExtractor(registrar grpc.ServiceRegistrar, extractor Extractor) {
	pluginv1.RegisterPluginServer(registrar, &pluginServer{plugin: extractor, kind: pluginv1.Kind_KIND_EXTRACTOR})
	pluginv1.RegisterExtractorServer(registrar, &extractorServer{extractor: extractor})
}

type extractorServer struct {
	pluginv1.UnimplementedExtractorServer
	extractor Extractor
}

func (s *extractorServer) ListProjects(ctx context.Context, request *pluginv1.ListProjectsRequest) (*pluginv1.ListProjectsResponse, error) {
	var response *pluginv1.ListProjectsResponse
	err := guard(ctx, "listing projects", func() (err error) {
		response, err = s.extractor.ListProjects(ctx, request)
		return err
	})
	if response == nil {
		response = &pluginv1.ListProjectsResponse{}
	}
	response.Diagnostics = append(response.Diagnostics, Diagnostics(err)...)
	return response, nil
}

func (s *extractorServer) Extract(request *pluginv1.ExtractRequest, stream grpc.ServerStreamingServer[pluginv1.ExtractResponse]) error {
	batch := batcher{send: func(records []*pluginv1.Record) error {
		return stream.Send(&pluginv1.ExtractResponse{Message: &pluginv1.ExtractResponse_Batch{
			Batch: &pluginv1.RecordBatch{Records: records}}})
	}}
	var complete *pluginv1.Complete
	err := guard(stream.Context(), "extracting", func() (err error) {
		complete, err = s.extractor.Extract(stream.Context(), request, batch.add)
		if err == nil {
			err = batch.flush()
		}
		return err
	})
	if err != nil {
		return stream.Send(&pluginv1.ExtractResponse{Message: &pluginv1.ExtractResponse_Failure{
			Failure: &pluginv1.Failure{Diagnostics: Diagnostics(err)}}})
	}
	if complete == nil {
		complete = &pluginv1.Complete{}
	}
	return stream.Send(&pluginv1.ExtractResponse{Message: &pluginv1.ExtractResponse_Complete{Complete: complete}})
}

// batcher groups records by count and bytes.
type batcher struct {
	send    func([]*pluginv1.Record) error
	records []*pluginv1.Record
	bytes   int
}

// add takes one record, and sends what was there before when the record would make it too large.
func (b *batcher) add(record *pluginv1.Record) error {
	bytes := size(record)
	if bytes > MaxBatchBytes {
		return Fail(Errorf("a record of %d bytes is larger than a batch may be (%d bytes)", bytes, MaxBatchBytes))
	}
	if len(b.records) == FullBatchRecords || (len(b.records) > 0 && b.bytes+bytes > FullBatchBytes) {
		if err := b.flush(); err != nil {
			return err
		}
	}
	b.records = append(b.records, record)
	b.bytes += bytes
	return nil
}

func (b *batcher) flush() error {
	if len(b.records) == 0 {
		return nil
	}
	records := b.records
	b.records, b.bytes = nil, 0
	return b.send(records)
}
