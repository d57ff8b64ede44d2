// Command caso-messenger-faulty is a messenger that misbehaves as configured. It uses the contract
// without the SDK, which would prevent most of the faults.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hashicorp/go-plugin"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func main() {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  contract.Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{contract.ProtocolVersion: {"plugin": &served{messenger: &faulty{}}}},
		GRPCServer:       func(options []grpc.ServerOption) *grpc.Server { return grpc.NewServer(options...) },
	})
}

type served struct {
	plugin.NetRPCUnsupportedPlugin
	messenger *faulty
}

//nolint:unparam // go-plugin wants the error
func (s *served) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	pluginv1.RegisterPluginServer(server, s.messenger)
	pluginv1.RegisterMessengerServer(server, s.messenger)
	return nil
}

func (*served) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

// faulty is the messenger. mode is its fault; path is the file to which it appends the records that
// it accepts, a line with VM and record time each.
type faulty struct {
	pluginv1.UnimplementedPluginServer
	pluginv1.UnimplementedMessengerServer
	mode, path string
	leak       [][]byte
}

func (f *faulty) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	option := func(name, help string) *pluginv1.Option {
		return &pluginv1.Option{Section: "faulty", Name: name, Type: pluginv1.OptionType_OPTION_TYPE_STRING, Required: true, Help: help}
	}
	return &pluginv1.DescribeResponse{
		Name: "faulty", Version: "1", Kind: pluginv1.Kind_KIND_MESSENGER,
		RecordTypes: []*pluginv1.RecordTypeDescription{{
			Type: pluginv1.RecordType_RECORD_TYPE_CLOUD, TimeSemantics: pluginv1.TimeSemantics_TIME_SEMANTICS_CUMULATIVE}},
		Options: []*pluginv1.Option{option("mode", "The fault."), option("path", "The file for delivered records.")},
	}, nil
}

func (f *faulty) Configure(_ context.Context, request *pluginv1.ConfigureRequest) (*pluginv1.ConfigureResponse, error) {
	for _, value := range request.GetValues() {
		switch value.GetOption().GetName() {
		case "mode":
			f.mode = value.GetStringValue()
		case "path":
			f.path = value.GetStringValue()
		}
	}
	return &pluginv1.ConfigureResponse{}, nil
}

func (f *faulty) Close(context.Context, *pluginv1.CloseRequest) (*pluginv1.CloseResponse, error) {
	if f.mode == "hangs at shutdown" {
		select {}
	}
	return &pluginv1.CloseResponse{}, nil
}

func (f *faulty) Deliver(stream grpc.BidiStreamingServer[pluginv1.DeliverRequest, pluginv1.DeliverResponse]) error {
	if f.mode == "fails at the start" {
		return status.Error(codes.Internal, "I would rather not")
	}
	for {
		request, err := stream.Recv()
		if err != nil {
			return nil //nolint:nilerr // the host closed the stream
		}
		ack, err := f.deliver(request.GetBatch())
		if err != nil || ack == nil {
			return err
		}
		if err := stream.Send(&pluginv1.DeliverResponse{Ack: ack}); err != nil {
			return err
		}
		if f.mode == "answers twice" {
			_ = stream.Send(&pluginv1.DeliverResponse{Ack: ack})
		}
	}
}

// deliver returns the ack of a batch, or nil if the stream ends instead.
func (f *faulty) deliver(batch *pluginv1.Batch) (*pluginv1.Ack, error) {
	ack := &pluginv1.Ack{BatchId: batch.GetId(), Result: pluginv1.Ack_RESULT_DELIVERED}
	switch f.mode {
	case "crashes":
		panic("out of luck")
	case "is killed":
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		select {}
	case "hangs":
		select {}
	case "leaks memory":
		f.fill()
	case "floods stderr":
		flood()
	case "ends the stream":
		return nil, nil
	case "fails the stream":
		return nil, status.Error(codes.DataLoss, "lost it\nsomewhere")
	case "answers for another batch":
		ack.BatchId = "another"
	case "answers nothing":
		return &pluginv1.Ack{}, nil
	case "gives no reason":
		ack.Result = pluginv1.Ack_RESULT_RETRY
	case "names no result":
		ack.Result = pluginv1.Ack_RESULT_UNSPECIFIED
	case "rejects a record of another batch":
		ack.RejectedRecords = []*pluginv1.RejectedRecord{{RecordId: "another", Reason: "never seen"}}
	case "sends 32 MB":
		ack.Result = pluginv1.Ack_RESULT_RETRY
		ack.Diagnostics = []*pluginv1.Diagnostic{{Summary: strings.Repeat("why ", 8<<20)}}
	}
	if ack.GetResult() != pluginv1.Ack_RESULT_DELIVERED || ack.GetBatchId() != batch.GetId() || len(ack.GetRejectedRecords()) > 0 {
		return ack, nil
	}
	return ack, f.write(batch)
}

// fill allocates memory until it fails. A limit of its own protects the machine.
func (f *faulty) fill() {
	limit := unix.Rlimit{Cur: 2 << 30, Max: 2 << 30}
	if err := unix.Setrlimit(unix.RLIMIT_AS, &limit); err != nil {
		panic(err)
	}
	for {
		f.leak = append(f.leak, make([]byte, 16<<20))
	}
}

// flood prints 32 MB, in lines and without.
func flood() {
	for _, text := range []string{"a line\n", "no end", "{\"@message\": 1}\n", "\xff\x1b[2J\n"} {
		_, _ = io.WriteString(os.Stderr, strings.Repeat(text, 8<<20/len(text)))
	}
}

func (f *faulty) write(batch *pluginv1.Batch) error {
	file, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	for _, record := range batch.GetRecords() {
		line := fmt.Sprintf("%s %d", record.GetCloud().GetVmUuid(), record.GetCloud().GetRecordCreateTime().GetSeconds())
		if err := json.NewEncoder(file).Encode(line); err != nil {
			return err
		}
	}
	return file.Close()
}
