package ssm

import (
	"path/filepath"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

const section = "ssm"

// Versions of the cloud record. APEL's server reads both with the same parser.
const (
	version02 = "0.2"
	version04 = "0.4"
)

func options() []*pluginv1.Option {
	text := func(value string) *string { return &value }
	least := int64(1)
	return []*pluginv1.Option{
		{
			Section: section, Name: "output_path", Type: pluginv1.OptionType_OPTION_TYPE_STRING,
			DefaultValue: text("/var/spool/apel/outgoing/openstack"),
			Help: "Directory into which the messages are put. It must be the very directory from which the sender of " +
				"APEL's SSM takes them, and SSM's user must be able to read and write what caso puts there. It is " +
				"made if it does not exist; whether its group may read and remove what is in it follows the umask, and all others may not.",
		},
		{
			Section: section, Name: "max_size", Type: pluginv1.OptionType_OPTION_TYPE_INTEGER,
			DefaultValue: text("100"), Minimum: &least,
			Help: "Maximum number of records in one message. A message that would be larger than 700000 bytes is " +
				"divided sooner, because the message service refuses large ones.",
		},
		{
			Section: section, Name: "message_version", Type: pluginv1.OptionType_OPTION_TYPE_STRING,
			// No default: what the messenger is called in the configuration also says it.
			Choices: []string{version02, version04},
			Help: "Version of the cloud record to send. Without it, it is 0.4, or 0.2 where the messenger is " +
				"configured as ssmv2. Version 0.2 lacks CloudComputeService, PublicIPCount, Benchmark and BenchmarkType.",
		},
	}
}

// settings are the options, read.
type settings struct {
	outputPath string
	maxRecords int
	version    string
}

func readSettings(config sdk.Config) (settings, []*pluginv1.Diagnostic) {
	var diagnostics []*pluginv1.Diagnostic
	read := settings{
		outputPath: config.String(section, "output_path"),
		maxRecords: int(config.Int(section, "max_size")),
		version:    version04,
	}
	if read.outputPath == "" {
		diagnostics = append(diagnostics, sdk.OptionErrorf(section, "output_path",
			"no directory to put messages into: set output_path to the directory that SSM's sender reads"))
	} else if absolute, err := filepath.Abs(read.outputPath); err == nil {
		// So that a message about it says where it is.
		read.outputPath = absolute
	}
	if read.maxRecords < 1 {
		diagnostics = append(diagnostics, sdk.OptionErrorf(section, "max_size",
			"a message cannot hold %d records: set max_size to 1 or more", read.maxRecords))
	}
	set := config.String(section, "message_version")
	if set != "" {
		read.version = set
	}
	if named := versionOfInstance(config.Instance); named != "" {
		if set != "" && set != named {
			warning := sdk.Warnf("messenger %s sends version %s, although message_version is %s", config.Instance, named, set)
			warning.Detail = "The name wins. Use the messenger ssm if message_version is to be followed, or remove message_version."
			warning.Option = &pluginv1.OptionRef{Section: section, Name: "message_version"}
			diagnostics = append(diagnostics, warning)
		}
		read.version = named
	}
	return read, diagnostics
}

// versionOfInstance is the version that cASO's names for its versioned messengers stand for.
func versionOfInstance(instance string) string {
	switch instance {
	case "ssmv2":
		return version02
	case "ssmv4":
		return version04
	}
	return ""
}
