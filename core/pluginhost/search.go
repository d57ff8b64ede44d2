package pluginhost

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/caso-project/caso/core/spelling"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// PathEnv is the environment variable that holds plugin directories, separated by colons.
const PathEnv = "CASO_PLUGIN_PATH"

// installedDir is where packages put plugins.
const installedDir = "/usr/libexec/caso/plugins"

// SearchPath is the directories in which plugins are looked for, in order: those of [DEFAULT]
// plugin_dirs, those of CASO_PLUGIN_PATH (env), plugins/ beside the caso binary (executable, as
// os.Executable has it), and where packages install them.
func SearchPath(configured []string, env, executable string) []string {
	dirs := slices.Concat(configured, filepath.SplitList(env))
	if executable != "" {
		// caso may have been called by a link from elsewhere; the plugins are beside the binary.
		if resolved, err := filepath.EvalSymlinks(executable); err == nil {
			executable = resolved
		}
		dirs = append(dirs, filepath.Join(filepath.Dir(executable), "plugins"))
	}
	var path []string
	for _, dir := range append(dirs, installedDir) {
		if strings.TrimSpace(dir) == "" {
			continue
		}
		if absolute, err := filepath.Abs(dir); err == nil {
			dir = absolute
		}
		if !slices.Contains(path, dir) {
			path = append(path, dir)
		}
	}
	return path
}

// locate says which path a Ref means. It does not look at the file.
func (h *Host) locate(ref Ref) (string, error) {
	if ref.Path != "" {
		return filepath.Abs(ref.Path)
	}
	if !validName.MatchString(ref.Name) {
		return "", fmt.Errorf("%q cannot be the name of a plugin: names are made of letters, digits, - and _", ref.Name)
	}
	name := fileName(ref.Kind, ref.Name)
	for _, dir := range h.options.Dirs {
		path := filepath.Join(dir, name)
		switch _, err := os.Lstat(path); {
		case err == nil:
			// The first directory wins even if its file is then refused: another file of the same name
			// further down is not what the operator put first.
			return path, nil
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		default:
			return "", fmt.Errorf("cannot look for it: %w", err)
		}
	}
	return "", h.notFound(ref, name)
}

func (h *Host) notFound(ref Ref, name string) error {
	if len(h.options.Dirs) == 0 {
		return fmt.Errorf("there is no directory to look for %s in: set plugin_dirs or %s", name, PathEnv)
	}
	where := strings.Join(h.options.Dirs, ", ")
	nearest, distance := "", 0
	var installed []string
	for _, found := range h.entries() {
		if found.Kind != ref.Kind {
			continue
		}
		installed = append(installed, found.Name)
		if d := spelling.Distance(ref.Name, found.Name); nearest == "" || d < distance {
			nearest, distance = found.Name, d
		}
	}
	switch {
	case nearest == "":
		return fmt.Errorf("there is no %s, nor any other %s, in %s: install it there, or set plugin_dirs", name, kindName(ref.Kind), where)
	case distance > max(1, len(ref.Name)/2):
		return fmt.Errorf("there is no %s in %s, only %s: install the plugin, or leave it out", name, where, strings.Join(installed, ", "))
	}
	return fmt.Errorf("there is no %s in %s; the nearest name there is %q: correct the name, or install the plugin", name, where, nearest)
}

// entries is every file that is called like a plugin, the first of each name, in the order of the
// directories; only Kind, Name and Path are filled in.
func (h *Host) entries() []File {
	var files []File
	seen := make(map[string]bool)
	for _, dir := range h.options.Dirs {
		// A directory that is missing, or cannot be read, holds no plugins.
		entries, _ := os.ReadDir(dir)
		for _, entry := range entries {
			kind, name, ok := parseFileName(entry.Name())
			if !ok || seen[entry.Name()] {
				continue
			}
			seen[entry.Name()] = true
			files = append(files, File{Kind: kind, Name: name, Path: filepath.Join(dir, entry.Name())})
		}
	}
	return files
}

func parseFileName(file string) (kind pluginv1.Kind, name string, ok bool) {
	for _, kind := range []pluginv1.Kind{pluginv1.Kind_KIND_EXTRACTOR, pluginv1.Kind_KIND_MESSENGER} {
		if name, ok := strings.CutPrefix(file, fileName(kind, "")); ok && validName.MatchString(name) {
			return kind, name, true
		}
	}
	return pluginv1.Kind_KIND_UNSPECIFIED, "", false
}
