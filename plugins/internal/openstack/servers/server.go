// Package servers reads a project's servers from nova: with the fewest requests that miss none, at the best
// microversion that the cloud offers, and with the figures of each server's flavor whatever has become of
// it. What the servers amount to in accounting is left to package accounting.
package servers

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Server is what is kept of a server while a window is extracted; it is small because there may be tens
// of thousands. Times are UTC, whole seconds, and zero where nova has none.
type Server struct {
	ID, Name, UserID, ProjectID string
	// ImageID is empty for a server that boots from a volume.
	ImageID string
	// Status is nova's, in capitals.
	Status                                 string
	Created, Updated, Launched, Terminated time.Time
	// Flavor is what it was built with; nil where nova gives an ID only and nothing more was found out.
	Flavor *Flavor
	// FlavorID is set where nova gives no more than that.
	FlavorID string
	// FloatingIPs is how many floating addresses nova shows, which can lag behind neutron.
	FloatingIPs int64
}

// Flavor is what a server is given. Servers of the same flavor share one.
type Flavor struct {
	// Name is empty where the figures are known from elsewhere.
	Name  string
	VCPUs int64
	// MemoryMB is in 2^20 bytes; DiskGB, root and ephemeral, in 2^30 bytes.
	MemoryMB, DiskGB int64
	// Specs are the extra specs.
	Specs map[string]string
}

// ErrIncomplete says that nova could not tell everything about its servers.
var ErrIncomplete = errors.New("nova's answer is incomplete")

// document is a server as nova writes it.
type document struct {
	ID         string                     `json:"id"`
	Name       *string                    `json:"name"`
	Status     string                     `json:"status"`
	TenantID   string                     `json:"tenant_id"`
	UserID     string                     `json:"user_id"`
	Image      json.RawMessage            `json:"image"`
	Flavor     json.RawMessage            `json:"flavor"`
	Created    string                     `json:"created"`
	Updated    string                     `json:"updated"`
	Launched   string                     `json:"OS-SRV-USG:launched_at"`
	Terminated string                     `json:"OS-SRV-USG:terminated_at"`
	Addresses  map[string]json.RawMessage `json:"addresses"`
}

// parser reads servers and lets those of equal flavors share one.
type parser struct {
	flavors map[string]*Flavor
}

func newParser() *parser { return &parser{flavors: map[string]*Flavor{}} }

// parse reads one server. Its error is about this server alone, unless it is ErrIncomplete.
func (p *parser) parse(raw json.RawMessage) (Server, error) {
	var d document
	if err := json.Unmarshal(raw, &d); err != nil {
		// Enough to name it by.
		var name struct {
			ID string `json:"id"`
		}
		_ = json.Unmarshal(raw, &name)
		return Server{ID: name.ID}, fmt.Errorf("it is not what nova's API reference says: %w", err)
	}
	s := Server{ID: d.ID, UserID: d.UserID, ProjectID: d.TenantID, Status: strings.ToUpper(d.Status)}
	if d.ID == "" {
		return s, errors.New("it has no id")
	}
	if s.Status == "UNKNOWN" && d.Flavor == nil && d.Name == nil {
		// nova API reference, microversion 2.69: what a server in a cell that is down looks like.
		return s, fmt.Errorf("%w: server %s is in a cell that nova cannot reach", ErrIncomplete, d.ID)
	}
	if d.Name != nil {
		s.Name = *d.Name
	}
	if s.Status == "" {
		return s, errors.New("it has no status")
	}
	var err error
	if s.Created, err = parseTime(d.Created); err != nil {
		return s, fmt.Errorf("its creation time: %w", err)
	}
	for _, optional := range []struct {
		text string
		into *time.Time
	}{{d.Updated, &s.Updated}, {d.Launched, &s.Launched}, {d.Terminated, &s.Terminated}} {
		if optional.text == "" {
			continue
		}
		if *optional.into, err = parseTime(optional.text); err != nil {
			return s, err
		}
	}
	s.ImageID = imageID(d.Image)
	s.FloatingIPs = floating(d.Addresses)
	return s, p.flavor(&s, d.Flavor)
}

// flavor reads the embedded flavor of microversion 2.47 and later, or the reference of those before.
func (p *parser) flavor(s *Server, raw json.RawMessage) error {
	if known := p.flavors[string(raw)]; known != nil {
		s.Flavor = known
		return nil
	}
	var f flavorDocument
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &f); err != nil {
			return fmt.Errorf("its flavor: %w", err)
		}
	}
	if f.VCPUs == nil {
		s.FlavorID = f.ID
		return nil
	}
	if err := f.check(); err != nil {
		return fmt.Errorf("its flavor: %w", err)
	}
	s.Flavor = f.flavor()
	p.flavors[string(raw)] = s.Flavor
	return nil
}

// imageID reads the reference to an image, which is the empty string for a server without one.
func imageID(raw json.RawMessage) string {
	var image struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(raw, &image) != nil {
		return ""
	}
	return image.ID
}

// floating counts the floating addresses.
func floating(networks map[string]json.RawMessage) int64 {
	var count int64
	for _, raw := range networks {
		var addresses []struct {
			Type string `json:"OS-EXT-IPS:type"`
		}
		if json.Unmarshal(raw, &addresses) != nil {
			continue
		}
		for _, address := range addresses {
			if address.Type == "floating" {
				count++
			}
		}
	}
	return count
}

// parseTime reads the forms in which nova writes times: with Z, or without a zone and with microseconds.
// All of them are UTC.
func parseTime(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil && t.Unix() > 0 {
			return t.UTC().Truncate(time.Second), nil
		}
	}
	if text == "" {
		return time.Time{}, errors.New("there is none")
	}
	return time.Time{}, fmt.Errorf("%.40q is not a time", text)
}
