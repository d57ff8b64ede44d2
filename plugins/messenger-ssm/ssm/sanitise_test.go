package ssm

import (
	"strings"
	"testing"
)

func TestSanitise(t *testing.T) {
	long := strings.Repeat("x", 300)
	cases := map[string]struct{ value, want string }{
		"plain":                   {"web-01", "web-01"},
		"colons stay":             {"a: b:c", "a: b:c"},
		"not ASCII":               {"naïve Straße ☃", "nave Strae"},
		"no ASCII":                {"日本語", ""},
		"invalid UTF-8":           {"a\xffb", "ab"},
		"injected field":          {"x\nSiteName: EVIL", "x SiteName: EVIL"},
		"carriage return":         {"a\r\nb", "a  b"},
		"line ends of splitlines": {"a\x0bb\x0cc\x1cd\x1de\x1ef", "a b c d e f"},
		"NEL and U+2028":          {"a\u0085b\u2028c", "abc"},
		"other controls":          {"a\x00b\tc\x1bd\x7fe\x1ff", "a b c d e f"},
		"separator":               {"a%%b", "a% %b"},
		"three per cent":          {"%%%", "% % %"},
		"five per cent":           {"%%%%%", "% % % % %"},
		"separator after drop":    {"%ü%", "% %"},
		"single per cent":         {"100%", "100%"},
		"blanks around":           {" \t a \n", "a"},
		"only blanks":             {"\n\t ", ""},
		"long":                    {long, long[:255]},
		"long after drop":         {strings.Repeat("é", 300) + "end", "end"},
		"trimmed before the cut":  {"   " + long, long[:255]},
		"cut at a blank":          {long[:254] + " y", long[:254]},
		"cut within separator":    {long[:254] + "%%", long[:254] + "%"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := sanitise(c.value, textLimit); got != c.want {
				t.Errorf("sanitise(%q) = %q, want %q", c.value, got, c.want)
			}
		})
	}
	if got := sanitise(long, benchmarkTypeLimit); got != long[:50] {
		t.Errorf("got %d characters, want 50", len(got))
	}
}

func FuzzSanitise(f *testing.F) {
	for _, seed := range []string{"", "web", "a%%b", "%%%%%%", "%\xff%", "x\nSiteName: y", "\u2028\u0085", strings.Repeat("% ", 200), "\x00\x1c\x7f"} {
		f.Add(seed, 255)
	}
	f.Fuzz(func(t *testing.T, value string, limit int) {
		if limit < 1 || limit > 1000 {
			t.Skip("no column has this limit")
		}
		got := sanitise(value, limit)
		for i := range len(got) {
			if got[i] < ' ' || got[i] > '~' {
				t.Fatalf("%q contains byte %#x", got, got[i])
			}
		}
		if strings.Contains(got, separator) {
			t.Errorf("%q contains the separator", got)
		}
		if len(got) > limit {
			t.Errorf("%q is longer than %d", got, limit)
		}
		if strings.TrimSpace(got) != got {
			t.Errorf("%q has blanks at an end", got)
		}
		if again := sanitise(got, limit); again != got {
			t.Errorf("%q becomes %q the second time", got, again)
		}
	})
}
