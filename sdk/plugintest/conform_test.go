package plugintest

import (
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

func TestConformGood(t *testing.T) {
	t.Run("extractor", func(t *testing.T) {
		Conform(t, Extractor(t, newExtractor()), fakeSettings("fake"))
	})
	t.Run("messenger", func(t *testing.T) {
		messenger := newMessenger()
		messenger.description.RecordTypes = AllTypes()
		settings := fakeSettings("fake")
		settings.Arrived = messenger.arrived
		Conform(t, Messenger(t, messenger), settings)
	})
	t.Run("skip", func(t *testing.T) {
		messenger := newMessenger()
		messenger.description.Version = ""
		settings := fakeSettings("fake")
		settings.Skip = map[string]string{"describe_name": "the test wants to see it skipped"}
		Conform(t, Messenger(t, messenger), settings)
	})
}

func TestConformDescription(t *testing.T) {
	option := func(change func(option *pluginv1.Option)) func(*base) {
		return func(b *base) { change(b.description.Options[2]) }
	}
	tests := map[string]struct {
		spoil func(*base)
		want  []string
	}{
		"panics":              {func(b *base) { b.describe = func() sdk.Description { panic("oops") } }, []string{"describe_before_configure"}},
		"upper-case name":     {func(b *base) { b.description.Name = "Fake" }, []string{"describe_name"}},
		"no version":          {func(b *base) { b.description.Version = "" }, []string{"describe_name"}},
		"no record types":     {func(b *base) { b.description.RecordTypes = nil }, []string{"describe_record_types", "extract_declared_types"}},
		"unknown record type": {func(b *base) { b.description.RecordTypes = append(b.description.RecordTypes, 77) }, []string{"describe_record_types"}},
		"record type twice": {func(b *base) {
			b.description.RecordTypes = append(b.description.RecordTypes, b.description.RecordTypes...)
		}, []string{"describe_record_types"}},
		"another version each time": {func(b *base) {
			good := b.description
			b.describe = func() sdk.Description {
				good.Version += "x"
				return good
			}
		}, []string{"describe_stable"}},
		"section with capitals": {option(func(o *pluginv1.Option) { o.Section = "Fake" }), []string{"options_names"}},
		"name with a dash":      {option(func(o *pluginv1.Option) { o.Name = "si-ze" }), []string{"options_names"}},
		"old name without section": {option(func(o *pluginv1.Option) {
			o.OldNames = []*pluginv1.OptionRef{{Name: "old"}}
		}), []string{"options_names"}},
		"declared twice": {func(b *base) {
			b.description.Options = append(b.description.Options, b.description.Options[1])
		}, []string{"options_unique"}},
		"type unset":             {option(func(o *pluginv1.Option) { o.Type = 0; o.DefaultValue = nil; o.Minimum, o.Maximum = nil, nil }), []string{"options_types"}},
		"choices of an integer":  {option(func(o *pluginv1.Option) { o.Choices = []string{"5"} }), []string{"options_types"}},
		"minimum above maximum":  {option(func(o *pluginv1.Option) { o.Minimum = proto.Int64(10); o.DefaultValue = nil }), []string{"options_types"}},
		"default below minimum":  {option(func(o *pluginv1.Option) { o.DefaultValue = proto.String("0") }), []string{"options_defaults", "configure_settings_declared"}},
		"default above maximum":  {option(func(o *pluginv1.Option) { o.DefaultValue = proto.String("10") }), []string{"options_defaults", "configure_settings_declared"}},
		"default no number":      {option(func(o *pluginv1.Option) { o.DefaultValue = proto.String("five") }), []string{"options_defaults", "configure_settings_declared"}},
		"default no choice":      {func(b *base) { b.description.Options[4].DefaultValue = proto.String("a, x") }, []string{"options_defaults", "configure_settings_declared"}},
		"default no boolean":     {func(b *base) { b.description.Options[5].DefaultValue = proto.String("maybe") }, []string{"options_defaults", "configure_settings_declared"}},
		"required with default":  {func(b *base) { b.description.Options[0].DefaultValue = proto.String("x") }, []string{"options_defaults"}},
		"secret with default":    {func(b *base) { b.description.Options[1].DefaultValue = proto.String("x") }, []string{"options_secrets"}},
		"no help":                {option(func(o *pluginv1.Option) { o.Help = "" }), []string{"options_help"}},
		"help without full stop": {option(func(o *pluginv1.Option) { o.Help = "How many at a time" }), []string{"options_help"}},
		"one word of help":       {option(func(o *pluginv1.Option) { o.Help = "Size." }), []string{"options_help"}},
		"default refers to nothing": {func(b *base) {
			b.description.Options[3].DefaultValue = proto.String("$nowhere")
		}, []string{"configure_settings_declared"}},
		"settings not declared": {func(b *base) { b.description.Options = b.description.Options[1:] }, []string{"configure_settings_declared"}},
		"missing option unnoticed": {func(b *base) {
			b.configure = func(sdk.Config) []*pluginv1.Diagnostic { return nil }
		}, []string{"configure_required_missing"}},
		"panics without options": {func(b *base) {
			b.configure = func(config sdk.Config) []*pluginv1.Diagnostic {
				if !config.IsSet("fake", "endpoint") {
					panic("oops")
				}
				return nil
			}
		}, []string{"configure_required_missing", "configure_nothing"}},
		"refuses good settings": {func(b *base) {
			b.configure = func(sdk.Config) []*pluginv1.Diagnostic { return sdk.Diagnostics(errors.New("no")) }
		}, []string{"configure_settings", "configure_twice"}},
		"tells the secret": {func(b *base) {
			b.configure = func(config sdk.Config) []*pluginv1.Diagnostic {
				if !config.IsSet("fake", "endpoint") {
					return sdk.Diagnostics(errors.New("no"))
				}
				return []*pluginv1.Diagnostic{sdk.Warnf("%s is no good password", config.String("fake", "password"))}
			}
		}, []string{"configure_settings", "configure_twice"}},
		"names an option of others": {func(b *base) {
			b.configure = func(config sdk.Config) []*pluginv1.Diagnostic {
				return []*pluginv1.Diagnostic{sdk.OptionErrorf("fake", "nobody", "no such thing")}
			}
		}, []string{"configure_nothing", "configure_settings", "configure_twice", "configure_required_missing"}},
		"summary of two lines": {func(b *base) {
			b.configure = func(config sdk.Config) []*pluginv1.Diagnostic {
				return []*pluginv1.Diagnostic{sdk.Errorf("one\ntwo")}
			}
		}, []string{"configure_nothing", "configure_settings", "configure_twice", "configure_required_missing"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			extractor := newExtractor()
			extractor.vms = 3 // what it extracts is not the question
			test.spoil(&extractor.base)
			expect(t, verdict(t, Extractor(t, extractor), fakeSettings("fake")), test.want...)
		})
	}
}
