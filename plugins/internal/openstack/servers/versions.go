package servers

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
)

// newest is the microversion that this package was written for; later ones may change what is read here.
const newest = minor(93)

// The microversions that make a difference (nova's API version history).
const (
	pagedUsage     = minor(40)
	embeddedFlavor = minor(47)
)

// minor is the y of microversion 2.y; 0 is an API without microversions.
type minor int

func (m minor) String() string {
	if m == 0 {
		return ""
	}
	return "2." + strconv.Itoa(int(m))
}

// list is the microversion to list servers with.
func (m minor) list() string {
	if m < embeddedFlavor {
		return ""
	}
	return m.String()
}

// usage is the microversion to read usage with. At the newest ones the figures are no longer given per
// server for a single project.
func (m minor) usage() string {
	if m < pagedUsage {
		return ""
	}
	return pagedUsage.String()
}

// Versions remembers the microversions that compute services offer, so that each is asked once and not for
// every project. It is safe for concurrent use.
type Versions struct {
	mutex sync.Mutex
	known map[string]minor
}

// NewVersions makes an empty one.
func NewVersions() *Versions { return &Versions{known: map[string]minor{}} }

// of is the newest microversion that both the service at a root and this package understand.
func (v *Versions) of(ctx context.Context, service *gophercloud.ServiceClient, root string) (minor, error) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	if known, ok := v.known[root]; ok {
		return known, nil
	}
	var document struct {
		Version struct {
			Version string `json:"version"`
		} `json:"version"`
	}
	err := api.Get(ctx, service, root, &document)
	if status := api.Status(err); status != 0 && status < http.StatusInternalServerError {
		// A proxy may let only the resources through; 2.1 is what every nova since 2015 understands.
		err = nil
	}
	if err != nil {
		return 0, fmt.Errorf("asking nova for its version: %w", err)
	}
	var version minor
	if text, ok := strings.CutPrefix(document.Version.Version, "2."); ok {
		if number, err := strconv.Atoi(text); err == nil && number > 0 {
			version = min(minor(number), newest)
		}
	}
	v.known[root] = version
	return version, nil
}
