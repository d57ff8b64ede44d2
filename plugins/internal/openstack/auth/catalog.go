package auth

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync"
)

// catalogEndpoint is an endpoint of the service catalog. Its URL has projectPlaceholder for the ID
// of the token's project.
type catalogEndpoint struct{ serviceType, region, endpointType, url string }

// projectPlaceholder stands for the ID of the token's project in URLs, so that the catalogs of all
// projects are equal. No URL has a null byte.
const projectPlaceholder = "\x00"

// endpointURL returns the URL of an endpoint for a project.
func (e catalogEndpoint) endpointURL(project string) string {
	return strings.ReplaceAll(e.url, projectPlaceholder, project)
}

// catalogs holds each catalog once: the sessions of all projects have the same one as a rule, and a
// catalog has tens of kilobytes. It is safe for concurrent use. The zero value is empty.
type catalogs struct {
	mutex  sync.Mutex
	seed   maphash.Seed
	byHash map[uint64][]catalogEndpoint
}

// share returns a catalog that is equal to the given one of a project, with placeholders.
func (c *catalogs) share(endpoints []catalogEndpoint, project string) []catalogEndpoint {
	if project != "" {
		for i := range endpoints {
			endpoints[i].url = strings.ReplaceAll(endpoints[i].url, project, projectPlaceholder)
		}
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.byHash == nil {
		c.seed, c.byHash = maphash.MakeSeed(), map[uint64][]catalogEndpoint{}
	}
	var hash maphash.Hash
	hash.SetSeed(c.seed)
	for _, endpoint := range endpoints {
		maphash.WriteComparable(&hash, endpoint)
	}
	key := hash.Sum64()
	if shared, ok := c.byHash[key]; ok && slices.Equal(shared, endpoints) {
		return shared
	}
	c.byHash[key] = endpoints
	return endpoints
}
