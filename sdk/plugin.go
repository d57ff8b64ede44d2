package sdk

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Description is the description of a plugin. The SDK adds its kind and features.
type Description struct {
	// Name is the NAME of caso-extractor-NAME or caso-messenger-NAME.
	Name string
	// Version is the plugin's own, for people.
	Version string
	// RecordTypes are those that an extractor emits (Emits) or a messenger accepts (Accepts).
	RecordTypes []RecordType
	// Options are its settings; it receives no others.
	Options []Option
}

// Plugin is the common part of Extractor and Messenger.
type Plugin interface {
	// Describe returns the description. It is called before Configure and touches nothing.
	Describe() Description
	// Configure receives the settings and returns what is wrong with them. It opens no connection:
	// settings are also checked where the cloud or the receiver cannot be reached. It may be called
	// several times, also without a value for any option; the last call counts.
	Configure(ctx context.Context, config Config) error
}

// Checker is implemented by plugins that can test whether they can do their work now.
type Checker interface {
	// Check tests, after Configure, whether the cloud or the receiver can be reached with the
	// settings. It changes nothing. Infof reports what is in order.
	Check(ctx context.Context) error
}

// Closer is implemented by plugins that have something to finish before their process ends.
type Closer interface {
	Close(ctx context.Context) error
}

// pluginServer serves the common part of extractors and messengers.
type pluginServer struct {
	pluginv1.UnimplementedPluginServer
	plugin Plugin
	kind   pluginv1.Kind
}

func (s *pluginServer) Describe(ctx context.Context, _ *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	var description Description
	if err := callPlugin(ctx, "describing", func() error {
		description = s.plugin.Describe()
		return nil
	}); err != nil {
		// A description has no diagnostics: a plugin without one is unusable.
		return nil, status.Error(codes.Internal, err.Error())
	}
	response := &pluginv1.DescribeResponse{Name: description.Name, Version: description.Version, Kind: s.kind}
	for _, t := range description.RecordTypes {
		response.RecordTypes = append(response.RecordTypes,
			&pluginv1.RecordTypeDescription{Type: t.Type, TimeSemantics: t.TimeSemantics})
	}
	for _, option := range description.Options {
		response.Options = append(response.Options, option.Proto())
	}
	if _, ok := s.plugin.(Checker); ok {
		response.Features = append(response.Features, pluginv1.Feature_FEATURE_CHECK)
	}
	return response, nil
}

func (s *pluginServer) Configure(ctx context.Context, request *pluginv1.ConfigureRequest) (*pluginv1.ConfigureResponse, error) {
	err := callPlugin(ctx, "configuring", func() error {
		return s.plugin.Configure(ctx, NewConfig(request.GetInstance(), request.GetValues()))
	})
	return &pluginv1.ConfigureResponse{Diagnostics: encodeDiagnostics(Diagnostics(err))}, nil
}

func (s *pluginServer) Check(ctx context.Context, request *pluginv1.CheckRequest) (*pluginv1.CheckResponse, error) {
	checker, ok := s.plugin.(Checker)
	if !ok {
		return s.UnimplementedPluginServer.Check(ctx, request)
	}
	err := callPlugin(ctx, "checking", func() error { return checker.Check(ctx) })
	return &pluginv1.CheckResponse{Diagnostics: encodeDiagnostics(Diagnostics(err))}, nil
}

func (s *pluginServer) Close(ctx context.Context, _ *pluginv1.CloseRequest) (*pluginv1.CloseResponse, error) {
	closer, ok := s.plugin.(Closer)
	if !ok {
		return &pluginv1.CloseResponse{}, nil
	}
	err := callPlugin(ctx, "closing", func() error { return closer.Close(ctx) })
	return &pluginv1.CloseResponse{Diagnostics: encodeDiagnostics(Diagnostics(err))}, nil
}

// callPlugin calls a method of the plugin and turns a panic into an error. The stack goes to the
// log: it is of use to the plugin's author, not to the operator.
func callPlugin(ctx context.Context, doing string, call func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			hclog.FromContext(ctx).Error("the plugin panicked", "while", doing, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			err = Errorf("the plugin panicked while %s: %v", doing, cause).
				WithDetail("This is an error in the plugin; its stack is in the log. Report it to the plugin's author.")
		}
	}()
	return call()
}
