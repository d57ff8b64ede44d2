package plugintest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

// playEnv makes this test binary a plugin: what it holds says which.
const playEnv = "CASO_TEST_PLAY"

func TestMain(m *testing.M) {
	switch os.Getenv(playEnv) {
	case "":
		os.Exit(m.Run())
	case "good":
		sdk.ServeMessenger(newMessenger())
	case "careless":
		serveCareless()
	case "mute":
		os.Exit(3)
	case "elsewhere":
		_ = os.Setenv(plugin.EnvUnixSocketDir, "/tmp")
		sdk.ServeMessenger(newMessenger())
	}
}

// serveCareless serves without the SDK, and does nothing that go-plugin does not.
func serveCareless() {
	if os.Getenv(sdk.Handshake().MagicCookieKey) == "" {
		for { // as if it waited for a host
			_ = syscall.Pause()
		}
	}
	messenger := &rawMessenger{answers: func(batch *pluginv1.Batch) []*pluginv1.Ack {
		fmt.Fprintln(os.Stderr, `{"@message": 1}`)
		return []*pluginv1.Ack{{BatchId: batch.GetId(), Result: pluginv1.Ack_RESULT_DELIVERED}}
	}}
	messenger.description = &pluginv1.DescribeResponse{Name: "careless", Version: "1", Kind: pluginv1.Kind_KIND_MESSENGER, RecordTypes: []pluginv1.RecordType{pluginv1.RecordType_RECORD_TYPE_CLOUD}}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: sdk.Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{sdk.ProtocolVersion: {"plugin": carelessPlugin{register: func(server *grpc.Server) {
			pluginv1.RegisterPluginServer(server, messenger)
			pluginv1.RegisterMessengerServer(server, messenger)
		}}}},
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server { return grpc.NewServer(options...) },
		Logger:     hclog.NewNullLogger(),
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
	Conform(t, Binary(t, thisBinary(t), Env(playEnv+"=good"), Args("ignored")), fakeSettings("fake"))
}

func TestBinaryCareless(t *testing.T) {
	t.Parallel()
	plugin := Binary(t, thisBinary(t), Env(playEnv+"=careless"))
	expect(t, verdict(t, plugin, Settings{Patience: 3 * time.Second}),
		"process_ends_with_host", "process_ignores_signals", "process_by_hand")
}

// A plugin's environment holds nothing of the test's.
func TestBinaryEnvironmentIsClean(t *testing.T) {
	t.Setenv("OS_PASSWORD", "s3cret")
	for _, variable := range command("x", nil).Env {
		if strings.HasPrefix(variable, "OS_") {
			t.Errorf("the plugin gets %s", variable)
		}
	}
}

func TestBinaryThatDoesNotStart(t *testing.T) {
	tests := map[string]struct{ path, play, want string }{
		"missing":               {"/nonexistent/plugin", "", "no such file"},
		"ends at once":          {thisBinary(t), "mute", "starting the plugin"},
		"socket somewhere else": {thisBinary(t), "elsewhere", "must be a unix socket in the directory"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			fake := &fakeT{ctx: t.Context()}
			defer func() {
				if recover() != (fatal{}) || len(fake.errors) != 1 || !strings.Contains(fake.errors[0], test.want) {
					t.Errorf("the test is told %q", fake.errors)
				}
				for i := len(fake.cleanups) - 1; i >= 0; i-- {
					fake.cleanups[i]()
				}
			}()
			start(fake, test.path, []BinaryOption{Env(playEnv + "=" + test.play)})
		})
	}
}
