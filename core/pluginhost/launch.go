package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/pluginhost/process"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// launch starts a verified executable, connects to it and calls Describe. After a failure nothing
// of the process is left.
func (h *Host) launch(ctx context.Context, shared *session, instance config.Instance, found *verifiedFile) (*Plugin, error) {
	p := &Plugin{
		Instance: withDefaults(instance),
		File:     found.File,
		output:   process.NewOutput(h.options.Logger.Named(contract.KindName(instance.Kind) + "." + instance.Name)),
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.Instance.Start.Limit, errTimeout)
	defer cancel()
	p.starter = &starter{
		ctx:        ctx,
		limit:      p.Instance.Start,
		supervisor: shared.supervisor,
		command: process.Command{
			Executable: found.executable,
			Env:        environment(h.options.Environ, instance.Kind, h.options.LogLevel),
			Output:     p.output,
		},
	}
	err := p.connect(ctx, shared.supervisor.RunDir())
	if err == nil {
		err = p.describe(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", found.Path, err), p.end())
	}
	return p, nil
}

// connect starts the process and opens the only connection to it. Mutual TLS is the host's own
// instead of go-plugin's AutoMTLS; contract.HostTLS has the reason. The handshake's check requires
// the plugin's certificate.
func (p *Plugin) connect(ctx context.Context, runDir string) error {
	tlsConfig, clientCert, err := contract.HostTLS()
	if err != nil {
		return err
	}
	p.stdout, p.stderr = p.output.Lines(), p.output.Lines()
	p.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  contract.Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{contract.ProtocolVersion: {}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		TLSConfig:        tlsConfig,
		SkipHostEnv:      true,
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: runDir},
		// Longer than the starter's, whose error is the better one.
		StartTimeout: 2 * p.Instance.Start.Limit,
		// Output that comes through go-plugin's server in the plugin.
		SyncStdout: p.stdout,
		SyncStderr: p.stderr,
		Logger:     hclog.NewNullLogger(),
		GRPCDialOptions: []grpc.DialOption{grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(contract.MaxMessageBytes),
			grpc.MaxCallSendMsgSize(contract.MaxMessageBytes),
		)},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, socketDir string) (runner.Runner, error) {
			command := &p.starter.command
			command.Env = slices.Concat(command.Env, cmd.Env, []string{contract.ClientCertEnv + "=" + clientCert})
			command.LinkDir = socketDir
			return p.starter, nil
		},
	})
	if _, err := p.client.Start(); err != nil {
		// The process may have ended after its handshake, which go-plugin's error does not mention.
		if p.starter.handshake != "" && p.Exited() != nil {
			return p.Exited()
		}
		return err
	}
	// go-plugin waits for the connection as long as the process lives.
	stopWatching := context.AfterFunc(ctx, p.starter.process.Kill)
	defer stopWatching()
	protocol, err := p.client.Client()
	if ctx.Err() != nil {
		return p.starter.canceled()
	}
	if err != nil {
		return p.Explain(err)
	}
	client, ok := protocol.(*plugin.GRPCClient)
	if !ok {
		return errNotGRPC
	}
	p.conn = client.Conn
	return nil
}

func (p *Plugin) describe(ctx context.Context) error {
	description, err := p.Client().Describe(ctx, &pluginv1.DescribeRequest{})
	if err != nil {
		return p.callError(ctx, "Describe", p.Instance.Start, err)
	}
	p.described = true
	return p.setDescription(description)
}

// passedOn returns the names of the host's environment variables that a plugin of a kind gets:
// those for finding programs, for language and time zone, for TLS and for proxies.
// OS_CLIENT_CONFIG_FILE and HOME lead an extractor to its clouds.yaml; a messenger gets no cloud
// credentials. No variable that is itself a credential (OS_PASSWORD) is passed on.
func passedOn(kind pluginv1.Kind) []string {
	names := []string{
		"PATH", "LANG", "LANGUAGE", "TZ", "TMPDIR",
		"SSL_CERT_FILE", "SSL_CERT_DIR",
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
	}
	if kind == pluginv1.Kind_KIND_EXTRACTOR {
		names = append(names, "OS_CLIENT_CONFIG_FILE", "HOME")
	}
	return names
}

func environment(host []string, kind pluginv1.Kind, level hclog.Level) []string {
	allowed := passedOn(kind)
	var env []string
	for _, variable := range host {
		name, _, _ := strings.Cut(variable, "=")
		if slices.Contains(allowed, name) || strings.HasPrefix(name, "LC_") {
			env = append(env, variable)
		}
	}
	return append(env,
		contract.LogLevelEnv+"="+level.String(),
		contract.LifelineEnv+"="+strconv.Itoa(process.LifelineFD))
}
