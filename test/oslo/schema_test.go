package oslo

import (
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// options returns the options of the comparison: every type, with and without defaults, references
// in defaults, and old names in the same and in another section.
func options() []*pluginv1.Option {
	text := func(section, name string) *pluginv1.Option {
		return &pluginv1.Option{Section: section, Name: name, Type: pluginv1.OptionType_OPTION_TYPE_STRING, Help: "An option."}
	}
	with := func(option *pluginv1.Option, change func(*pluginv1.Option)) *pluginv1.Option {
		change(option)
		return option
	}
	kind := func(t pluginv1.OptionType, value string) func(*pluginv1.Option) {
		return func(o *pluginv1.Option) { o.Type, o.DefaultValue = t, proto.String(value) }
	}
	return []*pluginv1.Option{
		text("DEFAULT", "site_name"),
		with(text("DEFAULT", "service_name"), kind(pluginv1.OptionType_OPTION_TYPE_STRING, "$site_name")),
		with(text("DEFAULT", "mapping_file"), func(o *pluginv1.Option) {
			o.DefaultValue = proto.String("/etc/caso/voms.json")
			o.OldNames = []*pluginv1.OptionRef{{Section: "extractor", Name: "mapping_file"}}
		}),
		with(text("DEFAULT", "projects"), func(o *pluginv1.Option) {
			o.Type = pluginv1.OptionType_OPTION_TYPE_LIST
			o.DefaultValue = proto.String("")
			o.OldNames = []*pluginv1.OptionRef{{Section: "DEFAULT", Name: "tenants"}}
		}),
		with(text("DEFAULT", "messengers"), kind(pluginv1.OptionType_OPTION_TYPE_LIST, "noop")),
		with(text("DEFAULT", "dry_run"), kind(pluginv1.OptionType_OPTION_TYPE_BOOLEAN, "false")),
		with(text("ssm", "output_path"), kind(pluginv1.OptionType_OPTION_TYPE_STRING, "/var/spool/${site_name}/$$x")),
		with(text("ssm", "max_size"), kind(pluginv1.OptionType_OPTION_TYPE_INTEGER, "100")),
		with(text("ssm", "format"), func(o *pluginv1.Option) { o.Choices = []string{"v02", "v04"} }),
		with(text("logstash", "host"), kind(pluginv1.OptionType_OPTION_TYPE_STRING, "localhost")),
		with(text("logstash", "port"), func(o *pluginv1.Option) {
			o.Type = pluginv1.OptionType_OPTION_TYPE_INTEGER
			o.DefaultValue = proto.String("5000")
			o.Minimum, o.Maximum = proto.Int64(1), proto.Int64(65535)
		}),
		text("extractor", "user"),
		with(text("extractor", "timeout"), func(o *pluginv1.Option) { o.Type = pluginv1.OptionType_OPTION_TYPE_INTEGER }),
		with(text("extractor", "insecure"), func(o *pluginv1.Option) { o.Type = pluginv1.OptionType_OPTION_TYPE_BOOLEAN }),
		with(text("messenger_ssm", "record_types"), func(o *pluginv1.Option) {
			o.Type = pluginv1.OptionType_OPTION_TYPE_LIST
			o.Choices = []string{"cloud", "ip", "storage"}
		}),
	}
}
