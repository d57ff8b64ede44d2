package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/gophercloud/gophercloud/v2"
)

// maxPages ends a list that a broken service would continue for ever. 20,000,000 servers in pages of 200.
const maxPages = 100_000

// Each calls a function with every item of a list, following the links from page to page until there is
// none: a page that is shorter than the limit asked for need not be the last, because the service's own
// limit may be lower. Items are the JSON of the list called key in each page.
func Each(ctx context.Context, service *gophercloud.ServiceClient, address, key string, item func(json.RawMessage) error) error {
	seen := map[[sha256.Size]byte]bool{}
	for range maxPages {
		body, err := Read(ctx, service, address, http.StatusOK)
		if err != nil {
			return err
		}
		items, next, err := page(address, key, body)
		if err != nil {
			return err
		}
		// By what the page holds: the addresses of a service that goes in circles may differ.
		content := digest(items)
		if seen[content] {
			return fmt.Errorf("%s: the list of %s links back to a page that was already read", clean(address), key)
		}
		seen[content] = len(items) > 0
		for _, one := range items {
			if err := item(one); err != nil {
				return err
			}
		}
		if next == "" || len(items) == 0 {
			return nil
		}
		if address, err = follow(address, next); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: the list of %s has no end", clean(address), key)
}

// digest tells pages apart by what they hold.
func digest(items []json.RawMessage) [sha256.Size]byte {
	hash := sha256.New()
	for _, item := range items {
		_, _ = hash.Write(item)
	}
	return [sha256.Size]byte(hash.Sum(nil))
}

// page takes one page apart: its items and the link to the next, empty on the last.
func page(address, key string, body []byte) ([]json.RawMessage, string, error) {
	var document map[string]json.RawMessage
	if err := decode(address, body, &document); err != nil {
		return nil, "", err
	}
	raw, ok := document[key]
	if !ok {
		return nil, "", fmt.Errorf("%s: the answer has no list called %q; it begins %q", clean(address), key, firstLine(body))
	}
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return nil, "", fmt.Errorf("%s: %q in the answer is not a list", clean(address), key)
	}
	return items, nextLink(document, key), nil
}

// nextLink finds the link in the three places where services put it: `KEY_links` (nova, neutron, cinder),
// `links` (keystone), `next` (glance).
func nextLink(document map[string]json.RawMessage, key string) string {
	var list []struct {
		Rel  string `json:"rel"`
		Href string `json:"href"`
	}
	if json.Unmarshal(document[key+"_links"], &list) == nil {
		for _, link := range list {
			if link.Rel == "next" {
				return link.Href
			}
		}
	}
	var links struct {
		Next string `json:"next"`
	}
	if json.Unmarshal(document["links"], &links) == nil && links.Next != "" {
		return links.Next
	}
	var next string
	if json.Unmarshal(document["next"], &next) == nil {
		return next
	}
	return ""
}

// follow takes only the query from a link. Behind a proxy services write their own inner scheme, host and
// path into links; what was asked for the first page is right for the others.
func follow(address, link string) (string, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("following a list: %w", err)
	}
	target, err := url.Parse(link)
	if err != nil {
		return "", fmt.Errorf("%s: the link to the next page cannot be read", clean(address))
	}
	parsed.RawQuery = target.RawQuery
	return parsed.String(), nil
}
