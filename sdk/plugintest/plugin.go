package plugintest

import (
	"context"
	"testing"

	"google.golang.org/grpc"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Plugin is a running plugin, called as the host calls it. Only one of the clients of Extractor and
// Messenger has somebody at the other end. It ends with the test that started it.
type Plugin struct {
	pluginv1.PluginClient
	pluginv1.ExtractorClient
	pluginv1.MessengerClient

	// again starts another one like it.
	again func(t tb) *Plugin
	// busy says how many calls of Extract and Deliver the plugin has under way; nil where that cannot
	// be seen from outside.
	busy func() int
	// process is nil for an implementation that runs inside the test.
	process *process
}

// tb is what this package needs of a *testing.T. The tests of the suite itself put another in its place,
// to see what a bad plugin is told.
type tb interface {
	Helper()
	Context() context.Context
	Cleanup(func())
	Failed() bool
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

var _ tb = testing.TB(nil)

func newPlugin(conn grpc.ClientConnInterface) *Plugin {
	return &Plugin{
		PluginClient:    pluginv1.NewPluginClient(conn),
		ExtractorClient: pluginv1.NewExtractorClient(conn),
		MessengerClient: pluginv1.NewMessengerClient(conn),
	}
}
