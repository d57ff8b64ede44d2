package plugintest

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

// roleEnv makes this test binary a plugin; its value is the plugin.
const roleEnv = "CASO_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "":
		os.Exit(m.Run())
	case "good":
		sdk.ServeMessenger(silentMessenger{})
	case "careless":
		serveCareless()
	case "mute":
		os.Exit(3)
	case "elsewhere":
		_ = os.Setenv(plugin.EnvUnixSocketDir, "/tmp")
		sdk.ServeMessenger(silentMessenger{})
	}
}

// silentMessenger accepts every batch.
type silentMessenger struct{}

func (silentMessenger) Describe() sdk.Description {
	return sdk.Description{Name: "silent", Version: "1", RecordTypes: sdk.Accepts(sdk.AllRecordTypes()...), Options: []sdk.Option{
		sdk.StringOption("fake", "endpoint", "Not used."), sdk.StringOption("fake", "password", "Not used.").Secret()}}
}
func (silentMessenger) Configure(context.Context, sdk.Config) error    { return nil }
func (silentMessenger) Deliver(context.Context, *pluginv1.Batch) error { return nil }

// serveCareless serves without the SDK and does only what go-plugin does.
func serveCareless() {
	if os.Getenv(contract.Handshake().MagicCookieKey) == "" {
		for { // waits for a host
			_ = syscall.Pause()
		}
	}
	messenger := newFakeMessenger()
	messenger.description.Options = nil
	messenger.deliver = func(_ context.Context, batch *pluginv1.Batch) ([]*pluginv1.Ack, error) {
		fmt.Fprintln(os.Stderr, `{"@message": 1}`)
		return []*pluginv1.Ack{delivered(batch)}, nil
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  contract.Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{contract.ProtocolVersion: {"plugin": carelessPlugin{register: messenger.register}}},
		GRPCServer:       func(options []grpc.ServerOption) *grpc.Server { return grpc.NewServer(options...) },
		Logger:           hclog.NewNullLogger(),
	})
}

type carelessPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	register func(*grpc.Server)
}

func (p carelessPlugin) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	p.register(server)
	return nil
}

func (carelessPlugin) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

func thisBinary(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBinaryGood(t *testing.T) {
	Conform(t, Binary(t, thisBinary(t), Env(roleEnv+"=good"), Args("ignored")), fakeSettings())
}

func TestBinaryCareless(t *testing.T) {
	t.Parallel()
	plugin := Binary(t, thisBinary(t), Env(roleEnv+"=careless"))
	expect(t, verdict(t, plugin, Settings{Patience: 3 * time.Second}, nil),
		"process_ends_with_host", "process_ignores_signals", "process_by_hand")
}

// A plugin does not inherit the environment of the test.
func TestBinaryEnvironmentIsClean(t *testing.T) {
	t.Setenv("OS_PASSWORD", "s3cret")
	for _, variable := range command("x", nil).Env {
		if strings.HasPrefix(variable, "OS_") {
			t.Errorf("the plugin inherits %s", variable)
		}
	}
}

func TestBinaryThatDoesNotStart(t *testing.T) {
	tests := map[string]struct{ path, role, want string }{
		"missing":               {"/nonexistent/plugin", "", "no such file"},
		"ends at once":          {thisBinary(t), "mute", "starting the plugin"},
		"socket somewhere else": {thisBinary(t), "elsewhere", "must be a unix socket in the directory"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			fake := &fakeT{ctx: t.Context()}
			defer func() {
				if recover() != (fatal{}) || len(fake.errors) != 1 || !strings.Contains(fake.errors[0], test.want) {
					t.Errorf("the message is %q", fake.errors)
				}
				for _, v := range slices.Backward(fake.cleanups) {
					v()
				}
			}()
			start(fake, test.path, []BinaryOption{Env(roleEnv + "=" + test.role)})
		})
	}
}
