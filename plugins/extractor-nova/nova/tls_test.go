package nova

import (
	"encoding/pem"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/test/standin"
)

// TestPrivateCA: a cloud whose certificate is signed by an authority of its own.
func TestPrivateCA(t *testing.T) {
	cloud := standin.New(standin.Options{Seed: 1, Now: now})
	server := httptest.NewUnstartedServer(cloud)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, option, value string
		works               bool
	}{
		{"unknown authority", "keystone_auth.timeout", "60", false},
		{"cafile", "keystone_auth.cafile", ca, true},
		{"[keystone_auth] insecure", "keystone_auth.insecure", "true", true},
		{"[extractor] insecure", "extractor.insecure", "true", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			extractor, _ := configured(t, map[string]string{
				"extractor.user": standin.AccountingUser, "extractor.password": standin.AccountingPassword,
				"extractor.endpoint": server.URL + "/v3", test.option: test.value,
			})
			response, err := extractor.ListProjects(t.Context(), sdk.ListProjectsRequest{IncludeMarked: true})
			if (err == nil) != test.works {
				t.Fatalf("%v, %v", response, err)
			}
			if err != nil && !strings.Contains(err.Error(), "[keystone_auth] cafile") {
				t.Errorf("no remedy: %v", err)
			}
		})
	}
}
