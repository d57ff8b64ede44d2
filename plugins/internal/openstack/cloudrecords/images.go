package cloudrecords

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

// imagesPerRequest is the number of images that one request asks for by ID: 100 IDs make a URL of
// 4 kB, and proxies refuse those over 8 kB.
const imagesPerRequest = 100

// imageNames holds the accounting names of the images of one region. The name of an image from the
// EGI marketplace is its property vmcatcher_event_ad_mpuri; of any other image it is the ID. It is
// safe for concurrent use.
type imageNames struct {
	mutex sync.Mutex
	names map[string]string // by ID
}

func newImageNames() *imageNames { return &imageNames{names: map[string]string{}} }

// readNames returns the name of each image by ID. The name of an image that cannot be found is its
// ID. The service is glance with a token of the project that uses the images. An error is the
// cause of names that may be missing; the map is complete in any case.
func (n *imageNames) readNames(
	ctx context.Context, service *gophercloud.ServiceClient, ids []string,
) (map[string]string, error) {
	names := make(map[string]string, len(ids))
	var unknown []string
	n.mutex.Lock()
	for _, id := range ids {
		if id == "" {
			continue
		}
		if _, seen := names[id]; seen {
			continue
		}
		name, known := n.names[id]
		if !known {
			name = id
			unknown = append(unknown, id)
		}
		names[id] = name
	}
	n.mutex.Unlock()
	slices.Sort(unknown)
	found, err := readImages(ctx, service, unknown)
	n.mutex.Lock()
	defer n.mutex.Unlock()
	for id, name := range found {
		names[id] = name
		n.names[id] = name
	}
	return names, err
}

// has reports whether glance had an image in this run.
func (n *imageNames) has(id string) bool {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	_, ok := n.names[id]
	return ok
}

// readImages reads images by ID in bulk. Those with os_hidden have to be requested as such. A
// glance from before 2016 does not support the `in:` operator and finds nothing; there each image
// is requested alone.
func readImages(
	ctx context.Context, service *gophercloud.ServiceClient, ids []string,
) (map[string]string, error) {
	found := map[string]string{}
	if service == nil {
		return found, nil
	}
	for _, hidden := range []string{"", "&os_hidden=true"} {
		for chunk := range slices.Chunk(notFound(ids, found), imagesPerRequest) {
			address := service.ServiceURL("images") + "?limit=1000" + hidden + "&id=in:" +
				strings.Join(escapeQueries(chunk), ",")
			err := api.EachItem(ctx, service, address, "images", func(raw json.RawMessage) error {
				var image imageDocument
				if json.Unmarshal(raw, &image) == nil {
					image.addTo(found, chunk)
				}
				return nil
			})
			if err != nil && api.Status(err) != http.StatusBadRequest {
				return found, err
			}
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	for _, id := range ids {
		address := service.ServiceURL("images", url.PathEscape(id))
		var image imageDocument
		err := api.Get(ctx, service, address, &image)
		switch {
		case api.Status(err) == http.StatusNotFound:
		case err != nil:
			return found, err
		default:
			image.addTo(found, ids)
		}
	}
	return found, nil
}

// imageDocument is an image in glance's JSON.
type imageDocument struct {
	ID    string `json:"id"`
	MPURI string `json:"vmcatcher_event_ad_mpuri"`
}

// addTo adds the name of the image to a map, if the image is one of those that were requested.
func (i imageDocument) addTo(names map[string]string, requested []string) {
	if !slices.Contains(requested, i.ID) {
		return
	}
	names[i.ID] = i.ID
	if i.MPURI != "" {
		names[i.ID] = i.MPURI
	}
}

// notFound returns the IDs without a name.
func notFound(ids []string, found map[string]string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return found[id] != "" })
}

func escapeQueries(ids []string) []string {
	escaped := make([]string, len(ids))
	for i, id := range ids {
		escaped[i] = url.QueryEscape(id)
	}
	return escaped
}
