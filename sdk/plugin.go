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

// pluginServer serves what extractors and messengers have in common.
type pluginServer struct {
	pluginv1.UnimplementedPluginServer
	plugin Plugin
	kind   pluginv1.Kind
}

func (s *pluginServer) Describe(ctx context.Context, _ *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	var description Description
	if err := guard(ctx, "describing itself", func() error {
		description = s.plugin.Describe()
		return nil
	}); err != nil {
		// A description has no room for diagnostics: a plugin that cannot say what it is is of no use.
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &pluginv1.DescribeResponse{
		Name:        description.Name,
		Version:     description.Version,
		Kind:        s.kind,
		RecordTypes: description.RecordTypes,
		Options:     description.Options,
	}, nil
}

func (s *pluginServer) Configure(ctx context.Context, request *pluginv1.ConfigureRequest) (*pluginv1.ConfigureResponse, error) {
	response := &pluginv1.ConfigureResponse{}
	err := guard(ctx, "configuring", func() error {
		response.Diagnostics = s.plugin.Configure(ctx, NewConfig(request.GetInstance(), request.GetValues()))
		return nil
	})
	response.Diagnostics = append(response.Diagnostics, Diagnostics(err)...)
	return response, nil
}

func (s *pluginServer) Close(ctx context.Context, _ *pluginv1.CloseRequest) (*pluginv1.CloseResponse, error) {
	closer, ok := s.plugin.(Closer)
	if !ok {
		return &pluginv1.CloseResponse{}, nil
	}
	err := guard(ctx, "closing", func() error { return closer.Close(ctx) })
	return &pluginv1.CloseResponse{Diagnostics: Diagnostics(err)}, nil
}

// guard calls a plugin's code and makes an error of a panic; the stack goes to the log, since a person
// who runs caso can do nothing with it and the plugin's author needs it.
func guard(ctx context.Context, doing string, call func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			hclog.FromContext(ctx).Error("the plugin panicked", "while", doing, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			diagnostic := Errorf("the plugin panicked while %s: %v", doing, cause)
			diagnostic.Detail = "This is a mistake in the plugin; its stack is in the log. Report it to the plugin's author."
			err = Fail(diagnostic)
		}
	}()
	return call()
}
