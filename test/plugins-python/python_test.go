// Package pluginspython runs the Python example of docs/plugin-authors.md through the conformance
// suite: the proof that the contract needs no Go.
package pluginspython

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk/plugintest"
)

// pythonEnv names a Python that has grpcio, grpcio-tools and cryptography.
const pythonEnv = "CASO_GRPC_PYTHON"

func TestPythonMessengerConforms(t *testing.T) {
	python := os.Getenv(pythonEnv)
	if python == "" {
		t.Skipf("%s names no Python with grpcio, grpcio-tools and cryptography", pythonEnv)
	}
	dir := t.TempDir()
	protos, err := filepath.Glob("../../proto/caso/plugin/v1/*.proto")
	if err != nil || len(protos) == 0 {
		t.Fatalf("finding the contract: %v, %v", protos, err)
	}
	generate := exec.CommandContext(t.Context(), python, append([]string{"-m", "grpc_tools.protoc",
		"-I", "../../proto", "--python_out", dir, "--grpc_python_out", dir}, protos...)...)
	if output, err := generate.CombinedOutput(); err != nil {
		t.Fatalf("generating Python from the contract: %v\n%s", err, output)
	}
	script, err := filepath.Abs("messenger_lines.py")
	if err != nil {
		t.Fatal(err)
	}
	plugin := filepath.Join(dir, "caso-messenger-lines")
	wrapper := fmt.Sprintf("#!/bin/sh\nPYTHONPATH='%s' exec '%s' '%s'\n", dir, python, script)
	if err := os.WriteFile(plugin, []byte(wrapper), 0o755); err != nil {
		t.Fatal(err)
	}
	records := filepath.Join(dir, "records")
	plugintest.Conform(t, plugintest.Binary(t, plugin), plugintest.Settings{
		Options:  map[string]string{"lines.path": records},
		Patience: 30 * time.Second,
		Arrived: func(record *pluginv1.Record) bool {
			text, err := os.ReadFile(records)
			return err == nil && strings.Contains(string(text), `"`+record.GetId()+`"`)
		},
	})
}
