package ssm

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caso-project/caso/sdk"
)

const section = "ssm"

// Versions of the cloud record. APEL's server parses both alike.
const (
	version02 = "0.2"
	version04 = "0.4"
)

func messageVersions() []string { return []string{version02, version04} }

func options() []sdk.Option {
	return []sdk.Option{
		sdk.StringOption(section, "output_path",
			"Directory into which messages are written. It must be the directory from which SSM's sender reads, and SSM's "+
				"user must be able to read and write the files. It is created if it does not exist. Group access follows the "+
				"umask; others have none.").
			Default("/var/spool/apel/outgoing/openstack"),
		sdk.IntOption(section, "max_size",
			"Maximum number of records in one message. A message also ends before it exceeds 700000 bytes, because the "+
				"message service rejects larger ones.").
			Default("100").Min(1),
		sdk.StringOption(section, "message_version",
			"Version of the cloud record to send. Version 0.2 lacks CloudComputeService, PublicIPCount, Benchmark and "+
				"BenchmarkType. The messengers ssmv2 and ssmv4 always use 0.2 and 0.4.").
			Default(version04).Choices(messageVersions()...),
	}
}

// settings are the values of the options.
type settings struct {
	outputPath     string
	maxRecords     int
	messageVersion string
}

func readSettings(config sdk.Config) (settings, error) {
	var errs []error
	values := settings{
		outputPath:     config.String(section, "output_path"),
		maxRecords:     int(config.Int(section, "max_size")),
		messageVersion: config.String(section, "message_version"),
	}
	if values.outputPath == "" {
		errs = append(errs, sdk.OptionErrorf(section, "output_path",
			"output_path is empty: set it to the directory from which SSM's sender reads"))
	} else if absolute, err := filepath.Abs(values.outputPath); err == nil {
		// Messages then contain the absolute path.
		values.outputPath = absolute
	}
	if values.maxRecords < 1 {
		errs = append(errs, sdk.OptionErrorf(section, "max_size", "max_size must be at least 1: %d", values.maxRecords))
	}
	if !slices.Contains(messageVersions(), values.messageVersion) {
		errs = append(errs, sdk.OptionErrorf(section, "message_version",
			"unknown message_version %q: set it to one of %s", values.messageVersion, strings.Join(messageVersions(), ", ")))
	}
	return values, errors.Join(errs...)
}
