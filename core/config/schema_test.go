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
		o := &pluginv1.Option{Section: section, Name: name, Type: typeString}
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
			{"extractor-a", option("s", "o", func(o *pluginv1.Option) { o.Help = "Some." })}, {"extractor-b", option("s", "o", nil)},
		}, ""},
		{"two that disagree", []Owned{
			{"extractor-a", option("s", "o", nil)}, {"messenger-b", option("s", "o", func(o *pluginv1.Option) { o.DefaultValue = proto.String("") })},
		}, "error: [s] o: extractor-a and messenger-b declare this option differently"},
		{"a secret for both sides", []Owned{
			{"extractor-a", option("s", "o", secret)}, {"messenger-b", option("s", "o", secret)},
		}, "messenger-b declares an option that gives it [s] o, a secret of extractor-a"},
		{"a secret by an old name", []Owned{
			{"messenger-b", option("t", "o", func(o *pluginv1.Option) { o.OldNames = []*pluginv1.OptionRef{{Section: "s", Name: "o"}} })},
			{"extractor-a", option("s", "o", secret)},
		}, "error: [t] o: messenger-b declares an option that gives it [s] o, a secret of extractor-a"},
		{"a secret of two extractors", []Owned{{"extractor-a", option("s", "o", secret)}, {"extractor-b", option("s", "o", secret)}}, ""},
		{"section in capitals", []Owned{{"extractor-a", option("S", "o", nil)}}, "declares this option wrongly: a section is"},
		{"[default]", []Owned{{"extractor-a", option("default", "o", nil)}}, "a section is"},
		{"name", []Owned{{"extractor-a", option("s", "o-p", nil)}}, "a name is"},
		{"no type", []Owned{{"extractor-a", &pluginv1.Option{Section: "s", Name: "o"}}}, "a type"},
		{"type of the future", []Owned{{"extractor-a", option("s", "o", func(o *pluginv1.Option) { o.Type = 99 })}}, "a type"},
		{"default of two lines", []Owned{{"extractor-a", option("s", "o", func(o *pluginv1.Option) { o.DefaultValue = proto.String("a\nb") })}}, "one line"},
		{"choices of an integer", []Owned{{"extractor-a", option("s", "o", func(o *pluginv1.Option) { o.Type, o.Choices = typeInteger, []string{"1"} })}}, "choices"},
		{"minimum of a string", []Owned{{"extractor-a", option("s", "o", func(o *pluginv1.Option) { o.Minimum = proto.Int64(1) })}}, "minimum and maximum"},
		{"minimum above maximum", []Owned{{"extractor-a", option("s", "o", func(o *pluginv1.Option) {
			o.Type, o.Minimum, o.Maximum = typeInteger, proto.Int64(2), proto.Int64(1)
		})}}, "greater"},
		{"default of the wrong type", []Owned{{"extractor-a", option("s", "o", func(o *pluginv1.Option) { o.Type, o.DefaultValue = typeBoolean, proto.String("maybe") })}},
			`error: [s] o: in the default that extractor-a declares: "maybe" is neither`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, problems := (&Files{}).Resolve(test.owned, nil)
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

func TestHostOptionsAreWell(t *testing.T) {
	owned := append(Own(HostOwner, HostOptions("")), Own(HostOwner, PluginOptions(pluginv1.Kind_KIND_EXTRACTOR, "nova"))...)
	if _, problems := (&Files{}).Resolve(owned, nil); len(problems) > 0 {
		t.Errorf("problems: %v", problems)
	}
	for _, o := range owned {
		if !strings.HasSuffix(o.Option.GetHelp(), ".") {
			t.Errorf("the help of %v is no sentence", keyOf(o.Option))
		}
	}
}

func TestSettingsForAPlugin(t *testing.T) {
	settings, _ := resolve(t, nil, "[extractor]\ninsecure = yes\n[ssm]\nlabels = a,b\n")
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
	got := settings.Values(declared)
	if !reflect.DeepEqual(len(got), len(want)) {
		t.Fatalf("got %v", got)
	}
	for i := range want {
		if !proto.Equal(got[i], want[i]) {
			t.Errorf("got %v, want %v", got[i], want[i])
		}
	}
	if settings.IsSet("extractor", "endpoint") || !settings.Bool("extractor", "insecure") || settings.Int("ssm", "max_size") != 100 || settings.String("extractor", "user") != "accounting" {
		t.Errorf("the getters disagree")
	}
}

func TestDiagnosed(t *testing.T) {
	settings, _ := resolve(t, []Override{{"DEFAULT", "site_name", "x", "--site"}}, "[ssm]\noutput_path = /x\n")
	for _, test := range []struct {
		diagnostic *pluginv1.Diagnostic
		want       string
	}{
		{&pluginv1.Diagnostic{Severity: pluginv1.Diagnostic_SEVERITY_WARNING, Summary: "odd", Detail: "Two\nlines.", Option: &pluginv1.OptionRef{Section: "ssm", Name: "output_path"}}, "1.conf:2: warning: [ssm] output_path: odd. Two lines."},
		{&pluginv1.Diagnostic{Summary: "bad", Option: &pluginv1.OptionRef{Section: "ssm", Name: "max_size"}}, "error: [ssm] max_size: bad"},
		{&pluginv1.Diagnostic{Summary: "bad", Option: &pluginv1.OptionRef{Section: "DEFAULT", Name: "site_name"}}, "error: [DEFAULT] site_name: --site on the command line: bad"},
		{&pluginv1.Diagnostic{Summary: "bad"}, "error: bad"},
	} {
		if got := settings.Diagnosed(test.diagnostic).String(); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}
