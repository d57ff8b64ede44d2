package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/hashicorp/go-plugin"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// starts are the plugins that go wrong before they serve, or that do without the SDK.
var starts = map[string]func(){
	"exits": func() {
		fmt.Fprintln(os.Stderr, "cannot find my licence")
		os.Exit(3)
	},
	"dies": func() {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	},
	"silent": func() { select {} },
	"mute": func() {
		_ = os.Stdout.Close()
		forever()
	},
	"early": func() {
		fmt.Println("loading the early plugin ...")
		serveMessenger("early")
	},
	"endless": func() {
		for chunk := strings.Repeat("x", 1<<16); ; {
			_, _ = os.Stdout.WriteString(chunk)
		}
	},
	"other-version":  func() { servePlain(2, &plain{name: "other-version"}) },
	"no-certificate": func() { _ = os.Unsetenv(sdk.ClientCertEnv); servePlain(1, &plain{name: "no-certificate"}) },
	"elsewhere":      func() { _ = os.Unsetenv(plugin.EnvUnixSocketDir); servePlain(1, &plain{name: "elsewhere"}) },
	// Does nothing of what the contract asks for but to answer Describe.
	"stubborn": func() {
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		servePlain(1, &plain{name: "stubborn"})
		forever()
	},
	"wrong": func() { servePlain(1, &plain{name: "else", wrong: true}) },
	"huge":  func() { servePlain(1, &plain{name: strings.Repeat("x", sdk.MaxMessageBytes+1)}) },
}

// forever is not select{}, which Go calls a deadlock when no goroutine is left.
func forever() {
	read, _, err := os.Pipe()
	if err == nil {
		_, _ = read.Read(make([]byte, 1))
	}
}

// plain is a plugin on go-plugin's server alone.
type plain struct {
	pluginv1.UnimplementedPluginServer
	plugin.NetRPCUnsupportedPlugin
	name  string
	wrong bool
}

func (p *plain) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	if p.wrong {
		two, one := int64(2), int64(1)
		return &pluginv1.DescribeResponse{
			Name:        p.name,
			Version:     "1\n2",
			Kind:        pluginv1.Kind_KIND_EXTRACTOR,
			RecordTypes: []pluginv1.RecordType{1, 1, 99},
			Options: []*pluginv1.Option{
				{Section: "wrong", Name: "a", Type: pluginv1.OptionType_OPTION_TYPE_INTEGER, Minimum: &two, Maximum: &one},
				{Section: "wrong", Name: "a", Type: 77},
				{Section: "Wrong", Name: ""},
			},
		}, nil
	}
	if p.name == "stubborn" {
		// More than a pipe holds, without an end of line, on the standard output of the handshake.
		_, _ = unix.Write(1, []byte(strings.Repeat("z", 1<<20)))
	}
	return &pluginv1.DescribeResponse{
		Name:        p.name,
		Kind:        pluginv1.Kind_KIND_MESSENGER,
		RecordTypes: []pluginv1.RecordType{pluginv1.RecordType_RECORD_TYPE_CLOUD},
	}, nil
}

// Close never answers.
func (p *plain) Close(context.Context, *pluginv1.CloseRequest) (*pluginv1.CloseResponse, error) {
	select {}
}

func (p *plain) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	pluginv1.RegisterPluginServer(server, p)
	return nil
}

func (p *plain) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

func servePlain(version int, p *plain) {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  sdk.Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{version: {"plugin": p}},
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(options...)
		},
	})
}
