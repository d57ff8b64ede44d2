package test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// maxColumns is the width of comments and documents. A tab counts as one column.
const maxColumns = 100

// bannedWord is a word or phrase that docs/glossary.md or CONTRIBUTING.md replaces.
type bannedWord struct {
	pattern *regexp.Regexp
	// allowed matches uses in another sense; it is tried around each match.
	allowed *regexp.Regexp
	instead string
}

func bannedWords() []bannedWord {
	banned := func(pattern, allowed, instead string) bannedWord {
		word := bannedWord{pattern: regexp.MustCompile(`(?i)\b(?:` + pattern + `)\b`), instead: instead}
		if allowed != "" {
			word.allowed = regexp.MustCompile(`(?i)` + allowed)
		}
		return word
	}
	return []bannedWord{
		banned(`folders?`, "", "directory"),
		banned(`nobody|somebody|anybody|everybody|whoever`, "", "name the user, the process or the plugin"),
		banned(`last words`, "", "last output"),
		banned(`(?:is|are) no`, `there (?:is|are) no|(?:is|are) no (?:longer|more)`, "say what it is: empty, invalid, missing"),
		banned(`(?:set|sets|setting|put|puts) aside|aside|set_?aside`, "", "rejected, dead letter"),
		banned(`marks?`, `byte[- ]order mark|(?:question|quotation|exclamation) marks?|benchmark`, "checkpoint"),
		banned(`houses?|rooms?`, `room (?:for|in|left)|make room`, "architecture, packages"),
		banned(`remember(?:s|ed|ing)?`, "", "previous state, next state; stores, caches"),
		banned(`ledgers?`, `usage ledger`, "state, counter state"),
		banned(`hand(?:s|ed)? (?:it |them |records )?(?:over|to)|handing over`, "", "deliver, pass"),
		banned(`gives? (?:it |them )?up|gave up|given up|giving up`, "", "stop, time out"),
		banned(`describes itself|says? of (?:it|them)sel(?:f|ves)`, "", "plugin description"),
		banned(`complain(?:s|ed|t|ts|ing)?`, "", "diagnostic, error"),
		banned(`says?|said|owes?|owed|forgets?|forgot|forgotten|mourns?|mourned|believes?|speaks?|spoke|tells?|told`,
			"projects forget|forget ID|forget: project", // the command
			"a program prints, returns, reports, stores, uses"),
		banned(`knows|knew`, "", "a program has, finds, supports, stores"),
		banned(`mends?|mended`, "", "fix"),
		banned(`waiting_(?:batches|records)|oldest_waiting`, "", "pending_batches, pending_records, oldest_pending"),
	}
}

// vagueFunctions are names of functions that grep cannot find.
func vagueFunctions() []string {
	return strings.Fields("take takes read of first missing texts bare stamp line lines piece pieces usual text " +
		"list got say said tell ask hold holds left rest known")
}

// TestStyle checks comments, documents, help texts and messages for the words that the glossary
// replaces, comments and documents for their width, and functions for their names.
func TestStyle(t *testing.T) {
	words := bannedWords()
	for _, name := range trackedFiles(t) {
		switch filepath.Ext(name) {
		case ".go":
			checkGo(t, words, name)
		case ".md":
			checkMarkdown(t, words, name)
		case ".proto", ".py", ".sh", ".txtar", ".yml", ".yaml":
			checkLines(t, words, name)
		case "":
			if base := filepath.Base(name); base != "LICENSE" && !strings.Contains(name, "testdata/") {
				checkLines(t, words, name)
			}
		}
	}
}

// trackedFiles returns the files that git tracks, relative to the root of the repository.
func trackedFiles(t *testing.T) []string {
	t.Helper()
	command := exec.Command("git", "ls-files", "-z")
	command.Dir = ".."
	out, err := command.Output()
	if err != nil {
		t.Skipf("needs a git checkout: %v", err)
	}
	var names []string
	for name := range strings.SplitSeq(string(out), "\x00") {
		// style_test.go has the words themselves; generated text is checked at its source.
		generated := strings.HasSuffix(name, ".pb.go") || name == "docs/configuration-reference.md"
		if name == "" || generated || name == "test/style_test.go" {
			continue
		}
		if _, err := os.Lstat(filepath.Join("..", name)); err == nil {
			names = append(names, name)
		}
	}
	if len(names) < 100 {
		t.Fatalf("git ls-files prints only %d files", len(names))
	}
	return names
}

func checkGo(t *testing.T, words []bannedWord, name string) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, filepath.Join("..", name), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	source := readLines(t, name)
	for _, group := range file.Comments {
		line := files.Position(group.Pos()).Line
		last := files.Position(group.End()).Line
		for ; line <= last; line++ {
			checkWidth(t, name, line, source[line-1])
		}
		checkWords(t, words, name, files.Position(group.Pos()).Line, group.Text())
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.FuncDecl:
			for _, vague := range vagueFunctions() {
				if node.Name.Name == vague {
					t.Errorf("%s:%d: function %s: use a name that grep finds", name, files.Position(node.Pos()).Line, vague)
				}
			}
		case *ast.BasicLit:
			// Strings of tests are data; only their names and comments are read as text.
			if node.Kind == token.STRING && !strings.HasSuffix(name, "_test.go") {
				if text, err := strconv.Unquote(node.Value); err == nil && strings.Contains(text, " ") {
					checkWords(t, words, name, files.Position(node.Pos()).Line, text)
				}
			}
		}
		return true
	})
}

func checkMarkdown(t *testing.T, words []bannedWord, name string) {
	t.Helper()
	code := false
	for i, line := range readLines(t, name) {
		if strings.HasPrefix(line, "```") {
			code = !code
		}
		// A row of a table cannot be wrapped.
		if !code && !strings.HasPrefix(line, "|") {
			checkWidth(t, name, i+1, line)
		}
		checkWords(t, words, name, i+1, line)
	}
}

func checkLines(t *testing.T, words []bannedWord, name string) {
	t.Helper()
	for i, line := range readLines(t, name) {
		comment := strings.TrimLeft(line, " \t")
		if strings.HasPrefix(comment, "#") || strings.HasPrefix(comment, "//") {
			checkWidth(t, name, i+1, line)
		}
		checkWords(t, words, name, i+1, line)
	}
}

func checkWidth(t *testing.T, name string, line int, text string) {
	t.Helper()
	// An address cannot be wrapped.
	if columns := utf8.RuneCountInString(text); columns > maxColumns && !strings.Contains(text, "://") {
		t.Errorf("%s:%d: %d columns, at most %d", name, line, columns, maxColumns)
	}
}

func checkWords(t *testing.T, words []bannedWord, name string, line int, text string) {
	t.Helper()
	for _, word := range words {
		for _, at := range word.pattern.FindAllStringIndex(text, -1) {
			around := text[max(0, at[0]-20):min(len(text), at[1]+20)]
			if word.allowed != nil && word.allowed.MatchString(around) {
				continue
			}
			t.Errorf("%s:%d: %q in %q: use %s", name, line+strings.Count(text[:at[0]], "\n"), text[at[0]:at[1]], around, word.instead)
		}
	}
}

func readLines(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n")
}
