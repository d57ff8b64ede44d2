// Package servers reads the servers of a project from nova: with few requests, at the newest
// microversion that this package and the cloud support, and with the figures of each server's
// flavor also where the flavor was deleted.
package servers

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Server is a server of nova, reduced to what accounting needs: a project may have tens of
// thousands. Times are UTC, in whole seconds, and zero where nova has none.
type Server struct {
	ID, Name, UserID, ProjectID string
	// ImageID is empty for a server that boots from a volume.
	ImageID string
	// Status is nova's, in capitals.
	Status string
	// Created is the time of the request for the server. It never changes.
	Created time.Time
	// Updated is the time of the last change of the server.
	Updated time.Time
	// Launched is launched_at, which resize, rebuild, rescue and unshelve set again.
	Launched time.Time
	// Terminated is terminated_at.
	Terminated time.Time
	// Flavor is the one that the server was built with; nil where nova returns only an ID and the
	// figures were not found elsewhere.
	Flavor *Flavor
	// FlavorID is set where nova returns only an ID.
	FlavorID string
	// FloatingIPs is the number of floating addresses that nova shows, which can lag behind
	// neutron.
	FloatingIPs int64
}

// Flavor holds the resources of a server. Servers of the same flavor share one.
type Flavor struct {
	// Name is empty where the figures are from os-simple-tenant-usage of an old nova.
	Name  string
	VCPUs int64
	// MemoryMB is in 2^20 bytes; DiskGB, root and ephemeral, in 2^30 bytes.
	MemoryMB, DiskGB int64
	// ExtraSpecs are the extra specs.
	ExtraSpecs map[string]string
}

// ErrIncomplete is the error for a list of servers from which nova left out a part of the cloud.
var ErrIncomplete = errors.New("nova's answer is incomplete")

// serverDocument is a server in nova's JSON.
type serverDocument struct {
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

// parser parses servers. Servers with equal embedded flavors get the same Flavor.
type parser struct {
	flavors map[string]*Flavor // by their JSON
}

func newParser() *parser { return &parser{flavors: map[string]*Flavor{}} }

// parse parses one server. Its error concerns this server only, unless it is ErrIncomplete; the
// returned server then has the ID, if that is readable.
func (p *parser) parse(raw json.RawMessage) (Server, error) {
	var d serverDocument
	if err := json.Unmarshal(raw, &d); err != nil {
		var withID struct {
			ID string `json:"id"`
		}
		_ = json.Unmarshal(raw, &withID)
		return Server{ID: withID.ID}, fmt.Errorf("it does not match nova's API reference: %w", err)
	}
	s := Server{ID: d.ID, UserID: d.UserID, ProjectID: d.TenantID, Status: strings.ToUpper(d.Status)}
	if d.ID == "" {
		return s, errors.New("it has no id")
	}
	if s.Status == "UNKNOWN" && d.Flavor == nil && d.Name == nil {
		// A server in a cell that is down (nova API reference, microversion 2.69).
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
	s.ImageID = parseImageID(d.Image)
	s.FloatingIPs = countFloatingAddresses(d.Addresses)
	s.Flavor, s.FlavorID, err = p.parseFlavor(d.Flavor)
	return s, err
}

// parseFlavor parses the embedded flavor of microversion 2.47 and later, or the reference of those
// before, which is an ID.
func (p *parser) parseFlavor(raw json.RawMessage) (flavor *Flavor, id string, err error) {
	if known := p.flavors[string(raw)]; known != nil {
		return known, "", nil
	}
	var d flavorDocument
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &d); err != nil {
			return nil, "", fmt.Errorf("its flavor: %w", err)
		}
	}
	if d.VCPUs == nil {
		return nil, d.ID, nil
	}
	if err := d.check(); err != nil {
		return nil, "", fmt.Errorf("its flavor: %w", err)
	}
	flavor = d.flavor()
	p.flavors[string(raw)] = flavor
	return flavor, "", nil
}

// parseImageID parses the reference to an image, which is the empty string for a server without
// one.
func parseImageID(raw json.RawMessage) string {
	var image struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(raw, &image) != nil {
		return ""
	}
	return image.ID
}

// countFloatingAddresses counts the floating addresses in all networks of a server.
func countFloatingAddresses(networks map[string]json.RawMessage) int64 {
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

// parseTime parses the formats in which nova writes times: with Z, or without a zone and with
// microseconds. All of them are UTC.
func parseTime(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil && t.Unix() > 0 {
			return t.UTC().Truncate(time.Second), nil
		}
	}
	if text == "" {
		return time.Time{}, errors.New("time is missing")
	}
	return time.Time{}, fmt.Errorf("invalid time %.40q", text)
}
