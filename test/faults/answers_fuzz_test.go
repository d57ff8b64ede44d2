package faults

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/caso-project/caso/internal/contract"
	"github.com/caso-project/caso/plugins/extractor-nova/nova"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/test/standin"
)

// requests returns parts of the paths that extractor nova requests. A fuzzed answer replaces one
// answer.
func requests() []string {
	return []string{
		"/auth/tokens", "/auth/projects", "/identity/v3/projects", "/users", "/servers/detail", "/os-instance-actions",
		"/flavors", "/images", "/floatingips", "/compute/v2.1/",
	}
}

// mocked is a stand-in cloud with one answer replaced.
type mocked struct {
	cloud *standin.Cloud

	mu      sync.Mutex
	request string
	body    []byte
	// seen has the true answers by request.
	seen map[string][]byte
}

func (m *mocked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	truth := httptest.NewRecorder()
	m.cloud.ServeHTTP(truth, r)
	body := truth.Body.Bytes()
	m.mu.Lock()
	for _, request := range requests() {
		if strings.Contains(r.URL.Path, request) && m.seen[request] == nil && truth.Code < 300 {
			m.seen[request] = bytes.Clone(body)
		}
	}
	if m.request != "" && strings.Contains(r.URL.Path, m.request) {
		body = m.body
	}
	m.mu.Unlock()
	for _, name := range []string{"Content-Type", "X-Subject-Token"} {
		w.Header().Set(name, truth.Header().Get(name))
	}
	w.WriteHeader(truth.Code)
	_, _ = w.Write(body)
}

func (m *mocked) replace(request string, body []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.request, m.body = request, body
}

// FuzzAnswers checks that the extractor ends, and that its records are valid and of the requested
// project, for every answer of keystone, nova, glance or neutron.
func FuzzAnswers(f *testing.F) {
	m := &mocked{
		cloud: standin.New(standin.Options{Seed: 1, Projects: 1, ServersPerProject: 6}),
		seen:  map[string][]byte{},
	}
	server := httptest.NewServer(m)
	f.Cleanup(server.Close)
	// URLs in answers must not lead to other servers.
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY"} {
		f.Setenv(name, server.URL)
	}
	extractOnce(f, server.URL)
	for i, request := range requests() {
		if m.seen[request] == nil {
			// Not requested in this cloud, but a valid answer.
			m.seen[request] = []byte("{}")
		}
		f.Add(uint8(i), m.seen[request])
		f.Add(uint8(i), m.seen[request][:len(m.seen[request])/2])
		f.Add(uint8(i), bytes.ReplaceAll(m.seen[request], []byte(`":"`), []byte(`":["`)))
		f.Add(uint8(i), bytes.ReplaceAll(m.seen[request], []byte("20"), []byte("-9999999999999999999")))
		f.Add(uint8(i), bytes.ReplaceAll(m.seen[request], []byte(`"`), []byte("null")))
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		m.replace(requests()[int(which)%len(requests())], body)
		extractOnce(t, server.URL)
	})
}

// extractOnce lists projects and extracts a window like a run.
func extractOnce(t testing.TB, url string) {
	// Retries wait; the answer under test comes before them.
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		extract(ctx, t, url)
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Error("the extractor does not end")
	}
}

func extract(ctx context.Context, t testing.TB, url string) {
	extractor := nova.New()
	settings := map[string]string{"auth_url": url + "/identity/v3", "username": standin.AccountingUser, "password": standin.AccountingPassword}
	var values []*pluginv1.OptionValue
	for _, option := range extractor.Describe().Options {
		if text, ok := settings[option.Name()]; ok && option.Section() == "keystone_auth" {
			values = append(values, &pluginv1.OptionValue{
				Option: &pluginv1.OptionRef{Section: option.Section(), Name: option.Name()},
				Value:  &pluginv1.OptionValue_StringValue{StringValue: text},
			})
		}
	}
	if err := extractor.Configure(ctx, sdk.NewConfig("nova", values)); err != nil {
		t.Errorf("configuring: %v", err)
		return
	}
	projects, _ := extractor.ListProjects(ctx, sdk.ListProjectsRequest{Projects: []string{standin.ProjectWithoutVO}, IncludeMarked: true})
	for _, project := range projects {
		if project.GetVo() == "" {
			project.Vo = "vo"
		}
		window := sdk.Window{From: time.Unix(0, 0).UTC(), To: time.Now().UTC().Truncate(time.Second)}
		out := &checkedOutput{ctx: ctx, t: t, check: contract.NewStreamCheck(&pluginv1.ExtractRequest{
			Project:     project,
			Window:      &pluginv1.Window{From: timestamppb.New(window.From), To: timestamppb.New(window.To)},
			RecordTypes: []pluginv1.RecordType{sdk.Cloud},
		})}
		_, _ = extractor.Extract(ctx, sdk.ExtractRequest{Project: project, Window: window,
			RecordTypes: []pluginv1.RecordType{sdk.Cloud}}, out)
	}
}

// checkedOutput checks records as the host does.
type checkedOutput struct {
	ctx   context.Context
	t     testing.TB
	check *contract.StreamCheck
}

func (o *checkedOutput) Emit(record *pluginv1.Record) error {
	if err := o.check.Add(record); err != nil {
		o.t.Errorf("the host would refuse %v: %v", record, err)
	}
	return o.ctx.Err()
}

func (o *checkedOutput) Progress(string, int64) {}
