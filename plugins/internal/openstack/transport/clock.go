package transport

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// Clock compares the clocks of services with the one of this machine, by the Date headers of their
// answers. Not all services send one: a bare uwsgi does not. It is safe for concurrent use; a nil
// Clock compares nothing.
type Clock struct {
	// Max is the largest difference that is accepted; 0: any.
	Max time.Duration

	mutex sync.Mutex
	err   error
}

// ClockError means that the clock of a service differs too much from the one of this machine.
type ClockError struct {
	// Address is the scheme, host and path of the request.
	Address string
	// There is the time of the service, Here the one of this machine at the same moment.
	There, Here time.Time
	// Difference is the least by which the clocks differ.
	Difference time.Duration
}

// Error names the service and both times.
func (e *ClockError) Error() string {
	direction := "behind"
	if e.There.After(e.Here) {
		direction = "ahead of"
	}
	return fmt.Sprintf("the clock of the service at %s is at least %s %s that of this machine: %s there, %s here",
		e.Address, e.Difference, direction, e.There.UTC().Format(time.RFC3339), e.Here.UTC().Format(time.RFC3339))
}

// Err returns the first difference that was found; nil if there was none.
func (c *Clock) Err() error {
	if c == nil {
		return nil
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.err
}

// check compares the Date header of an answer with the times at which the request was sent and the
// header was received. The answer was dated between these, and a Date has whole seconds (RFC 9110,
// section 6.6.1): only what lies outside of both is a difference. Age is the time for which a
// cache has kept the answer (RFC 9111, section 5.1).
func (c *Clock) check(address *url.URL, header http.Header, sent, received time.Time) error {
	date, err := http.ParseTime(header.Get("Date"))
	if c == nil || c.Max == 0 || err != nil {
		return nil
	}
	if age, err := strconv.ParseUint(header.Get("Age"), 10, 31); err == nil {
		date = date.Add(time.Duration(age) * time.Second)
	}
	found := &ClockError{Address: (&url.URL{Scheme: address.Scheme, Host: address.Host, Path: address.Path}).String(), There: date}
	// Without the monotonic clock: the difference is one of clocks.
	ahead, behind := date.Sub(received.Round(0)), sent.Round(0).Sub(date.Add(time.Second))
	switch {
	case ahead > c.Max:
		found.Here, found.Difference = received, ahead.Truncate(time.Second)
	case behind > c.Max:
		found.Here, found.Difference = sent, behind.Truncate(time.Second)
	default:
		return nil
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.err == nil {
		c.err = found
	}
	return c.err
}
