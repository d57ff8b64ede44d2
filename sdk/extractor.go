package sdk

import (
	"context"
	"sync"

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
	// and what a person should know. An error fails the window. Emit takes the record over, and may be
	// called from several goroutines until Extract returns. It fails once the host has gone away or when a
	// record is too large; Extract then returns that error, and the window fails in any case. Extract is
	// called for several projects at once.
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
	batch := &batcher{ctx: stream.Context(), send: func(records []*pluginv1.Record) error {
		return stream.Send(&pluginv1.ExtractResponse{Message: &pluginv1.ExtractResponse_Batch{
			Batch: &pluginv1.RecordBatch{Records: records}}})
	}}
	var complete *pluginv1.Complete
	err := guard(stream.Context(), "extracting", func() (err error) {
		complete, err = s.extractor.Extract(stream.Context(), request, batch.add)
		if err != nil {
			return err
		}
		if size := len(complete.GetNextState()); size > MaxStateBytes {
			return Fail(Errorf("the state to remember has %d bytes, more than the host keeps (%d bytes)", size, MaxStateBytes))
		}
		return batch.finish()
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

// batcher groups records by count and bytes. Its first error stays: an extractor that overlooks what emit
// returned must not complete a window that lacks records.
type batcher struct {
	ctx  context.Context
	send func([]*pluginv1.Record) error

	mu      sync.Mutex
	records []*pluginv1.Record
	bytes   int
	err     error
}

// add takes one record, and sends what was there before when the record would make it too large.
func (b *batcher) add(record *pluginv1.Record) error {
	bytes := size(record)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		// Asked for every record: an extractor that finds few of them would else learn late, or never,
		// that nobody waits for them.
		b.err = b.ctx.Err()
	}
	if b.err == nil && bytes > MaxBatchBytes {
		_, subject := subjectOf(record)
		diagnostic := Errorf("a record of %d bytes is larger than a batch may be (%d bytes)", bytes, MaxBatchBytes)
		diagnostic.Project, diagnostic.ResourceId = record.GetProjectId(), subject
		b.err = Fail(diagnostic)
	}
	if len(b.records) == FullBatchRecords || (len(b.records) > 0 && b.bytes+bytes > FullBatchBytes) {
		b.flush()
	}
	if b.err != nil {
		return b.err
	}
	b.records = append(b.records, record)
	b.bytes += bytes
	return nil
}

// finish sends what is left.
func (b *batcher) finish() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flush()
	return b.err
}

func (b *batcher) flush() {
	if b.err != nil || len(b.records) == 0 {
		return
	}
	records := b.records
	b.records, b.bytes = nil, 0
	b.err = b.send(records)
}
