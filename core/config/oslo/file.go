package oslo

import (
	"strings"

	"gopkg.in/ini.v1"
)

// DefaultSection is the only section whose name is in capitals.
const DefaultSection = "DEFAULT"

// Value is the text of a key.
type Value struct {
	// Text is without the quotes; continuation lines are joined by newlines.
	Text string
	// Line is where its key stands; continuation lines follow it without a gap.
	Line int
	// Quote is the quote that was taken off both ends of the first line, or 0.
	Quote byte
}

// File is what one file holds. Of equal keys it holds the last.
type File struct {
	store *ini.File
	// ini.v1 has no line numbers.
	where map[place]position
}

type place struct{ section, key string }

type position struct {
	line  int
	quote byte
}

func newFile() *File {
	return &File{
		// ini.v1 takes [a.b] for a child of [a] that inherits its keys; oslo.config inherits nothing. No
		// section has a newline in its name.
		store: ini.Empty(ini.LoadOptions{ChildSectionDelimiter: "\n"}),
		where: make(map[place]position),
	}
}

// SectionName is the name by which a section is known: in lower case, but for DEFAULT.
func SectionName(header string) string {
	if header == DefaultSection {
		return header
	}
	// Python lowers this one letter to two characters, Go to a plain i.
	return strings.ToLower(strings.ReplaceAll(header, "İ", "i̇"))
}

func (f *File) addSection(section string, line int) {
	if _, ok := f.where[place{section, ""}]; !ok {
		f.where[place{section, ""}] = position{line: line}
	}
	// The only error is an empty name, which the reader refuses.
	_, _ = f.store.NewSection(section)
}

func (f *File) set(section, key string, value Value) {
	f.where[place{section, key}] = position{value.Line, value.Quote}
	// As above.
	_, _ = f.store.Section(section).NewKey(key, value.Text)
}

// Sections are the names of the sections that the file has, in the order of their first headers.
func (f *File) Sections() []string {
	var sections []string
	for _, section := range f.store.SectionStrings() {
		// ini.v1 has a DEFAULT section from the start.
		if _, ok := f.where[place{section, ""}]; ok {
			sections = append(sections, section)
		}
	}
	return sections
}

// SectionLine is the line of a section's first header.
func (f *File) SectionLine(section string) int {
	return f.where[place{section, ""}].line
}

// Keys are the keys of a section, in the order in which they first stand there.
func (f *File) Keys(section string) []string {
	found, err := f.store.GetSection(section)
	if err != nil {
		return nil
	}
	return found.KeyStrings()
}

// Value is the value of a key, if the file has it.
func (f *File) Value(section, key string) (Value, bool) {
	at, ok := f.where[place{section, key}]
	if !ok || key == "" {
		return Value{}, false
	}
	// Key.Value, since Key.String expands %(references)s.
	return Value{f.store.Section(section).Key(key).Value(), at.line, at.quote}, true
}
