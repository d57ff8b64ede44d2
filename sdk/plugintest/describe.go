package plugintest

import (
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// testDescribe tests the description. It reports whether the other rules can be tested.
func (s *suite) testDescribe(run runRule) bool {
	if !run("describe_before_configure", func(t tb) {
		description, err := s.Describe(s.deadline(t), &pluginv1.DescribeRequest{})
		if err != nil {
			t.Fatalf("Describe before Configure: %v", err)
		}
		s.description = description
	}) || s.description == nil {
		return false
	}
	run("describe_stable", func(t tb) {
		for range 3 {
			again, err := s.Describe(s.deadline(t), &pluginv1.DescribeRequest{})
			if err != nil {
				t.Fatalf("Describe, again: %v", err)
			}
			if !proto.Equal(s.description, again) {
				t.Errorf("two descriptions differ:\n%v\n%v", s.description, again)
			}
		}
	})
	ownRules := func(clause string) bool { return !strings.HasPrefix(clause, "option ") }
	run("describe_valid", func(t tb) {
		s.reportClauses(t, ownRules)
		if s.description.GetVersion() == "" {
			t.Errorf("no version")
		}
		_, unknown := contract.WithoutUnknown(s.description)
		for _, clause := range unknown {
			t.Errorf("%s", clause)
		}
	})
	run("options_valid", func(t tb) {
		s.reportClauses(t, func(clause string) bool { return !ownRules(clause) })
		for _, option := range s.description.GetOptions() {
			if err := contract.CheckHelp(option); err != nil {
				t.Errorf("option %s: %v", contract.OptionName(option.GetSection(), option.GetName()), err)
			}
		}
	})
	run("options_defaults", func(t tb) {
		for _, option := range s.description.GetOptions() {
			// A default that refers to another option depends on the configuration.
			if option.DefaultValue == nil || strings.Contains(option.GetDefaultValue(), "$") {
				continue
			}
			if _, err := parseValue(option, option.GetDefaultValue()); err != nil {
				t.Errorf("option %s: invalid default: %v", contract.OptionName(option.GetSection(), option.GetName()), err)
			}
		}
	})
	kind := s.description.GetKind()
	return kind == pluginv1.Kind_KIND_EXTRACTOR || kind == pluginv1.Kind_KIND_MESSENGER
}

func (s *suite) reportClauses(t tb, matches func(clause string) bool) {
	t.Helper()
	for _, clause := range contract.CheckDescription(s.description) {
		if matches(clause) {
			t.Errorf("%s", clause)
		}
	}
}
