// Package pluginsrust runs a messenger in Rust through the conformance suite: stock tonic and
// rustls, which reject the certificate of a host that is a CA, complete the handshake.
package pluginsrust

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk/plugintest"
)

// cargoEnv is the path of a cargo of Rust 1.85 or later.
const cargoEnv = "CASO_CARGO"

func TestRustMessengerConforms(t *testing.T) {
	cargo := os.Getenv(cargoEnv)
	if cargo == "" {
		t.Skipf("%s is not set to a cargo of Rust 1.85 or later", cargoEnv)
	}
	target := os.Getenv("CARGO_TARGET_DIR")
	if target == "" {
		target = t.TempDir()
	}
	build := exec.CommandContext(t.Context(), cargo, "build", "--target-dir", target)
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the messenger: %v\n%s", err, output)
	}
	records := filepath.Join(t.TempDir(), "records")
	plugintest.Conform(t, plugintest.Binary(t, filepath.Join(target, "debug", "caso-messenger-lines")), plugintest.Settings{
		Options:  map[string]string{"lines.path": records},
		Patience: 30 * time.Second,
		Arrived: func(record *pluginv1.Record) bool {
			text, err := os.ReadFile(records)
			return err == nil && strings.Contains(string(text), record.GetId()+"\n")
		},
	})
}
