package standin_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caso-project/caso/test/standin"
)

// client is an HTTP client of a cloud.
type client struct {
	t     *testing.T
	url   string
	token string
}

// serve serves a cloud on the loopback.
func serve(t *testing.T, opts standin.Options) (*standin.Cloud, *client) {
	t.Helper()
	cloud := standin.New(opts)
	server := httptest.NewServer(cloud)
	t.Cleanup(server.Close)
	return cloud, &client{t: t, url: server.URL}
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body []byte
}

// json reads the body as a JSON object.
func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("%s: %v in %.200s", a.Request.URL, err, a.body)
	}
	return v
}

func (c *client) do(method, address string, body any, headers ...string) answer {
	c.t.Helper()
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		reader = bytes.NewReader(data)
	}
	if address != "" && address[0] == '/' {
		address = c.url + address
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, address, reader)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.token != "" {
		req.Header.Set("X-Auth-Token", c.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer{resp, data}
}

// get requests something that must exist, at a compute microversion if one is given.
func (c *client) get(address string, microversion ...string) map[string]any {
	c.t.Helper()
	var headers []string
	if len(microversion) > 0 {
		headers = []string{"OpenStack-API-Version", "compute " + microversion[0], "X-OpenStack-Nova-API-Version", microversion[0]}
	}
	a := c.do(http.MethodGet, address, nil, headers...)
	if a.StatusCode >= 300 {
		c.t.Fatalf("GET %s: %s: %s", address, a.Status, a.body)
	}
	return a.json(c.t)
}

type object = map[string]any

func password(user, secret string, scope any) object {
	auth := object{"identity": object{"methods": []string{"password"}, "password": object{
		"user": object{"name": user, "domain": object{"id": "default"}, "password": secret}}}}
	if scope != nil {
		auth["scope"] = scope
	}
	return object{"auth": auth}
}

func project(name string) object {
	return object{"project": object{"name": name, "domain": object{"name": "Default"}}}
}

func system() object { return object{"system": object{"all": true}} }

// signIn signs in AccountingUser and stores the token.
func (c *client) signIn(scope any) map[string]any {
	c.t.Helper()
	return c.signInAs(standin.AccountingUser, standin.AccountingPassword, scope)
}

func (c *client) signInAs(user, secret string, scope any) map[string]any {
	c.t.Helper()
	c.token = ""
	a := c.do(http.MethodPost, "/identity/v3/auth/tokens", password(user, secret, scope))
	if a.StatusCode != http.StatusCreated {
		c.t.Fatalf("sign-in: %s: %s", a.Status, a.body)
	}
	c.token = a.Header.Get("X-Subject-Token")
	return a.json(c.t)["token"].(map[string]any)
}

// names returns the names in a list.
func names(list any) []string {
	var out []string
	for _, item := range list.([]any) {
		out = append(out, item.(map[string]any)["name"].(string))
	}
	return out
}

// wantStatus sends a request and compares the status.
func (c *client) wantStatus(status int, address string, headers ...string) answer {
	c.t.Helper()
	a := c.do(http.MethodGet, address, nil, headers...)
	if a.StatusCode != status {
		c.t.Errorf("GET %s: %s, want %d: %.300s", address, a.Status, status, a.body)
	}
	return a
}

// all follows the next links of a list of nova's.
func (c *client) all(address, microversion string) (items []any, pages int) {
	c.t.Helper()
	for address != "" {
		page := c.get(address, microversion)
		items = append(items, page["servers"].([]any)...)
		pages++
		address = ""
		if links, ok := page["servers_links"].([]any); ok {
			address = links[0].(map[string]any)["href"].(string)
		}
	}
	return items, pages
}
