// Command bare is the floor of the benchmarks of the host. Its first argument selects what it is:
//
//	relay SELF N           starts two processes, source and sink, with go-plugin, and passes N
//	                       records from one to the other
//	handshake FILE...      starts plugins at the same time with go-plugin, calls Describe, ends them
//	source N, sink         the processes of relay
//	nothing                returns at once
//
// The connections are those of caso: unix sockets, mutual TLS, gRPC, the messages of the contract,
// batches of the same size, and one ack for each batch before the next is sent. The source sets all
// fields. Nothing is checked, stored or logged.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/caso-project/caso/bench/records"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func main() {
	if err := runRole(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func runRole(role string, arguments []string) error {
	switch role {
	case "relay":
		return relay(arguments[0], arguments[1])
	case "handshake":
		return handshake(arguments)
	case "source":
		count, err := strconv.Atoi(arguments[0])
		serve(func(s *grpc.Server) { pluginv1.RegisterExtractorServer(s, &source{count: count}) })
		return err
	case "sink":
		serve(func(s *grpc.Server) { pluginv1.RegisterMessengerServer(s, &sink{}) })
	case "nothing":
	default:
		return fmt.Errorf("unknown role %q", role)
	}
	return nil
}

// connect starts a plugin with the options of caso's host.
func connect(path string, arguments ...string) (*plugin.Client, *grpc.ClientConn, error) {
	tlsConfig, certificate, err := contract.HostTLS()
	if err != nil {
		return nil, nil, err
	}
	command := exec.Command(path, arguments...)
	command.Env = []string{contract.ClientCertEnv + "=" + certificate}
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  contract.Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{contract.ProtocolVersion: {}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		TLSConfig:        tlsConfig,
		SkipHostEnv:      true,
		Cmd:              command,
		Logger:           hclog.NewNullLogger(),
		GRPCDialOptions: []grpc.DialOption{grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(contract.MaxMessageBytes), grpc.MaxCallSendMsgSize(contract.MaxMessageBytes))},
	})
	protocol, err := client.Client()
	if err != nil {
		client.Kill()
		return nil, nil, err
	}
	return client, protocol.(*plugin.GRPCClient).Conn, nil
}

func relay(self, count string) error {
	sourceClient, sourceConn, err := connect(self, "source", count)
	if err != nil {
		return err
	}
	defer sourceClient.Kill()
	sinkClient, sinkConn, err := connect(self, "sink")
	if err != nil {
		return err
	}
	defer sinkClient.Kill()
	extract, err := pluginv1.NewExtractorClient(sourceConn).Extract(context.Background(), &pluginv1.ExtractRequest{})
	if err != nil {
		return err
	}
	deliver, err := pluginv1.NewMessengerClient(sinkConn).Deliver(context.Background())
	if err != nil {
		return err
	}
	for number := 0; ; number++ {
		response, err := extract.Recv()
		if errors.Is(err, io.EOF) {
			return deliver.CloseSend()
		}
		if err != nil {
			return err
		}
		id := strconv.Itoa(number)
		batch := &pluginv1.Batch{Id: id, Records: response.GetBatch().GetRecords()}
		if err := deliver.Send(&pluginv1.DeliverRequest{Batch: batch}); err != nil {
			return err
		}
		answer, err := deliver.Recv()
		if err != nil {
			return err
		}
		if answer.GetAck().GetBatchId() != id {
			return fmt.Errorf("ack of batch %q instead of %q", answer.GetAck().GetBatchId(), id)
		}
	}
}

func handshake(paths []string) error {
	var group errgroup.Group
	for _, path := range paths {
		group.Go(func() error {
			client, conn, err := connect(path)
			if err != nil {
				return err
			}
			defer client.Kill()
			_, err = pluginv1.NewPluginClient(conn).Describe(context.Background(), &pluginv1.DescribeRequest{})
			return err
		})
	}
	return group.Wait()
}

// serve serves with the options of caso's SDK.
func serve(register func(*grpc.Server)) {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  contract.Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{contract.ProtocolVersion: {"plugin": registration{register: register}}},
		Logger:           hclog.NewNullLogger(),
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(options,
				grpc.MaxRecvMsgSize(contract.MaxMessageBytes), grpc.MaxSendMsgSize(contract.MaxMessageBytes))...)
		},
	})
}

type registration struct {
	plugin.NetRPCUnsupportedPlugin
	register func(*grpc.Server)
}

//nolint:unparam // go-plugin wants the error
func (r registration) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	r.register(server)
	return nil
}

func (registration) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

type source struct {
	pluginv1.UnimplementedExtractorServer
	count int
}

// Extract sends the records in batches as the SDK makes them.
func (s *source) Extract(_ *pluginv1.ExtractRequest, stream grpc.ServerStreamingServer[pluginv1.ExtractResponse]) error {
	to := time.Now().UTC().Truncate(time.Second)
	perBatch := records.PerBatch()
	for first := 0; first < s.count; first += perBatch {
		batch := &pluginv1.RecordBatch{}
		for number := first; number < min(first+perBatch, s.count); number++ {
			batch.Records = append(batch.Records, records.Stored("project-0000", number, to))
		}
		if err := stream.Send(&pluginv1.ExtractResponse{Message: &pluginv1.ExtractResponse_Batch{Batch: batch}}); err != nil {
			return err
		}
	}
	return nil
}

type sink struct {
	pluginv1.UnimplementedMessengerServer
}

// Deliver acknowledges every batch.
func (*sink) Deliver(stream grpc.BidiStreamingServer[pluginv1.DeliverRequest, pluginv1.DeliverResponse]) error {
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		ack := &pluginv1.Ack{BatchId: request.GetBatch().GetId(), Result: pluginv1.Ack_RESULT_DELIVERED}
		if err := stream.Send(&pluginv1.DeliverResponse{Ack: ack}); err != nil {
			return err
		}
	}
}
