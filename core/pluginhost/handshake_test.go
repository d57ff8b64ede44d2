package pluginhost

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/caso-project/caso/internal/contract"
)

func certificate(t testing.TB) string {
	t.Helper()
	config, _, err := contract.HostTLS()
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
		"":                         `printed "" instead of a handshake: the`,
		"1|1|unix":                 `printed "1|1|unix" instead`,
		"a|1|unix|/x|g":            `printed "a|1|unix|/x|g" instead`,
		"1|b|unix|/x|g":            `printed "1|b|unix|/x|g" instead`,
		"7|1|unix|/run/p/s|grpc|x": "has version 7 of go-plugin's handshake",
		"1|2|unix|/run/p/s|grpc|x": "has version 2 of the plugin contract, this caso has version 1",
		"1|1|unix|/run/p/s":        "does not serve gRPC",
		"1|1|unix|/run/p/s|netrpc": "does not serve gRPC",
		"1|1|tcp|127.0.0.1:1|grpc": `serves on "tcp" "127.0.0.1:1" instead`,
		strings.Replace(good, "/run/p/s", "/run/q/s", 1):    `serves on "unix" "/run/q/s" instead`,
		strings.Replace(good, "/run/p/s", "/run/p/../q", 1): `serves on "unix" "/run/p/../q" instead`,
		strings.Replace(good, "/run/p/s", "@/run/p/s", 1):   `serves on "unix" "@/run/p/s" instead`,
		"1|1|unix|/run/p/s|grpc":                            "has no TLS certificate in its handshake",
		"1|1|unix|/run/p/s|grpc|":                           "has no TLS certificate in its handshake",
		"1|1|unix|/run/p/s|grpc|!":                          "has an invalid TLS certificate in its handshake (illegal base64 data at input byte 0)",
		"1|1|unix|/run/p/s|grpc|bm90IQ":                     "has an invalid TLS certificate in its handshake (x509: malformed certificate)",
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
