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

	"github.com/caso-project/caso/internal/contract"
)

// ServeExtractor is the main function of an extractor. It returns when the host ends the plugin.
func ServeExtractor(extractor Extractor) {
	serve(func(server *grpc.Server) { RegisterExtractor(server, extractor) })
}

// ServeMessenger is the main function of a messenger. It returns when the host ends the plugin.
func ServeMessenger(messenger Messenger) {
	serve(func(server *grpc.Server) { RegisterMessenger(server, messenger) })
}

func serve(register func(*grpc.Server)) {
	// The host ends its plugins. A signal to the whole group must not interrupt a batch in flight.
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	exitWithHost()
	if os.Getenv(contract.Handshake().MagicCookieKey) == contract.Handshake().MagicCookieValue {
		reserveStdout()
	}
	// Created before Serve, which points os.Stderr elsewhere.
	logger := hclog.New(&hclog.LoggerOptions{
		Level:      logLevel(),
		Output:     os.Stderr,
		JSONFormat: true,
	})
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  contract.Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{contract.ProtocolVersion: {"plugin": registration{register: register}}},
		Logger:           logger,
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts,
				grpc.MaxRecvMsgSize(contract.MaxMessageBytes),
				grpc.MaxSendMsgSize(contract.MaxMessageBytes),
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
	if level := hclog.LevelFromString(os.Getenv(contract.LogLevelEnv)); level != hclog.NoLevel {
		return level
	}
	return hclog.Info
}

// exitWithHost ends the process once the host is gone, however it ended: the lifeline is a pipe
// whose write end only the host holds.
func exitWithHost() {
	fd, err := strconv.Atoi(os.Getenv(contract.LifelineEnv))
	if err != nil {
		return
	}
	unix.CloseOnExec(fd)
	lifeline := os.NewFile(uintptr(fd), "lifeline")
	go func() {
		// The host never writes to it: Read returns when the write end is closed.
		_, _ = lifeline.Read(make([]byte, 1))
		os.Exit(1)
	}()
}

// reserveStdout gives go-plugin the real standard output, on which it prints the handshake, and
// sends everything else that is printed there to standard error: a stray line would break the
// handshake.
func reserveStdout() {
	handshake, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return
	}
	if err := replaceFD(2, 1); err != nil {
		return
	}
	os.Stdout = os.NewFile(uintptr(handshake), "handshake")
}

// registration registers the services of a plugin with go-plugin.
type registration struct {
	plugin.NetRPCUnsupportedPlugin
	register func(*grpc.Server)
}

func (r registration) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	r.register(server)
	return nil
}

// GRPCClient is the host's side of go-plugin's interface. The host uses the connection itself.
func (registration) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

// loggingStream is a stream whose context has the logger.
type loggingStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *loggingStream) Context() context.Context { return s.ctx }
