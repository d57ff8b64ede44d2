package plugintest

import (
	"context"
	"testing"
	"time"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Settings describes the plugin and the test environment to the suite.
type Settings struct {
	// Instance is the name of the instance in the configuration; empty: the plugin's name.
	Instance string
	// Options are the values of options, by `section.option`, written as in a configuration file.
	// Other options have their defaults. With these settings the plugin must work: extract from a
	// cloud, or deliver to a receiver, that the test has set up.
	Options map[string]string

	// Projects are the IDs or names of projects to extract; empty: those that are marked in the
	// cloud. The first of them must have records within the window.
	Projects []string
	// From and To are the window, in whole seconds; zero: the last whole hour.
	From, To time.Time

	// Arrived reports whether a record that was acknowledged as delivered is in the external
	// system. May be nil.
	Arrived func(record *pluginv1.Record) bool

	// Patience is how long the plugin may take for one answer; zero: 10 s.
	Patience time.Duration
	// Skip leaves out rules, by name, each with the reason.
	Skip map[string]string
}

// Conform tests a plugin against the rules of the contract, each in a subtest. It ends with the
// plugin closed.
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

// runRule runs one rule as a subtest and reports whether it holds.
type runRule func(name string, rule func(tb)) bool

// suite is the state of one Conform call.
type suite struct {
	*Plugin
	settings    Settings
	description *pluginv1.DescribeResponse
	values      []*pluginv1.OptionValue
}

func conform(t tb, plugin *Plugin, settings Settings, run runRule) {
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
	if !s.testDescribe(run) || !s.testConfigure(run) {
		t.Logf("other rules were not tested: they need a plugin with a valid description and settings")
		return
	}
	switch s.description.GetKind() {
	case pluginv1.Kind_KIND_EXTRACTOR:
		s.testExtractor(run)
	case pluginv1.Kind_KIND_MESSENGER:
		s.testMessenger(run)
	}
	s.testEnd(run)
}

// recordTypes returns the known record types of the plugin's description.
func (s *suite) recordTypes() []pluginv1.RecordType {
	var types []pluginv1.RecordType
	for _, described := range s.description.GetRecordTypes() {
		if contract.TimeSemanticsOf(described.GetType()) != pluginv1.TimeSemantics_TIME_SEMANTICS_UNSPECIFIED {
			types = append(types, described.GetType())
		}
	}
	return types
}

// deadline returns a context that bounds one call to the plugin.
func (s *suite) deadline(t tb) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), s.settings.Patience)
	t.Cleanup(cancel)
	return ctx
}

// waitIdle waits until the plugin has no call under way, where that can be observed.
func (s *suite) waitIdle(t tb, after string) {
	t.Helper()
	if s.callsInFlight != nil && !eventually(s.settings.Patience, func() bool { return s.callsInFlight() == 0 }) {
		t.Fatalf("a call is still running %s after %s: it must return when its context ends", s.settings.Patience, after)
	}
}
