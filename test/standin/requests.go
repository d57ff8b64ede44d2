package standin

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Request is an entry of the cloud's request log.
type Request struct {
	Time         time.Time
	Method, Path string
	Query        url.Values
	Microversion string // as requested, "" without one
	UserAgent    string
	UserID       string // of the token, if it is valid
	ProjectID    string // of the token, when it has one
	Status       int    // 0 while, or when, no answer is given
	Faulted      bool   // a Fault answered, or changed the answer
}

type requestLog struct {
	mu   sync.Mutex
	list []*Request
}

func (c *Cloud) newEntry(r *http.Request) *Request {
	e := &Request{
		Time: time.Now(), Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(),
		Microversion: requestedMicroversion(r.Header), UserAgent: r.UserAgent(),
	}
	if t := c.tokens.validOrExpired(r.Header.Get("X-Auth-Token")); t != nil {
		e.UserID, e.ProjectID = t.userID, t.projectID
	}
	return e
}

func (l *requestLog) add(e *Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, e)
}

// setStatus logs the status before the client gets it, so that a test which has its answer finds it
// in the log.
func (l *requestLog) setStatus(e *Request, status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Status == 0 {
		e.Status = status
	}
}

// Requests returns the requests since the start or the last ResetRequests, in order of arrival.
func (c *Cloud) Requests() []Request {
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	out := make([]Request, len(c.log.list))
	for i, e := range c.log.list {
		out[i] = *e
	}
	return out
}

// ResetRequests empties the log.
func (c *Cloud) ResetRequests() {
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	c.log.list = nil
}

// CountRequests counts the requests of a method ("" is any) whose path contains a text.
func (c *Cloud) CountRequests(method, contains string) int {
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	n := 0
	for _, e := range c.log.list {
		if (method == "" || e.Method == method) && strings.Contains(e.Path, contains) {
			n++
		}
	}
	return n
}

// statusRecorder logs the status of an answer.
type statusRecorder struct {
	http.ResponseWriter
	log   *requestLog
	entry *Request
}

// WriteHeader logs the status and writes it.
func (s *statusRecorder) WriteHeader(status int) {
	s.log.setStatus(s.entry, status)
	s.ResponseWriter.WriteHeader(status)
}

// Write logs the implicit status 200.
func (s *statusRecorder) Write(b []byte) (int, error) {
	s.log.setStatus(s.entry, http.StatusOK)
	return s.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach Flush and Hijack.
func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }
