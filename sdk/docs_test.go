package sdk_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// The programs that docs/plugin-authors.md prints are those that are compiled and tested here.
func TestDocumentedProgramsAreTheTestedOnes(t *testing.T) {
	page, err := os.ReadFile("../docs/plugin-authors.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)<!-- verbatim: (\\S+) -->\n```go\n(.*?)```\n").FindAllSubmatch(page, -1)
	if len(blocks) != 2 {
		t.Fatalf("the page prints %d programs", len(blocks))
	}
	for _, block := range blocks {
		path := string(block[1])
		program, err := os.ReadFile(filepath.Join("..", path))
		if err != nil {
			t.Fatal(err)
		}
		if string(program) != string(block[2]) {
			t.Errorf("docs/plugin-authors.md does not print %s as it is: copy it there", path)
		}
	}
}
