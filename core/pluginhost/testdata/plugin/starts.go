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

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// starts has the plugins that fail before they serve, or do not use the SDK.
var starts = map[string]func(){
	"exits": func() {
		fmt.Fprintln(os.Stderr, "cannot find the licence")
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
	"no-certificate": func() { _ = os.Unsetenv(contract.ClientCertEnv); servePlain(1, &plain{name: "no-certificate"}) },
	"elsewhere":      func() { _ = os.Unsetenv(plugin.EnvUnixSocketDir); servePlain(1, &plain{name: "elsewhere"}) },
	// Answers Describe and nothing else.
	"stubborn": func() {
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		servePlain(1, &plain{name: "stubborn"})
		forever()
	},
	"invalid": func() { servePlain(1, &plain{name: "invalid", description: invalidDescription()}) },
	"newer":   func() { servePlain(1, &plain{name: "newer", description: newerDescription()}) },
	"renamed": func() { servePlain(1, &plain{name: "lines"}) },
	"shifted": func() {
		servePlain(1, &plain{name: "shifted", description: &pluginv1.DescribeResponse{Kind: pluginv1.Kind_KIND_EXTRACTOR}})
	},
	"unkind": func() {
		servePlain(1, &plain{name: "unkind", description: &pluginv1.DescribeResponse{Kind: 7}})
	},
	"huge": func() { servePlain(1, &plain{name: strings.Repeat("x", contract.MaxMessageBytes+1)}) },
}

func invalidDescription() *pluginv1.DescribeResponse {
	two, one := int64(2), int64(1)
	return &pluginv1.DescribeResponse{
		Version:     "1\n2",
		Kind:        pluginv1.Kind_KIND_MESSENGER,
		RecordTypes: []*pluginv1.RecordTypeDescription{{Type: 1}, {Type: 1}},
		Options: []*pluginv1.Option{
			{Section: "invalid", Name: "a", Type: pluginv1.OptionType_OPTION_TYPE_INTEGER, Minimum: &two, Maximum: &one, Help: "A number."},
			{Section: "invalid", Name: "a", Type: pluginv1.OptionType_OPTION_TYPE_STRING, Help: "A text."},
			{Section: "\x1b[2J", Name: "b", Type: pluginv1.OptionType_OPTION_TYPE_STRING, Help: "A text."},
		},
	}
}

// newerDescription has values of a later version of the contract.
func newerDescription() *pluginv1.DescribeResponse {
	return &pluginv1.DescribeResponse{
		Kind:        pluginv1.Kind_KIND_MESSENGER,
		RecordTypes: []*pluginv1.RecordTypeDescription{{Type: pluginv1.RecordType_RECORD_TYPE_CLOUD}, {Type: 99}},
		Options: []*pluginv1.Option{
			{Section: "newer", Name: "a", Type: pluginv1.OptionType_OPTION_TYPE_STRING, Help: "A text."},
			{Section: "newer", Name: "b", Type: 77, Help: "Something new."},
		},
		Features: []pluginv1.Feature{55},
	}
}

// forever blocks; select{} would end the process, as a deadlock, when no other goroutine is left.
func forever() {
	read, _, err := os.Pipe()
	if err == nil {
		_, _ = read.Read(make([]byte, 1))
	}
}

// plain is a plugin on go-plugin's server, without the SDK.
type plain struct {
	pluginv1.UnimplementedPluginServer
	plugin.NetRPCUnsupportedPlugin
	name string
	// description is a valid one if nil; its name is set.
	description *pluginv1.DescribeResponse
}

func (p *plain) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	if p.name == "stubborn" {
		// More than a pipe holds, without an end of line, on the standard output of the handshake.
		_, _ = unix.Write(1, []byte(strings.Repeat("z", 1<<20)))
	}
	description := p.description
	if description == nil {
		description = &pluginv1.DescribeResponse{
			Kind:        pluginv1.Kind_KIND_MESSENGER,
			RecordTypes: []*pluginv1.RecordTypeDescription{{Type: pluginv1.RecordType_RECORD_TYPE_CLOUD}},
		}
	}
	description.Name = p.name
	return description, nil
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
		HandshakeConfig:  contract.Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{version: {"plugin": p}},
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(options...)
		},
	})
}
