package standin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Cloud is a stand-in OpenStack. It is an http.Handler; its methods may be called while it
// serves.
type Cloud struct {
	opts     Options
	maxMinor int

	mu        sync.RWMutex // guards what follows
	store     store
	unsorted  bool // an index of servers is out of order
	telemetry telemetry
	now       time.Time

	tokens tokens
	faults faults
	log    requestLog
}

// New returns a cloud. It panics if Options.MaxMicroversion is not a microversion of compute 2:
// that is a mistake in the test.
func New(opts Options) *Cloud {
	opts = opts.withDefaults()
	minor, ok := parseMicroversion(opts.MaxMicroversion)
	if !ok || minor < 1 {
		panic(fmt.Sprintf("standin: MaxMicroversion %q is not 2.1 or later", opts.MaxMicroversion))
	}
	c := &Cloud{opts: opts, maxMinor: minor, now: opts.Now, store: newStore()}
	c.tokens.init(opts.TokenLifetime)
	c.faults.init(opts.Seed)
	generateBase(c)
	if !opts.Empty {
		generate(c)
	}
	return c
}

// Listen serves the cloud on an address such as "127.0.0.1:0" until stop is called.
func (c *Cloud) Listen(address string) (url string, stop func(), err error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		return "", nil, fmt.Errorf("stand-in OpenStack: %w", err)
	}
	server := &http.Server{Handler: c, ReadHeaderTimeout: time.Minute}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	stop = func() {
		// Close, not Shutdown: a request that a fault delays must not delay the end.
		_ = server.Close()
		if err := <-done; err != nil && !errors.Is(err, http.ErrServerClosed) {
			panic(fmt.Sprintf("standin: serving %s: %v", listener.Addr(), err))
		}
	}
	return "http://" + listener.Addr().String(), stop, nil
}

// Now returns the cloud's current time, to which its data refers.
func (c *Cloud) Now() time.Time {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.now
}

// SetNow sets the cloud's current time, to let time pass between two runs.
func (c *Cloud) SetNow(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now.UTC().Truncate(time.Second)
}

// ServeHTTP answers one request to any of the services.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	entry := c.newEntry(r)
	fault, hit := c.faults.faultFor(r)
	entry.Faulted = hit
	if c.opts.DateOfNow {
		w.Header().Set("Date", c.Now().UTC().Format(http.TimeFormat))
	}
	c.log.add(entry)
	rec := &statusRecorder{ResponseWriter: w, log: &c.log, entry: entry}
	if hit {
		fault.serve(rec, r, http.HandlerFunc(c.route))
		return
	}
	c.route(rec, r)
}

// route selects the service by the first segment of the path.
func (c *Cloud) route(w http.ResponseWriter, r *http.Request) {
	q := &call{cloud: c, w: w, r: r, path: r.URL.Path, region: c.opts.Regions[0], requestID: c.tokens.requestID()}
	q.base = c.base(r)
	if rest, ok := strings.CutPrefix(q.path, "/region/"); ok {
		name, path, _ := strings.Cut(rest, "/")
		q.region, q.path = name, "/"+path
		q.base += "/region/" + name
	}
	for prefix, serve := range map[string]func(*call){
		"/compute": (*call).nova, "/image": (*call).glance, "/network": (*call).neutron, "/identity": (*call).keystone,
		"/metric": (*call).gnocchi, "/metering": (*call).ceilometer,
	} {
		if rest, ok := strings.CutPrefix(q.path, prefix); ok && (rest == "" || rest[0] == '/') {
			q.path, q.base = rest, q.base+prefix
			serve(q)
			return
		}
	}
	q.keystone()
}

// base returns the address that the client used, without the path.
func (c *Cloud) base(r *http.Request) string {
	if c.opts.PublicURL != "" {
		return strings.TrimSuffix(c.opts.PublicURL, "/")
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}
