package plugintest

import (
	"slices"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// configure gives the plugin its settings, first bad ones and then the author's. Without the latter nothing
// else can be tried.
func (s *suite) configure(run run) bool {
	if !run("configure_settings_declared", func(t tb) {
		values, err := optionValues(s.description.GetOptions(), s.settings.Options)
		if err != nil {
			t.Fatalf("%v", err)
		}
		s.values = values
	}) {
		return false
	}
	run("configure_required_missing", func(t tb) {
		required := map[string]bool{}
		for _, option := range s.description.GetOptions() {
			if option.GetRequired() {
				required[spell(option.GetSection(), option.GetName())] = true
			}
		}
		given := slices.DeleteFunc(slices.Clone(s.values), func(value *pluginv1.OptionValue) bool {
			return required[spell(value.GetOption().GetSection(), value.GetOption().GetName())]
		})
		diagnostics := s.configureWith(t, s.again(t), given)
		if len(required) > 0 && !slices.ContainsFunc(diagnostics, contract.IsError) {
			t.Errorf("Configure without any of the required options says nothing of severity ERROR: %v", diagnostics)
		}
	})
	run("configure_nothing", func(t tb) {
		s.configureWith(t, s.again(t), nil)
	})
	configured := run("configure_settings", func(t tb) {
		s.mustConfigure(t, s.Plugin)
	})
	run("configure_twice", func(t tb) {
		s.mustConfigure(t, s.Plugin)
	})
	return configured
}

// configureWith fails the test where Configure is anything but an answer.
func (s *suite) configureWith(t tb, plugin *Plugin, values []*pluginv1.OptionValue) []*pluginv1.Diagnostic {
	t.Helper()
	instance := s.settings.Instance
	if instance == "" {
		instance = s.description.GetName()
	}
	response, err := plugin.Configure(s.patience(t), &pluginv1.ConfigureRequest{Instance: instance, Values: values})
	if err != nil {
		t.Fatalf("Configure must say what is wrong in diagnostics, not fail: %v", err)
	}
	s.checkDiagnostics(t, "Configure", response.GetDiagnostics())
	for _, diagnostic := range response.GetDiagnostics() {
		ref := diagnostic.GetOption()
		if ref != nil && !slices.ContainsFunc(s.description.GetOptions(), func(o *pluginv1.Option) bool {
			return o.GetSection() == ref.GetSection() && o.GetName() == ref.GetName()
		}) {
			t.Errorf("Configure: a diagnostic is about the option %s, which the plugin does not declare", spell(ref.GetSection(), ref.GetName()))
		}
	}
	return response.GetDiagnostics()
}

func (s *suite) mustConfigure(t tb, plugin *Plugin) {
	t.Helper()
	for _, diagnostic := range s.configureWith(t, plugin, s.values) {
		if contract.IsError(diagnostic) {
			t.Errorf("Configure refuses the settings of this test: %s %s", diagnostic.GetSummary(), diagnostic.GetDetail())
		}
	}
}
