// Command demo runs caso from end to end on one machine: it starts a stand-in OpenStack and a TCP
// listener on the loopback, runs bin/caso extract with a temporary SSM spool and the listener as
// receivers, and prints the results. It uses the programs of make build, as an operator would.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/caso-project/caso/test/standin"
)

func main() {
	bin := flag.String("bin", "bin", "directory with caso and its plugins")
	flag.Parse()
	if err := demo(*bin); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func demo(bin string) error {
	home, err := os.MkdirTemp("", "caso-demo-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(home) }()

	url, stop, err := standin.New(standin.Options{Seed: 1}).Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	defer stop()
	receiver, err := listen()
	if err != nil {
		return err
	}
	defer receiver.close()

	file := filepath.Join(home, "caso.conf")
	configuration := fmt.Sprintf(`[DEFAULT]
site_name = DEMO-SITE
messengers = ssm, logstash
spooldir = %[1]s/spool

[keystone_auth]
auth_type = password
auth_url = %[2]s/v3
username = %[3]s
password = %[4]s
user_domain_name = Default
project_domain_name = Default

[ssm]
output_path = %[1]s/outgoing

[logstash]
host = 127.0.0.1
port = %[5]d
`, home, url, standin.AccountingUser, standin.AccountingPassword, receiver.port())
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		return err
	}
	title("A stand-in OpenStack answers on %s; caso is configured with", url)
	fmt.Print(strings.Replace(configuration, standin.AccountingPassword, "***", 1))

	title("$ caso extract")
	plugins, err := ownPlugins(bin, home)
	if err != nil {
		return err
	}
	extract := exec.Command(filepath.Join(bin, "caso"), "extract", "--config-file", file)
	extract.Env = append(os.Environ(), "CASO_PLUGIN_PATH="+plugins)
	extract.Stdout, extract.Stderr = os.Stdout, os.Stderr
	if err := extract.Run(); err != nil {
		return fmt.Errorf("caso extract: %w", err)
	}
	return show(filepath.Join(home, "outgoing"), receiver)
}

// ownPlugins copies the plugins to a private directory. caso does not start plugins in a directory
// that a group can write, and with umask 002 every checkout is one.
func ownPlugins(bin, home string) (string, error) {
	dir := filepath.Join(home, "plugins")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(bin, "plugins"))); err != nil {
		return "", err
	}
	plugins, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return "", err
	}
	for _, path := range append(plugins, dir) {
		if err := os.Chmod(path, 0o755); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// show prints the start of the first message in the spool and the first line received by TCP.
func show(spool string, receiver *receiver) error {
	messages, err := filepath.Glob(filepath.Join(spool, "*", "*"))
	if err != nil {
		return err
	}
	if len(messages) == 0 {
		return fmt.Errorf("no message in the spool %s", spool)
	}
	message, err := os.ReadFile(messages[0])
	if err != nil {
		return err
	}
	records := strings.Split(string(message), "\n%%\n")
	title("One of %d messages in the SSM spool; the first of its %d records", len(messages), len(records))
	fmt.Println(strings.TrimRight(records[0], "\n"))

	lines := receiver.received()
	if len(lines) == 0 {
		return fmt.Errorf("nothing arrived by TCP")
	}
	title("One of %d JSON lines that arrived by TCP", len(lines))
	fmt.Println(lines[0])
	return nil
}

func title(format string, args ...any) {
	fmt.Printf("\n--- "+format+"\n", args...)
}

// receiver receives lines like a Logstash tcp input.
type receiver struct {
	listener net.Listener
	done     sync.WaitGroup
	mu       sync.Mutex
	lines    []string
}

func listen() (*receiver, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{listener: listener}
	r.done.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			r.done.Go(func() { r.readLines(connection) })
		}
	})
	return r, nil
}

func (r *receiver) readLines(connection net.Conn) {
	defer func() { _ = connection.Close() }()
	scanner := bufio.NewScanner(connection)
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		r.mu.Lock()
		r.lines = append(r.lines, string(bytes.Clone(scanner.Bytes())))
		r.mu.Unlock()
	}
}

func (r *receiver) port() int { return r.listener.Addr().(*net.TCPAddr).Port }

func (r *receiver) received() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lines
}

func (r *receiver) close() {
	_ = r.listener.Close()
	r.done.Wait()
}
