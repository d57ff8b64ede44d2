package pluginhost

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func TestStartAndClose(t *testing.T) {
	t.Parallel()
	dir, temp, private := pluginDir(t, "caso-extractor-good", "caso-messenger-good"), tempDir(t), tempDir(t)
	h := newHost(t, Options{Dirs: []string{dir}, Environ: []string{"TMPDIR=" + private}, TempDir: temp})
	plugins, err := h.Start(t.Context(), []Ref{
		{Kind: pluginv1.Kind_KIND_EXTRACTOR, Name: "good"},
		messenger("good"),
		{Kind: pluginv1.Kind_KIND_MESSENGER, Name: "good", Instance: "goodv2"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := plugins[0].Description; got.GetName() != "good" || got.GetVersion() != "4.5.6" || got.GetKind() != pluginv1.Kind_KIND_EXTRACTOR {
		t.Errorf("the extractor says %v", got)
	}
	projects, err := plugins[0].Extractor().ListProjects(t.Context(), &pluginv1.ListProjectsRequest{})
	if err != nil || len(projects.GetProjects()) != 1 {
		t.Errorf("the extractor lists %v, %v", projects, err)
	}
	if plugins[1].PID() == plugins[2].PID() {
		t.Error("two instances of one plugin share a process")
	}
	said, err := plugins[2].Configure(t.Context(), []*pluginv1.OptionValue{{
		Option: &pluginv1.OptionRef{Section: "good", Name: "greeting"},
		Value:  &pluginv1.OptionValue_StringValue{StringValue: "hello"},
	}})
	if err != nil || len(said) != 1 || said[0].GetSummary() != "goodv2 says hello" {
		t.Errorf("Configure gave %v, %v", said, err)
	}
	for _, p := range plugins {
		if err := p.Exited(); err != nil {
			t.Errorf("%s: %v", p.Ref, err)
		}
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	for _, p := range plugins {
		<-p.Done()
		if err := p.Exited(); err == nil || !strings.HasPrefix(err.Error(), "the plugin process exited with status 0") {
			t.Errorf("%s did not end in peace: %v", p.Ref, err)
		}
	}
	if _, err := os.Stat(filepath.Join(private, "closed")); err != nil {
		t.Errorf("Close was not called: %v", err)
	}
	mustBeEmpty(t, temp)
	if err := h.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if _, err := h.Start(t.Context(), nil); err == nil {
		t.Error("a closed host starts plugins")
	}
}

func TestStartErrors(t *testing.T) {
	t.Parallel()
	dir := pluginDir(t,
		"caso-messenger-exits", "caso-messenger-dies", "caso-messenger-silent", "caso-messenger-mute",
		"caso-messenger-early", "caso-messenger-endless", "caso-messenger-other-version",
		"caso-messenger-no-certificate", "caso-messenger-elsewhere", "caso-messenger-wrong", "caso-messenger-huge",
		"caso-messenger-hangs", "caso-messenger-panics")
	script(t, dir, "caso-messenger-hello", "echo hello; exec sleep 3600")
	script(t, dir, "caso-messenger-nothing", "exit 0")
	script(t, dir, "caso-messenger-netrpc", `echo "1|1|unix|$PLUGIN_UNIX_SOCKET_DIR/s|netrpc|"; exec sleep 3600`)
	script(t, dir, "caso-messenger-core", `echo "2|1|unix|$PLUGIN_UNIX_SOCKET_DIR/s|grpc|"; exec sleep 3600`)
	foreign := filepath.Join(dir, "caso-messenger-foreign")
	if err := os.WriteFile(foreign, []byte("\x7fELF of another machine"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(foreign, 0o755); err != nil {
		t.Fatal(err)
	}
	lost := filepath.Join(dir, "caso-messenger-lost")
	if err := os.WriteFile(lost, []byte("#!/no/such/interpreter\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(lost, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"exits":          `it exited with status 3 before it served; its last words: "cannot find my licence"`,
		"dies":           `it was killed by signal 9 (SIGKILL) before it served and said nothing`,
		"silent":         `it did not serve in time: it is no plugin of caso, or hangs at its start, or needs a longer timeout`,
		"mute":           `it closed its standard output without a handshake: it is no plugin of caso`,
		"early":          `it printed "loading the early plugin ..." where a plugin's handshake belongs: it is no plugin of caso, or prints before it serves`,
		"endless":        `it printed "` + strings.Repeat("x", 120) + `..." where a plugin's handshake belongs: it is no plugin of caso, or prints before it serves`,
		"hello":          `it printed "hello" where a plugin's handshake belongs: it is no plugin of caso, or prints before it serves`,
		"nothing":        `it exited with status 0 before it served and said nothing`,
		"netrpc":         `it does not serve gRPC: report this to its author`,
		"core":           `it speaks version 2 of go-plugin's handshake and this caso speaks version 1: install a build of it for this caso`,
		"other-version":  `it speaks version 2 of the plugin contract and this caso speaks version 1: install a build of it for this caso`,
		"no-certificate": `it answers without a TLS certificate, so that it could be somebody else: report this to its author`,
		"foreign":        `it is no program for this machine: install a build for its architecture (a script must start with #!)`,
		"lost":           `the interpreter that its first line names does not exist: install it, or correct the line`,
		"wrong": `it describes itself wrongly: it calls itself "else", but "wrong" is what was asked for; it is an extractor, not a messenger; ` +
			`its version "1\n2" is not printable; it names RECORD_TYPE_CLOUD twice; it names record type 99, which this caso does not know; ` +
			`option [wrong] a has a minimum above its maximum; it declares option [wrong] a twice; ` +
			`option [wrong] a is of type 77, which this caso does not know; option [Wrong]  has no valid section; ` +
			`option [Wrong]  has no valid name; option [Wrong]  is of type 0, which this caso does not know: ` +
			`install another version of it, or report this to its author`,
		"huge":   `asking what it is: grpc: received message larger than max (17825803 vs. 17825792)`,
		"hangs":  `asking what it is: the plugin did not answer in time`,
		"panics": `asking what it is: the plugin panicked while describing itself: no idea who I am: This is a mistake in the plugin; its stack is in the log. Report it to the plugin's author.`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			temp := tempDir(t)
			h := newHost(t, Options{Dirs: []string{dir}, TempDir: temp})
			ref := messenger(name)
			if name == "silent" || name == "hangs" {
				ref.Timeout = 500 * time.Millisecond
			}
			plugins, err := h.Start(t.Context(), []Ref{ref})
			want := "messenger " + name + ": " + filepath.Join(dir, "caso-messenger-"+name) + ": " + want
			if err == nil || err.Error() != want {
				t.Errorf("the error is\n%v\nand should be\n%s", err, want)
			}
			if plugins != nil {
				t.Errorf("there are plugins: %v", plugins)
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
		_, err := h.Start(t.Context(), []Ref{messenger("elsewhere")})
		if err == nil || !strings.HasSuffix(err.Error(), " and not on a unix socket in the directory that PLUGIN_UNIX_SOCKET_DIR names: report this to its author") {
			t.Errorf("a socket outside the private directory gives %v", err)
		}
	})
}

func TestAllErrorsTogether(t *testing.T) {
	t.Parallel()
	dir := pluginDir(t, "caso-messenger-good", "caso-messenger-exits")
	var logged log
	h := newHost(t, Options{Dirs: []string{dir}, Logger: logged.logger(hclog.Debug)})
	plugins, err := h.Start(t.Context(), []Ref{messenger("exits"), messenger("good"), messenger("god")})
	if plugins != nil || err == nil {
		t.Fatalf("Start gave %v, %v", plugins, err)
	}
	want := "messenger exits: " + dir + "/caso-messenger-exits: it exited with status 3 before it served; its last words: \"cannot find my licence\"\n" +
		"messenger god: there is no caso-messenger-god in " + dir + "; the nearest name there is \"good\": correct the name, or install the plugin"
	if err.Error() != want {
		t.Errorf("the error is\n%v\nand should be\n%s", err, want)
	}
	if len(h.plugins) != 0 {
		t.Error("the plugin that did start was kept")
	}
	if !strings.Contains(logged.String(), "[INFO]  messenger.exits: cannot find my licence") {
		t.Errorf("the log is\n%s", logged.String())
	}
}

func TestStartStopped(t *testing.T) {
	t.Parallel()
	dir := pluginDir(t, "caso-messenger-silent")
	t.Run("by the caller", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		_, err := newHost(t, Options{Dirs: []string{dir}}).Start(ctx, []Ref{messenger("silent")})
		if !errors.Is(err, context.Canceled) || !strings.HasSuffix(err.Error(), ": its start was stopped: context canceled") {
			t.Errorf("the error is %v", err)
		}
	})
	t.Run("by Close", func(t *testing.T) {
		t.Parallel()
		temp := tempDir(t)
		h := newHost(t, Options{Dirs: []string{dir}, TempDir: temp})
		result := make(chan error)
		go func() {
			_, err := h.Start(context.Background(), []Ref{messenger("silent")})
			result <- err
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

func TestSurroundings(t *testing.T) {
	t.Parallel()
	dir := pluginDir(t, "caso-messenger-facts")
	h := newHost(t, Options{Dirs: []string{dir}, LogLevel: hclog.Warn, Environ: []string{
		"OS_PASSWORD=secret", "OS_AUTH_URL=http://cloud", "HOME=/root", "AWS_SECRET_ACCESS_KEY=secret", "LD_PRELOAD=/evil.so",
		"PATH=/bin", "LANG=C", "LC_ALL=C.UTF-8", "TZ=UTC", "NO_PROXY=*", "https_proxy=http://proxy",
	}})
	p := start(t, h, messenger("facts"))
	said, err := p.Configure(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	facts := map[string][]string{}
	for _, d := range said {
		key, value, _ := strings.Cut(d.GetSummary(), "=")
		facts[key] = append(facts[key], value)
	}
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

// TestOtherFileIsNotStarted swaps files between check and start.
func TestOtherFileIsNotStarted(t *testing.T) {
	t.Parallel()
	verified := func(t *testing.T, h *Host, ref Ref) (*run, *executable) {
		t.Helper()
		shared, err := h.begin()
		if err != nil {
			t.Fatal(err)
		}
		shared.starts.Done()
		found, err := h.open(ref)
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
		if want := "messenger good: " + dir + "/caso-messenger-good: it was replaced while it was checked: run the command again"; err == nil || err.Error() != want {
			t.Errorf("the error is %v", err)
		}
		if _, err := os.Stat(filepath.Join(dir, "evil")); err == nil {
			t.Error("the other file was started")
		}
	})
}

// TestScript starts a plugin that is a script, which finds what belongs to it beside it.
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
