package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
)

// identity is where keystone is and which version of its API to use.
type identity struct {
	// base ends with a slash and has no version.
	base string
	v2   bool
}

// url is the versioned root.
func (i *identity) url() string {
	if i.v2 {
		return i.base + "v2.0/"
	}
	return i.base + "v3/"
}

// versionSuffix is how operators write the version into the endpoint, or leave it out.
var versionSuffix = regexp.MustCompile(`/(v3|v2\.0)?/*$`)

// discover finds keystone's version once. An endpoint with /v3 needs no question; otherwise v3 is used
// where it is offered, also by an endpoint that still says /v2.0.
func (c *Cloud) discover(ctx context.Context) (*identity, error) {
	c.mutex.Lock()
	known := c.identity
	c.mutex.Unlock()
	if known != nil {
		return known, nil
	}
	root := strings.TrimRight(c.settings.URL, "/") + "/"
	suffix := strings.Trim(versionSuffix.FindString(root), "/")
	found := &identity{base: versionSuffix.ReplaceAllString(root, "") + "/"}
	switch {
	case c.settings.V2:
		found.v2 = true
	case c.settings.V3, suffix == "v3":
	default:
		offers, err := c.offered(ctx, found.base)
		if err != nil && suffix == "" {
			// A proxy may let only the versions through.
			if _, v3Err := c.offered(ctx, found.base+"v3/"); v3Err != nil {
				return nil, err
			}
			offers = []string{"v3"}
		}
		found.v2 = err != nil && suffix == "v2.0" || !has(offers, "v3") && has(offers, "v2")
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.identity = found
	return found, nil
}

// offered lists the versions that keystone's root, or the root of one version, speaks of.
func (c *Cloud) offered(ctx context.Context, address string) ([]string, error) {
	service := &gophercloud.ServiceClient{ProviderClient: c.provider(address), Endpoint: address}
	body, err := api.Read(ctx, service, address, http.StatusOK, http.StatusMultipleChoices)
	if err != nil {
		return nil, fmt.Errorf("asking keystone for its versions: %w", err)
	}
	type version struct {
		ID string `json:"id"`
	}
	var document struct {
		Versions struct {
			Values []version `json:"values"`
		} `json:"versions"`
		Version version `json:"version"`
	}
	if err := json.Unmarshal(body, &document); err != nil {
		return nil, fmt.Errorf("asking keystone for its versions: %s: the answer is not keystone's; it begins %q",
			address, api.Message(body))
	}
	var ids []string
	for _, v := range append(document.Versions.Values, document.Version) {
		if v.ID != "" {
			ids = append(ids, v.ID)
		}
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("asking keystone for its versions: %s names none; is this the URL of keystone?", address)
	}
	return ids, nil
}

// has says whether a version is among IDs such as `v3.14` and `v2.0`.
func has(ids []string, version string) bool {
	for _, id := range ids {
		if id == version || strings.HasPrefix(id, version+".") {
			return true
		}
	}
	return false
}
