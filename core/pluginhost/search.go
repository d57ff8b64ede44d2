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

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/spelling"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// PathEnv is the environment variable that holds plugin directories, separated by colons.
const PathEnv = "CASO_PLUGIN_PATH"

// installedDir is the directory in which packages install plugins.
const installedDir = "/usr/libexec/caso/plugins"

// SearchPath returns the plugin directories in the order of search: those of [DEFAULT] plugin_dirs,
// those of CASO_PLUGIN_PATH (env), plugins/ beside the caso binary (executable, from
// os.Executable), and /usr/libexec/caso/plugins.
func SearchPath(configured []string, env, executable string) []string {
	dirs := slices.Concat(configured, filepath.SplitList(env))
	if executable != "" {
		// The plugins are beside the binary, not beside a link to it.
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

// locate returns the path of an instance's executable. It does not open the file.
func (h *Host) locate(instance config.Instance) (string, error) {
	if instance.Path != "" {
		return filepath.Abs(instance.Path)
	}
	if !contract.ValidPluginName(instance.Plugin) {
		return "", fmt.Errorf("invalid plugin name %q: use lower-case letters, digits, - and _", instance.Plugin)
	}
	name := contract.FileName(instance.Kind, instance.Plugin)
	for _, dir := range h.options.Dirs {
		path := filepath.Join(dir, name)
		switch _, err := os.Lstat(path); {
		case err == nil:
			// The first directory wins even if its file cannot be started: the operator put it
			// first.
			return path, nil
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		default:
			return "", fmt.Errorf("searching for the plugin: %w", err)
		}
	}
	return "", h.notFound(instance, name)
}

// notFound returns the error of a missing executable, with the installed plugin of the nearest
// name.
func (h *Host) notFound(instance config.Instance, name string) error {
	if len(h.options.Dirs) == 0 {
		return fmt.Errorf("%s not found, there are no plugin directories: set plugin_dirs or %s", name, PathEnv)
	}
	where := strings.Join(h.options.Dirs, ", ")
	nearest, distance := "", 0
	var installed []string
	for _, found := range h.pluginFiles() {
		if found.Kind != instance.Kind || found.ShadowedBy != "" {
			continue
		}
		installed = append(installed, found.Name)
		if d := spelling.Distance(instance.Plugin, found.Name); nearest == "" || d < distance {
			nearest, distance = found.Name, d
		}
	}
	switch {
	case nearest == "":
		return fmt.Errorf("%s not found in %s, no other %s either: install the plugin there, or set plugin_dirs",
			name, where, contract.KindName(instance.Kind))
	case distance > max(1, len(instance.Plugin)/2):
		return fmt.Errorf("%s not found in %s, only %s: install the plugin, or remove it from the configuration",
			name, where, strings.Join(installed, ", "))
	}
	return fmt.Errorf("%s not found in %s: correct the name (did you mean %q?), or install the plugin",
		name, where, nearest)
}

// pluginFiles returns every file with the name of a plugin, in the order of the directories, with
// Kind, Name, Path and ShadowedBy.
func (h *Host) pluginFiles() []File {
	var files []File
	firstPaths := make(map[string]string)
	for _, dir := range h.options.Dirs {
		// A directory that is missing or cannot be read has no plugins.
		entries, _ := os.ReadDir(dir)
		for _, entry := range entries {
			kind, name, ok := parseFileName(entry.Name())
			if !ok {
				continue
			}
			file := File{Kind: kind, Name: name, Path: filepath.Join(dir, entry.Name()), ShadowedBy: firstPaths[entry.Name()]}
			if file.ShadowedBy == "" {
				firstPaths[entry.Name()] = file.Path
			}
			files = append(files, file)
		}
	}
	return files
}

// parseFileName parses the name of a plugin's executable. It excludes the files that package
// managers and editors leave beside one (caso-messenger-ssm.dpkg-new, caso-messenger-ssm~).
func parseFileName(file string) (kind pluginv1.Kind, name string, ok bool) {
	for _, kind := range []pluginv1.Kind{pluginv1.Kind_KIND_EXTRACTOR, pluginv1.Kind_KIND_MESSENGER} {
		if name, ok := strings.CutPrefix(file, contract.FileName(kind, "")); ok && contract.ValidPluginName(name) {
			return kind, name, true
		}
	}
	return pluginv1.Kind_KIND_UNSPECIFIED, "", false
}
