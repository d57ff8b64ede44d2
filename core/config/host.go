package config

import (
	"google.golang.org/protobuf/proto"

	"github.com/caso-project/caso/core/config/oslo"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// HostOwner is the owner of the host's own options.
const HostOwner = "host"

// Types of options, for short.
const (
	typeString  = pluginv1.OptionType_OPTION_TYPE_STRING
	typeList    = pluginv1.OptionType_OPTION_TYPE_LIST
	typeBoolean = pluginv1.OptionType_OPTION_TYPE_BOOLEAN
	typeInteger = pluginv1.OptionType_OPTION_TYPE_INTEGER
)

// HostOptions are the options that the host itself reads. lockPath is the default of lock_path, which
// cASO takes from the environment variable CASO_LOCK_PATH; empty where that is not set.
func HostOptions(lockPath string) []*pluginv1.Option {
	if lockPath == "" {
		lockPath = "$spooldir"
	}
	options := []*pluginv1.Option{
		{Name: "site_name", Type: typeString, Required: true,
			Help: "The site's name, as GOCDB has it. Every record carries it."},
		{Name: "service_name", Type: typeString, DefaultValue: proto.String("$site_name"),
			Help: "The name of the cloud service within the site. It tells apart the clouds of a site that has several."},
		{Name: "extractor", Type: typeList, DefaultValue: proto.String("nova"),
			Help: "The extractors to run. Each is a plugin, the executable caso-extractor-NAME."},
		{Name: "messengers", Type: typeList, DefaultValue: proto.String("noop"),
			Help: "The messengers that records are handed to. Each is a plugin, the executable caso-messenger-NAME. The class names of older versions of cASO are taken too."},
		{Name: "projects", Type: typeList, DefaultValue: proto.String(""),
			OldNames: []*pluginv1.OptionRef{{Section: oslo.DefaultSection, Name: "tenants"}},
			Help:     "IDs or names of the projects to account for. Projects that are marked in the cloud itself are added to them."},
		{Name: "mapping_file", Type: typeString, DefaultValue: proto.String("/etc/caso/voms.json"),
			OldNames: []*pluginv1.OptionRef{{Section: "extractor", Name: "mapping_file"}},
			Help:     "A JSON file that says which VO a project belongs to. It is asked only for projects whose VO the cloud does not know, and need not exist."},
		{Name: "spooldir", Type: typeString, DefaultValue: proto.String("/var/spool/caso"),
			Help: "The folder in which caso keeps its outbox: the records that are still to be delivered, and where the next window of each project starts."},
		{Name: "spool_max_size", Type: typeInteger, DefaultValue: proto.String("4096"), Minimum: proto.Int64(0), Maximum: proto.Int64(1 << 40),
			Help: "How many MiB of records may wait in the outbox. Nothing more is extracted once they do, until messengers that were down have caught up. 0 is no limit."},
		{Name: "lock_path", Type: typeString, DefaultValue: proto.String(lockPath),
			Help: "The folder of the lock that keeps two runs apart. Only the user that runs caso should be able to write there. The environment variable CASO_LOCK_PATH replaces the default."},
		{Name: "extract_from", Type: typeString,
			Help: "The start of the window to report, as a date with or without a time; without a time zone it is in UTC. Not set: each project goes on where its last window ended."},
		{Name: "extract_to", Type: typeString,
			Help: "The end of the window to report, which is not a part of it, as a date with or without a time; without a time zone it is in UTC. Not set: now."},
		{Name: "extract_concurrency", Type: typeInteger, DefaultValue: proto.String("4"), Minimum: proto.Int64(1), Maximum: proto.Int64(64),
			Help: "How many windows are extracted at the same time."},
		{Name: "dry_run", Type: typeBoolean, DefaultValue: proto.String("false"),
			Help: "Extract records, but deliver none of them and move no checkpoint."},
		{Name: "plugin_dirs", Type: typeList, DefaultValue: proto.String(""),
			Help: "Folders in which plugins are looked for, before all others."},
		{Name: "debug", Type: typeBoolean, DefaultValue: proto.String("false"),
			Help: "Log more of what is done."},
	}
	for _, option := range options {
		option.Section = oslo.DefaultSection
	}
	return options
}

// PluginOptions are what the host reads for one plugin, from the section that is called by its kind and
// by the name that the configuration has for it: [extractor_nova], [messenger_ssmv4].
func PluginOptions(kind pluginv1.Kind, instance string) []*pluginv1.Option {
	options := []*pluginv1.Option{
		{Name: "path", Type: typeString,
			Help: "The path of the plugin's executable. Not set: it is looked for in the plugin folders."},
		{Name: "sha256", Type: typeString,
			Help: "The SHA-256 checksum of the plugin's executable, as 64 hexadecimal digits. An executable with another one is not started. Not set: any is."},
		{Name: "timeout", Type: typeInteger, Minimum: proto.Int64(1),
			Help: "How many seconds the host waits for a sign of life from the plugin, be it an answer or the next part of one, before it gives up on it. Not set: the host's own limits hold."},
	}
	if kind == pluginv1.Kind_KIND_MESSENGER {
		options = append(options, &pluginv1.Option{Name: "record_types", Type: typeList, DefaultValue: proto.String(""),
			Choices: []string{"cloud", "ip", "accelerator", "storage", "energy"},
			Help:    "The types of the records that this messenger is handed. Empty: all that it takes."})
	}
	for _, option := range options {
		option.Section = PluginSection(kind, instance)
	}
	return options
}

// PluginSection is the section that holds what the host reads for a plugin.
func PluginSection(kind pluginv1.Kind, instance string) string {
	return kindName(kind) + "_" + instance
}

func kindName(kind pluginv1.Kind) string {
	if kind == pluginv1.Kind_KIND_EXTRACTOR {
		return "extractor"
	}
	return "messenger"
}
