package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk/plugintest"
)

func TestConform(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records")
	plugintest.Conform(t, plugintest.Messenger(t, &lines{}), plugintest.Settings{
		Options: map[string]string{"lines.path": path},
		Arrived: func(record *pluginv1.Record) bool {
			text, err := os.ReadFile(path)
			return err == nil && strings.Contains(string(text), record.GetId())
		},
	})
}
