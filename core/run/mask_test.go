package run

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caso-project/caso/core/report"
)

func TestMasker(t *testing.T) {
	var out strings.Builder
	m := &masker{outputs: []logOutput{writeTo(&out)}}
	if _, err := m.Write([]byte("before setSecrets: hunter2\n")); err != nil {
		t.Fatal(err)
	}
	m.setSecrets([]string{"hunter2", "ab", ""})
	n, err := m.Write([]byte("password=hunter2 in a cab\n"))
	if err != nil || n != len("password=hunter2 in a cab\n") {
		t.Errorf("wrote %d, %v", n, err)
	}
	if want := "before setSecrets: hunter2\npassword=*** in a cab\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	run := &report.Run{
		Problems:   []report.Problem{{Summary: "hunter2", Detail: "hunter2"}},
		Windows:    []report.WindowResult{{Problems: []report.Problem{{Summary: "hunter2"}}}},
		Messengers: []report.MessengerResult{{Problems: []report.Problem{{Detail: "hunter2"}}}},
	}
	m.maskReport(run)
	out.Reset()
	if err := run.WriteJSON(&out); err != nil || strings.Contains(out.String(), "hunter2") {
		t.Errorf("%v: %s", err, out.String())
	}
}

// TestMaskedSpellings checks that a secret is masked however a program spells it.
func TestMaskedSpellings(t *testing.T) {
	for _, secret := range []string{"hunter2&<'\"$ \\é/%x", "plain-Secret9", "line\none", "p@ss:w0rd/?#"} {
		m := &masker{}
		m.setSecrets([]string{secret, secret[:5]})
		marshaled, err := json.Marshal(map[string]string{"password": secret})
		if err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequest(http.MethodGet, "http://127.0.0.1/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 4 {
			request.SetBasicAuth("accounting"[:n], secret)
			if got := m.mask(request.Header.Get("Authorization")); !strings.Contains(got, "***") || len(got) > len("Basic ***")+10 {
				t.Errorf("%q in base64: %q", secret, got)
			}
		}
		for _, text := range []string{
			secret, string(marshaled), fmt.Sprintf("%q", secret), fmt.Sprintf("%+q", secret), url.QueryEscape(secret), url.PathEscape(secret),
			(&url.URL{Scheme: "https", User: url.UserPassword("u", secret), Host: "h"}).String(),
			"'" + strings.ReplaceAll(secret, "'", `'\''`) + "'", hex.EncodeToString([]byte(secret)),
		} {
			if got := m.mask(text); !strings.Contains(got, "***") || strings.Contains(got, secret[2:5]) || strings.Contains(got, secret[len(secret)-3:]) {
				t.Errorf("%q in %q: %q", secret, text, got)
			}
		}
	}
	// The password of a URL is one even where no option of the configuration has it.
	if got := (&masker{}).mask("Get https://user:pw@h/v3: refused"); got != "Get https://user:***@h/v3: refused" {
		t.Errorf("got %q", got)
	}
}
