package faults

import (
	"strings"
	"testing"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/outbox/sqlstore"
	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/test/standin"
)

// testExtractors runs an extractor that misbehaves in one of its projects. That window fails with
// the cause, its records are discarded and its checkpoint stays; the other windows and extractors
// are not affected. A run in which the extractor works extracts the failed window.
func testExtractors(t *testing.T, bin string) {
	for mode, want := range map[string]string{
		"hangs":                           "sent nothing for 2s ([extractor_faulty] timeout)",
		"ends without Complete":           "ended the stream without Complete",
		"fails with a status":             "had enough",
		"fails without a reason":          "failed and gave no reason",
		"goes on after Complete":          "did not end the stream after Complete",
		"completes twice":                 "did not end the stream after Complete",
		"sends a malformed message":       "failed to unmarshal",
		"sends a message of 20 MiB":       "larger than max",
		"sends a batch of 2 MiB":          "a batch of 2097220 bytes, more than 1048576",
		"sends too many records":          "a batch of 1001 records, more than 1000",
		"returns a large state":           "a state of 16777217 bytes",
		"reports another project":         `project_id is "before"`,
		"reports another type":            "record type ip was not requested",
		"reports no kind":                 "invalid record: empty record",
		"reports no start":                "invalid record",
		"reports a negative duration":     "invalid record",
		"reports an end before the start": "invalid record",
	} {
		t.Run(strings.ReplaceAll(mode, " ", "-"), func(t *testing.T) {
			t.Parallel()
			s := extractorSite(t, bin, mode)
			run := s.extract(1)
			s.checkNoProcessLeft()
			checkWindows(t, run, map[string]string{"bad": want})
			checkStored(t, s, run, "before", "after")
			s.set("faulty", "mode", "behaves")
			checkRecovered(t, s.extract(0))
		})
	}
	t.Run("sends-an-empty-message", func(t *testing.T) {
		t.Parallel()
		run := extractorSite(t, bin, "sends an empty message").extract(0)
		for _, window := range run.Windows {
			if window.ProjectID == "bad" {
				checkLine(t, problemLines(window.Problems), "warning", "messages of a type that this version of caso does not support")
			}
		}
		checkRecovered(t, run)
	})
	t.Run("crashes", func(t *testing.T) {
		t.Parallel()
		s := extractorSite(t, bin, "crashes")
		// One project after the other, so that the ones after the crash have no extractor.
		s.set("DEFAULT", "extract_concurrency", "1")
		run := s.extract(1)
		s.checkNoProcessLeft()
		checkWindows(t, run, map[string]string{"bad": "exited with status 2; last output: \"panic: out of luck", "after": "exited with status 2"})
		checkStored(t, s, run, "before")
		s.set("faulty", "mode", "behaves")
		checkRecovered(t, s.extract(0))
	})
	for mode, want := range map[string]string{
		"hangs over projects":   "no answer within 2s ([extractor_faulty] timeout)",
		"crashes over projects": "exited with status 2",
		"fails over projects":   "no idea",
	} {
		t.Run(strings.ReplaceAll(mode, " ", "-"), func(t *testing.T) {
			t.Parallel()
			s := extractorSite(t, bin, mode)
			run := s.extract(1)
			s.checkNoProcessLeft()
			checkLine(t, problemLines(run.Problems), "listing the projects", "extractor faulty", want)
			checkWindows(t, run, nil)
			checkStored(t, s, run)
		})
	}
}

// extractorSite returns a site with the extractors nova and faulty.
func extractorSite(t *testing.T, bin, mode string) *site {
	s := newSite(t, bin, standin.Options{})
	s.set("DEFAULT", "extractor", "nova, faulty")
	s.set("faulty", "mode", mode)
	s.set("extractor_faulty", "timeout", "20")
	if strings.HasPrefix(mode, "hangs") {
		s.set("extractor_faulty", "timeout", "2")
	}
	return s
}

// checkWindows checks that exactly the windows of these projects failed, with these causes.
func checkWindows(t *testing.T, run report.Run, failed map[string]string) {
	t.Helper()
	nova := 0
	for _, window := range run.Windows {
		if window.Extractor == "nova" {
			nova++
		}
		want, fails := failed[window.ProjectID]
		if window.Extractor == "nova" || !fails {
			if window.Failed || window.Records == 0 {
				t.Errorf("%s, project %s: failed or without records: %v", window.Extractor, window.ProjectID, problemLines(window.Problems))
			}
			continue
		}
		if !window.Failed || window.Records != 0 {
			t.Errorf("project %s did not fail: %+v", window.ProjectID, window)
		}
		checkLine(t, problemLines(window.Problems), want)
	}
	if nova == 0 {
		t.Error("nova has no windows")
	}
}

// checkRecovered checks that the next run extracted the failed window. Projects whose checkpoint is
// at the current second have no window.
func checkRecovered(t *testing.T, run report.Run) {
	t.Helper()
	for _, window := range run.Windows {
		if window.ProjectID == "bad" && !window.Failed && window.Records >= 800 {
			return
		}
	}
	t.Errorf("the failed window was not extracted: %+v", run.Windows)
}

// checkStored checks that exactly these projects of the faulty extractor have a checkpoint, and
// that exactly their records were delivered.
func checkStored(t *testing.T, s *site, run report.Run, projects ...string) {
	t.Helper()
	want := map[string]int{}
	for _, project := range projects {
		want[project] = 800
	}
	got := map[string]int{}
	for _, key := range s.spooled() {
		id, _, _ := strings.Cut(key, "-")
		if id == "before" || id == "bad" || id == "after" || id == "many" {
			got[id]++
		}
	}
	for _, id := range []string{"before", "bad", "after", "many"} {
		if got[id] != want[id] {
			t.Errorf("%d records of project %s were delivered, want %d", got[id], id, want[id])
		}
	}
	box, err := sqlstore.Open(sqlstore.InDirectory(s.path("spool")), sqlstore.Options{ReadOnly: true})
	must(t, err)
	defer func() { must(t, box.Close()) }()
	stats, err := box.Stats()
	must(t, err)
	if stats.Batches != 0 {
		t.Errorf("%d batches are pending", stats.Batches)
	}
	for _, project := range []string{"before", "bad", "after"} {
		_, found, err := box.Checkpoint(outbox.Key{Extractor: "faulty", ProjectID: project})
		must(t, err)
		if _, wanted := want[project]; found != wanted {
			t.Errorf("project %s has a checkpoint: %t", project, found)
		}
	}
	for _, window := range run.Windows {
		if _, found, err := box.Checkpoint(keyOf(window)); err != nil || found == window.Failed {
			t.Errorf("%s, project %s: failed %t, checkpoint %t, %v", window.Extractor, window.ProjectID, window.Failed, found, err)
		}
	}
}
