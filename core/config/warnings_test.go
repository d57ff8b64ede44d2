package config

import (
	"reflect"
	"strings"
	"testing"
)

func TestWarnings(t *testing.T) {
	tests := []struct {
		name string
		text string
		want []string
	}{
		{"nothing", "[ssm]\nformat = v04\n[DEFAULT]\ntenants = a\n[extractor]\nmapping_file = /m\n", nil},
		{"section of another program", "[nova]\nk = $x\n[logstash]\nport = x\n", nil},
		{"a letter is wrong", "[ssm]\nmax_sise = 1\n", []string{"1.conf:2: warning: [ssm] max_sise: unknown option, ignored (did you mean max_size?)"}},
		{"letters are swapped", "[extractor]\nuesr = 1\n", []string{"1.conf:2: warning: [extractor] uesr: unknown option, ignored (did you mean user?)"}},
		{"another spelling", "[ssm]\nMax-Size = 1\n", []string{"1.conf:2: warning: [ssm] Max-Size: unknown option, ignored (did you mean max_size?)"}},
		{"the flag's spelling", "[DEFAULT]\ndry-run = true\n", []string{"1.conf:2: warning: [DEFAULT] dry-run: unknown option, ignored (did you mean [DEFAULT] dry_run?)"}},
		{"near an old name", "[DEFAULT]\ntenant = a\n", []string{"1.conf:2: warning: [DEFAULT] tenant: unknown option, ignored (did you mean [DEFAULT] projects?)"}},
		{"another section", "[DEFAULT]\noutput_path = /x\n", []string{"1.conf:2: warning: [DEFAULT] output_path: unknown option, ignored (did you mean [ssm] output_path?)"}},
		{"nothing like it", "[ssm]\nwhatever = 1\n", []string{"1.conf:2: warning: [ssm] whatever: unknown option, ignored"}},
		{"invalid name", "[ssm]\nsome words = 1\n", []string{"1.conf:2: warning: [ssm]: line ignored: invalid option name before the first = or :"}},
		{"options about logging", "[DEFAULT]\nsite_name = x\nlog_color = /x\nuse_stderr = true\nverbose = true\n", []string{"1.conf:3: warning: [DEFAULT]: ignored options about logging: log_color, use_stderr, verbose"}},
		{"only in DEFAULT", "[ssm]\nlog_color = /x\n", []string{"1.conf:2: warning: [ssm] log_color: unknown option, ignored"}},
		{"options of oslo.config", "[DEFAULT]\nconfig_file = /x\nconfig_source = y\n", []string{
			"1.conf:2: warning: [DEFAULT] config_file: no effect in a file; use --config-file or --config-dir on the command line",
			"1.conf:3: warning: [DEFAULT] config_source: ignored: caso reads its configuration from files only",
		}},
		{"default in small letters", "[default]\nsite_name = x\n", []string{"1.conf:1: warning: [default]: unknown section; write [DEFAULT], with DEFAULT in capitals"}},
		{"plugin that is not configured", "[messenger_foo]\nrecord_types = cloud\n[extractor_foo]\npath = /x\n", []string{
			"1.conf:1: warning: [messenger_foo]: unused section: [DEFAULT] messengers does not name foo",
			"1.conf:3: warning: [extractor_foo]: unused section: [DEFAULT] extractor does not name foo",
		}},
		{"empty section of such a plugin", "[messenger_foo]\n", nil},
		{"indented option", "[extractor]\nendpoint = x\n  user = y\n", []string{"1.conf:3: warning: [extractor] endpoint: this line continues the value, since it is indented; remove its leading blanks to make it option user"}},
		{"indented section", "[extractor]\nendpoint = x\n z\n [ssm]\n", []string{"1.conf:4: warning: [extractor] endpoint: this line continues the value, since it is indented; remove its leading blanks to make it a section"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			settings, problems := resolveTexts(t, nil, test.text)
			if len(problems) > 0 {
				t.Fatalf("problems: %v", problems)
			}
			var got []string
			for _, warning := range settings.Warnings() {
				got = append(got, warning.String())
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}
