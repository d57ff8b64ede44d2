package test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// codeSpan matches a code span of Markdown.
var codeSpan = regexp.MustCompile("`([^`]+)`")

// TestDocumentedMessagesExist checks that the program prints every message that the documentation
// quotes. The messages are the code spans in the first column of tables whose first header is
// "message". In a span, "..." stands for any text, and a word in capitals (also in quotes) for a
// value: each part between dots must match one string literal of the source with a format verb, or
// the same word, in the place of every value.
func TestDocumentedMessagesExist(t *testing.T) {
	literals := stringLiterals(t)
	checked := 0
	for _, name := range []string{"docs/operators.md", "docs/reliability.md"} {
		for _, row := range tables(t, name, "message") {
			messages := codeSpan.FindAllStringSubmatch(row.cells[0], -1)
			if len(messages) == 0 {
				t.Errorf("%s:%d: no message in a code span", name, row.line)
			}
			for _, message := range messages {
				checked++
				if part := unprinted(message[1], literals); part != "" {
					t.Errorf("%s:%d: no string literal of the source matches %q of the message %q", name, row.line, part, message[1])
				}
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d messages found", checked)
	}
}

// unprinted returns the first part of a documented message that matches no literal.
func unprinted(message string, literals []string) string {
	for part := range strings.SplitSeq(message, "...") {
		part = strings.Trim(part, " ")
		if part == "" {
			continue
		}
		pattern := messagePattern(part)
		found := false
		for _, literal := range literals {
			if found = pattern.MatchString(literal); found {
				break
			}
		}
		if !found {
			return part
		}
	}
	return ""
}

func messagePattern(part string) *regexp.Regexp {
	const verb = `%[-+# 0]*(?:\d+|\*)?(?:\.\d+)?(?:\[\d+\])?[a-zA-Z]`
	value := regexp.MustCompile(`"?\b[A-Z][A-Z0-9_]*(?: (?:records|batches|windows|messengers))?\b"?`)
	var pattern strings.Builder
	end := 0
	for _, at := range value.FindAllStringIndex(part, -1) {
		// A count is written with its noun in the format, or formatted with it.
		placeholder := part[at[0]:at[1]]
		_, noun, counted := strings.Cut(placeholder, " ")
		if counted {
			noun = "(?: " + noun + ")?"
		}
		pattern.WriteString(regexp.QuoteMeta(part[end:at[0]]))
		pattern.WriteString(`(?:"?` + verb + noun + `"?|` + regexp.QuoteMeta(placeholder) + `)`)
		end = at[1]
	}
	pattern.WriteString(regexp.QuoteMeta(part[end:]))
	return regexp.MustCompile(pattern.String())
}

// TestMessagePattern keeps the check above from matching everything or nothing.
func TestMessagePattern(t *testing.T) {
	for _, tc := range []struct {
		documented, literal string
		want                bool
	}{
		{"outbox full (N MiB, spool_max_size)", "outbox full (%d MiB, spool_max_size); extraction paused", true},
		{"outbox full", "outbox empty", false},
		{`unknown plugin "NAME"`, "unknown plugin %q", true},
		{`unknown plugin "NAME"`, "unknown plugin", false},
		{"N records pending since TIME", "%s pending since %s", true},
		{"has N batches pending", "has %d batches pending", true},
		{"project PROJECT has no VO ... openstack", "project %s has no VO", false},
		{"project PROJECT has no VO ... VO", "project %s has no VO", true},
	} {
		if got := unprinted(tc.documented, []string{tc.literal}) == ""; got != tc.want {
			t.Errorf("%q in %q: %v", tc.documented, tc.literal, got)
		}
	}
}

// stringLiterals returns the strings in the source of the programs, literals joined by + as one.
func stringLiterals(t *testing.T) []string {
	t.Helper()
	var literals []string
	for _, name := range trackedFiles(t) {
		top, _, _ := strings.Cut(name, "/")
		program := top == "core" || top == "plugins" || top == "internal" || top == "sdk"
		if !program || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.Contains(name, "testdata/") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			expression, ok := node.(ast.Expr)
			if !ok {
				return true
			}
			text, ok := constantText(expression)
			if ok {
				literals = append(literals, text)
			}
			return !ok
		})
	}
	return literals
}

// constantText returns the text of a string literal or of literals joined by +.
func constantText(expression ast.Expr) (string, bool) {
	switch expression := expression.(type) {
	case *ast.BasicLit:
		if expression.Kind == token.STRING {
			text, err := strconv.Unquote(expression.Value)
			return text, err == nil
		}
	case *ast.BinaryExpr:
		left, leftOK := constantText(expression.X)
		right, rightOK := constantText(expression.Y)
		return left + right, expression.Op == token.ADD && leftOK && rightOK
	}
	return "", false
}

// TestPromisesNameTests checks that every test that the table of promises names exists: a package
// with tests, a file, or a test function of a package.
func TestPromisesNameTests(t *testing.T) {
	rows := tables(t, "docs/reliability.md", "promise")
	if len(rows) < 10 {
		t.Errorf("docs/reliability.md has only %d promises", len(rows))
	}
	for _, row := range rows {
		spans := codeSpan.FindAllStringSubmatch(row.cells[len(row.cells)-1], -1)
		if len(spans) == 0 {
			t.Errorf("docs/reliability.md:%d: a promise without a test", row.line)
		}
		directory := ""
		for _, span := range spans {
			name := span[1]
			switch {
			case strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz"):
				if !hasTest(t, directory, name) {
					t.Errorf("docs/reliability.md:%d: %q has no test %s", row.line, directory, name)
				}
			case strings.HasSuffix(name, ".txtar"):
				exists(t, "docs/reliability.md", row.line, name)
			default:
				directory = name
				if !hasTest(t, directory, "Test") {
					t.Errorf("docs/reliability.md:%d: %s has no tests", row.line, directory)
				}
			}
		}
	}
}

func hasTest(t *testing.T, directory, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", directory, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if regexp.MustCompile(`(?m)^func ` + name + `\w*\(t `).Match(text) {
			return true
		}
	}
	return false
}

// TestDocumentedPathsExist checks every path of the repository that a document has in a code span.
func TestDocumentedPathsExist(t *testing.T) {
	path := regexp.MustCompile(`^(?:core|docs|internal|packaging|plugins|proto|sdk|test|\.ci)/[\w./@*{},-]+$`)
	for _, name := range documents(t) {
		for i, line := range readLines(t, name) {
			for _, span := range codeSpan.FindAllStringSubmatch(line, -1) {
				if path.MatchString(span[1]) && !strings.Contains(span[1], "NAME") && !strings.Contains(span[1], "NNNN") {
					exists(t, name, i+1, span[1])
				}
			}
		}
	}
}

func exists(t *testing.T, document string, line int, pattern string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join("..", pattern))
	if err != nil || len(found) == 0 {
		t.Errorf("%s:%d: %s does not exist", document, line, pattern)
	}
}

// TestLinksResolve checks the links between documents, with their headings.
func TestLinksResolve(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, name := range documents(t) {
		for i, line := range readLines(t, name) {
			for _, target := range link.FindAllStringSubmatch(codeSpan.ReplaceAllString(line, ""), -1) {
				if strings.Contains(target[1], "://") {
					continue
				}
				file, heading, _ := strings.Cut(target[1], "#")
				linked := name
				if file != "" {
					linked = filepath.Join(filepath.Dir(name), file)
				}
				if _, err := os.Stat(filepath.Join("..", linked)); err != nil {
					t.Errorf("%s:%d: link to %s, which does not exist", name, i+1, linked)
				} else if heading != "" && !headings(t, linked)[heading] {
					t.Errorf("%s:%d: %s has no heading #%s", name, i+1, linked, heading)
				}
			}
		}
	}
}

// headings returns the anchors of a document, as GitHub makes them.
func headings(t *testing.T, name string) map[string]bool {
	t.Helper()
	anchors := map[string]bool{}
	dropped := regexp.MustCompile(`[^\pL\pN _-]`)
	for _, line := range readLines(t, name) {
		if strings.HasPrefix(line, "#") {
			text := dropped.ReplaceAllString(strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#"))), "")
			anchors[strings.ReplaceAll(text, " ", "-")] = true
		}
	}
	return anchors
}

// TestDocumentedOptionsExist checks that every option that a document names as `[section] name`
// is in the configuration reference.
func TestDocumentedOptionsExist(t *testing.T) {
	known := map[string]bool{}
	oldName := regexp.MustCompile(`\[(\w+)\] (\w+)`)
	section := ""
	for _, line := range readLines(t, "docs/configuration-reference.md") {
		if name, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.Trim(name, "`[]")
		} else if name, ok := strings.CutPrefix(line, "### "); ok {
			known[section+" "+strings.Trim(name, "`")] = true
			kind, _, _ := strings.Cut(section, "_")
			known[kind+"_NAME "+strings.Trim(name, "`")] = true
		} else if names, ok := strings.CutPrefix(line, "- Also read from "); ok {
			for _, old := range oldName.FindAllStringSubmatch(names, -1) {
				known[old[1]+" "+old[2]] = true
			}
		}
	}
	option := regexp.MustCompile(`^\[(\w+)\] ([a-z][a-z0-9_]*)\b`)
	for _, name := range documents(t) {
		for i, line := range readLines(t, name) {
			for _, span := range codeSpan.FindAllStringSubmatch(line, -1) {
				if m := option.FindStringSubmatch(span[1]); m != nil && !known[m[1]+" "+m[2]] {
					t.Errorf("%s:%d: there is no option %s", name, i+1, m[0])
				}
			}
		}
	}
}

func documents(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, name := range trackedFiles(t) {
		if strings.HasSuffix(name, ".md") && !strings.Contains(name, "testdata/") {
			names = append(names, name)
		}
	}
	return names
}

// tableRow is a row of a Markdown table.
type tableRow struct {
	line  int
	cells []string
}

// tables returns the rows of all tables of a document whose first header is the given one.
func tables(t *testing.T, name, header string) []tableRow {
	t.Helper()
	var rows []tableRow
	inside, previous := false, ""
	for i, line := range readLines(t, name) {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		switch {
		case !strings.HasPrefix(line, "|"):
			inside = false
		case !strings.HasPrefix(previous, "|"):
			inside = cells[0] == header
		case inside && !strings.HasPrefix(line, "| ---"):
			rows = append(rows, tableRow{line: i + 1, cells: cells})
		}
		previous = line
	}
	return rows
}
