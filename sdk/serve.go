package sdk

import (
	"context"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
)

// ServeExtractor is the main of an extractor. It returns when the host has no more use for it.
func ServeExtractor(extractor Extractor) {
	serve(func(server *grpc.Server) { RegisterExtractor(server, extractor) })
}

// ServeMessenger is the main of a messenger. It returns when the host has no more use for it.
func ServeMessenger(messenger Messenger) {
	serve(func(server *grpc.Server) { RegisterMessenger(server, messenger) })
}

func serve(register func(*grpc.Server)) {
	// The host ends its plugins; a signal to the whole group must not cut off a batch in flight.
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	followHost()
	if os.Getenv(Handshake().MagicCookieKey) == Handshake().MagicCookieValue {
		keepStdoutForHandshake()
	}
	// Made before Serve, which points os.Stderr elsewhere.
	logger := hclog.New(&hclog.LoggerOptions{
		Level:      logLevel(),
		Output:     os.Stderr,
		JSONFormat: true,
	})
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{ProtocolVersion: {"plugin": registration{register: register}}},
		Logger:           logger,
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(serverOptions(opts),
				grpc.UnaryInterceptor(func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
					return handler(hclog.WithContext(ctx, logger), request)
				}),
				grpc.StreamInterceptor(func(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
					return handler(server, &loggingStream{stream, hclog.WithContext(stream.Context(), logger)})
				}))...)
		},
	})
}

func logLevel() hclog.Level {
	if level := hclog.LevelFromString(os.Getenv(LogLevelEnv)); level != hclog.NoLevel {
		return level
	}
	return hclog.Info
}

// followHost ends the process once the host is gone, however it went: the lifeline is a pipe whose other
// end only the host holds.
func followHost() {
	fd, err := strconv.Atoi(os.Getenv(LifelineEnv))
	if err != nil {
		return
	}
	unix.CloseOnExec(fd)
	lifeline := os.NewFile(uintptr(fd), "lifeline")
	go func() {
		// Nothing is ever written to it: Read returns when the last writer is gone.
		_, _ = lifeline.Read(make([]byte, 1))
		os.Exit(1)
	}()
}

// keepStdoutForHandshake gives go-plugin the real standard output, on which it prints one line, and lets
// everything else that is printed there go to standard error: a stray line would break the handshake.
func keepStdoutForHandshake() {
	handshake, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return
	}
	if err := unix.Dup3(2, 1, 0); err != nil {
		return
	}
	os.Stdout = os.NewFile(uintptr(handshake), "handshake")
}

// registration is how go-plugin lets a plugin register its services.
type registration struct {
	plugin.NetRPCUnsupportedPlugin
	register func(*grpc.Server)
}

func (r registration) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	r.register(server)
	return nil
}

// GRPCClient is the host's side of go-plugin's interface; the host talks to the connection itself.
func (registration) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

// loggingStream is a stream whose context carries the logger.
type loggingStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *loggingStream) Context() context.Context { return s.ctx }
