package oslo

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// dump returns the content of a file, as SECTION.KEY=VALUE, in order.
func dump(file *File) []string {
	var all []string
	for _, section := range file.Sections() {
		for _, key := range file.Keys(section) {
			value, _ := file.Value(section, key)
			all = append(all, fmt.Sprintf("%s.%s=%s", section, key, value.Text))
		}
	}
	return all
}

func TestRead(t *testing.T) {
	tests := []struct {
		name string
		text string
		want []string
	}{
		{"empty file", "", nil},
		{"last line without an end", "[s]\nk = v", []string{"s.k=v"}},
		{"byte order mark", "\ufeff[s]\nk = v\n", []string{"s.k=v"}},
		{"CR LF and lone CR", "[s]\r\nk = v\rj = w\r\n", []string{"s.k=v", "s.j=w"}},
		{"other separators end no line", "[s]\nk = a\fb\u0085c\u2028d\n", []string{"s.k=a\fb\u0085c\u2028d"}},
		{"no-break space is white space", "[s]\n\u00a0k\u00a0=\u00a0v\u00a0\n", []string{"s.k=v"}},
		{"zero-width space is none", "[s]\nk = \u200bv\n", []string{"s.k=\u200bv"}},
		{"separators of ASCII are white space", "[s]\x1c\nk\x1d=\x1ev\x1f\n", []string{"s.k=v"}},
		{"blanks after a header", "[a]  \nk = v\n", []string{"a.k=v"}},
		{"continuation", "[s]\nk = x\n  y\n", []string{"s.k=x\ny"}},
		{"continuation of nothing", "[s]\nk =\n y\n", []string{"s.k=\ny"}},
		{"continuation by a tab", "[s]\nk = x\n\ty \n", []string{"s.k=x\ny"}},
		{"continuations are text", "[s]\nk = x\n # y\n [s]\n j = y\n", []string{"s.k=x\n# y\n[s]\nj = y"}},
		{"blank line ends a value", "[s]\nk = x\n \nj = y\n", []string{"s.k=x", "s.j=y"}},
		{"comments", "[s]\n# a = b\n; c = d\nk = v # w\n", []string{"s.k=v # w"}},
		{"first sign splits", "[s]\nk: a=b\nj = http://h\n", []string{"s.k=a=b", "s.j=http://h"}},
		{"quotes", "[s]\na = \"x\"\nb = 'x'\nc = \"a' \"b\"\nd = '\ne = \"a\" b\nf = \"a'\ng = `a`\n\"h\" = i\n", []string{"s.a=x", "s.b=x", "s.c=a' \"b", "s.d=", "s.e=\"a\" b", "s.f=\"a'", "s.g=`a`", `s."h"=i`}},
		{"quotes over two lines", "[s]\nk = \"a\n b\"\nj = \"a\"\n b\n", []string{"s.k=\"a\nb\"", "s.j=a\nb"}},
		{"quotes keep blanks", "[s]\nk = ' a '\n", []string{"s.k= a "}},
		{"no escapes", "[s]\nk = a\\\nj = %(k)s\\n\n", []string{"s.k=a\\", "s.j=%(k)s\\n"}},
		{"sections compare in lower case", "[Log]\na = 1\n[LOG]\nb = 2\n", []string{"log.a=1", "log.b=2"}},
		{"but for DEFAULT", "[DEFAULT]\na = 1\n[default]\na = 2\n[Default]\nb = 3\n", []string{"DEFAULT.a=1", "default.a=2", "default.b=3"}},
		{"keys compare exactly", "[s]\nPort = 1\nport = 2\nmax-size = 3\n", []string{"s.Port=1", "s.port=2", "s.max-size=3"}},
		{"nothing is inherited", "[DEFAULT]\na = 1\n[s]\nb = 2\n[s.x]\nc = 3\n", []string{"DEFAULT.a=1", "s.b=2", "s.x.c=3"}},
		{"last of equal keys wins", "[s]\nk = 1\nk = 2\n[t]\n[s]\nk =\n", []string{"s.k="}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file, mistakes := Read([]byte(test.text))
			if len(mistakes) > 0 {
				t.Fatalf("mistakes: %v", mistakes)
			}
			if got := dump(file); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestNothingIsInherited(t *testing.T) {
	file, _ := Read([]byte("[DEFAULT]\na = 1\n[s]\nb = 2\n[s.x]\nc = 3\n"))
	for _, place := range [][2]string{{"s", "a"}, {"s.x", "b"}, {"s.x", "a"}, {"nowhere", "a"}, {"s", ""}} {
		if value, ok := file.Value(place[0], place[1]); ok {
			t.Errorf("[%s] %s is %q", place[0], place[1], value.Text)
		}
	}
}

func TestReadLines(t *testing.T) {
	file, _ := Read([]byte("# c\r\n[s]\r\rk = 'x'\n y\nj = 1\nk = z\n"))
	for key, want := range map[string]Value{"k": {"z", 7, 0}, "j": {"1", 6, 0}} {
		if got, _ := file.Value("s", key); got != want {
			t.Errorf("%s: got %+v, want %+v", key, got, want)
		}
	}
	if got := file.SectionLine("s"); got != 2 {
		t.Errorf("the section is at line %d, want 2", got)
	}
}

func TestMistakes(t *testing.T) {
	tests := []struct {
		name  string
		text  string
		lines []int
		want  string
		// left is what can be parsed in spite of it.
		left []string
	}{
		{"indented at the start", " k = v\n", []int{1}, "indented", nil},
		{"indented after a section", "[s]\n k = v\nj = w\n", []int{2}, "indented", []string{"s.j=w"}},
		{"indented after a comment", "[s]\nk = x\n#\n y\n", []int{4}, "indented", []string{"s.k=x"}},
		{"indented after a blank line", "[s]\nk = x\n\n y\n z\n", []int{4}, "indented", []string{"s.k=x"}},
		{"empty header", "[]\n", []int{1}, "a name", nil},
		{"open header", "[s\nk = v\n[t]\nk = v\n", []int{1}, "must end with ]", []string{"t.k=v"}},
		{"lone bracket", "[", []int{1}, "must end with ]", nil},
		{"comment after a header", "[s] # t\n", []int{1}, "must end with ]", nil},
		{"blanks in a header", "[ s]\n[s ]\n", []int{1, 2}, "no blanks", nil},
		{"two ends of a header", "[s] ; t]\n", []int{1}, "only one ]", nil},
		{"no sign", "[s]\npassword x y\n", []int{2}, "neither a comment", nil},
		{"other white space before a header", "[s]\n\u00a0[t]\n", []int{2}, "neither a comment", nil},
		{"no key", "[s]\n= x\n\u00a0: y\n", []int{2, 3}, "no name", nil},
		{"no section", "k = v\nj = w\n x\n[s]\nk = v\n", []int{1}, "before any section", []string{"s.k=v"}},
		{"not UTF-8", "[s]\n# \xff\nk = v\n", []int{2}, "UTF-8", nil},
		{"a surrogate is not UTF-8", "[s]\nk = \xed\xa0\x80\n", []int{2}, "UTF-8", nil},
		{"NUL", "[s]\nk = a\x00b\n", []int{2}, "NUL", nil},
		{"all of them", "[\n[]\n[s]\nx y\n= z\nk = v\n", []int{1, 2, 4, 5}, "", []string{"s.k=v"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file, mistakes := Read([]byte(test.text))
			var lines []int
			for _, mistake := range mistakes {
				lines = append(lines, mistake.Line)
				if !strings.Contains(mistake.Text, test.want) {
					t.Errorf("%q does not contain %q", mistake.Text, test.want)
				}
				if strings.Contains(mistake.Text, "x y") {
					t.Errorf("%q quotes the line", mistake.Text)
				}
			}
			if !reflect.DeepEqual(lines, test.lines) {
				t.Errorf("mistakes in lines %v, want %v", lines, test.lines)
			}
			if got := dump(file); !reflect.DeepEqual(got, test.left) {
				t.Errorf("left is %q, want %q", got, test.left)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{"", "[s]\nk = v\n  w\n# c\n", "\ufeff[DEFAULT]\r\na: 'b'\r", "[s.x]\n[\n= x\n y", "[İ]\nk=\xff\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		lines := 1 + strings.Count(string(text), "\n") + strings.Count(string(text), "\r")
		file, mistakes := Read(text)
		for _, mistake := range mistakes {
			if mistake.Line < 1 || mistake.Line > lines || mistake.Text == "" {
				t.Errorf("mistake %+v in a text of at most %d lines", mistake, lines)
			}
		}
		for _, section := range file.Sections() {
			if section == "" || file.SectionLine(section) < 1 {
				t.Errorf("section %q at line %d", section, file.SectionLine(section))
			}
			for _, key := range file.Keys(section) {
				value, ok := file.Value(section, key)
				if !ok || key == "" || key != Trim(key) || value.Line <= file.SectionLine(section) || value.Line > lines {
					t.Errorf("[%s] %q: %+v, %v", section, key, value, ok)
				}
				Expand(value.Text, func(r Reference) string { return r.Name })
				_, _ = List(value.Text, value.Quote)
				_, _, _ = Int(value.Text)
			}
		}
	})
}
