package standin

import (
	"bytes"
	"context"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Match selects the requests that a fault applies to.
type Match func(*http.Request) bool

// On matches requests of a method ("" is any) whose path contains a text ("" is any).
func On(method, contains string) Match {
	return func(r *http.Request) bool {
		return (method == "" || r.Method == method) && strings.Contains(r.URL.Path, contains)
	}
}

// Fault changes the answers to matching requests. Skip, Count and Probability select the requests;
// the other fields are the effects. A Fault with only a Delay gives the true answer, late.
type Fault struct {
	Match Match // every request when nil

	Skip        int     // number of requests before the first fault
	Count       int     // number of faults (0: unlimited)
	Probability float64 // probability of a fault (0: always); random by Options.Seed

	// Delay delays the answer, at most until the client disconnects.
	Delay time.Duration
	// Hang waits without an answer until the client disconnects.
	Hang bool
	// Reset resets the TCP connection without an answer. Go's client repeats a GET by itself if
	// the connection was used before; that counts as another request.
	Reset bool

	// Status and Body replace the answer. Without a Body it is a page of HTML, as from a proxy.
	Status      int
	Body        string
	ContentType string // of Body ("text/html" when empty)
	// RetryAfter is the header of that name.
	RetryAfter string
	// Serve replaces the answer, for example by an endless one.
	Serve http.HandlerFunc
	// Edit changes the body of the true answer: removes a field, links a page to itself.
	Edit func(body []byte) []byte
	// MalformedJSON cuts the true answer's body in the middle and sends it as complete.
	MalformedJSON bool
	// Truncate closes the connection after this number of bytes of the body.
	Truncate int
	// BytesPerSecond limits the rate of the body.
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

// Fault adds a fault. Of several faults that match a request, the first one added applies. The
// returned function removes it.
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

// ClearFaults removes all faults.
func (c *Cloud) ClearFaults() {
	c.faults.mu.Lock()
	defer c.faults.mu.Unlock()
	c.faults.list = nil
}

// faultFor returns the fault that applies to a request, or nil.
func (f *faults) faultFor(r *http.Request) (Fault, bool) {
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

// badGateway is the answer of a proxy in front of a dead service.
const badGateway = "<html>\r\n<head><title>Bad Gateway</title></head>\r\n<body>\r\n" +
	"<center><h1>The service behind this proxy did not answer</h1></center>\r\n</body>\r\n</html>\r\n"

// serve answers one request with the fault.
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

// answer returns the true answer or the fault's replacement.
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

// send writes an answer, slowly or partly if the fault is that.
func (f Fault) send(w http.ResponseWriter, r *http.Request, rec *httptest.ResponseRecorder) {
	maps.Copy(w.Header(), rec.Header())
	body := rec.Body.Bytes()
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(rec.Code)
	cut := f.Truncate > 0 && f.Truncate < len(body)
	if cut {
		body = body[:f.Truncate]
	}
	flush := http.NewResponseController(w)
	for f.BytesPerSecond > 0 && len(body) > 0 {
		// At most ten writes per second, the first at once.
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

// wait waits and reports whether the client is still connected.
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

// reset closes the connection with a TCP reset instead of a FIN.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil { // HTTP/2 connections cannot be hijacked
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
