package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/pluginhost/process"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// launch starts a verified executable, connects to it and calls Describe. After a failure nothing of
// the process is left.
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

// connect starts the process and opens the only connection to it. Mutual TLS is the host's own instead
// of go-plugin's AutoMTLS; contract.HostTLS says why. The handshake's check requires the plugin's certificate.
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

// passedOn returns the names of the host's environment variables that a plugin of a kind gets: those
// for finding programs, for language and time zone, for TLS and for proxies. OS_CLIENT_CONFIG_FILE and
// HOME lead an extractor to its clouds.yaml; a messenger gets no cloud credentials. No variable that is
// itself a credential (OS_PASSWORD) is passed on.
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

// exitGrace bounds the wait for the end of a process whose pipe or connection has ended.
const exitGrace = time.Second

// starter starts the process for go-plugin, as its runner.Runner. It reads the handshake itself, so
// that go-plugin gets a correct one only and reports none of its errors of several lines.
type starter struct {
	// ctx is canceled at the end of the time for the start.
	ctx        context.Context
	limit      config.Timeout
	supervisor *process.Supervisor
	command    process.Command

	process *process.Process
	// handshake is set once it was checked.
	handshake string
}

// Start starts the process and waits for its handshake. The argument is go-plugin's own context, which
// does not depend on the caller's.
func (s *starter) Start(context.Context) error {
	if s.ctx.Err() != nil {
		return s.canceled()
	}
	var err error
	if s.process, err = s.supervisor.Start(s.command); err != nil {
		return err
	}
	if err := s.readHandshake(); err != nil {
		s.process.Kill()
		return err
	}
	return nil
}

func (s *starter) readHandshake() error {
	select {
	case line, ok := <-s.process.FirstLine:
		if !ok {
			return s.noHandshake()
		}
		if err := checkHandshake(line, s.command.LinkDir); err != nil {
			return err
		}
		s.handshake = line
		return nil
	case <-s.ctx.Done():
		return s.canceled()
	}
}

func (s *starter) noHandshake() error {
	if !s.process.DoneWithin(exitGrace) {
		return errors.New("closed its standard output without a handshake: the file is not a caso plugin")
	}
	return fmt.Errorf("%s before the handshake%s", s.process.ExitStatus(), s.process.LastOutput())
}

// canceled returns the error of a start whose context has ended.
func (s *starter) canceled() error {
	if context.Cause(s.ctx) == errTimeout {
		return fmt.Errorf("did not start within %s: check that the file is a caso plugin, or raise the timeout", s.limit)
	}
	return fmt.Errorf("start canceled: %w", context.Cause(s.ctx))
}

// Stdout returns the handshake only.
func (s *starter) Stdout() io.ReadCloser { return io.NopCloser(strings.NewReader(s.handshake + "\n")) }

// Stderr returns an empty reader: the process's Output reads the standard error.
func (s *starter) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Name returns the path of the executable.
func (s *starter) Name() string { return s.command.Executable.Path }

// Diagnose returns nothing: the errors of Start are complete.
func (s *starter) Diagnose(context.Context) string { return "" }

// Wait waits for the end of the process.
func (s *starter) Wait(context.Context) error {
	<-s.process.Done()
	return nil
}

// Kill kills the process group.
func (s *starter) Kill(context.Context) error {
	if s.process != nil {
		s.process.Kill()
	}
	return nil
}

// ID returns the process ID; "" before the start.
func (s *starter) ID() string {
	if s.process == nil {
		return ""
	}
	return strconv.Itoa(s.process.PID)
}

// PluginToHost returns the address unchanged: both sides see the same file system.
func (s *starter) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin returns the address unchanged, as PluginToHost does.
func (s *starter) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
