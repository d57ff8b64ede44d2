package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caso-project/caso/core/config/oslo"
	"github.com/caso-project/caso/internal/trust"
)

// Source is the argument of one --config-file or --config-dir.
type Source struct {
	Path string
	// Dir is set for a directory, whose *.conf files are read.
	Dir bool
}

// Places are the directories that default files are searched in.
type Places struct {
	// Home replaces ~. Empty if the user has no home directory.
	Home string
	// Root replaces /. Tests set it.
	Root string
}

// Sources returns the files and directories to read, in order. As in oslo.config, the default files
// are read first if the command line gives no file, and the default directories if it gives no
// directory.
func Sources(given []Source, places Places) []Source {
	var sources []Source
	if !slices.ContainsFunc(given, func(s Source) bool { return !s.Dir }) {
		sources = append(sources, places.find(".conf", false)...)
	}
	if !slices.ContainsFunc(given, func(s Source) bool { return s.Dir }) {
		sources = append(sources, places.find(".conf.d", true)...)
	}
	for _, source := range given {
		source.Path = places.expandHome(source.Path)
		sources = append(sources, source)
	}
	return sources
}

// find searches for the two names that cASO has, those of the project and of the program, and
// returns the first match of each.
func (p Places) find(extension string, dir bool) []Source {
	var dirs []string
	if p.Home != "" {
		dirs = append(dirs, filepath.Join(p.Home, ".caso"), p.Home)
	}
	root := p.Root
	if root == "" {
		root = "/"
	}
	dirs = append(dirs, filepath.Join(root, "etc/caso"), filepath.Join(root, "etc"))
	var found []Source
	for _, name := range []string{"caso", "caso-extract"} {
		for _, parent := range dirs {
			path := filepath.Join(parent, name+extension)
			if _, err := os.Stat(path); err == nil {
				found = append(found, Source{path, dir})
				break
			}
		}
	}
	return found
}

// expandHome replaces a leading ~, which a shell does not do in --config-file=~/caso.conf.
func (p Places) expandHome(path string) string {
	if p.Home != "" && (path == "~" || strings.HasPrefix(path, "~/")) {
		return filepath.Join(p.Home, path[1:])
	}
	return path
}

// Files are the configuration files that were read, in order: a later one wins over an earlier one.
type Files struct {
	files []file
}

type file struct {
	path string
	mode fs.FileMode
	text *oslo.File
}

// Read reads files and directories of files. With problems it still returns all that could be read,
// so that the next steps can find more of them.
func Read(sources []Source) (*Files, []Problem) {
	files := &Files{}
	var problems []Problem
	for _, source := range sources {
		if !source.Dir {
			problems = append(problems, files.readFile(source.Path, "--config-file")...)
			continue
		}
		paths, problem := listDir(source.Path)
		problems = append(problems, problem...)
		for _, path := range paths {
			problems = append(problems, files.readFile(path, "--config-dir")...)
		}
	}
	return files, problems
}

// Paths returns the files that were read, in order.
func (f *Files) Paths() []string {
	paths := make([]string, len(f.files))
	for i, file := range f.files {
		paths[i] = file.path
	}
	return paths
}

// listDir returns the files to read in a directory: its visible *.conf, in order of character
// codes.
func listDir(dir string) ([]string, []Problem) {
	if dir == "" {
		return nil, []Problem{{Text: "--config-dir: empty path; give the path of a directory"}}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, []Problem{readProblem(dir, "directory", "--config-dir", err)}
	}
	var paths []string
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".conf") && !strings.HasPrefix(entry.Name(), ".") {
			paths = append(paths, filepath.Join(dir, entry.Name()))
		}
	}
	return paths, nil
}

func (f *Files) readFile(path, flag string) []Problem {
	if path == "" {
		return []Problem{{Text: flag + ": empty path; give the path of a file"}}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return []Problem{readProblem(path, "file", flag, err)}
	}
	info, err := os.Stat(path)
	if err != nil {
		return []Problem{readProblem(path, "file", flag, err)}
	}
	problems := f.add(path, info.Mode(), content)
	if err := checkTrust(path, info); err != nil {
		problems = append(problems, Problem{File: path, Text: err.Error()})
	}
	return problems
}

// checkTrust returns an error if another user can have written a configuration file: its options
// name the executables that run and the servers that get the password. A pipe, as of a shell's
// <(command), has no directory. A device, such as /dev/null, has no content that a user stores.
func checkTrust(path string, info fs.FileInfo) error {
	switch {
	case info.Mode()&fs.ModeDevice != 0:
		return nil
	case !info.Mode().IsRegular():
		return trust.CheckFile(path, info)
	}
	absolute, err := filepath.Abs(path)
	if err == nil {
		path, err = trust.Resolve(absolute)
	}
	if err != nil {
		return err
	}
	return trust.CheckFile(path, info)
}

// add parses the content of a file and appends it.
func (f *Files) add(path string, mode fs.FileMode, content []byte) []Problem {
	text, mistakes := oslo.Read(content)
	f.files = append(f.files, file{path, mode, text})
	problems := make([]Problem, 0, len(mistakes))
	for _, mistake := range mistakes {
		problems = append(problems, Problem{File: path, Line: mistake.Line, Text: mistake.Text})
	}
	return problems
}

func readProblem(path, kind, flag string, err error) Problem {
	var text string
	switch {
	case errors.Is(err, fs.ErrNotExist):
		text = fmt.Sprintf("%s not found; check %s", kind, flag)
	case errors.Is(err, fs.ErrPermission):
		text = fmt.Sprintf("reading this %s: permission denied; check its owner and mode", kind)
	default:
		cause := err
		if pathError, ok := errors.AsType[*fs.PathError](err); ok {
			cause = pathError.Err
		}
		text = fmt.Sprintf("reading this %s: %v; check %s", kind, cause, flag)
	}
	return Problem{File: path, Text: text}
}
