package config

import (
	"reflect"
	"strings"
	"testing"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// TestValues has a line for what each rule makes of a value. nil is an option that is not set.
func TestValues(t *testing.T) {
	tests := []struct {
		name            string
		files           []string
		section, option string
		want            any
		origin          string
	}{
		{"default", nil, "ssm", "max_size", int64(100), "default"},
		{"no default", nil, "DEFAULT", "site_name", nil, "not set"},
		{"default that refers to nothing", nil, "DEFAULT", "service_name", "", "default"},
		{"default that refers to a default", []string{"[DEFAULT]\nspooldir = /s\n"}, "DEFAULT", "lock_path", "/s", "default"},
		{"empty default of a list", nil, "DEFAULT", "projects", []string{}, "default"},
		{"set", []string{"[ssm]\nmax_size = 7\n"}, "ssm", "max_size", int64(7), "1.conf:2"},
		{"empty string is set", []string{"[DEFAULT]\nsite_name = x\nservice_name =\n"}, "DEFAULT", "service_name", "", "1.conf:3"},
		{"empty integer is not", []string{"[extractor]\ntries = 1\ntries =\n"}, "extractor", "tries", nil, "1.conf:3"},
		{"blank integer is not", []string{"[extractor]\ntries = ' '\n"}, "extractor", "tries", nil, "1.conf:2"},
		{"integer over two lines", []string{"[ssm]\nmax_size =\n  7\n"}, "ssm", "max_size", int64(7), "1.conf:2"},
		{"boolean", []string{"[extractor]\ninsecure = 'ON'\n"}, "extractor", "insecure", true, "1.conf:2"},
		{"list over lines", []string{"[ssm]\nlabels =\n a,\n b c\n"}, "ssm", "labels", []string{"a", "b c"}, "1.conf:2"},
		{"choice", []string{"[ssm]\nformat = v04\n"}, "ssm", "format", "v04", "1.conf:2"},
		{"section in capitals", []string{"[SSM]\nformat = v04\n"}, "ssm", "format", "v04", "1.conf:2"},
		{"key in capitals is another", []string{"[ssm]\nFormat = v04\n"}, "ssm", "format", nil, "not set"},
		{"[default] is not [DEFAULT]", []string{"[default]\nsite_name = x\n"}, "DEFAULT", "site_name", nil, "not set"},
		{"nothing is inherited from DEFAULT", []string{"[DEFAULT]\nformat = v04\n"}, "ssm", "format", nil, "not set"},
		{"later file wins", []string{"[ssm]\nformat = v02\n", "[ssm]\nformat = v04\n"}, "ssm", "format", "v04", "2.conf:2"},
		{"lists win as a whole", []string{"[ssm]\nlabels = a,b\n", "[ssm]\nlabels = c\n"}, "ssm", "labels", []string{"c"}, "2.conf:2"},
		{"option by option", []string{"[ssm]\nformat = v02\n", "[ssm]\nlabels = c\n"}, "ssm", "format", "v02", "1.conf:2"},
		{"empty value wins too", []string{"[DEFAULT]\nsite_name = x\n", "[DEFAULT]\nsite_name =\n"}, "DEFAULT", "site_name", "", "2.conf:2"},
		{"only the winner is looked at", []string{"[ssm]\nmax_size = x\nmax_size = $y\n", "[ssm]\nmax_size = 1\n"}, "ssm", "max_size", int64(1), "2.conf:2"},
		{"old name", []string{"[DEFAULT]\ntenants = a\n"}, "DEFAULT", "projects", []string{"a"}, "1.conf:2"},
		{"new name wins in a file", []string{"[DEFAULT]\nprojects = b\ntenants = a\n"}, "DEFAULT", "projects", []string{"b"}, "1.conf:2"},
		{"old name wins in a later file", []string{"[DEFAULT]\nprojects = b\n", "[DEFAULT]\ntenants = a\n"}, "DEFAULT", "projects", []string{"a"}, "2.conf:2"},
		{"old name in another section", []string{"[extractor]\nmapping_file = /m\n"}, "DEFAULT", "mapping_file", "/m", "1.conf:2"},
		{"unknown keys may hold anything", []string{"[nova]\nk = $x\n[ssm]\nk = ${nope}\n"}, "ssm", "max_size", int64(100), "default"},

		{"reference to DEFAULT", []string{"[DEFAULT]\nsite_name = s\n[extractor]\nuser = <$site_name>\n"}, "extractor", "user", "<s>", "1.conf:4"},
		{"own section first", []string{"[extractor]\nendpoint = http://$user.x/\n[extractor]\nendpoint = http://${user}.x/$spooldir\n"}, "extractor", "endpoint", "http://accounting.x//var/spool/caso", "1.conf:4"},
		{"section of the option, not of the old name", []string{"[DEFAULT]\nsite_name = s\n[extractor]\nmapping_file = /$site_name\n"}, "DEFAULT", "mapping_file", "/s", "1.conf:4"},
		{"reference to another section", []string{"[DEFAULT]\nsite_name = $ssm.max_size/${ssm.output_path}\n"}, "DEFAULT", "site_name", "100//var/spool/apel", "1.conf:2"},
		{"reference to a boolean", []string{"[DEFAULT]\nsite_name = $dry_run\ndry_run = yes\n"}, "DEFAULT", "site_name", "True", "1.conf:2"},
		{"reference to an integer", []string{"[DEFAULT]\nsite_name = $ssm.max_size\n[ssm]\nmax_size = -0_07\nmax_size = 0_07\n"}, "DEFAULT", "site_name", "7", "1.conf:2"},
		{"reference to nothing", []string{"[DEFAULT]\nservice_name = <$site_name>\n"}, "DEFAULT", "service_name", "<>", "1.conf:2"},
		{"before splitting", []string{"[DEFAULT]\nsite_name = a, b\n[ssm]\nlabels = x,$site_name\n"}, "ssm", "labels", []string{"x", "a", "b"}, "1.conf:4"},
		{"in quotes", []string{"[DEFAULT]\nsite_name = s\nservice_name = '$site_name '\n"}, "DEFAULT", "service_name", "s ", "1.conf:3"},
		{"not searched again", []string{"[DEFAULT]\nsite_name = $$debug\nservice_name = $site_name\n"}, "DEFAULT", "service_name", "$debug", "1.conf:3"},
		{"dollar signs", []string{"[extractor]\npassword = a$$b\\$c$9$\n"}, "extractor", "password", "a$b$c$9$", "1.conf:2"},
		{"password of all kinds of characters", []string{"[extractor]\npassword = a#b;c%(d)s'e\" f=g:h\n"}, "extractor", "password", "a#b;c%(d)s'e\" f=g:h", "1.conf:2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			settings, problems := resolveTexts(t, nil, test.files...)
			if len(problems) > 0 {
				t.Fatalf("problems: %v", problems)
			}
			value, ok := settings.Host().Lookup(test.section, test.option)
			if !ok || !reflect.DeepEqual(value.Any(), test.want) || value.IsSet != (test.want != nil) {
				t.Errorf("got %#v, want %#v", value.Any(), test.want)
			}
			if origin := settings.Host().Locate(&pluginv1.OptionRef{Section: test.section, Name: test.option}); origin != test.origin {
				t.Errorf("it comes from %s, want %s", origin, test.origin)
			}
		})
	}
}

// TestProblems has a line for each thing that can be wrong with a value.
func TestProblems(t *testing.T) {
	tests := []struct {
		name  string
		files []string
		want  []string
	}{
		{"boolean", []string{"[extractor]\ninsecure = ' no'\n"}, []string{`1.conf:2: error: [extractor] insecure: invalid value " no": must be true, 1, on or yes, or false, 0, off or no`}},
		{"empty boolean", []string{"[extractor]\ninsecure =\n"}, []string{`1.conf:2: error: [extractor] insecure: invalid value "": must be true, 1, on or yes, or false, 0, off or no`}},
		{"integer", []string{"[ssm]\nmax_size = 7.0\n"}, []string{`1.conf:2: error: [ssm] max_size: invalid value "7.0": must be a whole number`}},
		{"large integer", []string{"[ssm]\nmax_size = 99999999999999999999\n"}, []string{`1.conf:2: error: [ssm] max_size: invalid value "99999999999999999999": must fit in 64 bits`}},
		{"minimum", []string{"[ssm]\nmax_size = 0\n"}, []string{`1.conf:2: error: [ssm] max_size: invalid value "0": must be at least 1`}},
		{"maximum", []string{"[ssm]\nmax_size = 1001\n"}, []string{`1.conf:2: error: [ssm] max_size: invalid value "1001": must be at most 1000`}},
		{"empty where there is a default", []string{"[ssm]\nmax_size =\n"}, []string{`1.conf:2: error: [ssm] max_size: empty value; give a whole number, or remove the line to get the default, 100`}},
		{"choice", []string{"[ssm]\nformat = v03\n"}, []string{`1.conf:2: error: [ssm] format: invalid value "v03": must be one of: v02, v04`}},
		{"choice of an item", []string{"[messenger_ssm]\nrecord_types = cloud, vm\n"}, []string{`1.conf:2: error: [messenger_ssm] record_types: invalid value "cloud, vm": each item must be one of: cloud, ip, accelerator, storage, energy`}},
		{"empty item", []string{"[ssm]\nlabels = a,,b\n"}, []string{`1.conf:2: error: [ssm] labels: invalid value "a,,b": empty item between two commas; remove one of them`}},
		{"quoted items", []string{"[ssm]\nlabels = 'a','b'\n"}, []string{`1.conf:2: error: [ssm] labels: invalid value "a','b": quotes around items; quote the whole value or nothing`}},
		{"unknown reference", []string{"[DEFAULT]\nservice_name = $site_nam\n"}, []string{`1.conf:2: error: [DEFAULT] service_name: $site_nam is not a known option (did you mean $site_name?); write $$ for a dollar sign`}},
		{"reference in capitals", []string{"[DEFAULT]\nservice_name = $SITE_NAME\n"}, []string{`1.conf:2: error: [DEFAULT] service_name: $SITE_NAME is not a known option (did you mean $site_name?); write $$ for a dollar sign`}},
		{"reference with a dot", []string{"[DEFAULT]\nservice_name = $site_name.\n"}, []string{`1.conf:2: error: [DEFAULT] service_name: $site_name. is not a known option; write $$ for a dollar sign`}},
		{"DEFAULT by name", []string{"[DEFAULT]\nservice_name = $DEFAULT.site_name\n"}, []string{`1.conf:2: error: [DEFAULT] service_name: $DEFAULT.site_name is not a known option (did you mean $site_name?); write $$ for a dollar sign`}},
		{"plain name of another section", []string{"[extractor]\nuser = ${max_size}\n"}, []string{`1.conf:2: error: [extractor] user: $max_size is not a known option (did you mean $ssm.max_size?); write $$ for a dollar sign`}},
		{"section", []string{"[extractor]\nuser = $ssm\n"}, []string{`1.conf:2: error: [extractor] user: $ssm is a section, not an option; write $$ for a dollar sign`}},
		{"section of an option's name", []string{"[DEFAULT]\nservice_name = $extractor\n"}, []string{`1.conf:2: error: [DEFAULT] service_name: $extractor is a section, not an option; write $$ for a dollar sign`}},
		{"key that is no option", []string{"[ssm]\nmine = 1\noutput_path = $mine\n"}, []string{`1.conf:3: error: [ssm] output_path: $mine is not a known option; write $$ for a dollar sign`}},
		{"old name", []string{"[DEFAULT]\nservice_name = $tenants\n"}, []string{`1.conf:2: error: [DEFAULT] service_name: $tenants is not a known option (did you mean $projects?); write $$ for a dollar sign`}},
		{"list", []string{"[DEFAULT]\nservice_name = $projects\n"}, []string{`1.conf:2: error: [DEFAULT] service_name: $projects refers to [DEFAULT] projects, which is a list; write the value itself`}},
		{"itself", []string{"[extractor]\nuser = x$user\n"}, []string{`1.conf:2: error: [extractor] user: circular reference: [extractor] user -> [extractor] user; write $$ for a dollar sign`}},
		{"circle through a default", []string{"[DEFAULT]\nspooldir = $lock_path\n"}, []string{`1.conf:2: error: [DEFAULT] spooldir: circular reference: [DEFAULT] spooldir -> [DEFAULT] lock_path -> [DEFAULT] spooldir; write $$ for a dollar sign`}},
		{"circle of three", []string{"[DEFAULT]\nsite_name = $region_name\nregion_name = $service_name\nservice_name = $site_name"}, []string{`1.conf:4: error: [DEFAULT] service_name: circular reference: [DEFAULT] site_name -> [DEFAULT] region_name -> [DEFAULT] service_name -> [DEFAULT] site_name; write $$ for a dollar sign`}},
		{"what refers to a wrong value has no problem of its own", []string{"[DEFAULT]\nservice_name = $ssm.max_size\n[ssm]\nmax_size = x\n"}, []string{`1.conf:4: error: [ssm] max_size: invalid value "x": must be a whole number`}},
		{"all of them, by file and line", []string{"[ssm]\nmax_size = x\n[extractor]\ntries = y\n", "[DEFAULT]\ndebug = z\nservice_name = $a $b $a\n"}, []string{
			`1.conf:2: error: [ssm] max_size: invalid value "x": must be a whole number`,
			`1.conf:4: error: [extractor] tries: invalid value "y": must be a whole number`,
			`2.conf:2: error: [DEFAULT] debug: invalid value "z": must be true, 1, on or yes, or false, 0, off or no`,
			`2.conf:3: error: [DEFAULT] service_name: $a is not a known option; write $$ for a dollar sign`,
			`2.conf:3: error: [DEFAULT] service_name: $b is not a known option; write $$ for a dollar sign`,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			settings, problems := resolveTexts(t, nil, test.files...)
			var got []string
			for _, problem := range problems {
				got = append(got, problem.String())
				if value, ok := settings.Host().Lookup(problem.Section, problem.Option); !ok || value.IsSet {
					t.Errorf("%v is set in spite of its problem", key{problem.Section, problem.Option})
				}
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestOverridesWin(t *testing.T) {
	overrides := []Override{
		{Section: "DEFAULT", Name: "projects", Value: "c, $site_name", Flag: "--projects"},
		{Section: "DEFAULT", Name: "dry_run", Value: "maybe", Flag: "--dry-run"},
	}
	settings, problems := resolveTexts(t, overrides, "[DEFAULT]\nprojects = a\ntenants = b\nsite_name = s\ndry_run = no\n")
	if got := settings.Host().List("DEFAULT", "projects"); !reflect.DeepEqual(got, []string{"c", "s"}) {
		t.Errorf("projects are %q", got)
	}
	if got := settings.Host().Locate(&pluginv1.OptionRef{Section: "DEFAULT", Name: "projects"}); got != "--projects on the command line" {
		t.Errorf("projects come from %s", got)
	}
	want := `error: [DEFAULT] dry_run: --dry-run on the command line: invalid value "maybe": must be true, 1, on or yes, or false, 0, off or no`
	if len(problems) != 1 || problems[0].String() != want {
		t.Errorf("got %v, want %s", problems, want)
	}
}

func TestReferencesCannotFillTheMemory(t *testing.T) {
	var text strings.Builder
	text.WriteString("[DEFAULT]\nsite_name = 0123456789\n")
	chain := []string{"site_name", "service_name", "region_name", "mapping_file", "spooldir", "lock_path", "extract_from"}
	for i := 1; i < len(chain); i++ {
		text.WriteString(chain[i] + " = " + strings.Repeat("$"+chain[i-1], 20) + "\n")
	}
	_, problems := resolveTexts(t, nil, text.String())
	if len(problems) != 1 || !strings.Contains(problems[0].String(), "to more than") {
		t.Errorf("problems: %v", problems)
	}
}

func TestMissing(t *testing.T) {
	settings, problems := resolveTexts(t, nil, "[DEFAULT]\nsite_name =\n")
	if len(problems) > 0 {
		t.Fatalf("problems: %v", problems)
	}
	got := settings.Missing()
	want := []string{
		"1.conf:2: error: [DEFAULT] site_name: empty, but required by the host",
		"error: [ssm] labels: not set, but required by messenger-ssm; set it in section [ssm] of 1.conf",
	}
	if len(got) != 2 || got[0].String() != want[0] || got[1].String() != want[1] {
		t.Errorf("got %v", got)
	}
	settings, _ = resolveTexts(t, nil, "[ssm]\nlabels = a,,b\n[DEFAULT]\nsite_name = S\n")
	if got := settings.Missing(); len(got) > 0 {
		t.Errorf("a wrong value is missing: %v", got)
	}
}
