package plugintest

import (
	"context"
	"testing"

	"google.golang.org/grpc"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Plugin is a running plugin, with the clients that the host calls it by. It serves either
// Extractor or Messenger. It ends with the test that started it.
type Plugin struct {
	pluginv1.PluginClient
	pluginv1.ExtractorClient
	pluginv1.MessengerClient

	// startAnother starts another process of the same plugin.
	startAnother func(t tb) *Plugin
	// callsInFlight returns the number of running Extract and Deliver calls; nil where that cannot
	// be observed.
	callsInFlight func() int
	// process is nil for an implementation that runs inside the test.
	process *process
}

// tb is the part of *testing.T that the suite uses. The suite's own tests replace it to observe
// the errors for a plugin that breaks a rule.
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
