package config

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/caso-project/caso/core/config/oslo"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// HostOwner is the owner of the host's own options.
const HostOwner = "host"

const (
	typeString  = pluginv1.OptionType_OPTION_TYPE_STRING
	typeList    = pluginv1.OptionType_OPTION_TYPE_LIST
	typeBoolean = pluginv1.OptionType_OPTION_TYPE_BOOLEAN
	typeInteger = pluginv1.OptionType_OPTION_TYPE_INTEGER
)

// HostOptions returns the options that the host reads for a run. lockPath is the default of
// lock_path, which cASO takes from the environment variable CASO_LOCK_PATH; empty if that is not
// set.
func HostOptions(lockPath string) []*pluginv1.Option {
	if lockPath == "" {
		lockPath = "$spooldir"
	}
	options := []*pluginv1.Option{
		{Name: "site_name", Type: typeString, Required: true,
			Help: "Name of the site in GOCDB. Every record contains it."},
		{Name: "service_name", Type: typeString, DefaultValue: proto.String("$site_name"),
			Help: "Name of the cloud service within the site. It distinguishes the clouds of a site that has several."},
		{Name: "extractor", Type: typeList, DefaultValue: proto.String("nova"),
			Help: "Extractors to run, each as NAME or NAME@OVERLAY. NAME is the plugin, the executable caso-extractor-NAME. With an overlay, each option is looked for in [SECTION@OVERLAY] first."},
		{Name: "messengers", Type: typeList, DefaultValue: proto.String("noop"),
			Help: "Messengers that records are delivered to, each as NAME or NAME@OVERLAY. NAME is the plugin, the executable caso-messenger-NAME, or an alias: ssmv2, ssmv4, or a class name of cASO."},
		{Name: "projects", Type: typeList, DefaultValue: proto.String(""),
			OldNames: []*pluginv1.OptionRef{{Section: oslo.DefaultSection, Name: "tenants"}},
			Help:     "IDs or names of the projects to report. Projects that are marked in the cloud itself are reported too."},
		{Name: "mapping_file", Type: typeString, DefaultValue: proto.String("/etc/caso/voms.json"),
			OldNames: []*pluginv1.OptionRef{{Section: "extractor", Name: "mapping_file"}},
			Help:     "JSON file that maps projects to VOs. It is used for projects that have no VO in the cloud, and may be missing."},
		{Name: "spooldir", Type: typeString, DefaultValue: proto.String("/var/spool/caso"),
			Help: "Directory of the outbox, which stores the records that are not delivered yet and the checkpoint of every project."},
		{Name: "outbox", Type: typeString,
			Help: "URL of the outbox: sqlite:///PATH, mysql://USER@HOST[,HOST...]/DATABASE or postgres://USER@HOST[,HOST...]/DATABASE. On a server it is shared by all hosts that name it, one of which runs at a time. Not set: outbox.db in spooldir."},
		{Name: "outbox_password", Type: typeString, Secret: true,
			Help: "Password of the outbox's user on the server."},
		{Name: "outbox_password_file", Type: typeString,
			Help: "File that contains the password of the outbox's user on the server, without a final line break."},
		{Name: "lease_timeout", Type: typeInteger, DefaultValue: proto.String("30"), Minimum: proto.Int64(5), Maximum: proto.Int64(maxTimeoutSeconds),
			Help: "Seconds after which another host takes over a shared outbox from a run that writes nothing any more. It must be longer than the server may be unavailable while the run goes on, for example 5 s when a node of a Galera cluster fails."},
		{Name: "spool_max_size", Type: typeInteger, DefaultValue: proto.String("4096"), Minimum: proto.Int64(0), Maximum: proto.Int64(1 << 40),
			Help: "Maximum size of the outbox, dead letters and states included, in MiB. Extraction pauses when it is reached, until messengers have delivered enough. 0 means no limit."},
		{Name: "lock_path", Type: typeString, DefaultValue: proto.String(lockPath),
			Help: "Directory of the run lock, which prevents two runs at the same time. Only the user that runs caso should be able to write to it. The environment variable CASO_LOCK_PATH replaces the default."},
		{Name: "extract_from", Type: typeString,
			Help: "Start of the window to report, as a date with or without a time; in UTC if it has no time zone. Not set: the checkpoint of each project."},
		{Name: "extract_to", Type: typeString,
			Help: "End of the window to report, which is not part of it, as a date with or without a time; in UTC if it has no time zone. Not set: now."},
		{Name: "extract_concurrency", Type: typeInteger, DefaultValue: proto.String("4"), Minimum: proto.Int64(1), Maximum: proto.Int64(64),
			Help: "Number of windows that are extracted at the same time."},
		{Name: "dry_run", Type: typeBoolean, DefaultValue: proto.String("false"),
			Help: "Extract records, but store and deliver none of them, and advance no checkpoint."},
		{Name: "plugin_dirs", Type: typeList, DefaultValue: proto.String(""),
			Help: "Directories that are searched for plugins before all others."},
		{Name: "debug", Type: typeBoolean, DefaultValue: proto.String("false"),
			Help: "Log in detail."},
		{Name: "log_file", Type: typeString, OldNames: []*pluginv1.OptionRef{{Section: oslo.DefaultSection, Name: "logfile"}},
			Help: "File that log lines are appended to, in log_dir if it is a relative path. Without it and log_dir, use_syslog and use_journal, the log goes to standard error. Errors are printed there in any case."},
		{Name: "log_dir", Type: typeString, OldNames: []*pluginv1.OptionRef{{Section: oslo.DefaultSection, Name: "logdir"}},
			Help: "Directory of the log file. If log_file is not set, the file has the name of the program, such as caso.log."},
		{Name: "use_syslog", Type: typeBoolean, DefaultValue: proto.String("false"),
			Help: "Send log lines to syslog."},
		{Name: "syslog_log_facility", Type: typeString, DefaultValue: proto.String("LOG_USER"),
			Help: "Facility of the lines that are sent to syslog, such as LOG_LOCAL0."},
		{Name: "use_journal", Type: typeBoolean, DefaultValue: proto.String("false"),
			Help: "Send log lines to journald."},
		{Name: "use_json", Type: typeBoolean, DefaultValue: proto.String("false"),
			Help: "Write log lines as JSON."},
	}
	for _, option := range options {
		option.Section = oslo.DefaultSection
	}
	return options
}

// existsOnce reports whether an option has one value in a run, so that no overlay can change it.
func existsOnce(option *declared) bool {
	if option.GetSection() != oslo.DefaultSection || !slices.Contains(option.owners, HostOwner) {
		return false
	}
	switch option.GetName() {
	case "site_name", "service_name", "projects", "mapping_file":
		return false
	}
	return true
}

// maxTimeoutSeconds is one year, far below what overflows a time.Duration.
const maxTimeoutSeconds = 365 * 24 * 60 * 60

// PluginOptions returns the options that the host reads for the instances of a plugin or alias,
// from the section [extractor_NAME] or [messenger_NAME].
func PluginOptions(kind pluginv1.Kind, name string) []*pluginv1.Option {
	timeout := func(name, help string) *pluginv1.Option {
		return &pluginv1.Option{Name: name, Type: typeInteger, Minimum: proto.Int64(1), Maximum: proto.Int64(maxTimeoutSeconds), Help: help}
	}
	options := []*pluginv1.Option{
		{Name: "path", Type: typeString,
			Help: "Path of the plugin's executable. Not set: the executable is searched for in the plugin directories."},
		{Name: "sha256", Type: typeString,
			Help: "SHA-256 checksum of the plugin's executable, as 64 hexadecimal digits. An executable with another checksum is not started. Not set: no checksum is verified."},
		timeout("start_timeout", "Seconds that the plugin may take to start, to accept its configuration, and to check its connection. Not set: timeout; if that is not set either, 30."),
	}
	if kind == pluginv1.Kind_KIND_EXTRACTOR {
		options = append(options, timeout("idle_timeout", "Seconds that the extractor may send nothing while it lists projects or extracts a window. Not set: timeout; if that is not set either, 600."))
	} else {
		options = append(options, timeout("ack_timeout", "Seconds that the messenger may take to acknowledge a batch. Not set: timeout; if that is not set either, 300."))
	}
	options = append(options,
		timeout("stop_timeout", "Seconds that the plugin may take to stop. Not set: timeout; if that is not set either, 5."),
		timeout("timeout", "Seconds for every timeout of the plugin that is not set itself."))
	if kind == pluginv1.Kind_KIND_MESSENGER {
		options = append(options,
			&pluginv1.Option{Name: "record_types", Type: typeList, DefaultValue: proto.String(""), Choices: recordTypeNames(),
				Help: "Types of the records that are delivered to this messenger. Empty: all that it accepts."},
			&pluginv1.Option{Name: "extractors", Type: typeList, DefaultValue: proto.String(""),
				Help: "Extractors whose records are delivered to this messenger, as the option extractor names them. Empty: all."})
	}
	for _, option := range options {
		option.Section = pluginSection(kind, name)
	}
	return options
}

func pluginSection(kind pluginv1.Kind, name string) string {
	return contract.KindName(kind) + "_" + name
}

// recordTypeNames returns the names that the configuration has for record types: cloud, ip, ...
func recordTypeNames() []string {
	var names []string
	for _, recordType := range contract.RecordTypes() {
		names = append(names, contract.RecordTypeName(recordType))
	}
	return names
}
