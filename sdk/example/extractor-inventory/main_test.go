package main

import (
	"context"
	sdk "github.com/caso-project/caso/internal/oldsdk"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
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
	plugintest.Conform(t, plugintest.Extractor(t, sdk.NewExtractor(&inventory{})), plugintest.Settings{
		Options: map[string]string{"inventory.path": write(t, servers)},
		From:    date(1, 31), To: date(3, 1),
	})
}

// The figures are for the plugin's own tests: the suite does not know them.
func TestFigures(t *testing.T) {
	extractor := &inventory{path: write(t, servers)}
	var got []string
	_, err := extractor.Extract(t.Context(), &pluginv1.ExtractRequest{
		Project: &pluginv1.Project{Id: "a"},
		Window:  &pluginv1.Window{From: timestamppb.New(date(1, 31)), To: timestamppb.New(date(3, 1))},
	}, func(record *pluginv1.Record) error {
		cloud := record.GetCloud()
		got = append(got, cloud.GetVmUuid()+" "+cloud.GetRecordCreateTime().AsTime().Format("01-02 15:04:05")+
			" "+cloud.GetWallDuration().AsDuration().String()+" "+cloud.GetCpuDuration().AsDuration().String()+" "+cloud.GetStatus().String())
		return nil
	})
	if err != nil {
		t.Fatal(err)
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

func TestMoments(t *testing.T) {
	tests := map[string]struct {
		from, to time.Time
		want     []time.Time
	}{
		"within a month":     {date(3, 5), date(3, 6), []time.Time{date(3, 6)}},
		"to a month's end":   {date(3, 5), date(4, 1), []time.Time{date(4, 1).Add(-time.Second)}},
		"from a month's end": {date(3, 1), date(3, 2), []time.Time{date(3, 2)}},
		"over two ends":      {date(2, 5), date(4, 2), []time.Time{date(3, 1).Add(-time.Second), date(4, 1).Add(-time.Second), date(4, 2)}},
		"to its first second": {date(3, 5), date(4, 1).Add(time.Second),
			[]time.Time{date(4, 1).Add(-time.Second), date(4, 1).Add(time.Second)}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := moments(test.from, test.to); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestBadFile(t *testing.T) {
	for name, path := range map[string]string{"missing": "/nonexistent/servers.json", "no JSON": write(t, "<html>")} {
		t.Run(name, func(t *testing.T) {
			if _, err := (&inventory{path: path}).ListProjects(context.Background(), &pluginv1.ListProjectsRequest{}); err == nil {
				t.Error("no error")
			}
		})
	}
}
