package config

import (
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func TestSchemaProblems(t *testing.T) {
	option := func(section, name string, change func(*pluginv1.Option)) *pluginv1.Option {
		o := &pluginv1.Option{Section: section, Name: name, Type: typeString, Help: "An option."}
		if change != nil {
			change(o)
		}
		return o
	}
	secret := func(o *pluginv1.Option) { o.Secret = true }
	tests := []struct {
		name  string
		owned []Owned
		want  string
	}{
		{"two that agree but for the help", []Owned{
			{"extractor-a", option("s", "o", func(o *pluginv1.Option) { o.Help = "Another help." })}, {"extractor-b", option("s", "o", nil)},
		}, ""},
		{"two that disagree", []Owned{
			{"extractor-a", option("s", "o", nil)}, {"messenger-b", option("s", "o", func(o *pluginv1.Option) { o.DefaultValue = proto.String("") })},
		}, "error: [s] o: extractor-a and messenger-b declare this option differently (default: none and \"\"); the two plugins cannot be used together"},
		{"a secret for both sides", []Owned{
			{"extractor-a", option("s", "o", secret)}, {"messenger-b", option("s", "o", secret)},
		}, "messenger-b declares an option that reads [s] o, a secret of extractor-a"},
		{"a secret by an old name", []Owned{
			{"messenger-b", option("t", "o", func(o *pluginv1.Option) { o.OldNames = []*pluginv1.OptionRef{{Section: "s", Name: "o"}} })},
			{"extractor-a", option("s", "o", secret)},
		}, "error: [t] o: messenger-b declares an option that reads [s] o, a secret of extractor-a"},
		{"a secret of two extractors", []Owned{{"extractor-a", option("s", "o", secret)}, {"extractor-b", option("s", "o", secret)}}, ""},
		{"section in capitals", []Owned{{"extractor-a", option("S", "o", nil)}}, "invalid declaration by extractor-a: it has an invalid section"},
		{"[default]", []Owned{{"extractor-a", option("default", "o", nil)}}, "an invalid section"},
		{"name", []Owned{{"extractor-a", option("s", "o-p", nil)}}, "an invalid name"},
		{"no type", []Owned{{"extractor-a", option("s", "o", func(o *pluginv1.Option) { o.Type = 0 })}}, "no type"},
		{"type of the future", []Owned{{"extractor-a", option("s", "o", func(o *pluginv1.Option) { o.Type = 99 })}}, "warning: [s] o: option ignored: extractor-a declares it with type 99"},
		{"default of two lines", []Owned{{"extractor-a", option("s", "o", func(o *pluginv1.Option) { o.DefaultValue = proto.String("a\nb") })}}, "several lines"},
		{"choices of an integer", []Owned{{"extractor-a", option("s", "o", func(o *pluginv1.Option) { o.Type, o.Choices = typeInteger, []string{"1"} })}}, "choices"},
		{"minimum of a string", []Owned{{"extractor-a", option("s", "o", func(o *pluginv1.Option) { o.Minimum = proto.Int64(1) })}}, "a minimum or maximum"},
		{"minimum above maximum", []Owned{{"extractor-a", option("s", "o", func(o *pluginv1.Option) {
			o.Type, o.Minimum, o.Maximum = typeInteger, proto.Int64(2), proto.Int64(1)
		})}}, "above its maximum"},
		{"required with a default", []Owned{{"extractor-a", option("s", "o", func(o *pluginv1.Option) { o.Required, o.DefaultValue = true, proto.String("x") })}}, "is required and has a default"},
		{"secret with a default", []Owned{{"extractor-a", option("s", "o", func(o *pluginv1.Option) { o.Secret, o.DefaultValue = true, proto.String("x") })}}, "is a secret and has a default"},
		{"two executables of one plugin that disagree", []Owned{
			{"extractor-a", option("s", "o", nil)}, {"extractor-a", option("s", "o", func(o *pluginv1.Option) { o.Type = typeList })},
		}, "error: [s] o: two executables of extractor-a declare this option differently (type: string and list); use one version of the plugin"},
		{"everything differs", []Owned{
			{"extractor-a", option("s", "o", func(o *pluginv1.Option) {
				o.Required, o.Choices, o.OldNames = true, []string{"a", "b"}, []*pluginv1.OptionRef{{Section: "s", Name: "p"}}
			})},
			{"extractor-b", option("s", "o", func(o *pluginv1.Option) {
				o.Type, o.DefaultValue, o.Minimum, o.Maximum = typeInteger, proto.String("1"), proto.Int64(0), proto.Int64(9)
			})},
		}, `(type: string and integer; default: none and "1"; required: true and false; choices: a, b and none; minimum: none and 0; maximum: none and 9; old names: [s] p and none)`},
		{"default of the wrong type", []Owned{{"extractor-a", option("s", "o", func(o *pluginv1.Option) { o.Type, o.DefaultValue = typeBoolean, proto.String("maybe") })}},
			`error: [s] o: default declared by extractor-a: invalid value "maybe": must be true`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, problems := (&Files{}).Resolve(Plugins{}, test.owned, nil)
			if test.want == "" {
				if len(problems) > 0 {
					t.Errorf("problems: %v", problems)
				}
				return
			}
			if len(problems) != 1 || !strings.Contains(problems[0].String(), test.want) {
				t.Errorf("got %v, want %q", problems, test.want)
			}
		})
	}
}

func TestHostOptionsAreValid(t *testing.T) {
	owned := append(Own(HostOwner, HostOptions("")), Own(HostOwner, PluginOptions(pluginv1.Kind_KIND_EXTRACTOR, "nova"))...)
	if _, problems := (&Files{}).Resolve(Plugins{}, owned, nil); len(problems) > 0 {
		t.Errorf("problems: %v", problems)
	}
	for _, o := range owned {
		if !strings.HasSuffix(o.Option.GetHelp(), ".") {
			t.Errorf("the help of %v is not a sentence", keyOf(o.Option))
		}
	}
}

func TestSettingsForAPlugin(t *testing.T) {
	settings, _ := resolveTexts(t, nil, "[extractor]\ninsecure = yes\n[ssm]\nlabels = a,b\n")
	declared := []*pluginv1.Option{
		{Section: "extractor", Name: "user"}, {Section: "extractor", Name: "endpoint"}, {Section: "extractor", Name: "insecure"},
		{Section: "ssm", Name: "max_size"}, {Section: "ssm", Name: "labels"},
	}
	ref := func(section, name string) *pluginv1.OptionRef {
		return &pluginv1.OptionRef{Section: section, Name: name}
	}
	want := []*pluginv1.OptionValue{
		{Option: ref("extractor", "user"), Value: &pluginv1.OptionValue_StringValue{StringValue: "accounting"}},
		{Option: ref("extractor", "insecure"), Value: &pluginv1.OptionValue_BooleanValue{BooleanValue: true}},
		{Option: ref("ssm", "max_size"), Value: &pluginv1.OptionValue_IntegerValue{IntegerValue: 100}},
		{Option: ref("ssm", "labels"), Value: &pluginv1.OptionValue_ListValue{ListValue: &pluginv1.StringList{Items: []string{"a", "b"}}}},
	}
	got := settings.Host().Values(declared)
	if !reflect.DeepEqual(len(got), len(want)) {
		t.Fatalf("got %v", got)
	}
	for i := range want {
		if !proto.Equal(got[i], want[i]) {
			t.Errorf("got %v, want %v", got[i], want[i])
		}
	}
	if settings.Host().IsSet("extractor", "endpoint") || !settings.Host().Bool("extractor", "insecure") || settings.Host().Int("ssm", "max_size") != 100 || settings.Host().String("extractor", "user") != "accounting" {
		t.Errorf("the getters disagree")
	}
}

func TestDiagnosed(t *testing.T) {
	settings, _ := resolveTexts(t, []Override{{Section: "DEFAULT", Name: "site_name", Value: "x", Flag: "--site"}}, "[ssm]\noutput_path = /x\n")
	for _, test := range []struct {
		diagnostic *pluginv1.Diagnostic
		want       string
	}{
		{&pluginv1.Diagnostic{Severity: pluginv1.Diagnostic_SEVERITY_WARNING, Summary: "odd", Detail: "Two\nlines.", Option: &pluginv1.OptionRef{Section: "ssm", Name: "output_path"}}, "1.conf:2: warning: [ssm] output_path: odd. Two lines."},
		{&pluginv1.Diagnostic{Summary: "bad", Option: &pluginv1.OptionRef{Section: "ssm", Name: "max_size"}}, "error: [ssm] max_size: bad"},
		{&pluginv1.Diagnostic{Summary: "bad", Option: &pluginv1.OptionRef{Section: "DEFAULT", Name: "site_name"}}, "error: [DEFAULT] site_name: --site on the command line: bad"},
		{&pluginv1.Diagnostic{Summary: "bad"}, "error: bad"},
	} {
		if got := settings.Host().Diagnosed(test.diagnostic).String(); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}
