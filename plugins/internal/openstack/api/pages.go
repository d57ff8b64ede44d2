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

// maxPages ends a list that a faulty service continues without end. It is enough for 20,000,000
// servers in pages of 200.
const maxPages = 100_000

// EachItem calls a function with the JSON of every item of a list; see EachPage.
func EachItem(
	ctx context.Context, service *gophercloud.ServiceClient, address, key string,
	item func(json.RawMessage) error,
) error {
	return EachPage(ctx, service, address, key, func(items []json.RawMessage) error {
		for _, raw := range items {
			if err := item(raw); err != nil {
				return err
			}
		}
		return nil
	})
}

// EachPage calls a function with the items of every page of a list. It follows the links from page
// to page: a page that is shorter than the requested limit need not be the last, because the limit
// of the service may be lower. Key is the name of the list in each page.
func EachPage(
	ctx context.Context, service *gophercloud.ServiceClient, address, key string,
	page func([]json.RawMessage) error,
) error {
	seen := map[[sha256.Size]byte]bool{}
	for range maxPages {
		body, err := GetBytes(ctx, service, address, http.StatusOK)
		if err != nil {
			return err
		}
		items, next, err := parsePage(address, key, body)
		if err != nil {
			return err
		}
		// Pages are compared by content: the addresses of a service that links in a circle may
		// differ.
		digest := digestItems(items)
		if seen[digest] {
			return fmt.Errorf("%s: the list of %s links back to a page that was already read",
				withoutUserinfo(address), key)
		}
		seen[digest] = len(items) > 0
		if err := page(items); err != nil {
			return err
		}
		if next == "" || len(items) == 0 {
			return nil
		}
		if address, err = FollowLink(address, next); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: the list of %s has no end", withoutUserinfo(address), key)
}

// digestItems returns a digest of the content of a page.
func digestItems(items []json.RawMessage) [sha256.Size]byte {
	hash := sha256.New()
	for _, item := range items {
		_, _ = hash.Write(item)
	}
	return [sha256.Size]byte(hash.Sum(nil))
}

// parsePage returns the items of a page and the link to the next page, empty on the last.
func parsePage(address, key string, body []byte) (items []json.RawMessage, next string, err error) {
	var document map[string]json.RawMessage
	if err := decodeJSON(address, body, &document); err != nil {
		return nil, "", err
	}
	raw, ok := document[key]
	if !ok {
		return nil, "", fmt.Errorf("%s: the answer has no list called %q; it begins %q",
			withoutUserinfo(address), key, firstLine(body))
	}
	if err := json.Unmarshal(raw, &items); err != nil || items == nil {
		return nil, "", fmt.Errorf("%s: %q in the answer is not a list", withoutUserinfo(address), key)
	}
	return items, nextLink(document, key), nil
}

// nextLink returns the link to the next page from one of the three places where services write it:
// `KEY_links` (nova, neutron, cinder), `links` (keystone), `next` (glance).
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

// FollowLink returns an address with the query of a link. Services behind a proxy write their inner
// scheme, host and path into links; those of the first page are right for all pages.
func FollowLink(address, link string) (string, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("reading a list: %w", err)
	}
	target, err := url.Parse(link)
	if err != nil {
		return "", fmt.Errorf("%s: the link to the next page is not a URL", withoutUserinfo(address))
	}
	parsed.RawQuery = target.RawQuery
	return parsed.String(), nil
}
