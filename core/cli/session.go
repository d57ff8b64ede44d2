package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/pluginhost"
)

// session is a configuration that was read, and the plugins that it names, running.
type session struct {
	world    World
	stderr   *masker
	logger   hclog.Logger
	files    *config.Files
	settings *config.Settings
	// schema is the options of the host and of all plugins that were started.
	schema []config.Owned
	host   *pluginhost.Host
	// Both are in the order of the configuration.
	extractors, messengers []*pluginhost.Plugin
	// problems are those of the configuration that were found so far.
	problems []config.Problem
}

// openWith reads the configuration, starts all plugins that it names and checks every option against what
// they declare: options refer to each other, also across plugins. The problems it finds are kept for
// complain; an error means that there is nothing to go on with. Close ends the plugins.
func openWith(ctx context.Context, world World, flags *settingsFlags) (*session, error) {
	s, plugins, err := openHost(world, flags)
	if err != nil {
		return s, err
	}
	if err := s.start(ctx, plugins); err != nil {
		return s, err
	}
	var problems []config.Problem
	s.settings, problems = s.files.Resolve(s.schema, flags.overrides)
	s.problems = config.Join(s.problems, problems)
	s.stderr.know(s.settings.Secrets())
	return s, nil
}

// openHost reads what the host needs to know to find plugins, and starts none.
func openHost(world World, flags *settingsFlags) (*session, config.Plugins, error) {
	s := &session{world: world, stderr: &masker{out: world.Stderr}}
	s.files, s.problems = config.Read(config.Sources(flags.sources, config.Places{Home: world.Home}))
	hostOptions := config.HostOptions(world.Getenv("CASO_LOCK_PATH"))
	plugins, problems := s.files.Plugins(hostOptions, flags.overrides)
	s.problems = config.Join(s.problems, problems)
	s.schema = plugins.Schema(hostOptions)
	// What refers to options of plugins is wrong for now; who starts none looks at no such option.
	s.settings, _ = s.files.Resolve(s.schema, flags.overrides)
	s.logger = newLogger(s.stderr, s.settings.Bool("DEFAULT", "debug"))
	s.host = newHost(world, s.logger, plugins.Dirs)
	if config.HasErrors(s.problems) {
		return s, plugins, s.complain()
	}
	return s, plugins, nil
}

func newLogger(out io.Writer, debug bool) hclog.Logger {
	level := hclog.Info
	if debug {
		level = hclog.Debug
	}
	return hclog.New(&hclog.LoggerOptions{Name: "caso", Level: level, Output: out})
}

func newHost(world World, logger hclog.Logger, dirs []string) *pluginhost.Host {
	return pluginhost.New(pluginhost.Options{
		Dirs:   pluginhost.SearchPath(dirs, world.Getenv(pluginhost.PathEnv), world.Executable),
		Logger: logger,
	})
}

// start starts the plugins, all at once, and adds their options to the schema.
func (s *session) start(ctx context.Context, plugins config.Plugins) error {
	var refs []pluginhost.Ref
	var owners []string
	add := func(instances []config.Instance) {
		for _, i := range instances {
			refs = append(refs, pluginhost.Ref{
				Kind: i.Kind, Name: i.Plugin, Instance: i.Name, Path: i.Path, SHA256: i.SHA256, Timeout: i.Timeout,
			})
			owners = append(owners, i.Owner())
		}
	}
	add(plugins.Extractors)
	extractors := len(refs)
	add(plugins.Messengers)
	running, err := s.host.Start(ctx, refs)
	if err != nil {
		return s.refuse(err)
	}
	s.extractors, s.messengers = running[:extractors], running[extractors:]
	for i, plugin := range running {
		s.schema = append(s.schema, config.Own(owners[i], plugin.Description.GetOptions())...)
	}
	return nil
}

// configure gives plugins their settings and takes note of what they say of them.
func (s *session) configure(ctx context.Context, plugins []*pluginhost.Plugin) error {
	for _, plugin := range plugins {
		diagnostics, err := plugin.Configure(ctx, s.settings.Values(plugin.Description.GetOptions()))
		if err != nil {
			return s.refuse(err)
		}
		for _, d := range diagnostics {
			problem := s.settings.Diagnosed(d)
			if problem.Section == "" {
				problem.Text = plugin.Ref.String() + ": " + problem.Text
			}
			s.problems = config.Join(s.problems, []config.Problem{problem})
		}
	}
	return nil
}

// ready is what must hold before a command does anything: every option is well, none that is needed is
// missing, and the plugins that the command uses are content. It says all that is wrong.
func (s *session) ready(ctx context.Context, uses ...[]*pluginhost.Plugin) error {
	s.problems = config.Join(s.problems, s.settings.Missing())
	if !config.HasErrors(s.problems) {
		if err := s.configure(ctx, slices.Concat(uses...)); err != nil {
			return err
		}
	}
	s.problems = config.Join(s.problems, s.settings.Warnings())
	return s.complain()
}

// complain says every problem, a line each. If there is an error among them the command ends.
func (s *session) complain() error {
	for _, problem := range s.problems {
		s.say(problem.String())
	}
	failed := config.HasErrors(s.problems)
	s.problems = nil
	if failed {
		return &exitError{status: exitUsage}
	}
	return nil
}

// refuse ends the command for reasons that lie with the plugins' files or processes, a line each.
func (s *session) refuse(err error) error {
	_ = s.complain() // what is wrong with the configuration may be why
	for line := range strings.Lines(err.Error()) {
		s.say("error: " + strings.TrimSpace(line))
	}
	return &exitError{status: exitUsage}
}

func (s *session) say(line string) {
	_, _ = fmt.Fprintln(s.stderr, "caso: "+line)
}

// close stops the plugins, unless the report has done so.
func (s *session) close() {
	if err := s.host.Close(); err != nil {
		s.logger.Warn("a plugin did not end well", "error", err)
	}
}
