package contract_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func validOption() *pluginv1.Option {
	return &pluginv1.Option{Section: "fake", Name: "size", Type: pluginv1.OptionType_OPTION_TYPE_INTEGER, Help: "How many at a time."}
}

func validDescription() *pluginv1.DescribeResponse {
	return &pluginv1.DescribeResponse{
		Name: "fake", Version: "1", Kind: pluginv1.Kind_KIND_EXTRACTOR, Options: []*pluginv1.Option{validOption()},
		RecordTypes: []*pluginv1.RecordTypeDescription{{
			Type: pluginv1.RecordType_RECORD_TYPE_CLOUD, TimeSemantics: pluginv1.TimeSemantics_TIME_SEMANTICS_CUMULATIVE}},
	}
}

// TestOptionNames checks the grammar of names, which is the same for host and plugins.
func TestOptionNames(t *testing.T) {
	for name, valid := range map[string]bool{
		"size": true, "max_size": true, "s3": true, "_size": false, "3s": false, "max-size": false, "Size": false, "a.b": false, "a@b": false, "": false,
	} {
		option := validOption()
		option.Name = name
		if got := len(contract.CheckOption(option)) == 0; got != valid {
			t.Errorf("name %q is valid: %v", name, got)
		}
	}
	for section, valid := range map[string]bool{
		"DEFAULT": true, "ssm": true, "keystone_auth": true, "greendigit-cim": true, "default": false, "Default": false, "_x": false, "3x": false,
		"a.b": false, "ssm@lab": false, "a b": false, "": false,
	} {
		option := validOption()
		option.Section = section
		if got := len(contract.CheckOption(option)) == 0; got != valid {
			t.Errorf("section %q is valid: %v", section, got)
		}
	}
	for name, valid := range map[string]bool{
		"nova": true, "greendigit-cim": true, "x2": true, "a_b": true, "-a": false, "a-": false, "A": false, "a.b": false, "a@b": false, "a/b": false, "": false,
	} {
		if contract.ValidPluginName(name) != valid {
			t.Errorf("plugin name %q is valid: %v", name, !valid)
		}
	}
}

func TestCheckOption(t *testing.T) {
	tests := map[string]struct {
		change func(*pluginv1.Option)
		want   string
	}{
		"valid":           {func(*pluginv1.Option) {}, ""},
		"required":        {func(o *pluginv1.Option) { o.Required, o.DefaultValue = true, proto.String("1") }, "is required and has a default"},
		"secret":          {func(o *pluginv1.Option) { o.Secret, o.DefaultValue = true, proto.String("1") }, "is a secret and has a default"},
		"two lines":       {func(o *pluginv1.Option) { o.DefaultValue = proto.String("1\n2") }, "has a default of several lines"},
		"choices":         {func(o *pluginv1.Option) { o.Choices = []string{"1"} }, "has choices, but is neither a string nor a list"},
		"bounds":          {func(o *pluginv1.Option) { o.Minimum, o.Maximum = proto.Int64(2), proto.Int64(1) }, "has a minimum of 2 above its maximum of 1"},
		"no type":         {func(o *pluginv1.Option) { o.Type = 0 }, "has no type"},
		"newer type":      {func(o *pluginv1.Option) { o.Type = 99 }, ""},
		"no help":         {func(o *pluginv1.Option) { o.Help = "" }, ""},
		"bound of a text": {func(o *pluginv1.Option) { o.Type, o.Minimum = 1, proto.Int64(1) }, "has a minimum or maximum, but is not an integer"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			option := validOption()
			test.change(option)
			if got := strings.Join(contract.CheckOption(option), "; "); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestCheckHelp(t *testing.T) {
	for help, want := range map[string]string{
		"How many at a time.": "", "": "empty", "How many at a time": "full stop", "Size.": "whole sentence", " How many.": "white space", "How \xff many.": "UTF-8",
	} {
		option := validOption()
		option.Help = help
		if err := contract.CheckHelp(option); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("help %q: %v", help, err)
		}
	}
}

func TestCheckDescription(t *testing.T) {
	if wrong := contract.CheckDescription(validDescription()); len(wrong) > 0 {
		t.Errorf("a valid description: %q", wrong)
	}
	everything := &pluginv1.DescribeResponse{
		Name: "Fake", Version: "1\n2", Kind: 7, Options: []*pluginv1.Option{validOption(), validOption()},
	}
	want := []string{
		`invalid name "Fake": use lower-case letters, digits, - and _`, `invalid version "1\n2"`,
		"invalid kind 7: it must be extractor or messenger", "no record types", "option [fake] size is declared twice",
	}
	if got := contract.CheckDescription(everything); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q", got)
	}
	other := validDescription()
	other.RecordTypes[0].TimeSemantics = pluginv1.TimeSemantics_TIME_SEMANTICS_SNAPSHOT
	if got := contract.CheckDescription(other); len(got) != 1 || got[0] != "record type cloud has time semantics snapshot: it must be cumulative" {
		t.Errorf("got %q", got)
	}
	// A messenger's record types have no time semantics.
	other.Kind, other.RecordTypes[0].TimeSemantics = pluginv1.Kind_KIND_MESSENGER, 0
	if got := contract.CheckDescription(other); len(got) > 0 {
		t.Errorf("got %q", got)
	}
}

// What a newer version of the contract adds is removed with a warning, and the rest is valid.
func TestWithoutUnknown(t *testing.T) {
	newer := validDescription()
	newer.RecordTypes = append(newer.RecordTypes,
		&pluginv1.RecordTypeDescription{Type: 99, TimeSemantics: 1},
		&pluginv1.RecordTypeDescription{Type: pluginv1.RecordType_RECORD_TYPE_IP, TimeSemantics: 99})
	duration := validOption()
	duration.Name, duration.Type = "wait", 99
	newer.Options = append(newer.Options, duration)
	newer.Features = []pluginv1.Feature{pluginv1.Feature_FEATURE_CHECK, 99}
	if wrong := contract.CheckDescription(newer); len(wrong) > 0 {
		t.Errorf("a newer description is invalid: %q", wrong)
	}
	known, warnings := contract.WithoutUnknown(newer)
	want := validDescription()
	want.Features = []pluginv1.Feature{pluginv1.Feature_FEATURE_CHECK}
	if !proto.Equal(known, want) {
		t.Errorf("got %v", known)
	}
	if len(warnings) != 3 || len(newer.GetRecordTypes()) != 3 {
		t.Errorf("warnings %q, the original has %v", warnings, newer.GetRecordTypes())
	}
}
