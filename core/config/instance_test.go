package config

import (
	"reflect"
	"strings"
	"testing"
	"time"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// instanceOf returns an instance without overlay that has all default timeouts, changed.
func instanceOf(kind pluginv1.Kind, name, plugin string, change func(*Instance)) Instance {
	i := Instance{Kind: kind, Name: name, Plugin: plugin}
	i.Start = Timeout{30 * time.Second, "[" + i.Section() + "] start_timeout"}
	i.Stop = Timeout{5 * time.Second, "[" + i.Section() + "] stop_timeout"}
	if kind == pluginv1.Kind_KIND_EXTRACTOR {
		i.Idle = Timeout{600 * time.Second, "[" + i.Section() + "] idle_timeout"}
	} else {
		i.Ack = Timeout{300 * time.Second, "[" + i.Section() + "] ack_timeout"}
	}
	if change != nil {
		change(&i)
	}
	return i
}

func TestPlugins(t *testing.T) {
	const (
		extractor = pluginv1.Kind_KIND_EXTRACTOR
		messenger = pluginv1.Kind_KIND_MESSENGER
	)
	sum := strings.Repeat("0a", 32)
	tests := []struct {
		name     string
		text     string
		want     Plugins
		problems []string
	}{
		{"defaults", "", Plugins{
			Dirs:       []string{},
			Extractors: []Instance{instanceOf(extractor, "nova", "nova", nil)},
			Messengers: []Instance{instanceOf(messenger, "noop", "noop", nil)},
		}, nil},
		{"names of old versions, each once", "[DEFAULT]\nmessengers = caso.messenger.ssm.SsmMessager,caso.messenger.ssm.SSMMessengerV02, caso.messenger.ssm.SSMMessengerV04\n" +
			" ,ssmv4, ssm, caso.messenger.ssm.SsmMessenger,caso.messenger.ssm.SSMMessenger,caso.messenger.logstash.LogstashMessenger,caso.messenger.noop.NoopMessenger\n", Plugins{
			Dirs:       []string{},
			Extractors: []Instance{instanceOf(extractor, "nova", "nova", nil)},
			Messengers: []Instance{
				instanceOf(messenger, "ssm", "ssm", nil), instanceOf(messenger, "ssmv2", "ssm", nil), instanceOf(messenger, "ssmv4", "ssm", nil),
				instanceOf(messenger, "logstash", "logstash", nil), instanceOf(messenger, "noop", "noop", nil),
			},
		}, nil},
		{"their sections", "[DEFAULT]\nspooldir = /s\nplugin_dirs = $spooldir/p, /q\nmessengers = ssmv4\n[extractor_nova]\npath = /x\ntimeout = 5\n[messenger_ssm]\npath = /y\n[messenger_ssmv4]\nsha256 = " + strings.ToUpper(sum) + "\n", Plugins{
			Dirs: []string{"/s/p", "/q"},
			Extractors: []Instance{instanceOf(extractor, "nova", "nova", func(i *Instance) {
				timeout := Timeout{5 * time.Second, "[extractor_nova] timeout"}
				i.Path, i.Start, i.Idle, i.Stop = "/x", timeout, timeout, timeout
			})},
			Messengers: []Instance{instanceOf(messenger, "ssmv4", "ssm", func(i *Instance) { i.SHA256 = sum })},
		}, nil},
		{"mistakes", "[DEFAULT]\nextractor = nova, ../nova, nova\nmessengers = caso.messenger.Mine\nplugin_dirs = $region_name\nservice_name = $nope\n[extractor_nova]\ntimeout = 0\nsha256 = 12\n", Plugins{
			Extractors: []Instance{instanceOf(extractor, "nova", "nova", func(i *Instance) { i.SHA256 = "12" })},
		}, []string{
			`1.conf:2: error: [DEFAULT] extractor: invalid name "../nova": use NAME or NAME@OVERLAY, both of lower-case letters, digits, '-' and '_'`,
			`1.conf:3: error: [DEFAULT] messengers: invalid name "caso.messenger.Mine": use NAME or NAME@OVERLAY, both of lower-case letters, digits, '-' and '_'`,
			`1.conf:4: error: [DEFAULT] plugin_dirs: $region_name is not a known option; write $$ for a dollar sign`,
			`1.conf:7: error: [extractor_nova] timeout: invalid value "0": must be at least 1`,
			`1.conf:8: error: [extractor_nova] sha256: invalid SHA-256 checksum "12": use 64 hexadecimal digits`,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files, _ := readTexts(t, test.text)
			plugins, problems := files.Plugins(HostOptions(""), nil)
			if !reflect.DeepEqual(plugins, test.want) {
				t.Errorf("got %+v, want %+v", plugins, test.want)
			}
			var got []string
			for _, problem := range problems {
				got = append(got, problem.String())
			}
			if !reflect.DeepEqual(got, test.problems) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.problems, "\n"))
			}
			settings, problems := files.Resolve(plugins, plugins.Schema(HostOptions("")), nil)
			if len(test.problems) == 0 && HasErrors(problems) {
				t.Errorf("the second step has problems: %v", problems)
			}
			for _, instance := range plugins.Messengers {
				if _, ok := settings.Host().Lookup(instance.Section(), "record_types"); !ok {
					t.Errorf("%s has no record_types", instance.Name)
				}
			}
		})
	}
}

func TestLockPathFromTheEnvironment(t *testing.T) {
	for given, want := range map[string]string{"": "/var/spool/caso", "/run/caso": "/run/caso", "$spooldir/lock": "/var/spool/caso/lock"} {
		files, _ := readTexts(t)
		settings, problems := files.Resolve(Plugins{}, Own(HostOwner, HostOptions(given)), nil)
		if got := settings.Host().String("DEFAULT", "lock_path"); got != want || len(problems) > 0 {
			t.Errorf("CASO_LOCK_PATH=%s gives %q with %v, want %q", given, got, problems, want)
		}
	}
}

func TestOwner(t *testing.T) {
	for _, instance := range []Instance{{Kind: pluginv1.Kind_KIND_EXTRACTOR, Name: "nova", Plugin: "nova"}, {Kind: pluginv1.Kind_KIND_MESSENGER, Name: "ssmv4", Plugin: "ssm"}} {
		want := map[string]string{"nova": "extractor-nova", "ssmv4": "messenger-ssm"}[instance.Name]
		if got := instance.Owner(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
