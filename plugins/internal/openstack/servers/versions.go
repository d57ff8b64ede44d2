package servers

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
	"github.com/caso-project/caso/plugins/internal/openstack/cache"
)

// newestSupported is the newest microversion whose answers this package was written for.
const newestSupported = minor(93)

// The microversions that change what is read here (nova's API microversion history).
const (
	pagedUsage     = minor(40)
	embeddedFlavor = minor(47)
)

// minor is the y of microversion 2.y; 0 is an API without microversions.
type minor int

// String returns the microversion, empty for an API without microversions.
func (m minor) String() string {
	if m == 0 {
		return ""
	}
	return "2." + strconv.Itoa(int(m))
}

// forList returns the microversion to list servers with.
func (m minor) forList() string {
	if m < embeddedFlavor {
		return ""
	}
	return m.String()
}

// forUsage returns the microversion to read usage with. The newest ones have no figures per server
// for a single project.
func (m minor) forUsage() string {
	if m < pagedUsage {
		return ""
	}
	return pagedUsage.String()
}

// Versions holds the newest usable microversion of each compute service, by the service's root URL.
// It is safe for concurrent use. The zero value is empty.
type Versions struct{ byRoot cache.Cache[serviceVersion] }

// serviceVersion is what the version document of a compute service shows.
type serviceVersion struct {
	minor minor
	// clockAhead is the service's clock less the host's, 0 where the answer has no Date.
	clockAhead time.Duration
}

// newest returns the newest microversion that the service at a root URL and this package support.
func (v *Versions) newest(
	ctx context.Context, service *gophercloud.ServiceClient, root string,
) (serviceVersion, error) {
	return v.byRoot.Get(ctx, root, func(ctx context.Context) (serviceVersion, error) {
		return readVersion(ctx, service, root)
	})
}

// readVersion reads the version document of a compute service.
func readVersion(
	ctx context.Context, service *gophercloud.ServiceClient, root string,
) (serviceVersion, error) {
	var document struct {
		Version struct {
			Version string `json:"version"`
		} `json:"version"`
	}
	var version serviceVersion
	date, err := api.GetDated(ctx, service, root, &document, http.StatusOK)
	if status := api.Status(err); status != 0 && status < http.StatusInternalServerError {
		// A proxy may forward only requests for resources; every nova since 2015 supports 2.1.
		err = nil
	}
	if err != nil {
		return version, fmt.Errorf("reading nova's version: %w", err)
	}
	// A Date has whole seconds, so that smaller differences mean nothing.
	if ahead := time.Until(date); !date.IsZero() && ahead.Abs() > 2*time.Second {
		version.clockAhead = ahead
	}
	text, _ := strings.CutPrefix(document.Version.Version, "2.")
	if number, err := strconv.Atoi(text); err == nil && number > 0 {
		// An unreadable version is an API without microversions.
		version.minor = min(minor(number), newestSupported)
	}
	return version, nil
}
