package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caso-project/caso/test/standin"
)

// killsEnv is the number of killed runs, for hosts and for plugins.
const killsEnv = "CASO_KILLS"

const (
	defaultKills = 100
	// killsPerRound is the number of killed runs before one may finish and everything is compared.
	// Each round starts with an empty outbox, because a first window is the longest.
	killsPerRound = 20
)

// testKill kills the host, or one of its plugins, at random moments of real runs. After the next
// complete run every messenger must have every record.
func testKill(t *testing.T, bin string) {
	kills := defaultKills
	if text := os.Getenv(killsEnv); text != "" {
		var err error
		kills, err = strconv.Atoi(text)
		must(t, err)
	}
	for _, victim := range []struct {
		name    string
		disturb func(*site, *rand.Rand, time.Duration)
	}{
		{"host", killHost},
		{"plugin", killPlugin},
	} {
		t.Run(victim.name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(4, uint64(len(victim.name))))
			for done, round := 0, 0; done < kills; round++ {
				count := min(killsPerRound, kills-done)
				killRound(t, bin, round, func(s *site, length time.Duration) {
					for range count {
						victim.disturb(s, random, length)
					}
				})
				done += count
			}
		})
	}
}

func killRound(t *testing.T, bin string, round int, disturb func(*site, time.Duration)) {
	s := newSite(t, bin, standin.Options{Seed: uint64(round + 1), Projects: 3, ServersPerProject: 80})
	s.set("DEFAULT", "messengers", "ssm, logstash")
	// The duration of an undisturbed run, and its records of the same cloud.
	sink := newReceiver(t, 0)
	s.set("logstash", "port", fmt.Sprint(sink.port()))
	s.set("DEFAULT", "spooldir", s.path("spool-before"))
	s.set("ssm", "output_path", s.path("out-before"))
	length := s.run(0, "extract").took

	disturbed := newReceiver(t, 0)
	s.set("logstash", "port", fmt.Sprint(disturbed.port()))
	s.set("DEFAULT", "spooldir", s.path("spool"))
	s.set("ssm", "output_path", s.path("out"))
	disturb(s, length)
	last := s.extract(0)
	for len(last.Windows) < 3 {
		// The previous run had reported a project up to this second.
		last = s.extract(0)
	}
	s.checkNoProcessLeft()
	if left := s.leftovers(); len(left) > 0 {
		t.Errorf("left in TMPDIR: %v", left)
	}
	disturbed.stop()

	// The same time in a single window.
	truth := newReceiver(t, 0)
	s.set("logstash", "port", fmt.Sprint(truth.port()))
	s.set("DEFAULT", "spooldir", s.path("spool-truth"))
	s.set("ssm", "output_path", s.path("out-truth"))
	s.run(0, "extract", "--extract-to", last.Windows[0].To.Format(time.RFC3339))
	truth.stop()

	messages, temporary := readSpool(t, s.path("out"))
	// A message that a killed messenger had not linked has no name.
	if len(temporary) > 0 {
		t.Errorf("%d temporary files are left in the spool", len(temporary))
	}
	got := checkRepeats(t, messages, disturbed.batches())
	compareFigures(t, got, checkRepeats(t, nil, truth.batches()))
	for _, project := range last.Windows {
		for _, server := range s.cloud.Servers(project.ProjectID) {
			if !slices.ContainsFunc(got, func(d map[string]any) bool { return d["VMUUID"] == server.ID }) {
				t.Errorf("nothing was reported of server %s of project %s", server.ID, project.ProjectName)
			}
		}
	}
}

// killHost kills the host at a random moment of a run of this duration.
func killHost(s *site, random *rand.Rand, length time.Duration) {
	s.t.Helper()
	r := s.start("extract")
	<-time.After(time.Duration(random.Int64N(int64(length))))
	_ = r.command.Process.Kill()
	r.wait()
	s.checkNoProcessLeft()
	// Each run removes what earlier ones left.
	if left := s.leftovers(); len(left) > 1 {
		s.t.Errorf("left in TMPDIR: %v", left)
	}
}

// killPlugin kills one of the plugins; the host must end by itself.
func killPlugin(s *site, random *rand.Rand, length time.Duration) {
	s.t.Helper()
	r := s.start("extract")
	<-time.After(time.Duration(random.Int64N(int64(length))))
	victims := s.plugins()
	if len(victims) > 0 {
		_ = syscall.Kill(victims[random.IntN(len(victims))], syscall.SIGKILL)
	}
	got := r.wait()
	if got.status < 0 || got.status > 2 || strings.Contains(got.stderr, "panic") {
		s.t.Errorf("after a plugin was killed: exit status %d\n%s%s", got.status, got.stdout, got.stderr)
	}
	if got.status != 0 && !strings.Contains(got.stdout+got.stderr, "was killed by signal 9") {
		s.t.Errorf("exit status %d, and the killed plugin is not named:\n%s%s", got.status, got.stdout, got.stderr)
	}
	s.checkNoProcessLeft()
	if left := s.leftovers(); len(left) > 0 {
		s.t.Errorf("left in TMPDIR: %v", left)
	}
}

// checkRepeats checks that repeated batches are whole and identical, and that both messengers got
// the same records. It returns every document once.
func checkRepeats(t *testing.T, messages []message, batches [][]string) []map[string]any {
	t.Helper()
	// A batch that was delivered again begins with the same record.
	longest := map[string][]string{}
	for _, batch := range batches {
		first := document(t, batch[0])["document_id"].(string)
		known := longest[first]
		short, long := batch, known
		if len(short) > len(long) {
			short, long = long, short
		}
		if !slices.Equal(short, long[:len(short)]) {
			t.Errorf("two batches begin with %s and differ", first)
		}
		longest[first] = long
	}
	seen := map[string]bool{}
	var documents []map[string]any
	var sent []string
	for _, batch := range longest {
		for _, line := range batch {
			fields := document(t, line)
			id := fields["document_id"].(string)
			if seen[id] {
				t.Errorf("record %s came in two batches", id)
			}
			seen[id] = true
			documents = append(documents, fields)
			sent = append(sent, fmt.Sprint(fields["VMUUID"], " ", fields["RecordCreateTime"]))
		}
	}
	if messages == nil {
		return documents
	}
	texts := map[string]string{}
	for _, one := range messages {
		for _, key := range keys([]message{one}) {
			if text, known := texts[key]; known && text != one.text {
				t.Errorf("%s came in two different messages", key)
			}
			texts[key] = one.text
		}
	}
	for _, key := range sent {
		if texts[key] == "" {
			t.Errorf("%s reached logstash and not ssm", key)
		}
		delete(texts, key)
	}
	for key := range texts {
		t.Errorf("%s reached ssm and not logstash", key)
	}
	return documents
}

// compareFigures compares the last record of every VM and month, which is billed, with the cloud.
func compareFigures(t *testing.T, got, want []map[string]any) {
	t.Helper()
	gotLast, wantLast := lastOfMonth(t, got), lastOfMonth(t, want)
	if len(wantLast) == 0 {
		t.Fatal("there is nothing to compare with")
	}
	for key, record := range wantLast {
		if fmt.Sprint(gotLast[key]) != fmt.Sprint(record) {
			t.Errorf("%s:\ngot  %v\nwant %v", key, gotLast[key], record)
		}
		delete(gotLast, key)
	}
	for key := range gotLast {
		t.Errorf("%s was reported, and is not in the cloud", key)
	}
}

func lastOfMonth(t *testing.T, documents []map[string]any) map[string]map[string]any {
	t.Helper()
	last := map[string]map[string]any{}
	at := map[string]int64{}
	for _, fields := range documents {
		seconds, err := strconv.ParseInt(fmt.Sprint(fields["RecordCreateTime"]), 10, 64)
		must(t, err)
		key := fmt.Sprintf("%v in %s", fields["VMUUID"], time.Unix(seconds, 0).UTC().Format("2006-01"))
		if seconds < at[key] {
			continue
		}
		at[key] = seconds
		if fields["Status"] == "completed" {
			// An end is reported in the first window after it, which can be any.
			delete(fields, "RecordCreateTime")
			delete(fields, "@timestamp")
			delete(fields, "document_id")
		}
		last[key] = fields
	}
	return last
}
