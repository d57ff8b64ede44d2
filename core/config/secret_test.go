package config

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// TestSecretsAreNeverPrinted makes every kind of mistake in and around a secret.
func TestSecretsAreNeverPrinted(t *testing.T) {
	for _, text := range []string{
		"[extractor]\npassword = hunter$hunter\n",
		"[extractor]\npassword = hunter$hunter.hunter ${hunter}\n",
		"[extractor]\npassword = hunter$password\n",
		"[extractor]\npassword hunter\n",
		"[extractor]\npassword hunter = 2\n",
		"[extractor]\n  password = hunter\n",
		"[extractor]\npassword = x\n  hunter\n[extractor\n hunter\n",
		"[extractor]\npassword = x\n\n  hunter\n",
		"[hunter\n[hunter] x\n[ hunter]\n",
		"= hunter\n: hunter\nhunter\n",
		"[extractor]\npassword = hunter\ntries = $password\n",
		"[extractor]\npassword = hunter\ninsecure = $password\n",
		"[extractor]\npassword = hunter\n[ssm]\nformat = $extractor.password\nlabels = x,$extractor.password,,\n",
		"[extractor]\npassword = hunter\nuser = x$password\n[DEFAULT]\nservice_name = $extractor.user\n[ssm]\nmax_size = $service_name\n",
		"[extractor]\npasswort = hunter\n",
		"[extractor]\npassword = x\n user=hunter\n",
		"[extractor]\npassword = 'hunter\n",
		"[extractor]\npassword = \xffhunter\n",
		"[extractor@ifca]\npassword = hunter$nope\n",
		"[extractor@ifca]\npassword = hunter\ntries = $password\n[extractor]\ninsecure = $password\n",
	} {
		plugins, settings, problems := resolveBoth(t, nil, text, "[DEFAULT]\nextractor = cloud, cloud@ifca\n")
		problems = Join(problems, settings.Missing(), settings.Warnings())
		problems = append(problems, settings.Host().Diagnosed(&pluginv1.Diagnostic{Summary: "no", Option: &pluginv1.OptionRef{Section: "extractor", Name: "password"}}))
		for _, extractor := range plugins.Extractors {
			problems = append(problems, settings.Instance(extractor).Diagnosed(&pluginv1.Diagnostic{Summary: "no", Option: &pluginv1.OptionRef{Section: "extractor", Name: "password"}}))
		}
		var shown bytes.Buffer
		if err := settings.WriteSettings(&shown, false); err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintln(&shown, settings.Map(false), problems)
		for _, problem := range problems {
			shown.WriteString(problem.String())
		}
		if strings.Contains(shown.String(), "hunter") {
			t.Errorf("%q prints the secret:\n%s", text, shown.String())
		}
	}
}

func TestSecretsAreRevealedOnRequest(t *testing.T) {
	settings, _ := resolveTexts(t, nil, "[extractor]\npassword = hunter\nuser = x$password\n")
	for reveal, want := range map[bool][2]string{false: {"***", "***"}, true: {"hunter", "xhunter"}} {
		section := settings.Map(reveal)["extractor"]
		if section["password"] != want[0] || section["user"] != want[1] {
			t.Errorf("reveal=%v: %v", reveal, section)
		}
	}
	settings, _ = resolveTexts(t, nil, "")
	if got, ok := settings.Map(false)["extractor"]["password"]; got != nil || !ok {
		t.Errorf("a secret that is not set is shown as %v", got)
	}
}

func TestExposedSecrets(t *testing.T) {
	tests := []struct {
		name, text string
		mode       os.FileMode
		want       bool
	}{
		{"secret for every user", "[extractor]\npassword = x\n", 0o644, true},
		{"secret for the group", "[extractor]\npassword = x\n", 0o640, false},
		{"no secret", "[extractor]\nuser = x\n", 0o644, false},
		{"empty secret", "[extractor]\npassword =\n", 0o644, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "caso.conf")
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, test.mode); err != nil {
				t.Fatal(err)
			}
			files, _ := Read([]Source{{Path: path}})
			settings, _ := files.Resolve(Plugins{}, schemaForTests(), nil)
			warnings := settings.Warnings()
			want := path + ":2: warning: [extractor] password: every user of this machine can read this secret; run: chmod o-r " + path
			switch {
			case test.want && (len(warnings) != 1 || warnings[0].String() != want):
				t.Errorf("got %v, want %s", warnings, want)
			case !test.want && len(warnings) > 0:
				t.Errorf("warnings: %v", warnings)
			}
		})
	}
}

func FuzzResolve(f *testing.F) {
	f.Add([]byte("[extractor]\npassword = a$b\n[ssm]\nmax_size = $extractor.tries\n  x\nMax-Size: 1\n[messenger_x]\na=b"))
	f.Add([]byte("[DEFAULT]\nsite_name = $service_name$$\\$${lock_path}\nverbose=1\nprojects = 'a','b',,\n"))
	f.Add([]byte("[DEFAULT]\nextractor = cloud@a, cloud@b, @\nmessengers = ssmv2@a\n[DEFAULT@a]\nsite_name = x\nspooldir=y\n[ssm@a]\nmessage_version=0.4\n[extractor@b]\npassword = $user\n[extractor@@]\na=b\n[messenger_ssmv2@a]\nextractors = cloud@b, c"))
	f.Fuzz(func(t *testing.T, text []byte) {
		files, problems := readTexts(t, string(text))
		plugins, more := files.Plugins(HostOptions(""), nil)
		problems = append(problems, more...)
		settings, more := files.Resolve(plugins, append(plugins.Schema(HostOptions("")), schemaForTests()...), nil)
		for _, problem := range Join(problems, more, settings.Warnings()) {
			if problem.File != "1.conf" || problem.Line < 1 || problem.Text == "" || strings.Contains(problem.String(), "\n") {
				t.Errorf("problem %+v", problem)
			}
		}
		_ = settings.Missing()
		for section, options := range settings.Map(false) {
			if secret := options["password"]; secret != nil && secret != hidden {
				t.Errorf("the secret in [%s] is shown", section)
			}
		}
	})
}
