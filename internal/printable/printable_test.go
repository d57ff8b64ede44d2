package printable

import (
	"strings"
	"testing"
)

func TestEscape(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                     "",
		"plain\ttext, é":       "plain\ttext, é",
		"\x1b[2Jcleared\xff":   "\\x1b[2Jcleared\uFFFD",
		"x\n2026 [ERROR] fake": `x\n2026 [ERROR] fake`,
		"\u202ereversed":       `\u202ereversed`,
	} {
		if got := Escape(text); got != want {
			t.Errorf("Escape(%q) is %q and should be %q", text, got, want)
		}
	}
}

func TestOneLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":              "",
		"plain text, é": "plain text, é",
		"a\tb\r\nc":     "a b  c",
		"\x1b[2Jgone":   " [2Jgone",
	} {
		if got := OneLine(text); got != want {
			t.Errorf("OneLine(%q) is %q and should be %q", text, got, want)
		}
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		{" hello\n", `"hello"`},
		{"a\x00\xff", `"a\x00` + "\uFFFD\""},
		{strings.Repeat("é", 121), `"` + strings.Repeat("é", 120) + `..."`},
	} {
		if got := Quote(test.text); got != test.want {
			t.Errorf("Quote(%q) is %s and should be %s", test.text, got, test.want)
		}
	}
}
