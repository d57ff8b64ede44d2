package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares a text with a file below testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("not as in %s (go test -update writes the file):\n%s", path, got)
	}
}

func TestGolden(t *testing.T) {
	settings, _ := resolveTexts(t, nil, "[DEFAULT]\nsite_name = '  x'\nservice_name = a\n b\nprojects = é, f\n[extractor]\npassword = hunter\ninsecure = on\n")
	for name, write := range map[string]func(*bytes.Buffer) error{
		"caso.conf.sample": func(b *bytes.Buffer) error { return WriteSample(b, Plugins{}, schemaForTests()) },
		"reference.md":     func(b *bytes.Buffer) error { return WriteReference(b, schemaForTests()) },
		"settings.txt":     func(b *bytes.Buffer) error { return settings.WriteSettings(b, false) },
		"settings.json": func(b *bytes.Buffer) error {
			encoder := json.NewEncoder(b)
			encoder.SetIndent("", "  ")
			return encoder.Encode(settings.Map(false))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			if err := write(&got); err != nil {
				t.Fatal(err)
			}
			golden(t, name, got.Bytes())
		})
	}
}

// TestPasswordInURL: a URL may hold a password in an option that is not a secret.
func TestPasswordInURL(t *testing.T) {
	settings, _ := resolveTexts(t, nil, "[DEFAULT]\nmapping_file = http://me:hunter2@host:80/a@b:c\nsite_name = a:b@c\n")
	got := settings.Map(false)["DEFAULT"]
	if got["mapping_file"] != "http://me:***@host:80/a@b:c" || got["site_name"] != "a:b@c" {
		t.Errorf("got %v and %v", got["mapping_file"], got["site_name"])
	}
	if got := settings.Map(true)["DEFAULT"]["mapping_file"]; got != "http://me:hunter2@host:80/a@b:c" {
		t.Errorf("revealed %v", got)
	}
}

// TestSampleHoldsTheDefaults reads a sample whose options with a default are not comments any more:
// it must change nothing.
func TestSampleHoldsTheDefaults(t *testing.T) {
	var sample bytes.Buffer
	if err := WriteSample(&sample, Plugins{}, schemaForTests()); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	set := 0
	for line := range strings.Lines(sample.String()) {
		if strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "# ") && strings.Contains(line, " = ") {
			line = line[1:]
			set++
		}
		text.WriteString(line)
	}
	if set < 10 {
		t.Fatalf("the sample has only %d options with a default", set)
	}
	defaults, _ := resolveTexts(t, nil, "")
	settings, problems := resolveTexts(t, nil, text.String())
	if len(problems) > 0 || len(settings.Warnings()) > 0 {
		t.Errorf("problems: %v, warnings: %v", problems, settings.Warnings())
	}
	if !reflect.DeepEqual(settings.Map(true), defaults.Map(true)) {
		t.Errorf("the sample and the defaults differ:\n%v\n%v", settings.Map(true), defaults.Map(true))
	}
}

// fullDisk has no space left.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestWriteErrorsAreNotLost(t *testing.T) {
	settings, _ := resolveTexts(t, nil, "")
	for _, err := range []error{WriteSample(fullDisk{}, Plugins{}, schemaForTests()), WriteReference(fullDisk{}, schemaForTests()), settings.WriteSettings(fullDisk{}, false)} {
		if err == nil {
			t.Error("an error of the writer was lost")
		}
	}
}
