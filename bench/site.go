package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// programs are the built programs: caso, its plugins, and those of the benchmarks.
type programs struct{ dir string }

// buildPrograms copies caso and its plugins from a directory, and builds those of the benchmarks.
func buildPrograms(ctx context.Context, dir, bin string) (programs, error) {
	p := programs{dir: dir}
	if err := os.CopyFS(dir, os.DirFS(bin)); err != nil {
		return p, err
	}
	for path, target := range map[string]string{
		"github.com/caso-project/caso/bench/bare":      p.barePath(),
		"github.com/caso-project/caso/bench/simulated": p.pluginPath("extractor-simulated"),
	} {
		command := exec.CommandContext(ctx, "go", "build", "-o", target, path)
		command.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := command.CombinedOutput(); err != nil {
			return p, fmt.Errorf("%s: %w\n%s", command, err, out)
		}
	}
	// caso starts no plugin that a group can write, and with umask 002 every checkout is one.
	return p, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.Type()&os.ModeSymlink != 0 {
			return err
		}
		return os.Chmod(path, 0o755)
	})
}

func (p programs) barePath() string { return filepath.Join(p.dir, "bare") }
func (p programs) pluginPath(name string) string {
	return filepath.Join(p.dir, "plugins", "caso-"+name)
}

// site is a configuration of caso with an outbox of its own.
type site struct {
	programs programs
	dir      string
}

// newSite writes a configuration. Sections follow the section DEFAULT, which gets more options.
func newSite(p programs, dir, options, sections string) (*site, error) {
	s := &site{programs: p, dir: dir}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	text := fmt.Sprintf("[DEFAULT]\nsite_name = BENCH-SITE\nspooldir = %[1]s/spool\n%[2]s\n[ssm]\noutput_path = %[1]s/outgoing\n%[3]s\n",
		dir, options, sections)
	return s, os.WriteFile(s.file(), []byte(text), 0o600)
}

func (s *site) file() string { return filepath.Join(s.dir, "caso.conf") }

// extract measures a run of caso extract, which must end with exit status 0.
func (s *site) extract(ctx context.Context, arguments ...string) (usage, error) {
	command := exec.CommandContext(ctx, filepath.Join(s.programs.dir, "caso"),
		append([]string{"extract", "--config-file", s.file()}, arguments...)...)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "TMPDIR=" + os.TempDir()}
	return measure(ctx, command)
}

// empty deletes what earlier runs left.
func (s *site) empty() error {
	if err := os.RemoveAll(filepath.Join(s.dir, "spool")); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(s.dir, "outgoing"))
}
