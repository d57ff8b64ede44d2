package standin

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Match says which requests a fault is for.
type Match func(*http.Request) bool

// On matches requests of a method ("" is any) whose path contains a text ("" is any).
func On(method, contains string) Match {
	return func(r *http.Request) bool {
		return (method == "" || r.Method == method) && strings.Contains(r.URL.Path, contains)
	}
}

// Fault is something that goes wrong with the requests that match. When it is due follows
// from Skip, Count and Probability; what happens, from the rest. What is left out does not
// happen: a Fault with a Delay alone gives the true answer, late.
type Fault struct {
	Match Match // every request when nil

	Skip        int     // leave the first so many alone
	Count       int     // strike so often, then never again (0: without end)
	Probability float64 // strike with this chance (0: always); random by Options.Seed

	// Delay holds the answer back, or until the client gives up.
	Delay time.Duration
	// Hang never answers: it waits until the client gives up.
	Hang bool
	// Reset breaks the connection without an answer (TCP reset). Go's client by itself repeats
	// a GET that meets this on a connection used before, which counts as another request.
	Reset bool

	// Status and Body replace the answer. Without a Body there is a page of HTML, as a proxy
	// sends it.
	Status      int
	Body        string
	ContentType string // of Body ("text/html" when empty)
	// RetryAfter is the header of that name.
	RetryAfter string
	// Serve replaces the answer by whatever it writes: an endless one, say.
	Serve http.HandlerFunc
	// Edit changes the true answer's body: leave out a field, link a page to itself.
	Edit func(body []byte) []byte
	// MalformedJSON cuts the true answer's body in the middle, but sends it as if complete.
	MalformedJSON bool
	// Truncate breaks the connection after so many bytes of the body.
	Truncate int
	// BytesPerSecond sends the body this slowly.
	BytesPerSecond int
}

type faults struct {
	mu     sync.Mutex
	random *rand.Rand
	list   []*armed
}

type armed struct {
	Fault
	seen, struck int
}

func (f *faults) init(seed uint64) { f.random = rand.New(rand.NewPCG(seed, 0xfa017)) }

// Fault arranges for something to go wrong from now on. Of several that match a request, the
// one arranged first strikes. The function returned ends it.
func (c *Cloud) Fault(f Fault) (end func()) {
	a := &armed{Fault: f}
	c.faults.mu.Lock()
	defer c.faults.mu.Unlock()
	c.faults.list = append(c.faults.list, a)
	return func() {
		c.faults.mu.Lock()
		defer c.faults.mu.Unlock()
		for i, other := range c.faults.list {
			if other == a {
				c.faults.list = append(c.faults.list[:i:i], c.faults.list[i+1:]...)
				return
			}
		}
	}
}

// ClearFaults ends all faults.
func (c *Cloud) ClearFaults() {
	c.faults.mu.Lock()
	defer c.faults.mu.Unlock()
	c.faults.list = nil
}

// take finds the fault that strikes a request.
func (f *faults) take(r *http.Request) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.list {
		if a.Match != nil && !a.Match(r) {
			continue
		}
		a.seen++
		if a.seen <= a.Skip || a.Count > 0 && a.struck >= a.Count ||
			a.Probability > 0 && f.random.Float64() >= a.Probability {
			continue
		}
		a.struck++
		return a.Fault, true
	}
	return Fault{}, false
}

// badGateway is what a proxy in front of a dead service sends.
const badGateway = "<html>\r\n<head><title>Bad Gateway</title></head>\r\n<body>\r\n" +
	"<center><h1>The service behind this proxy did not answer</h1></center>\r\n</body>\r\n</html>\r\n"

// serve lets the fault happen to one request.
func (f Fault) serve(w http.ResponseWriter, r *http.Request, truth http.Handler) {
	if f.Delay > 0 && !wait(r.Context(), f.Delay) {
		panic(http.ErrAbortHandler)
	}
	switch {
	case f.Hang:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case f.Reset:
		reset(w)
	case f.Serve != nil:
		f.Serve(w, r)
	default:
		f.send(w, r, f.answer(r, truth))
	}
}

// answer is the true answer or what the fault puts in its place.
func (f Fault) answer(r *http.Request, truth http.Handler) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	if f.Status != 0 || f.Body != "" {
		body, kind := f.Body, f.ContentType
		if body == "" {
			body = badGateway
		}
		if kind == "" {
			kind = "text/html"
		}
		rec.Header().Set("Content-Type", kind)
		if f.Status != 0 {
			rec.Code = f.Status
		}
		rec.Body = bytes.NewBufferString(body)
	} else {
		truth.ServeHTTP(rec, r)
	}
	if f.RetryAfter != "" {
		rec.Header().Set("Retry-After", f.RetryAfter)
	}
	if f.Edit != nil {
		rec.Body = bytes.NewBuffer(f.Edit(rec.Body.Bytes()))
	}
	if f.MalformedJSON {
		rec.Body.Truncate(rec.Body.Len() / 2)
	}
	return rec
}

// send passes an answer on, slowly or in part when that is the fault.
func (f Fault) send(w http.ResponseWriter, r *http.Request, rec *httptest.ResponseRecorder) {
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	body := rec.Body.Bytes()
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(rec.Code)
	cut := f.Truncate > 0 && f.Truncate < len(body)
	if cut {
		body = body[:f.Truncate]
	}
	flush := http.NewResponseController(w)
	for f.BytesPerSecond > 0 && len(body) > 0 {
		// At most ten pieces a second; the first goes at once.
		n := min(max(f.BytesPerSecond/10, 1), len(body))
		_, _ = w.Write(body[:n])
		_ = flush.Flush()
		body = body[n:]
		if !wait(r.Context(), time.Duration(n)*time.Second/time.Duration(f.BytesPerSecond)) {
			panic(http.ErrAbortHandler)
		}
	}
	_, _ = w.Write(body)
	if cut {
		_ = flush.Flush()
		panic(http.ErrAbortHandler)
	}
}

// wait waits, and says whether the client did too.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// reset breaks the connection so that the client sees a reset, not an end.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil { // HTTP/2 has no connection to take
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
