package faults

import (
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caso-project/caso/test/standin"
)

// mostPluginMemory is the limit for an extractor, in KiB, whatever a cloud answers.
const mostPluginMemory = 400 << 10

// listed is a request whose answer has a list.
type listed struct {
	name, method, path string
	// before and after enclose the elements in the answer.
	before, after string
}

// listedRequests returns the requests whose answers are replaced.
func listedRequests() []listed {
	return []listed{
		{"servers", "GET", "/servers/detail", `{"servers":[`, `]}`},
		{"flavors", "GET", "/flavors/detail", `{"flavors":[`, `]}`},
		{"images", "GET", "/v2/images", `{"images":[`, `]}`},
		{"floating addresses", "GET", "/floatingips", `{"floatingips":[`, `]}`},
		{"users", "GET", "/v3/users", `{"users":[`, `]}`},
		{"projects", "GET", "/auth/projects", `{"projects":[`, `]}`},
		{"token", "POST", "/auth/tokens", `{"token":{"catalog":[`, `]}}`},
		{"instance actions", "GET", "/os-instance-actions", `{"instanceActions":[`, `]}`},
		{"measures", "POST", "/v1/aggregates", `[`, `]`},
		{"samples", "GET", "/v2/meters/", `[`, `]`},
	}
}

// shape is a kind of answer that takes much memory if it is read carelessly.
type shape struct {
	name  string
	write func(w http.ResponseWriter, request listed) error
}

// shapes returns the kinds of answers. Those with many elements have this number of bytes.
func shapes(large int64) []shape {
	const largeAnswer = 250_000_000
	return []shape{
		{"many elements", func(w http.ResponseWriter, request listed) error {
			element := `{"id":"x","name":"` + strings.Repeat("n", 2000) + `"}`
			return writeAll(w, request.before, repeatText(element+",", large), element+request.after)
		}},
		{"an element of 250 MB", func(w http.ResponseWriter, request listed) error {
			return writeAll(w, request.before+`{"id":"x","name":"`, repeatText("n", largeAnswer), `"}`+request.after)
		}},
		{"a random element of 250 MB", func(w http.ResponseWriter, request listed) error {
			letters := io.LimitReader(randomLetters{rand.NewChaCha8([32]byte{})}, largeAnswer)
			return writeAll(w, request.before+`{"id":"`, letters, `"}`+request.after)
		}},
		{"many small elements", func(w http.ResponseWriter, request listed) error {
			return writeAll(w, request.before, repeatText("{},", large), "{}"+request.after)
		}},
		{"many members", func(w http.ResponseWriter, request listed) error {
			return writeAll(w, request.before+`{"a":0`, repeatText(`,"b":{}`, largeAnswer), "}"+request.after)
		}},
		{"arrays in arrays", func(w http.ResponseWriter, request listed) error {
			return writeAll(w, request.before, repeatText("[", largeAnswer), "")
		}},
		{"without end", func(w http.ResponseWriter, request listed) error {
			return writeAll(w, request.before, repeatText(`{"id":"x"},`, 1<<40), "")
		}},
		{"compressed without end", func(w http.ResponseWriter, request listed) error {
			w.Header().Set("Content-Encoding", "gzip")
			elements := compressed(strings.Repeat(`{"id":"x"},`, 1<<16))
			return writeAll(w, compressed(request.before), repeatText(elements, 1<<40), "")
		}},
		{"a header without end", func(w http.ResponseWriter, _ listed) error {
			for i := range 100_000 {
				w.Header().Set(fmt.Sprintf("X-Header-%d", i), strings.Repeat("x", 1000))
			}
			return nil
		}},
		{"another length", func(w http.ResponseWriter, request listed) error {
			w.Header().Set("Content-Length", strconv.Itoa(1<<40))
			return writeAll(w, request.before, repeatText(`{"id":"x"},`, 1<<20), request.after)
		}},
		{"an error without end", func(w http.ResponseWriter, request listed) error {
			w.WriteHeader(http.StatusInternalServerError)
			return writeAll(w, request.before, repeatText(`{"id":"x"},`, 1<<40), "")
		}},
	}
}

// compressed returns a text as a member of a gzip file, which may have many (RFC 1952, section
// 2.2). Compressing each answer would take the test longer than reading it takes the extractor.
func compressed(text string) string {
	var member strings.Builder
	compressor := gzip.NewWriter(&member)
	_, _ = io.WriteString(compressor, text) // a Builder has no errors
	_ = compressor.Close()
	return member.String()
}

// writeAll writes an answer until it is complete or the client has enough of it.
func writeAll(w io.Writer, before string, middle io.Reader, after string) error {
	_, err := io.Copy(w, io.MultiReader(strings.NewReader(before), middle, strings.NewReader(after)))
	return err
}

// repeatText is a text again and again, whole, of about this size.
func repeatText(text string, size int64) io.Reader {
	chunk := strings.Repeat(text, max(1, 1<<16/len(text)))
	return &repetition{chunk: chunk, left: size / int64(len(chunk))}
}

type repetition struct {
	chunk string
	rest  string
	left  int64
}

func (r *repetition) Read(p []byte) (int, error) {
	if r.rest == "" {
		if r.left == 0 {
			return 0, io.EOF
		}
		r.rest, r.left = r.chunk, r.left-1
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// randomLetters are letters that compress badly.
type randomLetters struct{ random *rand.ChaCha8 }

func (r randomLetters) Read(p []byte) (int, error) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	n, err := r.random.Read(p)
	for i := range p[:n] {
		p[i] = letters[p[i]%64]
	}
	return n, err
}

// testMemory lets a service send answers without an end in size, number or depth, and measures the
// memory of the extractor. With CASO_ANSWERS=1 every list has every shape; otherwise every list
// and every shape is there once, and servers have all.
func testMemory(t *testing.T, bin string) {
	all, large := os.Getenv("CASO_ANSWERS") != "", int64(20_000_000)
	if all {
		large = 250_000_000
	}
	for i, request := range listedRequests() {
		for j, form := range shapes(large) {
			if !all && i > 0 && i%len(shapes(large)) != j {
				continue
			}
			t.Run(request.name+"/"+form.name, func(t *testing.T) {
				t.Parallel()
				s := newSite(t, bin, standin.Options{MaxMicroversion: map[string]string{"flavors": "2.1"}[request.name],
					Telemetry: map[string]standin.Telemetry{"measures": standin.TelemetryGnocchi, "samples": standin.TelemetryCeilometer}[request.name]})
				if request.name == "measures" || request.name == "samples" {
					s.set("DEFAULT", "extractor", "ceilometer")
				}
				s.cloud.Fault(standin.Fault{Match: standin.On(request.method, request.path),
					Serve: func(w http.ResponseWriter, _ *http.Request) {
						w.Header().Set("Content-Type", "application/json")
						w.Header().Set("X-Subject-Token", "token")
						_ = form.write(w, request)
					}})
				command := s.start("extract")
				peak := s.peakMemory()
				got := command.wait()
				memory := peak()
				t.Logf("exit status %d, %d MiB, %s", got.status, memory>>10, got.took.Round(time.Millisecond))
				if memory == 0 || memory > mostPluginMemory {
					t.Errorf("the extractor took %d KiB of memory", memory)
				}
				if got.status != 0 && got.status != 1 || len(got.stdout)+len(got.stderr) > 20_000 {
					t.Errorf("exit status %d\n%.3000s%.3000s", got.status, got.stdout, got.stderr)
				}
				s.checkNoProcessLeft()
			})
		}
	}
}

// peakMemory follows the peak memory (VmHWM) of the site's plugins. The returned function ends that
// and returns the highest one, in KiB.
func (s *site) peakMemory() func() int {
	done, result := make(chan struct{}), make(chan int)
	go func() {
		peak := 0
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for {
			for _, pid := range s.plugins() {
				peak = max(peak, processPeak(pid))
			}
			select {
			case <-ticker.C:
			case <-done:
				result <- peak
				return
			}
		}
	}()
	return func() int {
		close(done)
		return <-result
	}
}

// processPeak returns the peak memory of a process in KiB, 0 for one that has ended.
func processPeak(pid int) int {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, line, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(line)
	if len(fields) == 0 {
		return 0
	}
	peak, _ := strconv.Atoi(fields[0])
	return peak
}
