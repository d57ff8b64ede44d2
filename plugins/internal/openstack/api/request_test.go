package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
)

// service returns a client with a token for a server.
func service(t *testing.T, handler http.HandlerFunc) *gophercloud.ServiceClient {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	provider := &gophercloud.ProviderClient{TokenID: "the-token"}
	return &gophercloud.ServiceClient{ProviderClient: provider, Endpoint: server.URL + "/"}
}

// TestEachItem follows each kind of link, whatever host and path it names.
func TestEachItem(t *testing.T) {
	for name, link := range map[string]string{
		"nova":     `"things_links":[{"rel":"self","href":"x"},{"rel":"next","href":"http://inner:8774/v2.1/things?marker=%d"}]`,
		"keystone": `"links":{"next":"http://inner/v3/things?marker=%d","self":null}`,
		"glance":   `"next":"/v2/things?marker=%d"`,
	} {
		t.Run(name, func(t *testing.T) {
			client := service(t, func(w http.ResponseWriter, r *http.Request) {
				page := 0
				_, _ = fmt.Sscan(r.URL.Query().Get("marker"), &page)
				if page == 3 {
					_, _ = fmt.Fprint(w, `{"things":[],"links":{"next":null}}`)
					return
				}
				_, _ = fmt.Fprintf(w, `{"things":[{"n":%d},{"n":%d}],`+link+`}`, 2*page, 2*page+1, page+1)
			})
			var got []int
			err := EachItem(t.Context(), client, client.ServiceURL("things"), "things", func(raw json.RawMessage) error {
				var thing struct{ N int }
				if err := json.Unmarshal(raw, &thing); err != nil {
					return err
				}
				got = append(got, thing.N)
				return nil
			})
			if err != nil || fmt.Sprint(got) != "[0 1 2 3 4 5]" {
				t.Errorf("%v %v", got, err)
			}
		})
	}
}

func TestEachItemErrors(t *testing.T) {
	for _, test := range []struct{ name, body, want string }{
		{"the same page for ever", `{"things":[1],"next":"/things?marker=1"}`, "links back"},
		{"no list", `{"other":[]}`, `no list called "things"`},
		{"not a list", `{"things":{}}`, "not a list"},
		{"a null list", `{"things":null}`, "not a list"},
		{"HTML", "<html>\n<body>", `it begins "<html>"`},
		{"nothing", "", "not the JSON document"},
		{"cut off", `{"things":[1,`, "not the JSON document"},
		{"null", `null`, "no list"},
	} {
		client := service(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, test.body) })
		err := EachItem(t.Context(), client, client.ServiceURL("things"), "things", func(json.RawMessage) error { return nil })
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "/things") {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	stop := errors.New("stop")
	client := service(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, `{"things":[1,2]}`) })
	if err := EachItem(t.Context(), client, client.ServiceURL("things"), "things", func(json.RawMessage) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
}

// TestRefusals: errors have the message of the service, in one line, without the token.
func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		status     int
		body, want string
	}{
		{403, `{"forbidden":{"code":403,"message":"Policy doesn't allow it"}}`, "403 Forbidden: Policy doesn't allow it"},
		{401, `{"error":{"code":401,"message":"no","title":"Unauthorized"}}`, "401 Unauthorized: no"},
		{404, `{"NeutronError":{"type":"X","message":"gone","detail":""}}`, "404 Not Found: gone"},
		{500, "<html>\n<head>", "500 Internal Server Error: <html>"},
		{400, "", "400 Bad Request"},
		{400, `{"badRequest":{"message":"token the-token\nis odd"}}`, "token *** is odd"},
		{400, strings.Repeat("x", 5000), "xxx..."},
	} {
		client := service(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(test.status)
			_, _ = fmt.Fprint(w, test.body)
		})
		var into any
		err := Get(t.Context(), client, client.ServiceURL("thing"), &into)
		if Status(err) != test.status || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "the-token") ||
			strings.Contains(err.Error(), "\n") || len(err.Error()) > 400 {
			t.Errorf("%d %.40q: %v", test.status, test.body, err)
		}
	}
}

// TestWithoutUserinfo: a user and password in a URL are not printed.
func TestWithoutUserinfo(t *testing.T) {
	if got := WithoutUserinfo("https://user:secret@host/path?x=1"); got != "https://host/path?x=1" {
		t.Error(got)
	}
}

// FuzzMessage: whatever a service answers becomes one line of bounded length.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(`{"error":{"message":"no"}}`))
	f.Add([]byte("<html>\n\xff"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if text := Message(body); strings.ContainsAny(text, "\n\r") || len(text) > 1000 {
			t.Errorf("%q", text)
		}
	})
}

// TestHideSecrets: a secret is hidden also where it is written as in JSON.
func TestHideSecrets(t *testing.T) {
	const secret = `p"a\b`
	for _, text := range []string{"password " + secret + " is wrong", `{"password":"p\"a\\b"}`} {
		if got := HideSecrets(text, secret, ""); strings.Contains(got, secret) || strings.Contains(got, `p\"a`) || !strings.Contains(got, "***") {
			t.Errorf("%s", got)
		}
	}
}
