package auth

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
)

// identity is keystone's address and the version of its API to use.
type identity struct {
	// base ends with a slash and has no version.
	base string
	v2   bool
}

// url returns the URL of the API version.
func (i *identity) url() string {
	if i.v2 {
		return i.base + "v2.0/"
	}
	return i.base + "v3/"
}

// versionSuffix matches the version at the end of an endpoint, which may be missing.
var versionSuffix = regexp.MustCompile(`/(v3|v2\.0)?/*$`)

// discover determines keystone's version, once. An endpoint with /v3 needs no request; otherwise
// v3 is used where it is offered, also at an endpoint that ends in /v2.0.
func (c *Cloud) discover(ctx context.Context) (*identity, error) {
	return c.identities.Get(ctx, "", c.readIdentity)
}

func (c *Cloud) readIdentity(ctx context.Context) (*identity, error) {
	root := strings.TrimRight(c.settings.URL, "/") + "/"
	suffix := strings.Trim(versionSuffix.FindString(root), "/")
	found := &identity{base: versionSuffix.ReplaceAllString(root, "") + "/"}
	switch {
	case c.settings.V2:
		found.v2 = true
	case c.settings.V3, suffix == "v3":
	default:
		offers, err := c.readVersions(ctx, found.base)
		if err != nil && suffix == "" {
			// A proxy may forward requests below a version only.
			if _, v3Err := c.readVersions(ctx, found.base+"v3/"); v3Err != nil {
				return nil, err
			}
			offers = []string{"v3"}
		}
		found.v2 = err != nil && suffix == "v2.0" ||
			!offersVersion(offers, "v3") && offersVersion(offers, "v2")
	}
	return found, nil
}

// readVersions returns the versions that keystone's root, or the root of one version, offers.
func (c *Cloud) readVersions(ctx context.Context, address string) ([]string, error) {
	const reading = "reading keystone's versions"
	service := &gophercloud.ServiceClient{ProviderClient: c.newProvider(address), Endpoint: address}
	type version struct {
		ID string `json:"id"`
	}
	var document struct {
		Versions struct {
			Values []version `json:"values"`
		} `json:"versions"`
		Version version `json:"version"`
	}
	_, err := api.GetDated(ctx, service, address, &document, http.StatusOK, http.StatusMultipleChoices)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", reading, err)
	}
	var ids []string
	for _, v := range append(document.Versions.Values, document.Version) {
		if v.ID != "" {
			ids = append(ids, v.ID)
		}
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%s: %s offers none; is this the URL of keystone?", reading, address)
	}
	return ids, nil
}

// offersVersion reports whether a version is among IDs such as `v3.14` and `v2.0`.
func offersVersion(ids []string, version string) bool {
	return slices.ContainsFunc(ids, func(id string) bool {
		return id == version || strings.HasPrefix(id, version+".")
	})
}
