package ssm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk/plugintest"
)

func TestContract(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outgoing")
	read, records := map[string]bool{}, map[string]bool{}
	plugintest.Conform(t, plugintest.Messenger(t, New()), plugintest.Settings{
		Options: map[string]string{"ssm.output_path": path},
		Arrived: func(record *pluginv1.Record) bool {
			names, err := filepath.Glob(filepath.Join(path, "*", "*"))
			if err != nil {
				t.Error(err)
			}
			for _, name := range names {
				if read[name] {
					continue
				}
				read[name] = true
				content, err := os.ReadFile(name)
				if err != nil {
					t.Error(err)
				}
				_, message, _ := strings.Cut(string(content), "\n")
				for text := range strings.SplitSeq(strings.TrimSuffix(message, "\n"), "\n%%\n") {
					records[text] = true
				}
			}
			text, err := recordText(record, version04)
			return err == nil && records[text]
		},
	})
}
