package faults

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// element matches python-dirq's names of elements, below the queue's directory.
var element = regexp.MustCompile(`^[0-9a-f]{8}/[0-9a-f]{14}$`)

// message is one element of an SSM spool: its text and the records in it.
type message struct {
	name, text string
	records    []map[string]string
}

// readSpool reads all elements in order and checks that each is a whole message. Other files must
// be temporary ones, and are returned.
func readSpool(t *testing.T, dir string) (messages []message, temporary []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	must(t, err)
	slices.Sort(files)
	for _, file := range files {
		name, err := filepath.Rel(dir, file)
		must(t, err)
		if !element.MatchString(name) {
			if !strings.HasSuffix(name, ".tmp") {
				t.Errorf("%s has no place in a spool", file)
			}
			temporary = append(temporary, file)
			continue
		}
		text, err := os.ReadFile(file)
		must(t, err)
		messages = append(messages, message{name: name, text: string(text), records: parseMessage(t, file, string(text))})
	}
	return messages, temporary
}

// parseMessage parses a message like APEL's loader: a header, and records of `key: value` lines
// between lines of %%. A truncated message lacks the last field of its last record, or its line
// end.
func parseMessage(t *testing.T, file, text string) []map[string]string {
	t.Helper()
	header, rest, _ := strings.Cut(text, "\n")
	if header != "APEL-cloud-message: v0.4" || !strings.HasSuffix(rest, "\n") {
		t.Fatalf("%s is not a whole message:\n%.200s ... %q", file, text, text[max(0, len(text)-40):])
	}
	var records []map[string]string
	for block := range strings.SplitSeq(rest, "%%\n") {
		fields := map[string]string{}
		for line := range strings.Lines(block) {
			key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			if !ok {
				t.Fatalf("%s: no field: %q", file, line)
			}
			fields[key] = value
		}
		// Keys are sorted: with the last one the record is complete.
		for _, key := range []string{"VMUUID", "SiteName", "RecordCreateTime", "StartTime", "WallDuration"} {
			if fields[key] == "" {
				t.Fatalf("%s: a record without %s", file, key)
			}
		}
		records = append(records, fields)
	}
	return records
}

// keys returns VM and record time of every record, in order.
func keys(messages []message) []string {
	var all []string
	for _, one := range messages {
		for _, record := range one.records {
			all = append(all, record["VMUUID"]+" "+record["RecordCreateTime"])
		}
	}
	return all
}

// readDir lists a directory, which must not be empty.
func readDir(dir string) ([]os.DirEntry, error) {
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) == 0 {
		err = os.ErrNotExist
	}
	return entries, err
}
