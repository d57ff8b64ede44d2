package plugintest

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/caso-project/caso/internal/contract"
	"github.com/caso-project/caso/sdk"
)

// Extractor serves an extractor inside the test, over a connection in memory.
func Extractor(t testing.TB, extractor sdk.Extractor) *Plugin {
	t.Helper()
	return serve(t, func(server *grpc.Server) { sdk.RegisterExtractor(server, extractor) })
}

// Messenger serves a messenger inside the test, over a connection in memory.
func Messenger(t testing.TB, messenger sdk.Messenger) *Plugin {
	t.Helper()
	return serve(t, func(server *grpc.Server) { sdk.RegisterMessenger(server, messenger) })
}

func serve(t tb, register func(*grpc.Server)) *Plugin {
	t.Helper()
	output := newOutput(t)
	logger := hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: output})
	var inFlight atomic.Int64
	server := grpc.NewServer(
		grpc.MaxRecvMsgSize(contract.MaxMessageBytes), grpc.MaxSendMsgSize(contract.MaxMessageBytes),
		grpc.UnaryInterceptor(func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			return handler(hclog.WithContext(ctx, logger), request)
		}),
		grpc.StreamInterceptor(func(implementation any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			inFlight.Add(1)
			defer inFlight.Add(-1)
			return handler(implementation, &loggingStream{stream, hclog.WithContext(stream.Context(), logger)})
		}))
	register(server)
	listener := bufconn.Listen(1 << 20)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:plugin",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(contract.MaxMessageBytes), grpc.MaxCallSendMsgSize(contract.MaxMessageBytes)))
	if err != nil {
		t.Fatalf("connecting to the plugin in this process: %v", err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		// Stop waits for handlers, and the suite tests for handlers that never return.
		go server.Stop()
		if err := <-served; err != nil {
			t.Errorf("serving the plugin in this process: %v", err)
		}
	})
	plugin := newPlugin(conn)
	plugin.callsInFlight = func() int { return int(inFlight.Load()) }
	plugin.startAnother = func(t tb) *Plugin { return serve(t, register) }
	return plugin
}

// loggingStream is a stream whose context has the logger.
type loggingStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *loggingStream) Context() context.Context { return s.ctx }
