package pluginhost

import (
	"encoding/base64"
	"strings"
	"testing"

	sdk "github.com/caso-project/caso/internal/oldsdk"
)

func certificate(t testing.TB) string {
	t.Helper()
	config, _, err := sdk.HostTLS()
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawStdEncoding.EncodeToString(config.Certificates[0].Certificate[0])
}

func TestCheckHandshake(t *testing.T) {
	t.Parallel()
	good := "1|1|unix|/run/p/s|grpc|" + certificate(t)
	for line, want := range map[string]string{
		good + "\n":                "",
		good + "|true":             "",
		"":                         `it printed "" where`,
		"1|1|unix":                 `it printed "1|1|unix" where`,
		"a|1|unix|/x|g":            `it printed "a|1|unix|/x|g" where`,
		"1|b|unix|/x|g":            `it printed "1|b|unix|/x|g" where`,
		"7|1|unix|/run/p/s|grpc|x": "it speaks version 7 of go-plugin's handshake",
		"1|2|unix|/run/p/s|grpc|x": "it speaks version 2 of the plugin contract and this caso speaks version 1",
		"1|1|unix|/run/p/s":        "it does not serve gRPC",
		"1|1|unix|/run/p/s|netrpc": "it does not serve gRPC",
		"1|1|tcp|127.0.0.1:1|grpc": `it serves on "tcp" "127.0.0.1:1" and not`,
		strings.Replace(good, "/run/p/s", "/run/q/s", 1):    `it serves on "unix" "/run/q/s" and not`,
		strings.Replace(good, "/run/p/s", "/run/p/../q", 1): `it serves on "unix" "/run/p/../q" and not`,
		strings.Replace(good, "/run/p/s", "@/run/p/s", 1):   `it serves on "unix" "@/run/p/s" and not`,
		"1|1|unix|/run/p/s|grpc":                            "it answers without a TLS certificate",
		"1|1|unix|/run/p/s|grpc|":                           "it answers without a TLS certificate",
		"1|1|unix|/run/p/s|grpc|!":                          "its TLS certificate cannot be read (illegal base64 data at input byte 0)",
		"1|1|unix|/run/p/s|grpc|bm90IQ":                     "its TLS certificate cannot be read (x509: malformed certificate)",
	} {
		err := checkHandshake(line, "/run/p")
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", line, err)
		case want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)):
			t.Errorf("%q gives\n%v\nand should give\n%s", line, err, want)
		}
	}
}

func FuzzCheckHandshake(f *testing.F) {
	f.Add("1|1|unix|/run/p/s|grpc|" + certificate(f))
	f.Add("1|2|tcp|127.0.0.1:1|netrpc|")
	f.Add("hello\nworld")
	f.Fuzz(func(t *testing.T, line string) {
		if err := checkHandshake(line, "/run/p"); err != nil && strings.ContainsAny(err.Error(), "\n\x1b\x00") {
			t.Errorf("the error is not one line of text: %q", err)
		}
	})
}
