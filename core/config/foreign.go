package config

// What stands in [DEFAULT] of many files that were made for cASO, and means nothing here.

// logging says whether a key of [DEFAULT] is an option of oslo.log, in the versions that cASO was used
// with.
func logging(name string) bool {
	switch name {
	case "default_log_levels", "fatal_deprecations", "instance_format", "instance_uuid_format",
		"log_color", "log_config", "log_config_append", "log_date_format", "log_dir", "log_file",
		"log_format", "log_rotate_interval", "log_rotate_interval_type", "log_rotation_type", "logdir",
		"logfile", "logging_context_format_string", "logging_debug_format_suffix",
		"logging_default_format_string", "logging_exception_prefix", "logging_user_identity_format",
		"max_logfile_count", "max_logfile_size_mb", "publish_errors", "rate_limit_burst",
		"rate_limit_except_level", "rate_limit_interval", "syslog_log_facility", "use_eventlog",
		"use_journal", "use_json", "use_stderr", "use_syslog", "use_syslog_rfc_format", "verbose",
		"watch_log_file":
		return true
	}
	return false
}

// elsewhere says what to do about a key of [DEFAULT] that oslo.config itself defines; empty for others.
func elsewhere(name string) string {
	switch name {
	case "config_file", "config_dir":
		return "it means nothing in a file; give --config-file or --config-dir on the command line"
	case "config_source":
		return "caso reads files only, no other sources of configuration"
	}
	return ""
}
