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

// Env adds a variable (NAME=value) to the environment of the plugin, which otherwise holds what the host gives
// and no more.
func Env(variable string) BinaryOption {
	return func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, variable) }
}

// Args gives the plugin arguments; the host gives none.
func Args(args ...string) BinaryOption {
	return func(cmd *exec.Cmd) { cmd.Args = append(cmd.Args, args...) }
}

// Binary starts a plugin's executable as the host does: through go-plugin with gRPC and mutual TLS, with
// a clean environment, a socket directory, a process group and a lifeline. Whether the host would trust
// the file (its owner, its modes, its name) is not looked at.
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
	// Not the test's own directory: its name holds the test's, and a socket's path may have 107 bytes.
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
		// With a logger go-plugin would read stderr as JSON, and panic at a line that only looks like hclog's.
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
	started := newPlugin(limited{protocol.(*plugin.GRPCClient).Conn})
	started.process = running
	started.again = func(t tb) *Plugin { return start(t, path, options) }
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

// limited sets on every call the limit that the host has; go-plugin's own connection has none.
type limited struct{ *grpc.ClientConn }

func (l limited) Invoke(ctx context.Context, method string, args, reply any, options ...grpc.CallOption) error {
	return l.ClientConn.Invoke(ctx, method, args, reply, withLimit(options)...)
}

func (l limited) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, options ...grpc.CallOption) (grpc.ClientStream, error) {
	return l.ClientConn.NewStream(ctx, desc, method, withLimit(options)...)
}

func withLimit(options []grpc.CallOption) []grpc.CallOption {
	return append(slices.Clone(options), grpc.MaxCallRecvMsgSize(contract.MaxMessageBytes))
}
