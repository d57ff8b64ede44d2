package plugintest

import (
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// testConfigure configures the plugin, first with invalid settings and then with those of the test.
// It reports whether the latter were accepted.
func (s *suite) testConfigure(run runRule) bool {
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
				required[contract.OptionName(option.GetSection(), option.GetName())] = true
			}
		}
		values := slices.DeleteFunc(slices.Clone(s.values), func(value *pluginv1.OptionValue) bool {
			return required[contract.OptionName(value.GetOption().GetSection(), value.GetOption().GetName())]
		})
		diagnostics := s.configureWith(t, s.startAnother(t), values)
		if len(required) > 0 && !slices.ContainsFunc(diagnostics, contract.IsError) {
			t.Errorf("Configure without the required options returns no error: %v", diagnostics)
		}
	})
	run("configure_nothing", func(t tb) {
		s.configureWith(t, s.startAnother(t), nil)
	})
	configured := run("configure_settings", func(t tb) {
		s.mustConfigure(t, s.Plugin)
	})
	run("configure_twice", func(t tb) {
		s.mustConfigure(t, s.Plugin)
	})
	if configured {
		run("check_answers", s.testCheck)
	}
	return configured
}

func (s *suite) testCheck(t tb) {
	response, err := s.Check(s.deadline(t), &pluginv1.CheckRequest{})
	declared := slices.Contains(s.description.GetFeatures(), pluginv1.Feature_FEATURE_CHECK)
	switch {
	case !declared && status.Code(err) != codes.Unimplemented:
		t.Errorf("Check is implemented, but FEATURE_CHECK is not declared (error: %v)", err)
	case declared && err != nil:
		t.Errorf("Check must return its findings as diagnostics, not fail: %v", err)
	case declared:
		s.checkDiagnostics(t, "Check", response.GetDiagnostics())
	}
}

// configureWith calls Configure and fails the rule if the call fails.
func (s *suite) configureWith(t tb, plugin *Plugin, values []*pluginv1.OptionValue) []*pluginv1.Diagnostic {
	t.Helper()
	instance := s.settings.Instance
	if instance == "" {
		instance = s.description.GetName()
	}
	response, err := plugin.Configure(s.deadline(t), &pluginv1.ConfigureRequest{Instance: instance, Values: values})
	if err != nil {
		t.Fatalf("Configure must return errors as diagnostics, not fail: %v", err)
	}
	s.checkDiagnostics(t, "Configure", response.GetDiagnostics())
	for _, diagnostic := range response.GetDiagnostics() {
		ref := diagnostic.GetOption()
		if ref != nil && !slices.ContainsFunc(s.description.GetOptions(), func(o *pluginv1.Option) bool {
			return o.GetSection() == ref.GetSection() && o.GetName() == ref.GetName()
		}) {
			t.Errorf("Configure: a diagnostic is about option %s, which the plugin does not declare", contract.OptionName(ref.GetSection(), ref.GetName()))
		}
	}
	return response.GetDiagnostics()
}

func (s *suite) mustConfigure(t tb, plugin *Plugin) {
	t.Helper()
	for _, diagnostic := range s.configureWith(t, plugin, s.values) {
		if contract.IsError(diagnostic) {
			t.Errorf("Configure rejects the settings of this test: %s", diagnosticText(diagnostic))
		}
	}
}

// minSecretLength is the length from which the suite searches texts for a secret. A shorter one is
// found everywhere.
const minSecretLength = 4

// checkDiagnostics tests what holds for every diagnostic.
func (s *suite) checkDiagnostics(t tb, from string, diagnostics []*pluginv1.Diagnostic) {
	t.Helper()
	for _, diagnostic := range diagnostics {
		if err := contract.CheckDiagnostic(diagnostic); err != nil {
			t.Errorf("%s: %v", from, err)
		}
		if _, known := pluginv1.Diagnostic_Severity_name[int32(diagnostic.GetSeverity())]; !known {
			t.Errorf("%s: unknown severity %d", from, diagnostic.GetSeverity())
		}
		// How the SDK reports a panic. In other languages it fails the call.
		if strings.HasPrefix(diagnostic.GetSummary(), "the plugin panicked") {
			t.Errorf("%s: %s", from, diagnostic.GetSummary())
		}
		for _, option := range s.description.GetOptions() {
			secret := s.settings.Options[option.GetSection()+"."+option.GetName()]
			if option.GetSecret() && len(secret) >= minSecretLength && strings.Contains(diagnosticText(diagnostic), secret) {
				t.Errorf("%s: a diagnostic contains the value of a secret option", from)
			}
		}
	}
}

// diagnosticText returns diagnostics as one line, for messages.
func diagnosticText(diagnostics ...*pluginv1.Diagnostic) string {
	var texts []string
	for _, d := range diagnostics {
		texts = append(texts, strings.TrimSpace(d.GetSummary()+" "+d.GetDetail()))
	}
	return strings.Join(texts, "; ")
}
