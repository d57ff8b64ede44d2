package plugintest

import (
	"regexp"
	"slices"

	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// pluginName is what can stand in a file's name and in a list of the configuration.
var pluginName = regexp.MustCompile(`^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$`)

// describe checks what the plugin says of itself. Without an answer nothing else can be tried.
func (s *suite) describe(run run) bool {
	if !run("describe_before_configure", func(t tb) {
		description, err := s.Describe(s.patience(t), &pluginv1.DescribeRequest{})
		if err != nil {
			t.Fatalf("Describe before Configure: %v", err)
		}
		s.description = description
	}) || s.description == nil {
		return false
	}
	run("describe_stable", func(t tb) {
		for range 3 {
			again, err := s.Describe(s.patience(t), &pluginv1.DescribeRequest{})
			if err != nil {
				t.Fatalf("Describe, again: %v", err)
			}
			if !proto.Equal(s.description, again) {
				t.Errorf("Describe says something else each time:\n%v\n%v", s.description, again)
			}
		}
	})
	run("describe_name", func(t tb) {
		if name := s.description.GetName(); !pluginName.MatchString(name) {
			t.Errorf("the name %q is not lower-case letters, digits, - and _: it is the NAME of the file and of the configuration", name)
		}
		if s.description.GetVersion() == "" {
			t.Errorf("the plugin has no version")
		}
	})
	kind := run("describe_kind", func(t tb) {
		switch s.description.GetKind() {
		case pluginv1.Kind_KIND_EXTRACTOR, pluginv1.Kind_KIND_MESSENGER:
		default:
			t.Errorf("the kind is %v: a plugin is an extractor or a messenger", s.description.GetKind())
		}
	})
	run("describe_record_types", func(t tb) {
		types := s.recordTypes()
		if len(types) == 0 {
			t.Errorf("the plugin has no record types: it would never be given anything to do")
		}
		for i, recordType := range types {
			if !slices.Contains(AllTypes(), recordType) {
				t.Errorf("record type %v is none of the contract's", recordType)
			}
			if slices.Contains(types[:i], recordType) {
				t.Errorf("record type %v is there twice", recordType)
			}
		}
	})
	s.describeOptions(run)
	return kind
}
