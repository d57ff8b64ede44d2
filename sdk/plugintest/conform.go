package plugintest

import (
	"context"
	"testing"
	"time"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Settings is what the suite must be told of a plugin.
type Settings struct {
	// Instance is the name by which the configuration calls the plugin; its own where empty.
	Instance string
	// Options are the values of options, `section.option` to text as the configuration file would have
	// it. Options that are not here have their defaults. With them the plugin must work: extract from
	// a cloud, or deliver to something, that the test has set up.
	Options map[string]string

	// Projects are the IDs or names of projects to extract; none: those that are marked in the cloud.
	// Something must have run in the first of them within the window.
	Projects []string
	// From and To are the window, in whole seconds; the last whole hour where they are zero.
	From, To time.Time

	// Arrived says whether a record that was acknowledged as delivered is in the outside system. May be nil.
	Arrived func(record *pluginv1.Record) bool

	// Patience is how long the plugin may take for any one answer; 10 s where zero.
	Patience time.Duration
	// Skip leaves out subtests, by name, each with the reason.
	Skip map[string]string
}

// Conform runs a plugin through the contract's rules, each in a subtest. It ends with the plugin closed.
func Conform(t *testing.T, plugin *Plugin, settings Settings) {
	t.Helper()
	conform(t, plugin, settings, func(name string, rule func(tb)) bool {
		return t.Run(name, func(t *testing.T) {
			if reason, ok := settings.Skip[name]; ok {
				t.Skip(reason)
			}
			rule(t)
		})
	})
}

// run runs one rule as a subtest and says whether it holds.
type run func(name string, rule func(tb)) bool

// suite is one plugin on its way through the rules.
type suite struct {
	*Plugin
	settings    Settings
	description *pluginv1.DescribeResponse
	values      []*pluginv1.OptionValue
}

func conform(t tb, plugin *Plugin, settings Settings, run run) {
	t.Helper()
	if settings.Patience == 0 {
		settings.Patience = 10 * time.Second
	}
	if settings.To.IsZero() {
		settings.To = time.Now().UTC().Truncate(time.Hour)
	}
	if settings.From.IsZero() {
		settings.From = settings.To.Add(-time.Hour)
	}
	s := &suite{Plugin: plugin, settings: settings}
	if !s.describe(run) || !s.configure(run) {
		t.Logf("the other rules were not tried: they need a plugin that describes itself and takes its settings")
		return
	}
	switch s.description.GetKind() {
	case pluginv1.Kind_KIND_EXTRACTOR:
		s.extractor(run)
	case pluginv1.Kind_KIND_MESSENGER:
		s.deliver(run)
	}
	s.end(run)
}

// recordTypes returns the record types of the plugin's description.
func (s *suite) recordTypes() []pluginv1.RecordType {
	var types []pluginv1.RecordType
	for _, described := range s.description.GetRecordTypes() {
		types = append(types, described.GetType())
	}
	return types
}

// patience bounds one question to the plugin.
func (s *suite) patience(t tb) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), s.settings.Patience)
	t.Cleanup(cancel)
	return ctx
}

// idle waits until the plugin has no stream under way, where that can be seen.
func (s *suite) idle(t tb, after string) {
	t.Helper()
	if s.busy != nil && !eventually(s.settings.Patience, func() bool { return s.busy() == 0 }) {
		t.Fatalf("the plugin still works on a call %s after %s: it must give up when its context is done", s.settings.Patience, after)
	}
}
