package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

const clouds = "[DEFAULT]\nextractor = cloud, cloud@ifca, cloud@cesga\nmessengers = ssm, ssm@lab\n"

// resolveBoth takes both steps of reading, as a run does. The plugins are those of schemaForTests.
func resolveBoth(t testing.TB, overrides []Override, texts ...string) (Plugins, *Settings, []Problem) {
	t.Helper()
	files, problems := readTexts(t, texts...)
	plugins, more := files.Plugins(HostOptions(""), overrides)
	problems = Join(problems, more)
	options := append(plugins.Schema(HostOptions("")), schemaForTests()...)
	options = append(options, Own("messenger-ssm", []*pluginv1.Option{
		{Section: "ssm", Name: "message_version", Type: typeString, Choices: []string{"0.2", "0.4"}, Help: "A version."},
	})...)
	settings, more := files.Resolve(plugins, options, overrides)
	return plugins, settings, Join(problems, more)
}

// namedInstance returns the instance that a text such as "extractor nova@ifca" names.
func namedInstance(t testing.TB, plugins Plugins, text string) Instance {
	t.Helper()
	instances := plugins.instances()
	i := slices.IndexFunc(instances, func(i Instance) bool { return i.String() == text })
	if i < 0 {
		t.Fatalf("%s is not configured: %v", text, instances)
	}
	return instances[i]
}

func problemTexts(problems []Problem) []string {
	var texts []string
	for _, problem := range problems {
		texts = append(texts, problem.String())
	}
	return texts
}

func compareProblems(t *testing.T, problems []Problem, want []string) {
	t.Helper()
	if got := problemTexts(problems); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestOverlayInstances(t *testing.T) {
	plugins, _, problems := resolveBoth(t, nil, "[DEFAULT]\nsite_name = S\nextractor = cloud@ifca, cloud, cloud@ifca\n"+
		"messengers = ssm@lab, caso.messenger.ssm.SSMMessengerV02@lab, ssmv2@lab, caso.messenger.ssm.SsmMessager\n")
	if len(problems) > 0 {
		t.Errorf("problems: %v", problems)
	}
	var got []string
	for _, i := range plugins.instances() {
		got = append(got, fmt.Sprintf("%s: plugin %s, overlay %q, [%s], %s", i, i.Plugin, i.Overlay, i.Section(), i.Owner()))
	}
	want := []string{
		`extractor cloud@ifca: plugin cloud, overlay "ifca", [extractor_cloud], extractor-cloud`,
		`extractor cloud: plugin cloud, overlay "", [extractor_cloud], extractor-cloud`,
		`messenger ssm@lab: plugin ssm, overlay "lab", [messenger_ssm], messenger-ssm`,
		`messenger ssmv2@lab: plugin ssm, overlay "lab", [messenger_ssmv2], messenger-ssm`,
		`messenger ssm: plugin ssm, overlay "", [messenger_ssm], messenger-ssm`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestOverlayNames(t *testing.T) {
	for _, name := range []string{"cloud@", "@ifca", "cloud@Ifca", "cloud@a@b", "cloud@../x", "cloud@a b", "cloud@-a"} {
		_, _, problems := resolveBoth(t, nil, "[DEFAULT]\nextractor = "+name+"\n")
		want := fmt.Sprintf("1.conf:2: error: [DEFAULT] extractor: invalid name %q: use NAME or NAME@OVERLAY, both of lower-case letters, digits, '-' and '_'", name)
		compareProblems(t, problems, []string{want})
	}
}

func TestOverlayValues(t *testing.T) {
	projects := []Override{{Section: "DEFAULT", Name: "projects", Value: "x, $site_name", Flag: "--projects"}}
	tests := []struct {
		name            string
		overrides       []Override
		files           []string
		instance        string
		section, option string
		want            any
		origin          string
	}{
		{"overlay wins", nil, []string{"[DEFAULT]\nsite_name = A\n[DEFAULT@ifca]\nsite_name = B\n"}, "extractor cloud@ifca", "DEFAULT", "site_name", "B", "2.conf:4"},
		{"not in another overlay", nil, []string{"[DEFAULT]\nsite_name = A\n[DEFAULT@ifca]\nsite_name = B\n"}, "extractor cloud@cesga", "DEFAULT", "site_name", "A", "2.conf:2"},
		{"not without overlay", nil, []string{"[DEFAULT]\nsite_name = A\n[DEFAULT@ifca]\nsite_name = B\n"}, "extractor cloud", "DEFAULT", "site_name", "A", "2.conf:2"},
		{"overlay in an earlier file wins", nil, []string{"[extractor@ifca]\nendpoint = B\n", "[extractor]\nendpoint = A\n"}, "extractor cloud@ifca", "extractor", "endpoint", "B", "2.conf:2"},
		{"later overlay wins", nil, []string{"[extractor@ifca]\nendpoint = B\n", "[extractor@IFCA]\nendpoint = C\n"}, "extractor cloud@ifca", "extractor", "endpoint", "C", "3.conf:2"},
		{"empty value of an overlay wins", nil, []string{"[extractor]\nendpoint = A\n[extractor@ifca]\nendpoint =\n"}, "extractor cloud@ifca", "extractor", "endpoint", "", "2.conf:4"},
		{"plain value", nil, []string{"[extractor]\nendpoint = A\n[extractor@ifca]\nuser = u\n"}, "extractor cloud@ifca", "extractor", "endpoint", "A", "2.conf:2"},
		{"default", nil, []string{"[extractor@ifca]\nendpoint = A\n"}, "extractor cloud@ifca", "extractor", "user", "accounting", "default"},
		{"option of a plugin in DEFAULT", nil, []string{"[DEFAULT@cesga]\nregion_name = R\n"}, "extractor cloud@cesga", "DEFAULT", "region_name", "R", "2.conf:2"},
		{"messenger", nil, []string{"[ssm]\nmax_size = 1\n[ssm@lab]\nmax_size = 2\n"}, "messenger ssm@lab", "ssm", "max_size", int64(2), "2.conf:4"},
		{"old name in an overlay", nil, []string{"[DEFAULT]\nprojects = a\n[DEFAULT@ifca]\ntenants = b\n"}, "extractor cloud@ifca", "DEFAULT", "projects", []string{"b"}, "2.conf:4"},
		{"old section in an overlay", nil, []string{"[DEFAULT]\nmapping_file = /a\n[extractor@ifca]\nmapping_file = /b\n"}, "extractor cloud@ifca", "DEFAULT", "mapping_file", "/b", "2.conf:4"},
		{"new name wins in an overlay", nil, []string{"[DEFAULT@ifca]\nprojects = a\ntenants = b\n"}, "extractor cloud@ifca", "DEFAULT", "projects", []string{"a"}, "2.conf:2"},
		{"old name of the overlay wins over the new plain one", nil, []string{"[DEFAULT@ifca]\ntenants = b\n", "[DEFAULT]\nprojects = a\n"}, "extractor cloud@ifca", "DEFAULT", "projects", []string{"b"}, "2.conf:2"},
		{"flag wins over the overlay", projects, []string{"[DEFAULT@ifca]\nprojects = a\nsite_name = S\n"}, "extractor cloud@ifca", "DEFAULT", "projects", []string{"x", "S"}, "--projects on the command line"},
		{"reference of a plain value", nil, []string{"[DEFAULT]\nservice_name = $site_name-1\nsite_name = A\n[DEFAULT@ifca]\nsite_name = B\n"}, "extractor cloud@ifca", "DEFAULT", "service_name", "B-1", "2.conf:2"},
		{"reference of a default", nil, []string{"[DEFAULT]\nsite_name = A\n[DEFAULT@ifca]\nsite_name = B\n"}, "extractor cloud@ifca", "DEFAULT", "service_name", "B", "default"},
		{"reference of an overlay to a plain value", nil, []string{"[extractor]\nuser = u\n[extractor@ifca]\nendpoint = $user\n"}, "extractor cloud@ifca", "extractor", "endpoint", "u", "2.conf:4"},
		{"reference to another section", nil, []string{"[ssm@lab]\nmax_size = 7\noutput_path = /${ssm.max_size}/$site_name\n[DEFAULT@lab]\nsite_name = L\n"}, "messenger ssm@lab", "ssm", "output_path", "/7/L", "2.conf:3"},
		{"option that exists once", nil, []string{"[DEFAULT]\nspooldir = /s\n"}, "extractor cloud@ifca", "DEFAULT", "spooldir", "/s", "2.conf:2"},
		{"option that the instance does not use", nil, []string{"[ssm]\nmax_size = 3\n"}, "extractor cloud@ifca", "ssm", "max_size", int64(3), "2.conf:2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			plugins, settings, problems := resolveBoth(t, test.overrides, append([]string{clouds}, test.files...)...)
			if len(problems) > 0 {
				t.Fatalf("problems: %v", problems)
			}
			view := settings.Instance(namedInstance(t, plugins, test.instance))
			value, ok := view.Lookup(test.section, test.option)
			if !ok || !reflect.DeepEqual(value.Any(), test.want) {
				t.Errorf("got %#v, want %#v", value.Any(), test.want)
			}
			if origin := view.Locate(&pluginv1.OptionRef{Section: test.section, Name: test.option}); origin != test.origin {
				t.Errorf("it comes from %s, want %s", origin, test.origin)
			}
		})
	}
}

func TestOverlayProblems(t *testing.T) {
	tests := []struct {
		name string
		text string
		want []string
	}{
		{"options that exist once", "[DEFAULT@ifca]\nspooldir = /s\nspool_max_size = 1\nlock_path = /l\nextractor = a\nmessengers = b\nplugin_dirs = c\n" +
			"extract_concurrency = 1\ndry_run = true\ndebug = true\nextract_from = x\nextract_to = y\n", []string{
			"2.conf:2: error: [DEFAULT@ifca] spooldir: this option exists once and cannot be set in an overlay; move it to [DEFAULT]",
			"2.conf:3: error: [DEFAULT@ifca] spool_max_size: this option exists once and cannot be set in an overlay; move it to [DEFAULT]",
			"2.conf:4: error: [DEFAULT@ifca] lock_path: this option exists once and cannot be set in an overlay; move it to [DEFAULT]",
			"2.conf:5: error: [DEFAULT@ifca] extractor: this option exists once and cannot be set in an overlay; move it to [DEFAULT]",
			"2.conf:6: error: [DEFAULT@ifca] messengers: this option exists once and cannot be set in an overlay; move it to [DEFAULT]",
			"2.conf:7: error: [DEFAULT@ifca] plugin_dirs: this option exists once and cannot be set in an overlay; move it to [DEFAULT]",
			"2.conf:8: error: [DEFAULT@ifca] extract_concurrency: this option exists once and cannot be set in an overlay; move it to [DEFAULT]",
			"2.conf:9: error: [DEFAULT@ifca] dry_run: this option exists once and cannot be set in an overlay; move it to [DEFAULT]",
			"2.conf:10: error: [DEFAULT@ifca] debug: this option exists once and cannot be set in an overlay; move it to [DEFAULT]",
			"2.conf:11: error: [DEFAULT@ifca] extract_from: this option exists once and cannot be set in an overlay; move it to [DEFAULT]",
			"2.conf:12: error: [DEFAULT@ifca] extract_to: this option exists once and cannot be set in an overlay; move it to [DEFAULT]",
		}},
		{"wrong value", "[ssm@lab]\nmax_size = 0\n", []string{`2.conf:2: error: [ssm@lab] max_size: invalid value "0": must be at least 1`}},
		{"wrong plain value, once", "[extractor]\ntries = x\n", []string{`2.conf:2: error: [extractor] tries: invalid value "x": must be a whole number`}},
		{"wrong plain value that an overlay replaces", "[extractor]\ntries = x\n[extractor@ifca]\ntries = 1\n", []string{`2.conf:2: error: [extractor] tries: invalid value "x": must be a whole number`}},
		{"unknown reference", "[extractor@ifca]\nendpoint = $nope\n", []string{"2.conf:2: error: [extractor@ifca] endpoint: $nope is not a known option; write $$ for a dollar sign"}},
		{"plain value that is wrong in one overlay", "[extractor]\ntries = $user\nuser = 1\n[extractor@ifca]\nuser = u\n", []string{`2.conf:2: error: [extractor] tries: overlay ifca: invalid value "u": must be a whole number`}},
		{"circular in one overlay", "[extractor]\nendpoint = $user\n[extractor@cesga]\nuser = $endpoint\n", []string{
			"2.conf:2: error: [extractor] endpoint: overlay cesga: circular reference: [extractor] user -> [extractor] endpoint -> [extractor] user; write $$ for a dollar sign",
		}},
		{"unknown extractor", "[messenger_ssm]\nextractors = cloud, cloud@ifc\n[messenger_ssm@lab]\nextractors = nova\n", []string{
			`2.conf:2: error: [messenger_ssm] extractors: unknown extractor "cloud@ifc": [DEFAULT] extractor names cloud, cloud@ifca, cloud@cesga (did you mean cloud@ifca?)`,
			`2.conf:4: error: [messenger_ssm@lab] extractors: unknown extractor "nova": [DEFAULT] extractor names cloud, cloud@ifca, cloud@cesga`,
		}},
		{"checksum", "[messenger_ssm@lab]\nsha256 = x\n", []string{`2.conf:2: error: [messenger_ssm@lab] sha256: invalid SHA-256 checksum "x": use 64 hexadecimal digits`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, _, problems := resolveBoth(t, nil, clouds, test.text)
			compareProblems(t, problems, test.want)
		})
	}
}

func TestOverlayMissing(t *testing.T) {
	tests := []struct {
		name  string
		texts []string
		want  []string
	}{
		{"set in each overlay", []string{"[DEFAULT]\nextractor = cloud@ifca, cloud@cesga\n[DEFAULT@ifca]\nsite_name = A\n[DEFAULT@cesga]\nsite_name = B\n[ssm]\nlabels = a\n"}, nil},
		{"set in one of two", []string{"[DEFAULT]\nextractor = cloud@ifca, cloud@cesga\n[DEFAULT@ifca]\nsite_name = A\n"}, []string{
			"error: [DEFAULT@cesga] site_name: not set, but required by extractor cloud@cesga; set it in section [DEFAULT@cesga] of 1.conf",
		}},
		{"one without overlay", []string{"[DEFAULT]\nextractor = cloud@ifca, cloud\n[DEFAULT@ifca]\nsite_name = A\n"}, []string{
			"error: [DEFAULT] site_name: not set, but required by the host; set it in section [DEFAULT] of 1.conf",
		}},
		{"messenger", []string{"[DEFAULT]\nsite_name = A\nextractor = cloud\nmessengers = ssm@lab, ssm\n[ssm@lab]\nlabels =\n"}, []string{
			"error: [ssm] labels: not set, but required by messenger-ssm; set it in section [ssm] of 1.conf",
			"1.conf:6: error: [ssm@lab] labels: empty, but required by messenger ssm@lab",
		}},
		{"no extractor", []string{"[DEFAULT]\nextractor =\n"}, []string{
			"error: [DEFAULT] site_name: not set, but required by the host; set it in section [DEFAULT] of 1.conf",
		}},
		{"no file", nil, []string{
			"error: [DEFAULT] site_name: not set, but required by the host; no configuration file was found, name one with --config-file",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			texts := test.texts
			if test.name != "messenger" && len(texts) > 0 {
				texts = append([]string{}, texts...)
				texts[0] += "[ssm]\nlabels = a\n"
			}
			_, settings, problems := resolveBoth(t, nil, texts...)
			if len(problems) > 0 {
				t.Fatalf("problems: %v", problems)
			}
			missing := slices.DeleteFunc(settings.Missing(), func(p Problem) bool { return texts == nil && p.Section == "ssm" })
			compareProblems(t, missing, test.want)
		})
	}
}

func TestOverlayWarnings(t *testing.T) {
	tests := []struct {
		name  string
		texts []string
		want  []string
	}{
		{"nothing", []string{clouds, "[extractor@ifca]\nuser = u\n[DEFAULT@cesga]\ntenants = a\n[messenger_ssm@lab]\nstart_timeout = 1\n"}, nil},
		{"overlay with a typo", []string{clouds, "[extractor@ifac]\nuser = u\n"}, []string{
			"2.conf:1: warning: [extractor@ifac]: unused section: the overlays of extractors and messengers are ifca, cesga, lab (did you mean ifca?)",
		}},
		{"no overlays at all", []string{"[extractor@ifca]\nuser = u\n"}, []string{
			"1.conf:1: warning: [extractor@ifca]: unused section: no extractor or messenger has the overlay ifca; name one as NAME@ifca",
		}},
		{"section of no overlay, empty", []string{"[extractor@ifca]\n"}, nil},
		{"default in small letters", []string{clouds, "[default@ifca]\nsite_name = x\n"}, []string{
			"2.conf:1: warning: [default@ifca]: unknown section; write [DEFAULT@ifca], with DEFAULT in capitals",
		}},
		{"unknown option", []string{clouds, "[extractor@ifca]\nuesr = u\n"}, []string{
			"2.conf:2: warning: [extractor@ifca] uesr: unknown option, ignored (did you mean user?)",
		}},
		{"unknown section", []string{clouds, "[extractr@ifca]\nuser = u\n[nova@ifca]\nx = y\n"}, []string{
			"2.conf:1: warning: [extractr@ifca]: unknown section (did you mean [extractor@ifca]?)",
			"2.conf:3: warning: [nova@ifca]: unknown section",
		}},
		{"plugin that is not configured", []string{clouds, "[extractor_cinder@ifca]\npath = /x\n"}, []string{
			"2.conf:1: warning: [extractor_cinder@ifca]: unused section: [DEFAULT] extractor does not name cinder@ifca",
		}},
		{"option that the overlay's instances do not have", []string{clouds, "[ssm@ifca]\nmax_size = 1\n"}, []string{
			"2.conf:2: warning: [ssm@ifca] max_size: unused option: it is an option of messenger-ssm, but the overlay ifca belongs to extractor cloud@ifca",
		}},
		{"option that another one refers to", []string{clouds, "[ssm@ifca]\nmax_size = 1\n[extractor@ifca]\nuser = u$ssm.max_size\n"}, nil},
		{"host's option of extractors for a messenger", []string{clouds, "[DEFAULT@lab]\nsite_name = x\n"}, []string{
			"2.conf:2: warning: [DEFAULT@lab] site_name: unused option: it is an option of the host, but the overlay lab belongs to messenger ssm@lab",
		}},
		{"options about logging", []string{clouds, "[DEFAULT@ifca]\nverbose = x\n"}, []string{
			"2.conf:2: warning: [DEFAULT]: ignored options about logging: verbose",
		}},
		{"indented option", []string{clouds, "[extractor@ifca]\nendpoint = x\n  user = y\n"}, []string{
			"2.conf:3: warning: [extractor@ifca] endpoint: this line continues the value, since it is indented; remove its leading blanks to make it option user",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, settings, problems := resolveBoth(t, nil, test.texts...)
			if len(problems) > 0 {
				t.Fatalf("problems: %v", problems)
			}
			compareProblems(t, settings.Warnings(), test.want)
		})
	}
}

// TestUnknownSectionsOfFailedPlugins: the sections of a plugin that did not start are not known.
func TestUnknownSectionsOfFailedPlugins(t *testing.T) {
	files, _ := readTexts(t, "[DEFAULT]\nextractor = nova@ifca\n[keystone_auth@ifca]\npassword = x\n")
	plugins, _ := files.Plugins(HostOptions(""), nil)
	settings, _ := files.Resolve(plugins, plugins.Schema(HostOptions("")), nil)
	if warnings := settings.Warnings(); len(warnings) > 0 {
		t.Errorf("warnings: %v", warnings)
	}
}

func TestOverlaySecrets(t *testing.T) {
	_, settings, problems := resolveBoth(t, nil, clouds, "[extractor]\npassword = plain\n[extractor@ifca]\npassword = overlaid\nendpoint = x$password\n[extractor@cesga]\npassword = overlaid\n")
	if len(problems) > 0 {
		t.Fatalf("problems: %v", problems)
	}
	if got, want := settings.Secrets(), []string{"plain", "overlaid", "xoverlaid"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	var text bytes.Buffer
	if err := settings.WriteSettings(&text, false); err != nil {
		t.Fatal(err)
	}
	if all := text.String() + fmt.Sprint(settings.Map(false)); strings.Contains(all, "overlaid") || strings.Contains(all, "plain") {
		t.Errorf("a secret is shown:\n%s", all)
	}
	if got := settings.Map(true)["extractor@ifca"]["password"]; got != "overlaid" {
		t.Errorf("revealed %v", got)
	}
}

func TestOverlayExposedSecret(t *testing.T) {
	files := &Files{}
	files.add("1.conf", 0o644, []byte("[DEFAULT]\nextractor = cloud@ifca\n[extractor@ifca]\npassword = x\n"))
	plugins, _ := files.Plugins(HostOptions(""), nil)
	settings, _ := files.Resolve(plugins, append(plugins.Schema(HostOptions("")), schemaForTests()...), nil)
	compareProblems(t, settings.Warnings(), []string{"1.conf:4: warning: [extractor@ifca] password: every user of this machine can read this secret; run: chmod o-r 1.conf"})
}

func TestOverlayDiagnosed(t *testing.T) {
	plugins, settings, _ := resolveBoth(t, nil, clouds, "[extractor]\nendpoint = x\n[extractor@ifca]\nuser = u\n")
	view := settings.Instance(namedInstance(t, plugins, "extractor cloud@ifca"))
	diagnostic := func(name string) *pluginv1.Diagnostic {
		return &pluginv1.Diagnostic{Summary: "bad", Option: &pluginv1.OptionRef{Section: "extractor", Name: name}}
	}
	compareProblems(t, []Problem{view.Diagnosed(diagnostic("user")), view.Diagnosed(diagnostic("endpoint")), view.Diagnosed(diagnostic("password"))}, []string{
		"2.conf:4: error: [extractor@ifca] user: extractor cloud@ifca: bad",
		"2.conf:2: error: [extractor] endpoint: extractor cloud@ifca: bad",
		"error: [extractor@ifca] password: extractor cloud@ifca: bad",
	})
}

func TestOverlayGolden(t *testing.T) {
	text := "[DEFAULT]\nsite_name = A\nextractor = cloud, cloud@ifca\nmessengers = ssm@lab\n[DEFAULT@ifca]\nsite_name = B\n" +
		"[extractor]\npassword = hunter\n[extractor@ifca]\npassword = hunter2\n[ssm]\nlabels = a\n[ssm@lab]\nlabels = b, c\n[messenger_ssm@lab]\nextractors = cloud@ifca\n"
	plugins, settings, problems := resolveBoth(t, nil, text)
	if len(problems) > 0 || len(settings.Missing()) > 0 || len(settings.Warnings()) > 0 {
		t.Errorf("problems: %v %v %v", problems, settings.Missing(), settings.Warnings())
	}
	var shown, sample bytes.Buffer
	if err := settings.WriteSettings(&shown, false); err != nil {
		t.Fatal(err)
	}
	golden(t, "overlays.txt", shown.Bytes())
	encoded, err := json.MarshalIndent(settings.Map(false), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "overlays.json", append(encoded, '\n'))
	if err := WriteSample(&sample, plugins, schemaForTests()); err != nil {
		t.Fatal(err)
	}
	var without bytes.Buffer
	if err := WriteSample(&without, Plugins{}, schemaForTests()); err != nil {
		t.Fatal(err)
	}
	overlays, ok := bytes.CutPrefix(sample.Bytes(), without.Bytes())
	if !ok {
		t.Error("the sample with overlays does not begin with the sample without")
	}
	golden(t, "overlays.conf.sample", overlays)
}

func TestAliases(t *testing.T) {
	text := "[DEFAULT]\nsite_name = S\nextractor = cloud\nmessengers = ssm, ssmv2, ssmv4@lab\n[ssm]\nlabels = a\nmessage_version = 0.4\n[ssm@lab]\nmessage_version = 0.2\noutput_path = /$message_version\n"
	plugins, settings, problems := resolveBoth(t, nil, text)
	if len(problems) > 0 || len(settings.Missing()) > 0 {
		t.Errorf("problems: %v %v", problems, settings.Missing())
	}
	for instance, want := range map[string]string{"messenger ssm": "0.4", "messenger ssmv2": "0.2", "messenger ssmv4@lab": "0.4"} {
		view := settings.Instance(namedInstance(t, plugins, instance))
		if got := view.String("ssm", "message_version"); got != want {
			t.Errorf("%s has message_version %s, want %s", instance, got, want)
		}
		if view.String("DEFAULT", "site_name") != "S" || view.List("ssm", "labels")[0] != "a" {
			t.Errorf("%s has other values than the files for what is not preset", instance)
		}
	}
	lab := settings.Instance(namedInstance(t, plugins, "messenger ssmv4@lab"))
	if got := lab.String("ssm", "output_path"); got != "/0.4" {
		t.Errorf("a reference to a preset is %s", got)
	}
	if got := lab.Locate(&pluginv1.OptionRef{Section: "ssm", Name: "message_version"}); got != "preset of messenger ssmv4@lab" {
		t.Errorf("a preset comes from %s", got)
	}
	compareProblems(t, settings.Warnings(), []string{
		"1.conf:7: warning: [ssm] message_version: ignored by messenger ssmv2, which always has 0.2; use messenger ssm to choose the value",
		"1.conf:9: warning: [ssm@lab] message_version: ignored by messenger ssmv4@lab, which always has 0.4; use messenger ssm@lab to choose the value",
	})
}

// TestPresetOfAnOlderPlugin: without the option, the alias would have no effect.
func TestPresetOfAnOlderPlugin(t *testing.T) {
	files, _ := readTexts(t, "[DEFAULT]\nsite_name = S\nmessengers = ssmv2\n[ssm]\nlabels = a\n")
	plugins, _ := files.Plugins(HostOptions(""), nil)
	settings, _ := files.Resolve(plugins, append(plugins.Schema(HostOptions("")), schemaForTests()...), nil)
	compareProblems(t, settings.Missing(), []string{
		"error: [ssm] message_version: messenger ssmv2 is plugin ssm with this option set to 0.2, but the plugin does not declare it; install another version of the plugin",
	})
}

func TestTimeouts(t *testing.T) {
	second := time.Second
	tests := []struct {
		name     string
		text     string
		instance string
		want     [4]Timeout
	}{
		{"defaults", "", "extractor cloud", [4]Timeout{
			{30 * second, "[extractor_cloud] start_timeout"}, {600 * second, "[extractor_cloud] idle_timeout"}, {}, {5 * second, "[extractor_cloud] stop_timeout"}}},
		{"defaults of an overlay", "", "messenger ssm@lab", [4]Timeout{
			{30 * second, "[messenger_ssm@lab] start_timeout"}, {}, {300 * second, "[messenger_ssm@lab] ack_timeout"}, {5 * second, "[messenger_ssm@lab] stop_timeout"}}},
		{"one for all", "[extractor_cloud]\ntimeout = 7\n", "extractor cloud@ifca", [4]Timeout{
			{7 * second, "[extractor_cloud] timeout"}, {7 * second, "[extractor_cloud] timeout"}, {}, {7 * second, "[extractor_cloud] timeout"}}},
		{"each", "[messenger_ssm]\ntimeout = 7\nstart_timeout = 1\nack_timeout = 2\nstop_timeout = 3\n", "messenger ssm", [4]Timeout{
			{1 * second, "[messenger_ssm] start_timeout"}, {}, {2 * second, "[messenger_ssm] ack_timeout"}, {3 * second, "[messenger_ssm] stop_timeout"}}},
		{"overlay", "[messenger_ssm]\nstart_timeout = 1\n[messenger_ssm@lab]\ntimeout = 7\nack_timeout = 2\n", "messenger ssm@lab", [4]Timeout{
			{1 * second, "[messenger_ssm] start_timeout"}, {}, {2 * second, "[messenger_ssm@lab] ack_timeout"}, {7 * second, "[messenger_ssm@lab] timeout"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			plugins, _, problems := resolveBoth(t, nil, clouds, test.text)
			if len(problems) > 0 {
				t.Fatalf("problems: %v", problems)
			}
			i := namedInstance(t, plugins, test.instance)
			if got := [4]Timeout{i.Start, i.Idle, i.Ack, i.Stop}; got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
	for timeout, want := range map[Timeout]string{
		{30 * second, "[extractor_nova] start_timeout"}: "30s ([extractor_nova] start_timeout)",
		{600 * second, "[x] y"}:                         "600s ([x] y)",
		{50 * time.Millisecond, "[x] y"}:                "50ms ([x] y)",
	} {
		if got := timeout.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestMessengerLimits(t *testing.T) {
	text := "[messenger_ssm]\nextractors = cloud@ifca, cloud@cesga\nrecord_types = ip, cloud\n[messenger_ssm@lab]\nextractors =\n"
	plugins, _, problems := resolveBoth(t, nil, clouds, text)
	if len(problems) > 0 {
		t.Fatalf("problems: %v", problems)
	}
	types := []pluginv1.RecordType{pluginv1.RecordType_RECORD_TYPE_IP, pluginv1.RecordType_RECORD_TYPE_CLOUD}
	plain, lab := namedInstance(t, plugins, "messenger ssm"), namedInstance(t, plugins, "messenger ssm@lab")
	if !reflect.DeepEqual(plain.Extractors, []string{"cloud@ifca", "cloud@cesga"}) || !reflect.DeepEqual(plain.RecordTypes, types) {
		t.Errorf("got %v, %v", plain.Extractors, plain.RecordTypes)
	}
	if lab.Extractors != nil || !reflect.DeepEqual(lab.RecordTypes, types) {
		t.Errorf("the overlay has %v, %v", lab.Extractors, lab.RecordTypes)
	}
	// A run of some extractors does not change what the messengers are limited to.
	plugins, _, problems = resolveBoth(t, []Override{{Section: "DEFAULT", Name: "extractor", Value: "cloud@ifca", Flag: "--extractor"}}, clouds, text)
	if len(problems) > 0 || len(plugins.Extractors) != 1 || len(namedInstance(t, plugins, "messenger ssm").Extractors) != 2 {
		t.Errorf("got %v, %v", plugins, problems)
	}
}

// TestPrecedence compares settings with a model of the rule: command line, then the overlay's
// section in the last file that has it, then the plain one, then the default; in one file, a name
// before its old name and the last of equal keys.
func TestPrecedence(t *testing.T) {
	type assignment struct{ section, name, value string }
	option := func(name string, defaultValue *string, old *pluginv1.OptionRef) *pluginv1.Option {
		o := &pluginv1.Option{Section: "s", Name: name, Type: typeString, DefaultValue: defaultValue, Help: "An option."}
		if old != nil {
			o.OldNames = []*pluginv1.OptionRef{old}
		}
		return o
	}
	options := Own("extractor-cloud", []*pluginv1.Option{
		option("a", nil, nil), option("b", proto.String("default"), &pluginv1.OptionRef{Section: "s", Name: "old_b"}),
		option("c", nil, &pluginv1.OptionRef{Section: "t", Name: "old_c"}),
	})
	overlays := []string{"", "x", "y"}
	rapid.Check(t, func(t *rapid.T) {
		names := []key{{"s", "a"}, {"s", "b"}, {"s", "old_b"}, {"s", "c"}, {"t", "old_c"}}
		written := 0
		files := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) []assignment {
			var all []assignment
			for range rapid.IntRange(0, 6).Draw(t, "assignments") {
				k := rapid.SampledFrom(names).Draw(t, "key")
				written++
				all = append(all, assignment{overlaySection(k.section, rapid.SampledFrom(overlays).Draw(t, "overlay")), k.name, fmt.Sprint("v", written)})
			}
			return all
		}), 0, 3).Draw(t, "files")
		var overrides []Override
		if rapid.Bool().Draw(t, "flag") {
			overrides = []Override{{Section: "s", Name: "a", Value: "flag", Flag: "--a"}}
		}

		all := &Files{}
		all.add("first.conf", 0o600, []byte("[DEFAULT]\nextractor = cloud, cloud@x, cloud@y\n"))
		for i, assignments := range files {
			var text strings.Builder
			for _, a := range assignments {
				fmt.Fprintf(&text, "[%s]\n%s = %s\n", a.section, a.name, a.value)
			}
			all.add(fmt.Sprint(i), 0o600, []byte(text.String()))
		}
		plugins, problems := all.Plugins(HostOptions(""), overrides)
		settings, more := all.Resolve(plugins, append(plugins.Schema(HostOptions("")), options...), overrides)
		if problems = append(problems, more...); len(problems) > 0 {
			t.Fatalf("problems: %v", problems)
		}

		expected := func(overlay, name string) any {
			if len(overrides) > 0 && name == "a" {
				return "flag"
			}
			keys := map[string][]key{"a": {{"s", "a"}}, "b": {{"s", "b"}, {"s", "old_b"}}, "c": {{"s", "c"}, {"t", "old_c"}}}[name]
			for _, overlay := range slices.Compact([]string{overlay, ""}) {
				for _, assignments := range slices.Backward(files) {
					for _, k := range keys {
						for _, a := range slices.Backward(assignments) {
							if a.section == overlaySection(k.section, overlay) && a.name == k.name {
								return a.value
							}
						}
					}
				}
			}
			if name == "b" {
				return "default"
			}
			return nil
		}
		for i, overlay := range overlays {
			for _, name := range []string{"a", "b", "c"} {
				value, ok := settings.Instance(plugins.Extractors[i]).Lookup("s", name)
				if want := expected(overlay, name); !ok || value.Any() != want {
					t.Errorf("%s: [s] %s is %v, want %v", plugins.Extractors[i], name, value.Any(), want)
				}
			}
		}
	})
}
