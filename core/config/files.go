package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/caso-project/caso/core/config/oslo"
)

// Files are configuration files that were read, in order: a later one wins over an earlier one.
type Files struct {
	files []file
}

type file struct {
	path string
	mode fs.FileMode
	text *oslo.File
}

// Read reads files and folders of files. What it could read it gives back even where there are problems,
// so that more of them can be found.
func Read(sources []Source) (*Files, []Problem) {
	files := &Files{}
	var problems []Problem
	for _, source := range sources {
		if !source.Dir {
			problems = append(problems, files.read(source.Path, "--config-file")...)
			continue
		}
		paths, problem := list(source.Path)
		problems = append(problems, problem...)
		for _, path := range paths {
			problems = append(problems, files.read(path, "the folder")...)
		}
	}
	return files, problems
}

// Paths are the files that were read, in order.
func (f *Files) Paths() []string {
	paths := make([]string, len(f.files))
	for i, file := range f.files {
		paths[i] = file.path
	}
	return paths
}

// list is the files of a folder that are read: its visible *.conf, in order of character codes.
func list(dir string) ([]string, []Problem) {
	if dir == "" {
		return nil, []Problem{{Text: "--config-dir is empty; give the path of a folder"}}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, []Problem{unreadable(dir, "folder", "--config-dir", err)}
	}
	var paths []string
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".conf") && !strings.HasPrefix(entry.Name(), ".") {
			paths = append(paths, filepath.Join(dir, entry.Name()))
		}
	}
	return paths, nil
}

func (f *Files) read(path, named string) []Problem {
	if path == "" {
		return []Problem{{Text: named + " is empty; give the path of a file"}}
	}
	bytes, err := os.ReadFile(path)
	if err != nil {
		return []Problem{unreadable(path, "file", named, err)}
	}
	var mode fs.FileMode
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode()
	}
	return f.add(path, mode, bytes)
}

// add adds a file whose text is known.
func (f *Files) add(path string, mode fs.FileMode, bytes []byte) []Problem {
	text, mistakes := oslo.Read(bytes)
	f.files = append(f.files, file{path, mode, text})
	problems := make([]Problem, 0, len(mistakes))
	for _, mistake := range mistakes {
		problems = append(problems, Problem{File: path, Line: mistake.Line, Text: mistake.Text})
	}
	return problems
}

func unreadable(path, what, named string, err error) Problem {
	var text string
	switch {
	case errors.Is(err, fs.ErrNotExist):
		text = fmt.Sprintf("there is no such %s; check %s", what, named)
	case errors.Is(err, fs.ErrPermission):
		text = fmt.Sprintf("reading this %s is not permitted; check its owner and mode", what)
	default:
		cause := err
		var pathError *fs.PathError
		if errors.As(err, &pathError) {
			cause = pathError.Err
		}
		text = fmt.Sprintf("reading this %s failed: %v; check %s", what, cause, named)
	}
	return Problem{File: path, Text: text}
}
