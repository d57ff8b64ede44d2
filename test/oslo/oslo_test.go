package oslo

import (
	"bytes"
	_ "embed" // for the script
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caso-project/caso/core/config"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

//go:embed reference.py
var reference string

// answer is oslo.config's result of a case: values and invalid values by section and option, or an
// error for the whole file.
type answer struct {
	Values map[string]map[string]any
	Wrong  map[string]map[string]string
	Error  string
	File   string
	Line   int
}

func TestAgainstOsloConfig(t *testing.T) {
	python := os.Getenv("CASO_OSLO_PYTHON")
	if python == "" {
		t.Skip("CASO_OSLO_PYTHON names no Python that has oslo.config; pip install oslo.config==9.0.0 into one to compare with it")
	}
	const seed, random = 20150401, 1000
	m := maker{rand.New(rand.NewPCG(seed, 1))}
	cases := corpus()
	for range random {
		files := []string{m.file()}
		for m.IntN(4) == 0 {
			files = append(files, m.file())
		}
		cases = append(cases, files)
	}

	root := t.TempDir()
	sources := make([][]config.Source, len(cases))
	for i, files := range cases {
		dir := filepath.Join(root, fmt.Sprint(i))
		write(t, dir, files)
		for j := range files {
			sources[i] = append(sources[i], config.Source{Path: filepath.Join(dir, name(j))})
		}
		if i%2 == 1 {
			sources[i] = []config.Source{{Path: dir, Dir: true}}
		}
	}
	answers := runReference(t, python, sources)
	same, errors, refused := 0, 0, 0
	for i, answer := range answers {
		problems, fault := compare(sources[i], answer)
		switch {
		case fault != "":
			t.Errorf("case %d %q\n%s\noslo.config: %+v", i, cases[i], fault, answer)
		case answer.Error != "" || len(answer.Wrong) > 0:
			errors++
		case config.HasErrors(problems):
			refused++
		default:
			same++
		}
	}
	t.Logf("%d cases: %d with the same values, %d wrong to both, %d refused by caso alone as documented", len(cases), same, errors, refused)
	if same < len(cases)/10 || errors < len(cases)/10 {
		t.Errorf("the cases are too much alike to show anything")
	}
}

func name(i int) string { return fmt.Sprintf("%c.conf", 'Z'+i) }

func write(t *testing.T, dir string, files []string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for i, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name(i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// runReference runs all cases in one Python process.
func runReference(t *testing.T, python string, sources [][]config.Source) []answer {
	t.Helper()
	type ref struct {
		Section string `json:"section"`
		Name    string `json:"name"`
	}
	type declaration struct {
		ref
		Type    string   `json:"type"`
		Default *string  `json:"default"`
		Old     []ref    `json:"old_names"`
		Choices []string `json:"choices"`
		Min     *int64   `json:"min"`
		Max     *int64   `json:"max"`
	}
	var question struct {
		Options []declaration `json:"options"`
		Cases   [][][2]any    `json:"cases"`
	}
	for _, o := range options() {
		d := declaration{ref: ref{o.GetSection(), o.GetName()}, Default: o.DefaultValue, Choices: o.GetChoices(), Min: o.Minimum, Max: o.Maximum}
		d.Type = strings.ToLower(strings.TrimPrefix(o.GetType().String(), "OPTION_TYPE_"))
		for _, old := range o.GetOldNames() {
			d.Old = append(d.Old, ref{old.GetSection(), old.GetName()})
		}
		question.Options = append(question.Options, d)
	}
	for _, list := range sources {
		files := [][2]any{}
		for _, source := range list {
			files = append(files, [2]any{source.Path, source.Dir})
		}
		question.Cases = append(question.Cases, files)
	}
	input, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), python, "-c", reference)
	command.Stdin = bytes.NewReader(input)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("running oslo.config: %v", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(output))
	decoder.UseNumber()
	answers := make([]answer, len(sources))
	for i := range answers {
		if err := decoder.Decode(&answers[i]); err != nil {
			t.Fatalf("reading what oslo.config made of case %d: %v", i, err)
		}
	}
	return answers
}

// compare returns the differences that are not allowed.
func compare(sources []config.Source, want answer) (problems []config.Problem, fault string) {
	files, syntax := config.Read(sources)
	settings, problems := files.Resolve(config.Plugins{}, config.Own("test", options()), nil)
	problems = append(syntax, problems...)
	if want.Error != "" {
		return problems, compareMistake(sources, syntax, want)
	}
	if slices.ContainsFunc(syntax, func(p config.Problem) bool { return !mayRefuse(p) }) {
		return problems, fmt.Sprintf("caso alone finds mistakes: %v", syntax)
	}
	if len(syntax) > 0 {
		return problems, ""
	}
	// Options that refer to an invalid option are invalid too.
	refused := slices.ContainsFunc(problems, mayRefuse)
	for _, option := range options() {
		section, name := option.GetSection(), option.GetName()
		got := plain(settings, option)
		wanted, ok := want.Values[section][name]
		switch {
		case !ok && want.Wrong[section][name] == "":
			return problems, fmt.Sprintf("oslo.config was not asked for [%s] %s", section, name)
		case !ok && got != nil:
			return problems, fmt.Sprintf("[%s] %s: caso has %#v and oslo.config refuses it", section, name, got)
		case ok && !reflect.DeepEqual(got, wanted) && (got != nil || !refused):
			return problems, fmt.Sprintf("[%s] %s: caso has %#v, with problems %v", section, name, got, problems)
		}
	}
	if len(want.Wrong) > 0 && len(problems) == 0 || len(want.Wrong) == 0 && len(problems) > 0 && !refused {
		return problems, fmt.Sprintf("caso has the problems %v", problems)
	}
	return problems, ""
}

// compareMistake checks that caso reports an error of oslo.config for the same line.
func compareMistake(sources []config.Source, syntax []config.Problem, want answer) string {
	if len(syntax) == 0 && marked(sources) {
		return ""
	}
	for _, problem := range syntax {
		switch {
		case want.Error == "UnicodeDecodeError" && strings.Contains(problem.Text, "UTF-8"), mayRefuse(problem):
			return ""
		case problem.File != want.File:
		case problem.Line == want.Line:
			return ""
		case strings.Contains(problem.Text, "before any section") && problem.Line < want.Line:
			// oslo.config reports this at the end of the value, which may be lines later.
			return ""
		}
	}
	return fmt.Sprintf("caso has other mistakes: %v", syntax)
}

// marked reports whether a file begins with a byte order mark, which oslo.config reads as text.
func marked(sources []config.Source) bool {
	text, err := os.ReadFile(sources[0].Path)
	return err == nil && bytes.HasPrefix(text, []byte("\ufeff"))
}

// mayRefuse reports whether a problem is one where oslo.config continues with a value that cannot
// be meant, and caso reports an error. ($tenants, an old name, is a list there, in Python's
// notation.)
func mayRefuse(problem config.Problem) bool {
	for _, text := range []string{
		"empty item", "quotes around items", "NUL character", "must fit in 64 bits", "which is a list", "did you mean $projects",
		"no blanks inside its brackets", "only one ]", "empty value;",
	} {
		if strings.Contains(problem.Text, text) {
			return true
		}
	}
	return false
}

// plain returns a value in the types of a JSON decoder.
func plain(settings *config.Settings, option *pluginv1.Option) any {
	value, _ := settings.Host().Lookup(option.GetSection(), option.GetName())
	switch typed := value.Any().(type) {
	case []string:
		items := make([]any, len(typed))
		for i, item := range typed {
			items[i] = item
		}
		return items
	case int64:
		return json.Number(fmt.Sprint(typed))
	default:
		return typed
	}
}
