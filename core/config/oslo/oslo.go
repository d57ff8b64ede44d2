// Package oslo parses the dialect of ini files that oslo.config has: lines, sections,
// continuations, quotes, lists, booleans, integers and $references. Every rule is what oslo.config
// 9 does, found by running it; test/oslo compares the two. The only addition: DEFAULT keeps its
// capitals in the name of an overlay's section too, [DEFAULT@overlay].
//
// The package does not depend on options or on file names. Package config decides which file wins,
// and which options there are.
package oslo

import (
	"strings"

	"gopkg.in/ini.v1"
)

// DefaultSection is the only section with a name in capitals.
const DefaultSection = "DEFAULT"

// Value is the text of a key.
type Value struct {
	// Text has no quotes; continuation lines are joined by newlines.
	Text string
	// Line is the line of the key; continuation lines follow it without a gap.
	Line int
	// Quote is the quote that was removed from both ends of the first line, or 0.
	Quote byte
}

// File is the content of one file. Of equal keys it has the last.
type File struct {
	store *ini.File
	// ini.v1 has no line numbers.
	positions map[place]position
}

type place struct{ section, key string }

type position struct {
	line  int
	quote byte
}

func newFile() *File {
	return &File{
		// ini.v1 treats [a.b] as a child of [a] that inherits its keys; oslo.config has no
		// inheritance. No section has a newline in its name.
		store:     ini.Empty(ini.LoadOptions{ChildSectionDelimiter: "\n"}),
		positions: make(map[place]position),
	}
}

// SectionName returns the name of the section with a header: in lower case, except for DEFAULT.
func SectionName(header string) string {
	name, overlay, overlaid := strings.Cut(header, "@")
	switch {
	case name != DefaultSection:
		return lower(header)
	case overlaid:
		return name + "@" + lower(overlay)
	}
	return name
}

// lower lowers a text as Python does, which makes two characters of İ. Go makes a plain i of it.
func lower(text string) string {
	return strings.ToLower(strings.ReplaceAll(text, "İ", "i̇"))
}

func (f *File) addSection(section string, line int) {
	if _, ok := f.positions[place{section, ""}]; !ok {
		f.positions[place{section, ""}] = position{line: line}
	}
	// The only error is an empty name, which the reader rejects.
	_, _ = f.store.NewSection(section)
}

func (f *File) set(section, key string, value Value) {
	f.positions[place{section, key}] = position{value.Line, value.Quote}
	// As above.
	_, _ = f.store.Section(section).NewKey(key, value.Text)
}

// Sections returns the names of the sections, in the order of their first headers.
func (f *File) Sections() []string {
	var sections []string
	for _, section := range f.store.SectionStrings() {
		// ini.v1 has a DEFAULT section from the start.
		if _, ok := f.positions[place{section, ""}]; ok {
			sections = append(sections, section)
		}
	}
	return sections
}

// SectionLine returns the line of the first header of a section.
func (f *File) SectionLine(section string) int {
	return f.positions[place{section, ""}].line
}

// Keys returns the keys of a section, in the order of their first lines.
func (f *File) Keys(section string) []string {
	found, err := f.store.GetSection(section)
	if err != nil {
		return nil
	}
	return found.KeyStrings()
}

// Value returns the value of a key; false if the file does not have it.
func (f *File) Value(section, key string) (Value, bool) {
	at, ok := f.positions[place{section, key}]
	if !ok || key == "" {
		return Value{}, false
	}
	// Key.Value, since Key.String expands %(references)s.
	return Value{f.store.Section(section).Key(key).Value(), at.line, at.quote}, true
}
