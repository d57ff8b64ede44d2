package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	pluginrunner "github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// launch starts a verified executable, connects to it and asks what it is. Where that fails nothing of
// it is left.
func (h *Host) launch(ctx context.Context, shared *run, ref Ref, found *executable) (*Plugin, error) {
	p := &Plugin{
		Ref:          ref,
		File:         found.File,
		startTimeout: h.options.StartTimeout,
		closeTimeout: h.options.CloseTimeout,
		journal:      newJournal(h.options.Logger.Named(kindName(ref.Kind) + "." + ref.instance())),
	}
	if ref.Timeout > 0 {
		p.startTimeout, p.closeTimeout = ref.Timeout, ref.Timeout
	}
	ctx, cancel := context.WithTimeout(ctx, p.startTimeout)
	defer cancel()
	p.runner = &runner{
		ctx:     ctx,
		thread:  shared.thread,
		spawn:   spawn{executable: found, env: environment(h.options.Environ, h.options.LogLevel), lifeline: shared.lifeline},
		journal: p.journal,
		name:    found.Path,
	}
	err := p.connect(ctx, shared.dir.path)
	if err == nil {
		err = p.describe(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %s: %w", ref, found.Path, err), p.end())
	}
	return p, nil
}

// connect starts the process and opens the one connection to it. Mutual TLS is the host's own in place
// of go-plugin's AutoMTLS, for the reason that sdk.HostTLS gives; the handshake's check makes sure
// that the plugin takes part in it.
func (p *Plugin) connect(ctx context.Context, sockets string) error {
	tlsConfig, clientCert, err := sdk.HostTLS()
	if err != nil {
		return err
	}
	p.stdout, p.stderr = p.journal.lines(), p.journal.lines()
	p.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  sdk.Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{sdk.ProtocolVersion: {}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		TLSConfig:        tlsConfig,
		SkipHostEnv:      true,
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: sockets},
		// Longer than the runner waits, which knows better what to say.
		StartTimeout: 2 * p.startTimeout,
		// What is printed where go-plugin's server has put the plugin's stdout and stderr.
		SyncStdout: p.stdout,
		SyncStderr: p.stderr,
		Logger:     hclog.NewNullLogger(),
		GRPCDialOptions: []grpc.DialOption{grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(sdk.MaxMessageBytes),
			grpc.MaxCallSendMsgSize(sdk.MaxMessageBytes),
		)},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, sockets string) (pluginrunner.Runner, error) {
			p.runner.spawn.env = slices.Concat(p.runner.spawn.env, cmd.Env, []string{sdk.ClientCertEnv + "=" + clientCert})
			p.runner.spawn.links = sockets
			return p.runner, nil
		},
	})
	if _, err := p.client.Start(); err != nil {
		// It may have ended right after its handshake: go-plugin then says less than the process.
		if p.runner.started && p.Exited() != nil {
			return p.Exited()
		}
		return err
	}
	// go-plugin waits for the connection as long as the process lives.
	stop := context.AfterFunc(ctx, p.runner.process.kill)
	defer stop()
	protocol, err := p.client.Client()
	if ctx.Err() != nil {
		return p.runner.late()
	}
	if err != nil {
		return p.Explain(err)
	}
	client, ok := protocol.(*plugin.GRPCClient)
	if !ok {
		return errors.New("it does not serve gRPC: report this to its author")
	}
	p.conn = client.Conn
	return nil
}

func (p *Plugin) describe(ctx context.Context) error {
	description, err := p.Client().Describe(ctx, &pluginv1.DescribeRequest{})
	if err != nil {
		return fmt.Errorf("asking what it is: %w", p.Explain(err))
	}
	p.serving = true
	p.Description = description
	return checkDescription(p.Ref, description)
}
