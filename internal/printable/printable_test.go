package printable

import (
	"encoding/json"
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

func TestShorten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "", "abc": "abc", "ééé": "ééé", "abcd": "abc...", "éééé": "ééé..."} {
		if got := Shorten(text, 3); got != want {
			t.Errorf("Shorten(%q) is %q and should be %q", text, got, want)
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	const hostile = "a\x1b[2J\u009b\x7f\u202e\U000e0041é\n"
	plain, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	escaped := JSON(plain)
	var got string
	if err := json.Unmarshal(escaped, &got); err != nil || got != hostile {
		t.Errorf("%s is %q, %v", escaped, got, err)
	}
	if OneLine(string(escaped)) != string(escaped) || !strings.Contains(string(escaped), "é") {
		t.Errorf("got %q", escaped)
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
