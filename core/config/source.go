package config

import (
	"os"
	"path/filepath"
	"strings"
)

// Source is what one --config-file or --config-dir names.
type Source struct {
	Path string
	// Dir: the *.conf files in it are read.
	Dir bool
}

// Places are where files that nobody named are looked for.
type Places struct {
	// Home stands for ~. Empty: there is none.
	Home string
	// Root stands for /; empty means just that. Tests set it.
	Root string
}

// Sources are the files and folders to read, in order, when the command line gives some of them. As
// oslo.config does, it reads the default files first where the command line gives no file, and the
// default folders where it gives no folder.
func Sources(given []Source, places Places) []Source {
	var sources []Source
	if !anyOf(given, false) {
		sources = append(sources, places.find(".conf", false)...)
	}
	if !anyOf(given, true) {
		sources = append(sources, places.find(".conf.d", true)...)
	}
	for _, source := range given {
		source.Path = places.expand(source.Path)
		sources = append(sources, source)
	}
	return sources
}

func anyOf(sources []Source, dir bool) bool {
	for _, source := range sources {
		if source.Dir == dir {
			return true
		}
	}
	return false
}

// find looks for cASO's two names, that of the project and that of its program, each in the first place
// that has it.
func (p Places) find(extension string, dir bool) []Source {
	var folders []string
	if p.Home != "" {
		folders = append(folders, filepath.Join(p.Home, ".caso"), p.Home)
	}
	root := p.Root
	if root == "" {
		root = "/"
	}
	folders = append(folders, filepath.Join(root, "etc/caso"), filepath.Join(root, "etc"))
	var found []Source
	for _, name := range []string{"caso", "caso-extract"} {
		for _, folder := range folders {
			path := filepath.Join(folder, name+extension)
			if _, err := os.Stat(path); err == nil {
				found = append(found, Source{path, dir})
				break
			}
		}
	}
	return found
}

// expand replaces a leading ~, which shells leave alone in --config-file=~/caso.conf.
func (p Places) expand(path string) string {
	if p.Home != "" && (path == "~" || strings.HasPrefix(path, "~/")) {
		return filepath.Join(p.Home, path[1:])
	}
	return path
}
