package plugintest

import (
	"context"
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

func TestConformGood(t *testing.T) {
	t.Run("extractor", func(t *testing.T) {
		Conform(t, serveFake(t, newFakeExtractor(sdk.AllRecordTypes()...)), fakeSettings())
	})
	t.Run("messenger", func(t *testing.T) {
		messenger := newFakeMessenger(sdk.AllRecordTypes()...)
		settings := fakeSettings()
		settings.Arrived = messenger.hasArrived
		Conform(t, serveFake(t, messenger), settings)
	})
	t.Run("skip", func(t *testing.T) {
		messenger := newFakeMessenger()
		messenger.description.Version = ""
		settings := fakeSettings()
		settings.Skip = map[string]string{"describe_valid": "to test Skip"}
		Conform(t, serveFake(t, messenger), settings)
	})
}

// The package comment lists exactly the rules that the suite has.
func TestDocumentedRules(t *testing.T) {
	tried := map[string]bool{}
	verdict(t, serveFake(t, newFakeExtractor(sdk.AllRecordTypes()...)), fakeSettings(), tried)
	verdict(t, Binary(t, thisBinary(t), Env(roleEnv+"=good")), fakeSettings(), tried)
	page, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, name := range regexp.MustCompile(`\b(?:describe|options|configure|check|projects|extract|deliver|process|close)(?:_[a-z_]+)?\b`).FindAllString(string(page), -1) {
		if tried[name] || regexp.MustCompile(`_`).MatchString(name) {
			documented = append(documented, name)
		}
	}
	slices.Sort(documented)
	documented = slices.Compact(documented)
	if rules := slices.Sorted(maps.Keys(tried)); !slices.Equal(rules, documented) {
		t.Errorf("the rules are\n%q\nand doc.go has\n%q", rules, documented)
	}
}

func TestDescriptionRules(t *testing.T) {
	option := func(i int, change func(option *pluginv1.Option)) func(*fakePlugin) {
		return func(f *fakePlugin) { change(f.description.Options[i]) }
	}
	const size = 2
	tests := map[string]struct {
		spoil func(*fakePlugin)
		want  []string
	}{
		"fails": {func(f *fakePlugin) {
			f.describe = func() (*pluginv1.DescribeResponse, error) { return nil, status.Error(codes.Internal, "oops") }
		}, []string{"describe_before_configure"}},
		"upper-case name":     {func(f *fakePlugin) { f.description.Name = "Fake" }, []string{"describe_valid"}},
		"no version":          {func(f *fakePlugin) { f.description.Version = "" }, []string{"describe_valid"}},
		"no record types":     {func(f *fakePlugin) { f.description.RecordTypes = nil }, []string{"describe_valid", "extract_finds_records"}},
		"unknown record type": {func(f *fakePlugin) { f.addType(77, 1) }, []string{"describe_valid"}},
		"record type twice":   {func(f *fakePlugin) { f.addType(sdk.Cloud, 1) }, []string{"describe_valid", "extract_time_order"}},
		"no time semantics": {func(f *fakePlugin) { f.description.RecordTypes[0].TimeSemantics = 0 },
			[]string{"describe_valid"}},
		"other time semantics": {func(f *fakePlugin) {
			f.description.RecordTypes[0].TimeSemantics = pluginv1.TimeSemantics_TIME_SEMANTICS_INTERVAL
		}, []string{"describe_valid"}},
		"another version each time": {func(f *fakePlugin) {
			f.describe = func() (*pluginv1.DescribeResponse, error) {
				f.description.Version += "x"
				return proto.CloneOf(f.description), nil
			}
		}, []string{"describe_stable"}},
		"check not declared": {func(f *fakePlugin) {
			f.check = func() (*pluginv1.CheckResponse, error) { return &pluginv1.CheckResponse{}, nil }
		}, []string{"check_answers"}},
		"check declared only": {func(f *fakePlugin) {
			f.description.Features = []pluginv1.Feature{pluginv1.Feature_FEATURE_CHECK}
		}, []string{"check_answers"}},
		"section with capitals": {option(size, func(o *pluginv1.Option) { o.Section = "Fake" }), []string{"options_valid"}},
		"section of an overlay": {option(size, func(o *pluginv1.Option) { o.Section = "fake@x" }), []string{"options_valid"}},
		"name with a dash":      {option(size, func(o *pluginv1.Option) { o.Name = "si-ze" }), []string{"options_valid"}},
		"old name without section": {option(size, func(o *pluginv1.Option) {
			o.OldNames = []*pluginv1.OptionRef{{Name: "old"}}
		}), []string{"options_valid"}},
		"declared twice": {func(f *fakePlugin) {
			f.description.Options = append(f.description.Options, f.description.Options[1])
		}, []string{"options_valid"}},
		"type unset": {option(size, func(o *pluginv1.Option) { o.Type = 0; o.DefaultValue = nil; o.Minimum, o.Maximum = nil, nil }),
			[]string{"options_valid"}},
		"choices of an integer":  {option(size, func(o *pluginv1.Option) { o.Choices = []string{"5"} }), []string{"options_valid"}},
		"minimum above maximum":  {option(size, func(o *pluginv1.Option) { o.Minimum = proto.Int64(10); o.DefaultValue = nil }), []string{"options_valid"}},
		"default below minimum":  {option(size, func(o *pluginv1.Option) { o.DefaultValue = proto.String("0") }), []string{"options_defaults", "configure_settings_declared"}},
		"default above maximum":  {option(size, func(o *pluginv1.Option) { o.DefaultValue = proto.String("10") }), []string{"options_defaults", "configure_settings_declared"}},
		"default no number":      {option(size, func(o *pluginv1.Option) { o.DefaultValue = proto.String("five") }), []string{"options_defaults", "configure_settings_declared"}},
		"default no choice":      {option(4, func(o *pluginv1.Option) { o.DefaultValue = proto.String("a, x") }), []string{"options_defaults", "configure_settings_declared"}},
		"default no boolean":     {option(5, func(o *pluginv1.Option) { o.DefaultValue = proto.String("maybe") }), []string{"options_defaults", "configure_settings_declared"}},
		"required with default":  {option(0, func(o *pluginv1.Option) { o.DefaultValue = proto.String("x") }), []string{"options_valid"}},
		"secret with default":    {option(1, func(o *pluginv1.Option) { o.DefaultValue = proto.String("x") }), []string{"options_valid"}},
		"no help":                {option(size, func(o *pluginv1.Option) { o.Help = "" }), []string{"options_valid"}},
		"help without full stop": {option(size, func(o *pluginv1.Option) { o.Help = "How many at a time" }), []string{"options_valid"}},
		"one word of help":       {option(size, func(o *pluginv1.Option) { o.Help = "Size." }), []string{"options_valid"}},
		"default refers to an unknown option": {option(3, func(o *pluginv1.Option) { o.DefaultValue = proto.String("$nowhere") }),
			[]string{"configure_settings_declared"}},
		"settings not declared": {func(f *fakePlugin) { f.description.Options = f.description.Options[1:] }, []string{"configure_settings_declared"}},
		"missing option unnoticed": {func(f *fakePlugin) {
			f.configure = func(sdk.Config) ([]*pluginv1.Diagnostic, error) { return nil, nil }
		}, []string{"configure_required_missing"}},
		"fails without options": {func(f *fakePlugin) {
			f.configure = func(config sdk.Config) ([]*pluginv1.Diagnostic, error) {
				if !config.IsSet("fake", "endpoint") {
					return nil, status.Error(codes.Internal, "oops")
				}
				return nil, nil
			}
		}, []string{"configure_required_missing", "configure_nothing"}},
		"rejects good settings": {func(f *fakePlugin) {
			f.configure = func(sdk.Config) ([]*pluginv1.Diagnostic, error) { return []*pluginv1.Diagnostic{failure("no")}, nil }
		}, []string{"configure_settings", "configure_twice"}},
		"prints the secret": {func(f *fakePlugin) {
			f.configure = func(config sdk.Config) ([]*pluginv1.Diagnostic, error) {
				d := failure("no")
				if config.IsSet("fake", "endpoint") {
					d.Severity, d.Summary = pluginv1.Diagnostic_SEVERITY_WARNING, config.String("fake", "password")+" is weak"
				}
				return []*pluginv1.Diagnostic{d}, nil
			}
		}, []string{"configure_settings", "configure_twice"}},
		"about an option of others": {func(f *fakePlugin) {
			f.configure = func(sdk.Config) ([]*pluginv1.Diagnostic, error) {
				d := failure("no such thing")
				d.Option = &pluginv1.OptionRef{Section: "fake", Name: "nobody"}
				return []*pluginv1.Diagnostic{d}, nil
			}
		}, []string{"configure_nothing", "configure_settings", "configure_twice", "configure_required_missing"}},
		"summary of two lines": {func(f *fakePlugin) {
			f.configure = func(sdk.Config) ([]*pluginv1.Diagnostic, error) {
				return []*pluginv1.Diagnostic{failure("one\ntwo")}, nil
			}
		}, []string{"configure_nothing", "configure_settings", "configure_twice", "configure_required_missing"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			extractor := newFakeExtractor()
			test.spoil(extractor)
			expect(t, verdict(t, serveFake(t, extractor), fakeSettings(), nil), test.want...)
		})
	}
}

// A panic is reported by the SDK as a diagnostic, and still fails the rule.
func TestPanicFailsTheRule(t *testing.T) {
	expect(t, verdict(t, Messenger(t, panickingMessenger{}), Settings{}, nil),
		"configure_nothing", "configure_settings", "configure_twice", "configure_required_missing")
}

type panickingMessenger struct{}

func (panickingMessenger) Describe() sdk.Description {
	return sdk.Description{Name: "panicking", Version: "1", RecordTypes: sdk.Accepts(sdk.Cloud)}
}
func (panickingMessenger) Configure(context.Context, sdk.Config) error { panic("oops") }
func (panickingMessenger) Deliver(context.Context, *pluginv1.Batch) error {
	return nil
}

func (f *fakePlugin) addType(t pluginv1.RecordType, semantics pluginv1.TimeSemantics) {
	f.description.RecordTypes = append(f.description.RecordTypes, &pluginv1.RecordTypeDescription{Type: t, TimeSemantics: semantics})
}
