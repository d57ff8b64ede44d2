package run

import (
	"log/syslog"
	"testing"

	"github.com/hashicorp/go-hclog"
)

// TestLogPath: log_file, in log_dir where it is relative; in log_dir alone a file that is named
// after the program.
func TestLogPath(t *testing.T) {
	for _, test := range []struct{ file, dir, want string }{
		{"", "", ""},
		{"caso.log", "", "caso.log"},
		{"/var/log/caso.log", "", "/var/log/caso.log"},
		{"caso.log", "/var/log", "/var/log/caso.log"},
		{"/tmp/caso.log", "/var/log", "/tmp/caso.log"},
		{"", "/var/log", "/var/log/caso-extract.log"},
	} {
		if got := logPath(test.file, test.dir, "caso-extract"); got != test.want {
			t.Errorf("log_file %q, log_dir %q: %q, want %q", test.file, test.dir, got, test.want)
		}
	}
}

// TestSyslogFacility: the numbers are those of package syslog.
func TestSyslogFacility(t *testing.T) {
	for name, want := range map[string]syslog.Priority{
		"LOG_KERN": syslog.LOG_KERN, "user": syslog.LOG_USER, "Log_Daemon": syslog.LOG_DAEMON, "LOG_CRON": syslog.LOG_CRON,
		"LOG_AUTHPRIV": syslog.LOG_AUTHPRIV, "FTP": syslog.LOG_FTP, "LOG_LOCAL0": syslog.LOG_LOCAL0, "local7": syslog.LOG_LOCAL7,
		"": syslog.LOG_USER, "LOG_": syslog.LOG_USER, "LOG_NOWHERE": syslog.LOG_USER,
	} {
		if got := syslogFacility(name); got != want {
			t.Errorf("%q: %d, want %d", name, got, want)
		}
	}
}

func TestSyslogSeverity(t *testing.T) {
	for level, want := range map[hclog.Level]syslog.Priority{
		hclog.Error: syslog.LOG_ERR, hclog.Warn: syslog.LOG_WARNING, hclog.Info: syslog.LOG_INFO,
		hclog.NoLevel: syslog.LOG_INFO, hclog.Debug: syslog.LOG_DEBUG, hclog.Trace: syslog.LOG_DEBUG,
	} {
		if got := syslogSeverity(level); got != want {
			t.Errorf("%s: %d, want %d", level, got, want)
		}
	}
}
