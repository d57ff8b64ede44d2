package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// TestStreamIsBounded: whatever a list has, reading it takes a bounded amount of memory.
func TestStreamIsBounded(t *testing.T) {
	const large = 6 << 20
	for _, test := range []struct {
		name       string
		begin, mid string
		says       string
	}{
		{"many items", `{"things":[1`, `,{"id":"x"}`, "not the JSON document"},
		{"many members", `{"a":1`, `,"b":[]`, "not the JSON document"},
		{"a large item", `{"things":[{"a":"`, "xxxxxxxxxx", "larger than 1 MiB"},
		{"a large name", `{"`, "xxxxxxxxxx", "larger than 1 MiB"},
		{"a large number", `{"things":[1`, "00000", "larger than 1 MiB"},
		{"a large link", `{"links":"`, "xxxxxxxxxx", "larger than 1 MiB"},
		{"arrays in arrays", `{"things":[`, "[[[[[[[[", "exceeded max depth"},
		{"objects in objects", `{"things":[`, `{"things":[`, "exceeded max depth"},
		{"objects without end", `{"a":`, `{"a":`, "exceeded max depth"},
		{"blanks", `{"things":[`, "          ", "larger than 1 MiB"},
		{"something after it", `{"things":[]}`, "          ", ""},
		{"another document after it", `{"things":[]}`, "{}", "not the JSON document"},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := io.MultiReader(strings.NewReader(test.begin), io.LimitReader(&cycle{text: test.mid}, large))
			if test.says == "" {
				body = io.MultiReader(strings.NewReader(test.begin), io.LimitReader(&cycle{text: test.mid}, maxElement/2))
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			stream := newStream(body)
			_, err := stream.member("things", func(string) error { return stream.Skip() }, func() error {
				return stream.Array(func() error { var raw json.RawMessage; return stream.Decode(&raw) })
			})
			if err == nil {
				err = stream.end()
			}
			err = stream.explain(err)
			runtime.ReadMemStats(&after)
			switch {
			case test.says == "" && err != nil, test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)):
				t.Errorf("%v", err)
			}
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 24<<20 {
				t.Errorf("%d MiB of memory", grown>>20)
			}
		})
	}
}

// cycle is an endless text.
type cycle struct {
	text string
	rest string
}

func (c *cycle) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if c.rest == "" {
			c.rest = c.text
		}
		k := copy(p[n:], c.rest)
		c.rest, n = c.rest[k:], n+k
	}
	return n, nil
}

// TestStreamErrorNames: an error has the service, the path and the limit.
func TestStreamErrorNames(t *testing.T) {
	client := service(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"things":[{"a":%q}]}`, strings.Repeat("x", 2*maxElement))
	})
	client.Type = "compute"
	err := EachItem(t.Context(), client, client.ServiceURL("v2.1/things"), "things", func(json.RawMessage) error { return nil })
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{"compute service", "/v2.1/things", "larger than 1 MiB"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v lacks %q", err, part)
		}
	}
}

// TestNestedList: a list may be deeper in the answer, with the link beside.
func TestNestedList(t *testing.T) {
	client := service(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("marker") == "" {
			_, _ = io.WriteString(w, `{"usage":{"other":{"list":[9]},"list":[1,2]},"usage_links":[{"rel":"next","href":"/things?marker=2"}]}`)
			return
		}
		_, _ = io.WriteString(w, `{"usage":{"list":[3]}}`)
	})
	var got []string
	err := EachItem(t.Context(), client, client.ServiceURL("things"), "usage/list", func(raw json.RawMessage) error {
		got = append(got, string(raw))
		return nil
	})
	if err != nil || fmt.Sprint(got) != "[1 2 3]" {
		t.Errorf("%v %v", got, err)
	}
}

// FuzzStream: a stream accepts what json.Unmarshal accepts, and finds the same items.
func FuzzStream(f *testing.F) {
	for _, text := range []string{`{"things":[1,{"a":[]},"x"],"next":null}`, `{"things":{}}`, `[]`, `{"things":[1`, `{"a":{"things":[1]}}`, ` {"things" : [ ] } `} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var whole map[string]json.RawMessage
		var items []json.RawMessage
		wholeErr := json.Unmarshal([]byte(text), &whole)
		if wholeErr == nil {
			wholeErr = json.Unmarshal(whole["things"], &items)
		}
		var got []string
		stream := newStream(strings.NewReader(text))
		found, err := stream.member("things", func(string) error { return stream.Skip() }, func() error {
			return stream.Array(func() error {
				var raw json.RawMessage
				err := stream.Decode(&raw)
				got = append(got, string(raw))
				return err
			})
		})
		if err == nil {
			err = stream.end()
		}
		if err == nil && found && (wholeErr != nil || len(got) != len(items)) {
			t.Errorf("%q: %v, %q and %q", text, wholeErr, got, items)
		}
		if err != nil && wholeErr == nil && items != nil && !strings.Contains(err.Error(), "twice") && !errors.Is(err, errElement) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
