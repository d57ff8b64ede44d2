package plugintest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/caso-project/caso/internal/contract"
)

// BinaryOption changes how Binary starts a plugin.
type BinaryOption func(*exec.Cmd)

// Env adds a variable (NAME=value) to the environment of the plugin, which otherwise is the one
// that the host sets.
func Env(variable string) BinaryOption {
	return func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, variable) }
}

// Args starts the plugin with arguments. The host starts plugins without.
func Args(args ...string) BinaryOption {
	return func(cmd *exec.Cmd) { cmd.Args = append(cmd.Args, args...) }
}

// Binary starts a plugin's executable as the host does: through go-plugin with gRPC and mutual TLS,
// with a clean environment, a socket directory, a process group and a lifeline. It does not check
// whether the host would trust the file (owner, mode, name).
func Binary(t testing.TB, path string, options ...BinaryOption) *Plugin {
	t.Helper()
	return start(t, path, options)
}

const (
	startTimeout = 20 * time.Second
	stopTimeout  = 10 * time.Second
)

func start(t tb, path string, options []BinaryOption) *Plugin {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatalf("finding the plugin %s: %v", path, err)
	}
	// Not the test's own directory: its name contains the test's, and the path of a socket may have
	// 107 bytes (unix(7)).
	sockets, err := os.MkdirTemp("", "caso")
	if err != nil {
		t.Fatalf("making a directory for the plugin's socket: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(sockets) })
	lifeline, held, err := os.Pipe()
	if err != nil {
		t.Fatalf("making the plugin's lifeline: %v", err)
	}
	tls, clientCert, err := contract.HostTLS()
	if err != nil {
		t.Fatalf("%v", err)
	}
	cmd := command(path, options)
	cmd.Env = append(cmd.Env,
		plugin.EnvUnixSocketDir+"="+sockets,
		contract.ClientCertEnv+"="+clientCert,
		contract.LifelineEnv+"=3", // the first of ExtraFiles
		contract.LogLevelEnv+"=debug")
	cmd.ExtraFiles = []*os.File{lifeline}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  contract.Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{contract.ProtocolVersion: {}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Cmd:              cmd,
		SkipHostEnv:      true,
		TLSConfig:        tls,
		StartTimeout:     startTimeout,
		Stderr:           newOutput(t),
		// With a logger, go-plugin parses stderr as JSON and panics at a line that only resembles
		// hclog's.
		Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Off}),
	})
	running := &process{client: client, cmd: cmd, path: path, options: options, lifeline: held}
	t.Cleanup(func() { running.stop() })
	protocol, err := client.Client()
	_ = lifeline.Close()
	if err != nil {
		t.Fatalf("starting the plugin %s: %v", path, err)
	}
	if address := client.ReattachConfig().Addr; address.Network() != "unix" || !strings.HasPrefix(filepath.Clean(address.String()), sockets+"/") {
		t.Fatalf("the plugin %s serves on %s %s: it must be a unix socket in the directory that %s names", path, address.Network(), address, plugin.EnvUnixSocketDir)
	}
	if err := protocol.Ping(); err != nil {
		t.Fatalf("asking the plugin %s for the gRPC health of the service %q, as go-plugin does: %v", path, plugin.GRPCServiceName, err)
	}
	started := newPlugin(limitedConn{protocol.(*plugin.GRPCClient).Conn})
	started.process = running
	started.startAnother = func(t tb) *Plugin { return start(t, path, options) }
	return started
}

func command(path string, options []BinaryOption) *exec.Cmd {
	cmd := exec.Command(path)
	cmd.Env = []string{}
	for _, name := range []string{"PATH", "TMPDIR", "LANG", "TZ"} {
		if value, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	for _, option := range options {
		option(cmd)
	}
	return cmd
}

// limitedConn sets the host's message limit on every call; go-plugin's connection has none.
type limitedConn struct{ *grpc.ClientConn }

func (l limitedConn) Invoke(ctx context.Context, method string, args, reply any, options ...grpc.CallOption) error {
	return l.ClientConn.Invoke(ctx, method, args, reply, withLimit(options)...)
}

func (l limitedConn) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, options ...grpc.CallOption) (grpc.ClientStream, error) {
	return l.ClientConn.NewStream(ctx, desc, method, withLimit(options)...)
}

func withLimit(options []grpc.CallOption) []grpc.CallOption {
	return append(slices.Clone(options), grpc.MaxCallRecvMsgSize(contract.MaxMessageBytes))
}
