package sdk_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/sdk/plugintest"
)

func TestConfig(t *testing.T) {
	ref := func(name string) *pluginv1.OptionRef { return &pluginv1.OptionRef{Section: "s", Name: name} }
	values := []*pluginv1.OptionValue{
		{Option: ref("text"), Value: &pluginv1.OptionValue_StringValue{StringValue: "x"}},
		{Option: ref("empty"), Value: &pluginv1.OptionValue_StringValue{}},
		{Option: ref("list"), Value: &pluginv1.OptionValue_ListValue{ListValue: &pluginv1.StringList{Items: []string{"a", "b"}}}},
		{Option: ref("yes"), Value: &pluginv1.OptionValue_BooleanValue{BooleanValue: true}},
		{Option: ref("no"), Value: &pluginv1.OptionValue_BooleanValue{}},
		{Option: ref("number"), Value: &pluginv1.OptionValue_IntegerValue{IntegerValue: -7}},
	}
	check := func(t *testing.T, config sdk.Config) {
		t.Helper()
		if config.Instance != "mine" {
			t.Errorf("the instance is %q", config.Instance)
		}
		for _, name := range []string{"text", "empty", "list", "yes", "no", "number"} {
			if !config.IsSet("s", name) {
				t.Errorf("%s is not set", name)
			}
		}
		if config.IsSet("s", "other") || config.IsSet("t", "text") {
			t.Error("an option is set that has no value")
		}
		if config.String("s", "text") != "x" || config.String("s", "empty") != "" || config.String("s", "other") != "" {
			t.Error("wrong strings")
		}
		if !slices.Equal(config.List("s", "list"), []string{"a", "b"}) || config.List("s", "other") != nil {
			t.Error("wrong lists")
		}
		if !config.Bool("s", "yes") || config.Bool("s", "no") || config.Bool("s", "other") {
			t.Error("wrong booleans")
		}
		if config.Int("s", "number") != -7 || config.Int("s", "other") != 0 {
			t.Error("wrong integers")
		}
		// Asked for as another type than it is: nothing, and no panic.
		if config.Int("s", "text") != 0 || config.String("s", "number") != "" || config.List("s", "yes") != nil {
			t.Error("a value was read as another type")
		}
	}
	t.Run("made", func(t *testing.T) { check(t, sdk.NewConfig("mine", values)) })
	t.Run("sent", func(t *testing.T) {
		plugin := plugintest.Messenger(t, testMessenger{testPlugin: testPlugin{configure: func(config sdk.Config) error {
			check(t, config)
			return nil
		}}})
		if _, err := plugin.Configure(t.Context(), &pluginv1.ConfigureRequest{Instance: "mine", Values: values}); err != nil {
			t.Fatal(err)
		}
	})
	var zero sdk.Config
	if zero.IsSet("s", "text") || zero.String("s", "text") != "" || zero.List("s", "x") != nil || zero.Bool("s", "x") || zero.Int("s", "x") != 0 {
		t.Error("the zero value has values")
	}
}

func TestRecordTypeOf(t *testing.T) {
	for _, recordType := range sdk.AllRecordTypes() {
		if got := sdk.RecordTypeOf(plugintest.Records(1, 1, recordType)[0]); got != recordType {
			t.Errorf("got %v for %v", got, recordType)
		}
	}
	if got := sdk.RecordTypeOf(&pluginv1.Record{}); got != pluginv1.RecordType_RECORD_TYPE_UNSPECIFIED {
		t.Errorf("got %v for an empty record", got)
	}
}

// Each method of an option returns a changed copy.
func TestOption(t *testing.T) {
	plain := sdk.IntOption("s", "n", "How many.")
	changed := plain.Default("5").Min(1).Max(9).OldName("DEFAULT", "number")
	if plain.Proto().DefaultValue != nil || len(plain.Proto().GetOldNames()) > 0 {
		t.Errorf("the option itself changed: %v", plain.Proto())
	}
	want := &pluginv1.Option{
		Section: "s", Name: "n", Help: "How many.", Type: pluginv1.OptionType_OPTION_TYPE_INTEGER,
		DefaultValue: proto.String("5"), Minimum: proto.Int64(1), Maximum: proto.Int64(9),
		OldNames: []*pluginv1.OptionRef{{Section: "DEFAULT", Name: "number"}},
	}
	if !proto.Equal(changed.Proto(), want) {
		t.Errorf("got %v", changed.Proto())
	}
	want = &pluginv1.Option{
		Section: "s", Name: "l", Help: "Which ones.", Type: pluginv1.OptionType_OPTION_TYPE_LIST,
		Required: true, Secret: true, Choices: []string{"a", "b"},
	}
	if got := sdk.ListOption("s", "l", "Which ones.").Required().Secret().Choices("a", "b"); !proto.Equal(got.Proto(), want) {
		t.Errorf("got %v", got.Proto())
	}
}
