package sdk

import (
	"context"
	"slices"

	"google.golang.org/grpc"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Extractor reads a cloud and emits records.
type Extractor interface {
	Plugin
	// ListProjects resolves the projects to report on, each once. A project that cannot be reported
	// is an error with a project (WithProject), joined to the others; it is left out of the run.
	// Any other error means that the list could not be made.
	ListProjects(ctx context.Context, request ListProjectsRequest) ([]*pluginv1.Project, error)
	// Extract emits every record of one project and window, and returns the state that the next
	// window receives. An error fails the window: the host stores none of its records and asks for
	// it again in the next run. Extract is called for several projects at once.
	Extract(ctx context.Context, request ExtractRequest, out Output) (nextState []byte, err error)
}

// ListProjectsRequest selects projects.
type ListProjectsRequest struct {
	// Projects are IDs or names, as the operator spelled them.
	Projects []string
	// IncludeMarked adds the projects that are marked in the cloud itself, for example with a tag.
	IncludeMarked bool
}

// ExtractRequest asks for the records of one project and window.
type ExtractRequest struct {
	Project *pluginv1.Project
	Window  Window
	// State is what the last regular window of this instance and project returned; nil before the
	// first.
	State []byte
	// Republish is set for a window that does not continue the last regular one. State is then as of
	// another time than Window.From, and the returned state is discarded.
	Republish bool
	// RecordTypes are the record types to emit; others fail the window.
	RecordTypes []pluginv1.RecordType
}

// Wants reports whether records of a type are to be emitted.
func (r ExtractRequest) Wants(t pluginv1.RecordType) bool { return slices.Contains(r.RecordTypes, t) }

// Output receives the records of a window. Its methods may be called by several goroutines until
// Extract returns; records of one subject must come in time order.
type Output interface {
	// Emit adds a record, which it takes over. It fails if the host has ended the call or the
	// record is against a rule of the contract. Extract then returns that error; the window fails
	// in any case.
	Emit(record *pluginv1.Record) error
	// Progress reports how many items (in the plural: "servers") were read so far. The host ends a
	// call that sends neither records nor progress for idle_timeout. It may be called as often as
	// convenient.
	Progress(items string, done int64)
}

// RegisterExtractor registers an extractor on a gRPC server. ServeExtractor does it for a plugin
// process.
func RegisterExtractor(registrar grpc.ServiceRegistrar, extractor Extractor) {
	pluginv1.RegisterPluginServer(registrar, &pluginServer{plugin: extractor, kind: pluginv1.Kind_KIND_EXTRACTOR})
	pluginv1.RegisterExtractorServer(registrar, &extractorServer{extractor: extractor})
}

type extractorServer struct {
	pluginv1.UnimplementedExtractorServer
	extractor Extractor
}

func (s *extractorServer) ListProjects(ctx context.Context, request *pluginv1.ListProjectsRequest) (*pluginv1.ListProjectsResponse, error) {
	response := &pluginv1.ListProjectsResponse{}
	err := callPlugin(ctx, "listing projects", func() (err error) {
		response.Projects, err = s.extractor.ListProjects(ctx,
			ListProjectsRequest{Projects: request.GetProjects(), IncludeMarked: request.GetIncludeMarked()})
		return err
	})
	response.Diagnostics = encodeDiagnostics(Diagnostics(err))
	return response, nil
}

func (s *extractorServer) Extract(request *pluginv1.ExtractRequest, stream grpc.ServerStreamingServer[pluginv1.ExtractResponse]) error {
	if len(request.GetRecordTypes()) == 0 {
		for _, t := range s.extractor.Describe().RecordTypes {
			request.RecordTypes = append(request.RecordTypes, t.Type)
		}
	}
	out := newBatcher(stream.Context(), contract.NewStreamCheck(request), stream.Send)
	var nextState []byte
	err := callPlugin(stream.Context(), "extracting", func() (err error) {
		nextState, err = s.extractor.Extract(stream.Context(), ExtractRequest{
			Project:     request.GetProject(),
			Window:      Window{From: request.GetWindow().GetFrom().AsTime(), To: request.GetWindow().GetTo().AsTime()},
			State:       request.GetState(),
			Republish:   request.GetRepublish(),
			RecordTypes: request.GetRecordTypes(),
		}, out)
		return err
	})
	diagnostics := Diagnostics(err)
	if size := len(nextState); size > MaxStateBytes {
		diagnostics = append(diagnostics, Errorf("the next state has %d bytes, more than %d", size, MaxStateBytes))
	}
	// An extractor that overlooks what Emit returned must not complete a window that lacks records.
	if err := out.close(!failed(diagnostics)); err != nil && !failed(diagnostics) {
		diagnostics = append(diagnostics, Diagnostics(err)...)
	}
	encoded := encodeDiagnostics(diagnostics)
	if failed(diagnostics) {
		return stream.Send(&pluginv1.ExtractResponse{Message: &pluginv1.ExtractResponse_Failure{
			Failure: &pluginv1.Failure{Diagnostics: encoded}}})
	}
	return stream.Send(&pluginv1.ExtractResponse{Message: &pluginv1.ExtractResponse_Complete{
		Complete: &pluginv1.Complete{NextState: nextState, Diagnostics: encoded}}})
}
