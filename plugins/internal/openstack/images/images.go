// Package images finds the accounting names of images. A site that gets its images from the EGI marketplace
// has their identifier there as property vmcatcher_event_ad_mpuri; for all others the image's ID is the
// name.
package images

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
)

// chunk is how many images are asked for by ID in one request: 100 IDs make a URL of 4 kB, and proxies
// refuse those over 8 kB.
const chunk = 100

// Catalogue remembers the images of one cloud. It is safe for concurrent use.
type Catalogue struct {
	mutex sync.Mutex
	names map[string]string
}

// New makes an empty catalogue.
func New() *Catalogue { return &Catalogue{names: map[string]string{}} }

// Names gives the name of each image, its ID where it has no other or is not to be found. The service is
// glance's with the token of the project that uses them. An error says why some names may be missing; the
// map is complete all the same.
func (c *Catalogue) Names(ctx context.Context, service *gophercloud.ServiceClient, ids []string) (map[string]string, error) {
	names := make(map[string]string, len(ids))
	var unknown []string
	c.mutex.Lock()
	for _, id := range ids {
		if id == "" {
			continue
		}
		if _, seen := names[id]; seen {
			continue
		}
		name, known := c.names[id]
		if !known {
			name = id
			unknown = append(unknown, id)
		}
		names[id] = name
	}
	c.mutex.Unlock()
	slices.Sort(unknown)
	found, err := ask(ctx, service, unknown)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for id, name := range found {
		names[id] = name
		c.names[id] = name
	}
	return names, err
}

// ask reads images by ID in bulk. Those with os_hidden come only when asked for as such. A glance from
// before 2016 does not know the `in:` operator and finds nothing; there each image is asked for alone.
func ask(ctx context.Context, service *gophercloud.ServiceClient, ids []string) (map[string]string, error) {
	found := map[string]string{}
	if service == nil {
		return found, nil
	}
	for _, hidden := range []string{"", "&os_hidden=true"} {
		for some := range slices.Chunk(missing(ids, found), chunk) {
			address := service.ServiceURL("images") + "?limit=1000" + hidden + "&id=in:" + strings.Join(escaped(some), ",")
			err := api.Each(ctx, service, address, "images", func(raw json.RawMessage) error {
				keep(found, raw)
				return nil
			})
			if status := api.Status(err); err != nil && status != http.StatusBadRequest {
				return found, err
			}
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	for _, id := range ids {
		body, err := api.Read(ctx, service, service.ServiceURL("images", url.PathEscape(id)), http.StatusOK)
		switch {
		case api.Status(err) == http.StatusNotFound:
		case err != nil:
			return found, err
		default:
			keep(found, body)
		}
	}
	return found, nil
}

// keep remembers one image.
func keep(found map[string]string, raw json.RawMessage) {
	var image struct {
		ID    string `json:"id"`
		MPURI string `json:"vmcatcher_event_ad_mpuri"`
	}
	if json.Unmarshal(raw, &image) != nil || image.ID == "" {
		return
	}
	found[image.ID] = image.ID
	if image.MPURI != "" {
		found[image.ID] = image.MPURI
	}
}

func missing(ids []string, found map[string]string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return found[id] != "" })
}

func escaped(ids []string) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = url.QueryEscape(id)
	}
	return out
}
