package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/sdk/plugintest"
)

const servers = `[
  {"project": "a", "id": "runs", "name": "one", "cpus": 2, "created": "2026-01-30T00:00:00Z"},
  {"project": "a", "id": "ended", "name": "two", "cpus": 1, "created": "2026-01-31T00:00:00Z", "deleted": "2026-02-10T12:00:00Z"},
  {"project": "a", "id": "long gone", "name": "", "cpus": 1, "created": "2026-01-01T00:00:00Z", "deleted": "2026-01-02T00:00:00Z"},
  {"project": "a", "id": "later", "name": "", "cpus": 1, "created": "2026-03-01T00:00:00Z"},
  {"project": "b", "id": "others", "name": "", "cpus": 1, "created": "2026-01-01T00:00:00Z"}
]`

func date(month, day int) time.Time {
	return time.Date(2026, time.Month(month), day, 0, 0, 0, 0, time.UTC)
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "servers.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConform(t *testing.T) {
	plugintest.Conform(t, plugintest.Extractor(t, &inventory{}), plugintest.Settings{
		Options: map[string]string{"inventory.path": write(t, servers)},
		From:    date(1, 31), To: date(3, 1),
	})
}

// The figures are for the plugin's own tests: the suite cannot know them.
func TestFigures(t *testing.T) {
	extractor := &inventory{path: write(t, servers)}
	var out plugintest.Collected
	_, err := extractor.Extract(t.Context(), sdk.ExtractRequest{
		Project: &pluginv1.Project{Id: "a"}, Window: sdk.Window{From: date(1, 31), To: date(3, 1)},
	}, &out)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, record := range out.Records {
		cloud := record.GetCloud()
		got = append(got, cloud.GetVmUuid()+" "+cloud.GetRecordCreateTime().AsTime().Format("01-02 15:04:05")+
			" "+cloud.GetWallDuration().AsDuration().String()+" "+cloud.GetCpuDuration().AsDuration().String()+" "+cloud.GetStatus().String())
	}
	want := []string{
		"runs 01-31 23:59:59 47h59m59s 95h59m58s CLOUD_STATUS_STARTED",
		"runs 02-28 23:59:59 719h59m59s 1439h59m58s CLOUD_STATUS_STARTED",
		"ended 01-31 23:59:59 23h59m59s 23h59m59s CLOUD_STATUS_STARTED",
		"ended 02-28 23:59:59 252h0m0s 252h0m0s CLOUD_STATUS_COMPLETED",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

func TestInvalidFile(t *testing.T) {
	for name, path := range map[string]string{"missing": "/nonexistent/servers.json", "not JSON": write(t, "<html>")} {
		t.Run(name, func(t *testing.T) {
			if _, err := (&inventory{path: path}).ListProjects(t.Context(), sdk.ListProjectsRequest{}); err == nil {
				t.Error("no error")
			}
		})
	}
}
