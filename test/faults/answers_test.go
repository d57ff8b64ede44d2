package faults

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/test/standin"
)

// mostMemory is the limit for any process, in KiB.
const mostMemory = 400 << 10

// testAnswers lets nova send one answer without an end in size or time. The window fails with the
// reason, or leaves out the answer; the other project's window succeeds; memory stays bounded.
func testAnswers(t *testing.T, bin string) {
	pages := standin.On("GET", "/servers/detail")
	for _, test := range []struct {
		name  string
		fault standin.Fault
		says  string
	}{
		{"300 MB", standin.Fault{Count: 1, Serve: endless(300 << 20)}, "larger than 256 MiB"},
		{"without end", standin.Fault{Count: 1, Serve: endless(1 << 40)}, "larger than 256 MiB"},
		{"name of 100 MB", standin.Fault{Count: 1, Edit: func(body []byte) []byte {
			return bytes.Replace(body, []byte(`"name":"`), []byte(`"name":"`+strings.Repeat("x", 100<<20)), 1)
		}}, "larger than 1 MiB"},
		{"deeply nested", standin.Fault{Count: 1, ContentType: "application/json", Body: strings.Repeat(`{"servers":[`, 5<<20)}, "exceeded max depth"},
		{"page that links to itself", standin.Fault{Serve: selfLink}, "links back to a page that was already read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, bin, standin.Options{})
			test.fault.Match = pages
			if test.fault.Count == 0 {
				test.fault.Match = firstToken(pages)
			}
			s.cloud.Fault(test.fault)
			before := peakMemory(syscall.RUSAGE_CHILDREN)
			got := s.start("extract", "--output", "json").wait()
			if got.status != 1 {
				t.Fatalf("exit status %d\n%s%s", got.status, got.stdout, got.stderr)
			}
			s.checkNoProcessLeft()
			checkOneFailed(t, s.report(got), test.says)
			// A child that is started by vfork begins with the peak of its parent, which is large
			// with the race detector.
			own := peakMemory(syscall.RUSAGE_SELF)
			if peak := peakMemory(syscall.RUSAGE_CHILDREN); peak > max(before, own, mostMemory) {
				t.Errorf("a process took %d MiB", peak>>10)
			}
			s.cloud.ClearFaults()
			s.extract(0)
		})
	}
}

func checkOneFailed(t *testing.T, run report.Run, says string) {
	t.Helper()
	failed := 0
	for _, window := range run.Windows {
		if !window.Failed {
			continue
		}
		failed++
		text := strings.Join(problemLines(window.Problems), "\n")
		if !strings.Contains(text, says) || len(text) > 5000 {
			t.Errorf("%.1000s\ndoes not say %q, or says too much", text, says)
		}
	}
	if failed != 1 {
		t.Errorf("%d of %d windows failed, want 1", failed, len(run.Windows))
	}
}

// endless answers with this number of bytes of unfinished JSON.
func endless(size int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, `{"servers": [`)
		for chunk := []byte(strings.Repeat(`{"id": "x"},`, 100000)); size > 0; size -= len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
}

// selfLink answers with a page whose next link is the page itself.
func selfLink(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"servers": [{"id": "again"}], "servers_links": [{"rel": "next", "href": %q}]}`, "http://"+r.Host+r.URL.Path+"?marker=again")
}

// firstToken matches the requests of one project: those with the first token.
func firstToken(match standin.Match) standin.Match {
	var mu sync.Mutex
	var token string
	return func(r *http.Request) bool {
		if !match(r) {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		if token == "" {
			token = r.Header.Get("X-Auth-Token")
		}
		return r.Header.Get("X-Auth-Token") == token
	}
}

// peakMemory returns the peak memory of this process, or of its largest ended child, in KiB
// (getrusage(2)).
func peakMemory(who int) int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(who, &usage); err != nil {
		return 0
	}
	return usage.Maxrss
}
