// Package cli tests the caso command from outside: each script in testdata/script runs the real
// binaries against a stand-in cloud and a receiver, and reads like documentation.
package cli

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/caso-project/caso/test/standin"
)

func TestScripts(t *testing.T) {
	unix.Umask(0o022) // the host refuses plugins that a group can write to
	bin := build(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(filepath.ListSeparator)+env.Getenv("PATH"))
			env.Setenv("BIN", bin)
			env.Setenv("HOME", env.WorkDir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"cloud":    startCloud,
			"receiver": startReceiver,
			"freeport": freePort,
			"fill":     fill,
			"status":   status,
			"spool":    spool,
			"count":    count,
			"lock":     lock,
			"umaskcp":  copyProgram,
		},
	})
}

// build builds the program and its plugins in the layout of make build.
func build(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	plugins := filepath.Join(bin, "plugins")
	if err := os.Mkdir(plugins, 0o755); err != nil {
		t.Fatal(err)
	}
	root := "../.."
	mains, err := filepath.Glob(filepath.Join(root, "plugins", "*", "main.go"))
	if err != nil || len(mains) == 0 {
		t.Fatalf("no plugins found: %v", err)
	}
	compile(t, filepath.Join(bin, "caso"), filepath.Join(root, "core/cmd/caso"))
	for _, main := range mains {
		dir := filepath.Dir(main)
		compile(t, filepath.Join(plugins, "caso-"+filepath.Base(dir)), dir)
	}
	compile(t, filepath.Join(bin, "caso-messenger-picky"), "picky")
	for _, program := range []string{"caso-extract", "caso-projects", "caso-mapping-migrate"} {
		if err := os.Symlink("caso", filepath.Join(bin, program)); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

func compile(t *testing.T, binary, dir string) {
	t.Helper()
	command := exec.Command("go", "build", "-o", binary, ".")
	command.Dir = dir
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", dir, err, out)
	}
}

// startCloud: cloud [name=NAME] [seed=N] [empty] [v2] [old] [projects=N] [servers=N]
// [regions=A,B] [clock=DURATION] [telemetry=gnocchi|ceilometer] starts a stand-in OpenStack, whose
// clock is so much ahead of this machine's, and sets $CLOUD to its URL, and $USER and $PASSWORD to
// its accounting user's. With a name they are $CLOUD_NAME, $USER_NAME and $PASSWORD_NAME, of a user
// that no other cloud has.
func startCloud(ts *testscript.TestScript, neg bool, args []string) {
	options := standin.Options{Seed: 1}
	suffix := ""
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		number, _ := strconv.Atoi(value)
		switch name {
		case "name":
			suffix = "_" + value
		case "seed":
			options.Seed = uint64(number)
		case "empty":
			options.Empty = true
		case "v2":
			options.Identity = standin.IdentityV2
		case "old":
			options.MaxMicroversion = "2.1"
		case "telemetry":
			options.Telemetry = map[string]standin.Telemetry{"gnocchi": standin.TelemetryGnocchi, "ceilometer": standin.TelemetryCeilometer}[value]
		case "clock":
			ahead, err := time.ParseDuration(value)
			ts.Check(err)
			options.Now, options.DateOfNow = time.Now().Add(ahead), true
		case "regions":
			options.Regions = strings.Split(value, ",")
		case "projects":
			options.Projects = number
		case "servers":
			options.ServersPerProject = number
		default:
			ts.Fatalf("cloud: unknown argument %q", arg)
		}
	}
	cloud := standin.New(options)
	if options.Telemetry != standin.TelemetryNone {
		measure(cloud)
	}
	user, password := standin.AccountingUser, standin.AccountingPassword
	if suffix != "" {
		user, password = addReader(cloud, suffix)
	}
	url, stop, err := cloud.Listen("127.0.0.1:0")
	ts.Check(err)
	ts.Defer(stop)
	ts.Setenv("CLOUD"+suffix, url)
	ts.Setenv("USER"+suffix, user)
	ts.Setenv("PASSWORD"+suffix, password)
}

// addReader adds a user of its own name and password that is a reader of the system and of every
// project with a VO.
func addReader(cloud *standin.Cloud, suffix string) (user, password string) {
	user, password = standin.AccountingUser+suffix, standin.AccountingPassword+suffix
	id := cloud.AddUser(standin.User{Name: user, Password: password})
	cloud.GrantSystem(id, "reader")
	for _, project := range cloud.Projects() {
		if len(project.Properties) > 0 {
			cloud.Grant(id, project.ID, "reader")
		}
	}
	return user, password
}

// measure adds samples to every second server that ran for an hour: 3000 s of CPU time with a
// restart in between, and two interfaces with 5 GB in and 10 GB out together.
func measure(cloud *standin.Cloud) {
	for _, project := range cloud.Projects() {
		for i, server := range cloud.Servers(project.ID) {
			if i%2 == 0 || server.Launched.IsZero() || cloud.Now().Sub(server.Launched) < time.Hour {
				continue
			}
			for j, value := range []float64{1000, 2000, 400, 1000} {
				at := server.Launched.Add(time.Duration(j) * 5 * time.Minute)
				cloud.AddSamples(standin.Sample{ServerID: server.ID, Meter: "cpu", At: at, Value: value * 1e9})
				for tap, size := range map[string]float64{"tap1": 4.5, "tap2": 0.75} {
					cloud.AddSamples(standin.Sample{ServerID: server.ID, Meter: "network.incoming.bytes", Interface: tap, At: at, Value: size * (1 << 30)},
						standin.Sample{ServerID: server.ID, Meter: "network.outgoing.bytes", Interface: tap, At: at, Value: 2 * size * (1 << 30)})
				}
			}
		}
	}
}

// startReceiver: receiver FILE [PORT] listens on loopback, writes the lines that arrive to FILE
// and sets $PORT to its port.
func startReceiver(ts *testscript.TestScript, neg bool, args []string) {
	address := "127.0.0.1:0"
	if len(args) == 2 {
		address = "127.0.0.1:" + args[1]
	}
	listener, err := net.Listen("tcp", address)
	ts.Check(err)
	file, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			scanner := bufio.NewScanner(connection)
			scanner.Buffer(nil, 16<<20)
			for scanner.Scan() {
				_, _ = fmt.Fprintln(file, scanner.Text())
			}
			_ = connection.Close()
		}
	}()
	ts.Defer(func() {
		_ = listener.Close()
		<-ended
		_ = file.Close()
	})
	ts.Setenv("PORT", strconv.Itoa(listener.Addr().(*net.TCPAddr).Port))
}

// freePort: freeport sets $PORT to a free port.
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv("PORT", strconv.Itoa(listener.Addr().(*net.TCPAddr).Port))
	ts.Check(listener.Close())
}

// fill: fill FILE... replaces @NAME@ by the environment's value of NAME, because $NAME is a
// reference in a configuration.
func fill(ts *testscript.TestScript, neg bool, args []string) {
	for _, arg := range args {
		text := placeholder.ReplaceAllStringFunc(ts.ReadFile(arg), func(name string) string {
			return ts.Getenv(strings.Trim(name, "@"))
		})
		ts.Check(os.WriteFile(ts.MkAbs(arg), []byte(text), 0o600))
		ts.Check(os.Chmod(ts.MkAbs(arg), 0o600)) // it has passwords
	}
}

var placeholder = regexp.MustCompile("@[A-Z_]+@")

// status: status N COMMAND... runs a command that must exit with N.
func status(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// spool: spool DIR FILE writes all messages of an SSM spool, in order, to FILE; ! spool DIR
// asserts that there are none.
func spool(ts *testscript.TestScript, neg bool, args []string) {
	messages, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "????????", "??????????????"))
	ts.Check(err)
	if neg {
		if len(messages) > 0 {
			ts.Fatalf("there are messages in the spool: %v", messages)
		}
		return
	}
	if len(messages) == 0 {
		ts.Fatalf("the spool %s is empty", args[0])
	}
	slices.Sort(messages)
	var all []byte
	for _, message := range messages {
		text, err := os.ReadFile(message)
		ts.Check(err)
		all = append(all, text...)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), all, 0o600))
}

// count: count N TEXT FILE asserts that exactly N lines of FILE contain TEXT.
func count(ts *testscript.TestScript, neg bool, args []string) {
	lines := 0
	for line := range strings.Lines(ts.ReadFile(args[2])) {
		if strings.Contains(line, args[1]) {
			lines++
		}
	}
	if want, err := strconv.Atoi(args[0]); err != nil || (lines == want) == neg {
		ts.Fatalf("%d lines of %s contain %q, want %s", lines, args[2], args[1], args[0])
	}
}

// lock: lock DIR holds the run lock for the rest of the script, as another run would.
func lock(ts *testscript.TestScript, neg bool, args []string) {
	file, err := os.OpenFile(filepath.Join(ts.MkAbs(args[0]), "caso.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	ts.Check(err)
	ts.Check(unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB))
	ts.Defer(func() { _ = file.Close() })
}

// copyProgram: umaskcp MODE FROM TO copies a program with a mode in octal.
func copyProgram(ts *testscript.TestScript, neg bool, args []string) {
	mode, err := strconv.ParseUint(args[0], 8, 32)
	ts.Check(err)
	text, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	ts.Check(os.MkdirAll(filepath.Dir(ts.MkAbs(args[2])), 0o755))
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), text, 0o700))
	ts.Check(os.Chmod(ts.MkAbs(args[2]), os.FileMode(mode)))
}
