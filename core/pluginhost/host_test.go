package pluginhost

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/caso-project/caso/core/config"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func TestStartAndClose(t *testing.T) {
	t.Parallel()
	dir, temp, private := pluginDir(t, "caso-extractor-good", "caso-messenger-good"), tempDir(t), tempDir(t)
	h := newHost(t, Options{Dirs: []string{dir}, Environ: []string{"TMPDIR=" + private}, TempDir: temp})
	alias := messenger("good")
	alias.Name = "good@lab"
	plugins, errs := h.Start(t.Context(), []config.Instance{extractor("good"), messenger("good"), alias})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if got := plugins[0].Description; got.GetName() != "good" || got.GetVersion() != "4.5.6" || got.GetKind() != pluginv1.Kind_KIND_EXTRACTOR {
		t.Errorf("the extractor's description is %v", got)
	}
	projects, err := plugins[0].Extractor().ListProjects(t.Context(), &pluginv1.ListProjectsRequest{})
	if err != nil || len(projects.GetProjects()) != 1 {
		t.Errorf("the extractor lists %v, %v", projects, err)
	}
	if plugins[1].PID() == plugins[2].PID() {
		t.Error("two instances of one plugin share a process")
	}
	diagnostics, err := plugins[2].Configure(t.Context(), []*pluginv1.OptionValue{{
		Option: &pluginv1.OptionRef{Section: "good", Name: "greeting"},
		Value:  &pluginv1.OptionValue_StringValue{StringValue: "hello"},
	}})
	if err != nil || len(diagnostics) != 1 || diagnostics[0].GetSummary() != "good@lab: greeting is hello" {
		t.Errorf("Configure returns %v, %v", diagnostics, err)
	}
	for _, p := range plugins {
		if len(p.Warnings) > 0 {
			t.Errorf("%s has warnings: %q", p.Instance, p.Warnings)
		}
		if err := p.Exited(); err != nil {
			t.Errorf("%s: %v", p.Instance, err)
		}
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	for _, p := range plugins {
		<-p.Done()
		if err := p.Exited(); err == nil || !strings.HasPrefix(err.Error(), "plugin process exited with status 0") {
			t.Errorf("%s did not exit by itself: %v", p.Instance, err)
		}
	}
	if _, err := os.Stat(filepath.Join(private, "closed")); err != nil {
		t.Errorf("Close was not called: %v", err)
	}
	mustBeEmpty(t, temp)
	if err := h.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	plugins, errs = h.Start(t.Context(), []config.Instance{messenger("good")})
	if plugins[0] != nil || errorText(errs[0]) != "messenger good: plugin host is closed" {
		t.Errorf("a closed host starts %v, %v", plugins, errs)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	h := newHost(t, Options{Dirs: []string{pluginDir(t, "caso-extractor-good", "caso-messenger-good")}})
	diagnostics, err := start(t, h, extractor("good")).Check(t.Context())
	if err != nil || len(diagnostics) != 1 || diagnostics[0].GetSummary() != "the cloud is slow" {
		t.Errorf("Check returns %v, %v", diagnostics, err)
	}
	if _, err := start(t, h, messenger("good")).Check(t.Context()); !errors.Is(err, ErrNotSupported) {
		t.Errorf("Check of a plugin without it returns %v", err)
	}
}

func TestStartErrors(t *testing.T) {
	t.Parallel()
	dir := pluginDir(t,
		"caso-messenger-exits", "caso-messenger-dies", "caso-messenger-silent", "caso-messenger-mute",
		"caso-messenger-early", "caso-messenger-endless", "caso-messenger-other-version",
		"caso-messenger-no-certificate", "caso-messenger-elsewhere", "caso-messenger-invalid", "caso-messenger-huge",
		"caso-messenger-hangs", "caso-messenger-panics", "caso-messenger-renamed", "caso-messenger-shifted",
		"caso-messenger-unkind")
	script(t, dir, "caso-messenger-hello", "echo hello; exec sleep 3600")
	script(t, dir, "caso-messenger-nothing", "exit 0")
	script(t, dir, "caso-messenger-netrpc", `echo "1|1|unix|$PLUGIN_UNIX_SOCKET_DIR/s|netrpc|"; exec sleep 3600`)
	script(t, dir, "caso-messenger-core", `echo "2|1|unix|$PLUGIN_UNIX_SOCKET_DIR/s|grpc|"; exec sleep 3600`)
	writeExecutable(t, filepath.Join(dir, "caso-messenger-foreign"), "\x7fELF of another machine")
	writeExecutable(t, filepath.Join(dir, "caso-messenger-lost"), "#!/no/such/interpreter\n")
	const author = "report this to the plugin's author"
	const build = "install a build of the plugin for this caso"
	for name, want := range map[string]string{
		"exits":          `exited with status 3 before the handshake; last output: "cannot find the licence"`,
		"dies":           `was killed by signal 9 (SIGKILL) before the handshake; no output`,
		"silent":         `did not start within 500ms ([messenger_silent] start_timeout): check that the file is a caso plugin, or raise the timeout`,
		"mute":           `closed its standard output without a handshake: the file is not a caso plugin`,
		"early":          `printed "loading the early plugin ..." instead of a handshake: the file is not a caso plugin, or it prints before it serves`,
		"endless":        `printed "` + strings.Repeat("x", 120) + `..." instead of a handshake: the file is not a caso plugin, or it prints before it serves`,
		"hello":          `printed "hello" instead of a handshake: the file is not a caso plugin, or it prints before it serves`,
		"nothing":        `exited with status 0 before the handshake; no output`,
		"netrpc":         `does not serve gRPC: ` + author,
		"core":           `has version 2 of go-plugin's handshake, this caso has version 1: ` + build,
		"other-version":  `has version 2 of the plugin contract, this caso has version 1: ` + build,
		"no-certificate": `has no TLS certificate in its handshake: ` + author,
		"foreign":        `not an executable for this machine: install a build for its architecture (a script must start with #!)`,
		"lost":           `missing interpreter: install the one in the script's first line, or correct that line`,
		"invalid": `invalid plugin description: invalid version "1\n2"; record type cloud is listed twice; ` +
			`option [invalid] a has a minimum of 2 above its maximum of 1; option [invalid] a is declared twice; ` +
			`option [\x1b[2J] b has an invalid section: it must be DEFAULT, or lower-case letters, digits, _ and -, ` +
			`beginning with a letter: install another version of the plugin, or ` + author,
		"renamed": `plugin is "messenger lines", not "messenger renamed": rename the file to caso-messenger-lines`,
		"shifted": `plugin is "extractor shifted", not "messenger shifted": rename the file to caso-extractor-shifted`,
		"unkind":  `plugin has the unknown kind 7: ` + build,
		"huge":    `calling Describe: grpc: received message larger than max (17825804 vs. 17825792)`,
		"hangs":   `no answer to Describe within 500ms ([messenger_hangs] start_timeout)`,
		"panics": `calling Describe: the plugin panicked while describing: no description: ` +
			`This is an error in the plugin; its stack is in the log. Report it to the plugin's author.`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			temp := tempDir(t)
			h := newHost(t, Options{Dirs: []string{dir}, TempDir: temp})
			instance := messenger(name)
			if name == "silent" || name == "hangs" {
				instance.Start = config.Timeout{Limit: 500 * time.Millisecond, Option: "[messenger_" + name + "] start_timeout"}
			}
			plugins, errs := h.Start(t.Context(), []config.Instance{instance})
			want := "messenger " + name + ": " + filepath.Join(dir, "caso-messenger-"+name) + ": " + want
			if got := errorText(errs[0]); got != want {
				t.Errorf("the error is\n%s\nand should be\n%s", got, want)
			}
			if errors.As(errs[0], new(*ExecutableError)) {
				t.Error("the error of a process is one of its executable")
			}
			if plugins[0] != nil {
				t.Errorf("there is a plugin: %v", plugins[0])
			}
			if err := h.Close(); err != nil {
				t.Error(err)
			}
			mustBeEmpty(t, temp)
		})
	}
	t.Run("elsewhere", func(t *testing.T) {
		t.Parallel()
		h := newHost(t, Options{Dirs: []string{dir}, Environ: []string{"TMPDIR=" + t.TempDir()}})
		_, errs := h.Start(t.Context(), []config.Instance{messenger("elsewhere")})
		if !strings.HasSuffix(errorText(errs[0]), " instead of a unix socket in the directory of PLUGIN_UNIX_SOCKET_DIR: "+author) {
			t.Errorf("a socket outside the private directory gives %v", errs[0])
		}
	})
}

// TestPartialStart starts three instances, of which one starts.
func TestPartialStart(t *testing.T) {
	t.Parallel()
	dir := pluginDir(t, "caso-messenger-good", "caso-messenger-exits")
	var logged log
	h := newHost(t, Options{Dirs: []string{dir}, Logger: logged.logger(hclog.Debug)})
	plugins, errs := h.Start(t.Context(), []config.Instance{messenger("exits"), messenger("good"), messenger("god")})
	if len(plugins) != 3 || plugins[0] != nil || plugins[1] == nil || plugins[2] != nil {
		t.Fatalf("Start returns %v", plugins)
	}
	for i, want := range []string{
		"messenger exits: " + dir + "/caso-messenger-exits: exited with status 3 before the handshake; last output: \"cannot find the licence\"",
		"",
		"messenger god: caso-messenger-god not found in " + dir + ": correct the name (did you mean \"good\"?), or install the plugin",
	} {
		if got := errorText(errs[i]); got != want {
			t.Errorf("the error is\n%s\nand should be\n%s", got, want)
		}
	}
	if !errors.As(errs[2], new(*ExecutableError)) {
		t.Errorf("a missing file gives %T", errs[2])
	}
	if !strings.Contains(logged.String(), "[INFO]  messenger.exits: cannot find the licence") {
		t.Errorf("the log is\n%s", logged.String())
	}
	if _, err := plugins[1].Configure(t.Context(), nil); err != nil {
		t.Errorf("the plugin that started does not answer: %v", err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	mustBeGone(t, plugins[1].PID())
}

// TestNewerPlugin starts a plugin whose description has values of a later version of the contract.
func TestNewerPlugin(t *testing.T) {
	t.Parallel()
	h := newHost(t, Options{Dirs: []string{pluginDir(t, "caso-messenger-newer")}})
	instance := messenger("newer")
	instance.Stop.Limit = time.Millisecond // its Close never answers
	p := start(t, h, instance)
	if types := p.Description.GetRecordTypes(); len(types) != 1 || types[0].GetType() != pluginv1.RecordType_RECORD_TYPE_CLOUD {
		t.Errorf("the record types are %v", types)
	}
	if options := p.Description.GetOptions(); len(options) != 1 || options[0].GetName() != "a" {
		t.Errorf("the options are %v", options)
	}
	if want := []string{
		"messenger newer: record type 99 is unknown to this version of caso and ignored",
		"messenger newer: option [newer] b has type 77, which is unknown to this version of caso; the option is ignored",
	}; !slices.Equal(p.Warnings, want) {
		t.Errorf("the warnings are %q", p.Warnings)
	}
}

func TestStartCanceled(t *testing.T) {
	t.Parallel()
	dir := pluginDir(t, "caso-messenger-silent")
	t.Run("by the caller", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		_, errs := newHost(t, Options{Dirs: []string{dir}}).Start(ctx, []config.Instance{messenger("silent")})
		if !errors.Is(errs[0], context.Canceled) || !strings.HasSuffix(errorText(errs[0]), ": start canceled: context canceled") {
			t.Errorf("the error is %v", errs[0])
		}
	})
	t.Run("by Close", func(t *testing.T) {
		t.Parallel()
		temp := tempDir(t)
		h := newHost(t, Options{Dirs: []string{dir}, TempDir: temp})
		result := make(chan error)
		go func() {
			_, errs := h.Start(context.Background(), []config.Instance{messenger("silent")})
			result <- errs[0]
		}()
		eventually(t, "begin of the start", func() bool {
			sockets, err := filepath.Glob(filepath.Join(temp, "*", "*"))
			return err == nil && len(sockets) > 0
		})
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		if err := <-result; !errors.Is(err, errClosed) {
			t.Errorf("the error is %v", err)
		}
		mustBeEmpty(t, temp)
	})
}

// TestEnvironment checks what a process gets from its host.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	dir := pluginDir(t, "caso-messenger-facts", "caso-extractor-facts")
	h := newHost(t, Options{Dirs: []string{dir}, LogLevel: hclog.Warn, Environ: []string{
		"OS_PASSWORD=secret", "OS_AUTH_URL=http://cloud", "HOME=/root", "AWS_SECRET_ACCESS_KEY=secret", "LD_PRELOAD=/evil.so",
		"PATH=/bin", "LANG=C", "LC_ALL=C.UTF-8", "TZ=UTC", "NO_PROXY=*", "https_proxy=http://proxy",
		"OS_CLIENT_CONFIG_FILE=/etc/caso/clouds.yaml", "OS_CLOUD=mine",
	}})
	facts := environmentFacts(t, start(t, h, messenger("facts")))
	for key, want := range map[string]string{
		"env PATH": "/bin", "env LANG": "C", "env LC_ALL": "C.UTF-8", "env TZ": "UTC", "env NO_PROXY": "*", "env https_proxy": "http://proxy",
		"env CASO_LOG_LEVEL": "warn", "env CASO_LIFELINE_FD": "3", "env CASO_PLUGIN": "caso.plugin.v1",
		"args":       "[" + filepath.Join(dir, "caso-messenger-facts") + "]",
		"executable": filepath.Join(dir, "caso-messenger-facts"),
		"comm":       "caso-messenger-", // The kernel keeps 15 bytes.
		"dir":        "/", "stdin": "/dev/null", "group": "true",
	} {
		if got := strings.Join(facts[key], ","); got != want {
			t.Errorf("%s is %q and should be %q", key, got, want)
		}
	}
	allowed := map[string]bool{"env PATH": true, "env LANG": true, "env LC_ALL": true, "env TZ": true, "env NO_PROXY": true, "env https_proxy": true}
	for key := range facts {
		name, isEnv := strings.CutPrefix(key, "env ")
		if isEnv && !allowed[key] && !strings.HasPrefix(name, "CASO_") && !strings.HasPrefix(name, "PLUGIN_") {
			t.Errorf("the plugin sees %s", name)
		}
	}
	// What leads to clouds.yaml is for extractors only.
	for key, want := range map[string]string{
		"env OS_CLIENT_CONFIG_FILE": "/etc/caso/clouds.yaml", "env HOME": "/root", "env OS_CLOUD": "", "env OS_PASSWORD": "",
	} {
		if got := strings.Join(environmentFacts(t, start(t, h, extractor("facts")))[key], ","); got != want {
			t.Errorf("the extractor's %s is %q and should be %q", key, got, want)
		}
	}
	sockets := strings.Join(facts["env PLUGIN_UNIX_SOCKET_DIR"], "")
	for _, private := range []string{sockets, filepath.Dir(sockets)} {
		if info, err := os.Stat(private); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s is not private: %v, %v", private, info, err)
		}
	}
	for _, target := range facts["fd"] {
		if strings.Contains(target, dir) {
			t.Errorf("the plugin was left with %s open", target)
		}
	}
}

func environmentFacts(t *testing.T, p *Plugin) map[string][]string {
	t.Helper()
	diagnostics, err := p.Configure(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	facts := make(map[string][]string)
	for _, d := range diagnostics {
		key, value, _ := strings.Cut(d.GetSummary(), "=")
		facts[key] = append(facts[key], value)
	}
	return facts
}

// TestOtherFileIsNotStarted replaces the file between verification and start.
func TestOtherFileIsNotStarted(t *testing.T) {
	t.Parallel()
	verified := func(t *testing.T, h *Host, instance config.Instance) (*session, *verifiedFile) {
		t.Helper()
		shared, err := h.beginStart()
		if err != nil {
			t.Fatal(err)
		}
		shared.starts.Done()
		found, err := h.openVerified(instance)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = found.close() })
		return shared, found
	}
	swap := func(t *testing.T, dir string) {
		t.Helper()
		script(t, dir, "swapped", "touch "+dir+"/evil")
		if err := os.Rename(filepath.Join(dir, "swapped"), filepath.Join(dir, "caso-messenger-good")); err != nil {
			t.Fatal(err)
		}
	}
	for _, linked := range []bool{false, true} {
		t.Run(map[bool]string{false: "program", true: "symbolic link"}[linked], func(t *testing.T) {
			t.Parallel()
			dir := pluginDir(t, "caso-messenger-good")
			if linked {
				target := filepath.Join(dir, "caso-messenger-good")
				dir = tempDir(t)
				if err := os.Symlink(target, filepath.Join(dir, "caso-messenger-good")); err != nil {
					t.Fatal(err)
				}
			}
			h := newHost(t, Options{Dirs: []string{dir}})
			shared, found := verified(t, h, messenger("good"))
			swap(t, dir)
			p, err := h.launch(t.Context(), shared, messenger("good"), found)
			if err != nil {
				t.Fatal(err)
			}
			if p.Description.GetVersion() != "1.2.3" {
				t.Errorf("something else was started: %v", p.Description)
			}
			if err := p.stop(); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(filepath.Join(dir, "evil")); err == nil {
				t.Error("the other file was started")
			}
		})
	}
	t.Run("script", func(t *testing.T) {
		t.Parallel()
		dir := tempDir(t)
		script(t, dir, "caso-messenger-good", "exit 0")
		h := newHost(t, Options{Dirs: []string{dir}})
		shared, found := verified(t, h, messenger("good"))
		swap(t, dir)
		_, err := h.launch(t.Context(), shared, messenger("good"), found)
		if want := dir + "/caso-messenger-good: file was replaced during its verification: run the command again"; err == nil || err.Error() != want {
			t.Errorf("the error is %v", err)
		}
		if _, err := os.Stat(filepath.Join(dir, "evil")); err == nil {
			t.Error("the other file was started")
		}
	})
}

// TestScript starts a plugin that is a script with files beside it.
func TestScript(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	script(t, dir, "caso-messenger-facts", `exec "$0.d/caso-messenger-facts"`)
	beside := filepath.Join(dir, "caso-messenger-facts.d")
	if err := os.Mkdir(beside, 0o755); err != nil {
		t.Fatal(err)
	}
	linkBinary(t, filepath.Join(beside, "caso-messenger-facts"))
	h := newHost(t, Options{Dirs: []string{dir}})
	p := start(t, h, messenger("facts"))
	if _, err := p.Configure(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}

func writeExecutable(t *testing.T, path, content string) {
	t.Helper()
	err := os.WriteFile(path, []byte(content), 0o755)
	if err == nil {
		// Whatever the umask is.
		err = os.Chmod(path, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}
