package logstash

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

func TestConfigure(t *testing.T) {
	signer := newAuthority(t)
	signer.issue(t, "a", "a", time.Hour)
	signer.issue(t, "b", "b", time.Hour)
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const none = sdk.Severity(-1)
	cases := map[string]struct {
		given    map[string]any
		severity sdk.Severity
		option   string
	}{
		"plain":                       {map[string]any{"port": int64(5000)}, none, ""},
		"no host":                     {map[string]any{"host": ""}, sdk.SeverityError, "host"},
		"TLS":                         {map[string]any{"tls": true}, none, ""},
		"all of TLS":                  {map[string]any{"tls": true, "cafile": signer.path("ca.pem"), "certfile": signer.path("a.pem"), "keyfile": signer.path("a.key")}, none, ""},
		"options set to empty":        {map[string]any{"tls": true, "cafile": "", "certfile": "", "keyfile": "", "server_name": ""}, none, ""},
		"not verified":                {map[string]any{"tls": true, "insecure": true}, sdk.SeverityWarning, "insecure"},
		"no TLS to verify":            {map[string]any{"insecure": true}, sdk.SeverityWarning, "insecure"},
		"no TLS for the CA":           {map[string]any{"cafile": "/nowhere"}, sdk.SeverityWarning, "cafile"},
		"no such CA":                  {map[string]any{"tls": true, "cafile": "/nowhere/ca.pem"}, sdk.SeverityError, "cafile"},
		"CA file without certificate": {map[string]any{"tls": true, "cafile": empty}, sdk.SeverityError, "cafile"},
		"no key":                      {map[string]any{"tls": true, "certfile": signer.path("a.pem")}, sdk.SeverityError, "certfile"},
		"no certificate":              {map[string]any{"tls": true, "keyfile": signer.path("a.key")}, sdk.SeverityError, "keyfile"},
		"no such certificate":         {map[string]any{"tls": true, "certfile": "/nowhere/x", "keyfile": signer.path("a.key")}, sdk.SeverityError, "certfile"},
		"no such key":                 {map[string]any{"tls": true, "certfile": signer.path("a.pem"), "keyfile": "/nowhere/x"}, sdk.SeverityError, "keyfile"},
		"key of another":              {map[string]any{"tls": true, "certfile": signer.path("a.pem"), "keyfile": signer.path("b.key")}, sdk.SeverityError, "certfile"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := New().Configure(t.Context(), sdk.NewConfig("logstash", optionValues(c.given)))
			if c.severity == none {
				if err != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			found := sdk.Diagnostics(err)
			if len(found) != 1 || found[0].Severity != c.severity || found[0].Option != c.option || found[0].Section != section {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAddress(t *testing.T) {
	for host, want := range map[string]string{"::1": "[::1]:7", "[::1]": "[::1]:7", "logstash": "logstash:7"} {
		receiver, _ := readReceiver(sdk.NewConfig("logstash", optionValues(map[string]any{"host": host, "port": int64(7)})))
		if receiver.address != want {
			t.Errorf("%s: got %s, want %s", host, receiver.address, want)
		}
	}
}

func TestDescription(t *testing.T) {
	description := New().Describe()
	if got, all := len(description.RecordTypes), len(pluginv1.RecordType_name)-1; got != all {
		t.Errorf("accepts %d record types of %d", got, all)
	}
	for _, option := range description.Options {
		if option.Section() != section || !strings.HasSuffix(option.Proto().GetHelp(), ".") {
			t.Errorf("got %v", option)
		}
	}
}
