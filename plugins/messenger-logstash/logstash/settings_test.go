package logstash

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func TestConfigure(t *testing.T) {
	signer := newAuthority(t)
	signer.issue(t, "a", "a", time.Hour)
	signer.issue(t, "b", "b", time.Hour)
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const nothing = pluginv1.Diagnostic_SEVERITY_UNSPECIFIED
	cases := map[string]struct {
		given    map[string]any
		severity pluginv1.Diagnostic_Severity
		option   string
	}{
		"plain":                {map[string]any{"port": int64(5000)}, nothing, ""},
		"no host":              {map[string]any{"host": ""}, pluginv1.Diagnostic_SEVERITY_ERROR, "host"},
		"TLS":                  {map[string]any{"tls": true}, nothing, ""},
		"all of TLS":           {map[string]any{"tls": true, "cafile": signer.path("ca.pem"), "certfile": signer.path("a.pem"), "keyfile": signer.path("a.key")}, nothing, ""},
		"options set to empty": {map[string]any{"tls": true, "cafile": "", "certfile": "", "keyfile": "", "server_name": ""}, nothing, ""},
		"not verified":         {map[string]any{"tls": true, "insecure": true}, pluginv1.Diagnostic_SEVERITY_WARNING, "insecure"},
		"no TLS to verify":     {map[string]any{"insecure": true}, pluginv1.Diagnostic_SEVERITY_WARNING, "insecure"},
		"no TLS for the CA":    {map[string]any{"cafile": "/nowhere"}, pluginv1.Diagnostic_SEVERITY_WARNING, "cafile"},
		"no such CA":           {map[string]any{"tls": true, "cafile": "/nowhere/ca.pem"}, pluginv1.Diagnostic_SEVERITY_ERROR, "cafile"},
		"CA file holds none":   {map[string]any{"tls": true, "cafile": empty}, pluginv1.Diagnostic_SEVERITY_ERROR, "cafile"},
		"no key":               {map[string]any{"tls": true, "certfile": signer.path("a.pem")}, pluginv1.Diagnostic_SEVERITY_ERROR, "certfile"},
		"no certificate":       {map[string]any{"tls": true, "keyfile": signer.path("a.key")}, pluginv1.Diagnostic_SEVERITY_ERROR, "keyfile"},
		"no such certificate":  {map[string]any{"tls": true, "certfile": "/nowhere/x", "keyfile": signer.path("a.key")}, pluginv1.Diagnostic_SEVERITY_ERROR, "certfile"},
		"no such key":          {map[string]any{"tls": true, "certfile": signer.path("a.pem"), "keyfile": "/nowhere/x"}, pluginv1.Diagnostic_SEVERITY_ERROR, "keyfile"},
		"key of another":       {map[string]any{"tls": true, "certfile": signer.path("a.pem"), "keyfile": signer.path("b.key")}, pluginv1.Diagnostic_SEVERITY_ERROR, "certfile"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			found := New().Configure(t.Context(), sdk.NewConfig("logstash", optionValues(c.given)))
			if c.severity == nothing {
				if len(found) > 0 {
					t.Errorf("got %v", found)
				}
				return
			}
			if len(found) != 1 || found[0].GetSeverity() != c.severity || found[0].GetOption().GetName() != c.option || found[0].GetOption().GetSection() != section {
				t.Errorf("got %v", found)
			}
		})
	}
}

func TestAddress(t *testing.T) {
	for host, want := range map[string]string{"::1": "[::1]:7", "[::1]": "[::1]:7", "logstash": "logstash:7"} {
		read, _ := readReceiver(sdk.NewConfig("logstash", optionValues(map[string]any{"host": host, "port": int64(7)})))
		if read.address != want {
			t.Errorf("%s: got %s, want %s", host, read.address, want)
		}
	}
}

func TestDescription(t *testing.T) {
	description := New().Describe()
	if got, all := len(description.RecordTypes), len(pluginv1.RecordType_name)-1; got != all {
		t.Errorf("takes %d types of %d", got, all)
	}
	for _, option := range description.Options {
		if option.GetSection() != section || !strings.HasSuffix(option.GetHelp(), ".") {
			t.Errorf("got %v", option)
		}
	}
}
