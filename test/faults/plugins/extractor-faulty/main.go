// Command caso-extractor-faulty is an extractor of three projects that misbehaves in one of them as
// its option mode selects. It implements the contract without the SDK, which would prevent most of
// its faults.
package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func main() {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  contract.Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{contract.ProtocolVersion: {"plugin": &served{extractor: &faulty{}}}},
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(options, grpc.MaxSendMsgSize(1<<30))...)
		},
	})
}

type served struct {
	plugin.NetRPCUnsupportedPlugin
	extractor *faulty
}

//nolint:unparam // go-plugin wants the error
func (s *served) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	pluginv1.RegisterPluginServer(server, s.extractor)
	pluginv1.RegisterExtractorServer(server, s.extractor)
	return nil
}

func (*served) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

// faulty is the extractor. mode selects its fault.
type faulty struct {
	pluginv1.UnimplementedPluginServer
	pluginv1.UnimplementedExtractorServer
	mode string
}

func (f *faulty) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	return &pluginv1.DescribeResponse{
		Name: "faulty", Version: "1", Kind: pluginv1.Kind_KIND_EXTRACTOR,
		RecordTypes: []*pluginv1.RecordTypeDescription{{
			Type: pluginv1.RecordType_RECORD_TYPE_CLOUD, TimeSemantics: pluginv1.TimeSemantics_TIME_SEMANTICS_CUMULATIVE}},
		Options: []*pluginv1.Option{{
			Section: "faulty", Name: "mode", Type: pluginv1.OptionType_OPTION_TYPE_STRING, Required: true, Help: "What to do.",
		}},
	}, nil
}

func (f *faulty) Configure(_ context.Context, request *pluginv1.ConfigureRequest) (*pluginv1.ConfigureResponse, error) {
	f.mode = request.GetValues()[0].GetStringValue()
	return &pluginv1.ConfigureResponse{}, nil
}

func (f *faulty) Close(context.Context, *pluginv1.CloseRequest) (*pluginv1.CloseResponse, error) {
	return &pluginv1.CloseResponse{}, nil
}

func (f *faulty) ListProjects(context.Context, *pluginv1.ListProjectsRequest) (*pluginv1.ListProjectsResponse, error) {
	switch f.mode {
	case "hangs over projects":
		select {}
	case "crashes over projects":
		panic("out of luck")
	case "fails over projects":
		return nil, status.Error(codes.Internal, "no idea")
	}
	var response pluginv1.ListProjectsResponse
	for _, id := range []string{"before", "bad", "after"} {
		response.Projects = append(response.Projects, &pluginv1.Project{Id: id, Vo: "vo." + id})
	}
	return &response, nil
}

func (f *faulty) Extract(request *pluginv1.ExtractRequest, stream grpc.ServerStreamingServer[pluginv1.ExtractResponse]) error {
	send := func(records ...*pluginv1.Record) error {
		return stream.Send(&pluginv1.ExtractResponse{Message: &pluginv1.ExtractResponse_Batch{Batch: &pluginv1.RecordBatch{Records: records}}})
	}
	complete := func(state []byte) error {
		return stream.Send(&pluginv1.ExtractResponse{Message: &pluginv1.ExtractResponse_Complete{Complete: &pluginv1.Complete{NextState: state}}})
	}
	// Several batches, so that some are stored in the outbox before the fault.
	for batch := range 4 {
		var records []*pluginv1.Record
		for i := range 200 {
			records = append(records, validRecord(request, fmt.Sprintf("%s-%d-%d", request.GetProject().GetId(), batch, i)))
		}
		if err := send(records...); err != nil {
			return err
		}
	}
	if request.GetProject().GetId() != "bad" {
		return complete([]byte("state"))
	}
	one := validRecord(request, "bad-too")
	switch f.mode {
	case "crashes":
		panic("out of luck")
	case "hangs":
		select {}
	case "ends without Complete":
		return nil
	case "fails with a status":
		return status.Error(codes.Aborted, "had enough")
	case "fails without a reason":
		return stream.Send(&pluginv1.ExtractResponse{Message: &pluginv1.ExtractResponse_Failure{Failure: &pluginv1.Failure{}}})
	case "goes on after Complete":
		if err := complete(nil); err != nil {
			return err
		}
		return send(one)
	case "completes twice":
		if err := complete(nil); err != nil {
			return err
		}
	case "sends an empty message":
		if err := stream.Send(&pluginv1.ExtractResponse{}); err != nil {
			return err
		}
	case "sends a malformed message":
		if err := stream.SendMsg(wrapperspb.Bytes([]byte("\x0a\xff\xff\xff\xff\x0f"))); err != nil {
			return err
		}
	case "sends a message of 20 MiB":
		one.GetCloud().MachineName = strings.Repeat("x", 20<<20)
		if err := send(one); err != nil {
			return err
		}
	case "sends a batch of 2 MiB":
		one.GetCloud().MachineName = strings.Repeat("x", 2<<20)
		if err := send(one); err != nil {
			return err
		}
	case "sends too many records":
		many := make([]*pluginv1.Record, contract.MaxBatchRecords+1)
		for i := range many {
			many[i] = validRecord(request, fmt.Sprint("many-", i))
		}
		if err := send(many...); err != nil {
			return err
		}
	case "returns a large state":
		return complete(make([]byte, contract.MaxStateBytes+1))
	case "reports another project":
		one.ProjectId = "before"
	case "reports another type":
		one.Kind = &pluginv1.Record_Ip{Ip: &pluginv1.IpRecord{MeasurementTime: request.GetWindow().GetTo(), LocalUserId: "u", GlobalUserName: "u", IpVersion: 4, IpCount: 1}}
	case "reports no kind":
		one.Kind = nil
	case "reports no start":
		one.GetCloud().StartTime = nil
	case "reports a negative duration":
		one.GetCloud().WallDuration = durationpb.New(-time.Second)
	case "reports an end before the start":
		one.GetCloud().Status = pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED
		one.GetCloud().EndTime = timestamppb.New(one.GetCloud().GetStartTime().AsTime().Add(-time.Hour))
	}
	if err := send(one); err != nil {
		return err
	}
	return complete(nil)
}

// validRecord returns a valid record of a server that was created in the window's last month.
func validRecord(request *pluginv1.ExtractRequest, id string) *pluginv1.Record {
	months := contract.Months(request.GetWindow().GetFrom().AsTime(), request.GetWindow().GetTo().AsTime())
	asOf := months[len(months)-1].AsOf
	start := asOf.Add(-time.Hour)
	if monthStart := time.Date(asOf.Year(), asOf.Month(), 1, 0, 0, 0, 0, time.UTC); start.Before(monthStart) {
		start = monthStart
	}
	return &pluginv1.Record{
		CloudType: "faulty", ProjectId: request.GetProject().GetId(),
		Kind: &pluginv1.Record_Cloud{Cloud: &pluginv1.CloudRecord{
			VmUuid: id, MachineName: id, LocalUserId: "u", Status: pluginv1.CloudStatus_CLOUD_STATUS_STARTED,
			StartTime: timestamppb.New(start), RecordCreateTime: timestamppb.New(asOf),
			WallDuration: durationpb.New(asOf.Sub(start)), CpuDuration: durationpb.New(asOf.Sub(start)),
		}},
	}
}
