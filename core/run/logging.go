package run

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/syslog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/hashicorp/go-hclog"

	"github.com/caso-project/caso/core/config"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// logOutput writes one line of the log.
type logOutput func(level hclog.Level, line []byte) error

// openLog returns a logger that writes to the places that oslo.log's options name: a file, syslog,
// journald, or several of them; to standard error where they name none. A place that cannot be
// opened is a warning, and standard error is used instead: accounting does not depend on the log.
func (s *Session) openLog() hclog.Logger {
	host := s.settings.Host()
	options := &hclog.LoggerOptions{
		Name: "caso", Level: logLevel(s.settings), Output: s.masker, JSONFormat: host.Bool("DEFAULT", "use_json"),
	}
	path := logPath(host.String("DEFAULT", "log_file"), host.String("DEFAULT", "log_dir"), s.env.Program)
	var outputs []logOutput
	open := func(option string, openOutput func() (logOutput, error)) {
		output, err := openOutput()
		if err != nil {
			s.addProblems([]config.Problem{host.Diagnosed(&pluginv1.Diagnostic{
				Severity: pluginv1.Diagnostic_SEVERITY_WARNING,
				Option:   &pluginv1.OptionRef{Section: "DEFAULT", Name: option},
				Summary:  fmt.Sprintf("opening the log: %v; the log goes to standard error", err),
			})})
			output = writeTo(s.env.Log)
		}
		outputs = append(outputs, output)
	}
	if host.Bool("DEFAULT", "use_journal") {
		open("use_journal", openJournal)
	}
	if host.Bool("DEFAULT", "use_syslog") {
		open("use_syslog", func() (logOutput, error) { return openSyslog(host.String("DEFAULT", "syslog_log_facility")) })
	}
	// Syslog and journald have a time of their own.
	options.DisableTime = len(outputs) > 0 && path == ""
	if path != "" {
		option := "log_file"
		if host.String("DEFAULT", "log_file") == "" {
			option = "log_dir"
		}
		open(option, func() (logOutput, error) { return s.openLogFile(path) })
	}
	if len(outputs) > 0 {
		s.masker.outputs = outputs
		s.logIsElsewhere = true
	}
	return hclog.New(options)
}

func logLevel(settings *config.Settings) hclog.Level {
	if settings.Host().Bool("DEFAULT", "debug") {
		return hclog.Debug
	}
	return hclog.Info
}

// logPath returns the path of the log file as oslo.log has it: log_file, in log_dir if that is set
// and log_file is relative; in log_dir alone, a file named after the program. Empty if neither is
// set.
func logPath(file, dir, program string) string {
	switch {
	case file == "" && dir == "":
		return ""
	case file == "":
		return filepath.Join(dir, program+".log")
	case dir == "" || filepath.IsAbs(file):
		return file
	}
	return filepath.Join(dir, file)
}

func writeTo(w io.Writer) logOutput {
	return func(_ hclog.Level, line []byte) error {
		_, err := w.Write(line)
		return err
	}
}

func (s *Session) openLogFile(path string) (logOutput, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	s.logFile = file
	return writeTo(file), nil
}

func openJournal() (logOutput, error) {
	if !journal.Enabled() {
		return nil, errors.New("journald is not running")
	}
	return func(level hclog.Level, line []byte) error {
		return journal.Send(strings.TrimSpace(string(line)), journal.Priority(syslogSeverity(level)),
			map[string]string{"SYSLOG_IDENTIFIER": "caso"})
	}, nil
}

func openSyslog(facility string) (logOutput, error) {
	writer, err := syslog.New(syslogFacility(facility)|syslog.LOG_INFO, "caso")
	if err != nil {
		return nil, err
	}
	return func(level hclog.Level, line []byte) error {
		text := strings.TrimSpace(string(line))
		switch syslogSeverity(level) {
		case syslog.LOG_ERR:
			return writer.Err(text)
		case syslog.LOG_WARNING:
			return writer.Warning(text)
		case syslog.LOG_DEBUG:
			return writer.Debug(text)
		}
		return writer.Info(text)
	}, nil
}

func syslogSeverity(level hclog.Level) syslog.Priority {
	switch {
	case level >= hclog.Error:
		return syslog.LOG_ERR
	case level == hclog.Warn:
		return syslog.LOG_WARNING
	case level == hclog.Info || level == hclog.NoLevel:
		return syslog.LOG_INFO
	}
	return syslog.LOG_DEBUG
}

// syslogFacility returns a facility by its name in oslo.log, which is that of syslog.h with or
// without LOG_, in any case. The number is the index of the name (RFC 5424, section 6.2.1; 12 to 15
// have no name). An unknown one is LOG_USER, oslo.log's default.
func syslogFacility(name string) syslog.Priority {
	names := []string{"KERN", "USER", "MAIL", "DAEMON", "AUTH", "SYSLOG", "LPR", "NEWS", "UUCP", "CRON",
		"AUTHPRIV", "FTP", "", "", "", "", "LOCAL0", "LOCAL1", "LOCAL2", "LOCAL3", "LOCAL4", "LOCAL5",
		"LOCAL6", "LOCAL7"}
	number := slices.Index(names, cmp.Or(strings.TrimPrefix(strings.ToUpper(name), "LOG_"), "USER"))
	if number < 0 {
		return syslog.LOG_USER
	}
	return syslog.Priority(number << 3)
}
