package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/proto"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/plan"
	"github.com/caso-project/caso/core/pluginhost"
	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/internal/contract"
	"github.com/caso-project/caso/internal/printable"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Session is a configuration that was read, and the plugins that it names.
type Session struct {
	env    Environment
	input  Input
	begun  time.Time
	masker *masker
	logger hclog.Logger
	// logFile is the file that the log goes to, if it goes to one.
	logFile *os.File
	// logIsElsewhere is set if the log does not go to standard error.
	logIsElsewhere bool

	files   *config.Files
	plugins config.Plugins
	// settings has the host's options alone until Start.
	settings *config.Settings
	host     *pluginhost.Host
	// Both are in the order of the configuration.
	extractors, messengers []*instance
	// problems are those of the configuration that were found so far.
	problems []config.Problem
}

// instance is a configured instance and its process.
type instance struct {
	config.Instance
	// plugin is nil where the start failed.
	plugin *pluginhost.Plugin
	// err is why the instance takes no part in the run; nil while it does.
	err error
}

// Open reads the configuration files and resolves the host's own options. It starts no plugin.
func Open(env Environment, input Input) (*Session, error) {
	s := &Session{env: env, input: input, begun: env.Now(), masker: &masker{outputs: []logOutput{writeTo(env.Log)}}}
	s.files, s.problems = config.Read(config.Sources(input.Sources, config.Places{Home: env.Home}))
	hostOptions := s.hostOptions()
	plugins, problems := s.files.Plugins(hostOptions, input.Overrides)
	s.plugins = plugins
	s.addProblems(problems)
	// A value that refers to an option of a plugin cannot be resolved yet; Start reports it if it
	// cannot be resolved then.
	s.settings, _ = s.files.Resolve(plugins, plugins.Schema(hostOptions), input.Overrides)
	s.logger = s.openLog()
	s.host = pluginhost.New(pluginhost.Options{
		Dirs:   pluginhost.SearchPath(plugins.Dirs, env.Getenv(pluginhost.PathEnv), env.Executable),
		Logger: s.logger,
	})
	return s, s.configurationError()
}

func (s *Session) hostOptions() []*pluginv1.Option {
	return config.HostOptions(s.env.Getenv("CASO_LOCK_PATH"))
}

// Files returns the configuration files.
func (s *Session) Files() *config.Files { return s.files }

// Settings returns the settings: of the host alone before Start, of all options after it.
func (s *Session) Settings() *config.Settings { return s.settings }

// Plugins returns the instances that the configuration names.
func (s *Session) Plugins() config.Plugins { return s.plugins }

// Problems returns the problems of the configuration found so far, each once.
func (s *Session) Problems() []config.Problem {
	problems := slices.Clone(s.problems)
	for i := range problems {
		problems[i].Text = s.masker.mask(problems[i].Text)
	}
	return problems
}

// Failures returns the errors of the instances that did not start or did not answer Configure.
func (s *Session) Failures() []error {
	var errs []error
	for _, i := range s.instances() {
		if i.err != nil {
			errs = append(errs, errors.New(s.masker.mask(i.err.Error())))
		}
	}
	return errs
}

func (s *Session) addProblems(problems []config.Problem) {
	s.problems = config.Join(s.problems, problems)
}

// configurationError returns the problems as an Error if one of them is of severity error.
func (s *Session) configurationError() error {
	if !config.HasErrors(s.problems) {
		return nil
	}
	return &Error{Kind: Configuration, Problems: s.Problems()}
}

func (s *Session) instances() []*instance { return slices.Concat(s.extractors, s.messengers) }

func (s *Session) instancesOf(kinds []pluginv1.Kind) []*instance {
	return slices.DeleteFunc(s.instances(), func(i *instance) bool { return !slices.Contains(kinds, i.Kind) })
}

// Start starts every configured plugin, at the same time, and resolves all options: they refer to
// each other, also across plugins. An executable that is missing or not trusted is an error of the
// configuration; a process that fails is the failure of its instance.
func (s *Session) Start(ctx context.Context) error {
	for _, configured := range s.plugins.Extractors {
		s.extractors = append(s.extractors, &instance{Instance: configured})
	}
	for _, configured := range s.plugins.Messengers {
		s.messengers = append(s.messengers, &instance{Instance: configured})
	}
	instances := s.instances()
	configured := make([]config.Instance, len(instances))
	for n, i := range instances {
		configured[n] = i.Instance
	}
	plugins, errs := s.host.Start(ctx, configured)
	for n, i := range instances {
		i.plugin, i.err = plugins[n], errs[n]
	}
	if err := s.executableErrors(); err != nil {
		return err
	}
	schema := s.plugins.Schema(s.hostOptions())
	for _, i := range s.instances() {
		if i.plugin != nil {
			for _, warning := range i.plugin.Warnings {
				s.addProblems([]config.Problem{{Severity: config.Warning, Text: warning}})
			}
			schema = append(schema, config.Own(i.Owner(), i.plugin.Description.GetOptions())...)
		}
	}
	var problems []config.Problem
	s.settings, problems = s.files.Resolve(s.plugins, schema, s.input.Overrides)
	s.addProblems(problems)
	s.masker.setSecrets(s.settings.Secrets())
	return nil
}

// executableErrors returns an Error with all failures if one of them is an unusable executable.
func (s *Session) executableErrors() error {
	unusable := false
	var problems []config.Problem
	for _, i := range s.instances() {
		if i.err == nil {
			continue
		}
		if errors.As(i.err, new(*pluginhost.ExecutableError)) {
			unusable = true
		}
		problems = append(problems, config.Problem{Text: i.err.Error()})
	}
	if !unusable {
		return nil
	}
	s.addProblems(problems)
	return s.configurationError()
}

// ValidateOptions adds the warnings about the files to the problems, and returns the errors about
// options found so far. It does not require that an option is set.
func (s *Session) ValidateOptions() error {
	s.addProblems(s.settings.Warnings())
	return s.configurationError()
}

// Configure checks that every required option has a value and sends the instances of some kinds
// their settings. An error diagnostic of a plugin is an error of the configuration.
func (s *Session) Configure(ctx context.Context, kinds ...pluginv1.Kind) error {
	s.addProblems(s.settings.Missing())
	s.addProblems(s.emptyListProblems())
	s.addProblems(s.siteProblems())
	s.addProblems(s.recordTypeProblems())
	s.addProblems(s.sameSubjectProblems())
	if !config.HasErrors(s.problems) {
		s.configureInstances(ctx, s.instancesOf(kinds))
	}
	return s.ValidateOptions()
}

// recordTypeProblems returns an error for each record type that the option record_types of a
// messenger names and that its plugin does not accept or no configured extractor emits.
func (s *Session) recordTypeProblems() []config.Problem {
	var problems []config.Problem
	for _, i := range s.messengers {
		accepted := i.messenger().RecordTypes
		emitted := s.typesEmittedFor(i.messenger())
		for _, t := range i.RecordTypes {
			text := ""
			switch {
			case accepted != nil && !slices.Contains(accepted, t):
				text = fmt.Sprintf("%s accepts no %s records, only %s", i, contract.RecordTypeName(t), typeNames(accepted))
			case emitted != nil && !slices.Contains(emitted, t):
				text = fmt.Sprintf("no configured extractor emits %s records for %s, only %s; add an extractor that does, or remove the type",
					contract.RecordTypeName(t), i, typeNames(emitted))
			default:
				continue
			}
			problems = append(problems, s.settings.Instance(i.Instance).Diagnosed(&pluginv1.Diagnostic{
				Summary: text, Option: &pluginv1.OptionRef{Section: i.Section(), Name: "record_types"},
			}))
		}
	}
	return problems
}

// typesEmittedFor returns the record types of the extractors whose records a messenger gets; nil
// where they are not all known, because an extractor did not start or --extractor selects some.
func (s *Session) typesEmittedFor(m plan.Messenger) []pluginv1.RecordType {
	if selected, _ := s.settings.Host().Lookup("DEFAULT", "extractor"); selected.Origin.Flag != "" {
		return nil
	}
	var types []pluginv1.RecordType
	for _, i := range s.extractors {
		switch {
		case !m.AcceptsExtractor(i.Name):
			continue
		case i.plugin == nil:
			return nil
		}
		for _, description := range i.plugin.Description.GetRecordTypes() {
			types = append(types, description.GetType())
		}
	}
	slices.Sort(types)
	return slices.Compact(types)
}

func typeNames(types []pluginv1.RecordType) string {
	var names []string
	for _, t := range types {
		names = append(names, contract.RecordTypeName(t))
	}
	return strings.Join(names, ", ")
}

// maxSiteBytes limits site_name and service_name. APEL's tables have 255 characters for them.
const maxSiteBytes = 255

// siteProblems returns an error for each site_name and service_name that messengers cannot send:
// every record has them, so that every record would be rejected. Names in GOCDB are ASCII.
func (s *Session) siteProblems() []config.Problem {
	var problems []config.Problem
	for _, i := range s.extractors {
		settings := s.settings.Instance(i.Instance)
		for _, option := range []string{"site_name", "service_name"} {
			text := ""
			switch value := settings.String("DEFAULT", option); {
			case len(value) > maxSiteBytes:
				text = fmt.Sprintf("%d bytes, at most %d are possible", len(value), maxSiteBytes)
			case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }):
				text = fmt.Sprintf("invalid name %s: use printable ASCII, as GOCDB does", printable.Quote(value))
			default:
				continue
			}
			problems = append(problems, settings.Diagnosed(&pluginv1.Diagnostic{
				Summary: text, Option: &pluginv1.OptionRef{Section: "DEFAULT", Name: option},
			}))
		}
	}
	return problems
}

// sameSubjectProblems returns an error for each two extractor instances that would report the same
// subjects to one messenger, which would bill them twice: they emit records of a common type, and
// the options that both have do not distinguish their clouds or projects.
func (s *Session) sameSubjectProblems() []config.Problem {
	var problems []config.Problem
	for n, first := range s.extractors {
		for _, second := range s.extractors[n+1:] {
			messenger, recordType, ok := s.commonMessenger(first, second)
			if !ok || !s.sameProjects(first, second) || !s.sameSource(first, second) {
				continue
			}
			problems = append(problems, s.settings.Host().Diagnosed(&pluginv1.Diagnostic{
				Summary: fmt.Sprintf("%s and %s report the same subjects (%s records) to %s; remove one of them, or limit the messenger with [%s] extractors",
					first, second, contract.RecordTypeName(recordType), messenger, messenger.Section()),
				Option: &pluginv1.OptionRef{Section: "DEFAULT", Name: "extractor"},
			}))
		}
	}
	return problems
}

// commonMessenger returns a messenger that accepts records of one type from both extractors.
func (s *Session) commonMessenger(first, second *instance) (*instance, pluginv1.RecordType, bool) {
	if first.plugin == nil || second.plugin == nil {
		return nil, 0, false
	}
	for _, m := range s.messengers {
		for _, description := range first.plugin.Description.GetRecordTypes() {
			t := description.GetType()
			emitsToo := slices.ContainsFunc(second.plugin.Description.GetRecordTypes(), func(d *pluginv1.RecordTypeDescription) bool { return d.GetType() == t })
			if emitsToo && m.messenger().Accepts(first.Name, t) && m.messenger().Accepts(second.Name, t) {
				return m, t, true
			}
		}
	}
	return nil, 0, false
}

func (s *Session) sameProjects(first, second *instance) bool {
	a, b := s.settings.Instance(first.Instance).List("DEFAULT", "projects"), s.settings.Instance(second.Instance).List("DEFAULT", "projects")
	return slices.Equal(a, b)
}

// sameSource reports whether all options that both plugins declare have the same values. The host
// cannot compare more: which options name a cloud is up to the plugins.
func (s *Session) sameSource(first, second *instance) bool {
	declared := second.plugin.Description.GetOptions()
	common := slices.DeleteFunc(slices.Clone(first.plugin.Description.GetOptions()), func(o *pluginv1.Option) bool {
		return !slices.ContainsFunc(declared, func(other *pluginv1.Option) bool {
			return other.GetSection() == o.GetSection() && other.GetName() == o.GetName()
		})
	})
	a, b := s.settings.Instance(first.Instance).Values(common), s.settings.Instance(second.Instance).Values(common)
	return len(common) > 0 && slices.EqualFunc(a, b, func(x, y *pluginv1.OptionValue) bool { return proto.Equal(x, y) })
}

// emptyListProblems returns an error for each list of instances that is empty: without an extractor
// nothing is reported, and without a messenger nothing is delivered.
func (s *Session) emptyListProblems() []config.Problem {
	var problems []config.Problem
	for _, list := range []struct{ option, text string }{
		{"extractor", "empty; name at least one extractor"},
		{"messengers", "empty, so that no record would be delivered; name at least one messenger (noop discards all records)"},
	} {
		if len(s.settings.Host().List("DEFAULT", list.option)) == 0 {
			problems = append(problems, s.settings.Host().Diagnosed(&pluginv1.Diagnostic{
				Summary: list.text, Option: &pluginv1.OptionRef{Section: "DEFAULT", Name: list.option},
			}))
		}
	}
	return problems
}

func (s *Session) configureInstances(ctx context.Context, instances []*instance) {
	diagnostics := make([][]*pluginv1.Diagnostic, len(instances))
	var calls sync.WaitGroup
	for n, i := range instances {
		if i.plugin == nil {
			continue
		}
		calls.Go(func() {
			diagnostics[n], i.err = i.plugin.Configure(ctx, s.settings.Instance(i.Instance).Values(i.plugin.Description.GetOptions()))
		})
	}
	calls.Wait()
	for n, i := range instances {
		for _, d := range diagnostics[n] {
			problem := s.settings.Instance(i.Instance).Diagnosed(d)
			if problem.Section == "" {
				problem.Text = i.String() + ": " + problem.Text
			}
			s.addProblems([]config.Problem{problem})
		}
	}
}

// Close stops the plugins and closes the log. It returns what they could not finish.
func (s *Session) Close() error {
	err := s.host.Close()
	if s.logFile != nil {
		err = errors.Join(err, s.logFile.Close())
	}
	return err
}

// finish stops the plugins and completes the report. A plugin that cannot finish may have left work
// undone, so its error is part of the report.
func (s *Session) finish(run *report.Run) *report.Run {
	if err := s.host.Close(); err != nil {
		for line := range strings.Lines(err.Error()) {
			run.Problems = append(run.Problems, report.Problem{Severity: report.Error, Summary: strings.TrimSpace(line)})
		}
	}
	run.Duration = report.Seconds(s.env.Now().Sub(s.begun).Seconds())
	s.masker.maskReport(run)
	if s.logIsElsewhere {
		for _, problem := range run.ErrorLines() {
			s.logger.Error(problem)
		}
	}
	return run
}

// addFailures adds the failed instances of some kinds to a report.
func (s *Session) addFailures(run *report.Run, kinds ...pluginv1.Kind) {
	for _, i := range s.instancesOf(kinds) {
		if i.err != nil {
			run.Problems = append(run.Problems, report.Problem{Severity: report.Error, Summary: i.err.Error()})
		}
	}
}
