package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
)

// maxPages ends a list that a faulty service continues without end. It is enough for 20,000,000
// servers in pages of 200.
const maxPages = 100_000

// EachItem calls a function with the JSON of every item of a list, which is valid until the
// function returns. It follows the links from page to page: a page that is shorter than the
// requested limit need not be the last, because the limit of the service may be lower. Key is the
// name of the list in each page, or a path of names with slashes. Items of a page that turns out to
// be invalid may have been passed before the error is returned.
func EachItem(
	ctx context.Context, service *gophercloud.ServiceClient, address, key string,
	item func(json.RawMessage) error,
) error {
	seen := map[[sha256.Size]byte]bool{}
	for range maxPages {
		page, err := readPage(ctx, service, address, key, item)
		if err != nil {
			return err
		}
		// Pages are compared by content: the addresses of a service that links in a circle may
		// differ.
		if seen[page.digest] {
			return fmt.Errorf("%s: the list of %s links back to a page that was already read",
				WithoutUserinfo(address), key)
		}
		seen[page.digest] = page.items > 0
		if page.next == "" || page.items == 0 {
			return nil
		}
		if address, err = FollowLink(address, page.next); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: the list of %s has no end", WithoutUserinfo(address), key)
}

// EachItemOfPage is like EachItem for one page.
func EachItemOfPage(
	ctx context.Context, service *gophercloud.ServiceClient, address, key string,
	item func(json.RawMessage) error,
) error {
	_, err := readPage(ctx, service, address, key, item)
	return err
}

// page is what is known of a page that was read.
type page struct {
	items  int
	digest [sha256.Size]byte
	// next is the link to the next page, empty on the last.
	next string
}

// readPage reads one page.
func readPage(
	ctx context.Context, service *gophercloud.ServiceClient, address, key string,
	item func(json.RawMessage) error,
) (page, error) {
	var read page
	hash := sha256.New()
	links := map[string]json.RawMessage{}
	err := GetStream(ctx, service, address, func(stream *Stream) error {
		var raw json.RawMessage
		found, err := stream.member(key, func(name string) error {
			if !isLink(name, key) {
				return stream.Skip()
			}
			var link json.RawMessage
			err := stream.Decode(&link)
			links[name] = link
			return err
		}, func() error {
			err := stream.Array(func() error {
				if err := stream.Decode(&raw); err != nil {
					return err
				}
				_, _ = hash.Write(raw)
				read.items++
				return item(raw)
			})
			if errors.Is(err, errValue) {
				return answerError(fmt.Sprintf("%q in the answer is not a list", key))
			}
			return err
		})
		if err == nil && !found || errors.Is(err, errValue) {
			return answerError(fmt.Sprintf("the answer has no list called %q; it begins %q", key, stream.begin()))
		}
		return err
	})
	read.digest = [sha256.Size]byte(hash.Sum(nil))
	read.next = nextLink(links, key)
	return read, err
}

// linkNames returns the members of a page that may have the link to the next one, in order:
// `KEY_links` (nova, neutron, cinder), `links` (keystone and nova's instance actions), `next`
// (glance).
func linkNames(key string) (list, links, next string) {
	name, _, _ := strings.Cut(key, "/")
	return name + "_links", "links", "next"
}

// isLink reports whether a member of a page may have the link to the next one.
func isLink(name, key string) bool {
	list, links, next := linkNames(key)
	return name == list || name == links || name == next
}

// nextLink returns the link to the next page.
func nextLink(document map[string]json.RawMessage, key string) string {
	listName, linksName, nextName := linkNames(key)
	for _, name := range []string{listName, linksName} {
		var list []struct {
			Rel  string `json:"rel"`
			Href string `json:"href"`
		}
		if json.Unmarshal(document[name], &list) != nil {
			continue
		}
		for _, link := range list {
			if link.Rel == "next" {
				return link.Href
			}
		}
	}
	var links struct {
		Next string `json:"next"`
	}
	if json.Unmarshal(document[linksName], &links) == nil && links.Next != "" {
		return links.Next
	}
	var next string
	if json.Unmarshal(document[nextName], &next) == nil {
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
		return "", fmt.Errorf("%s: the link to the next page is not a URL", WithoutUserinfo(address))
	}
	parsed.RawQuery = target.RawQuery
	return parsed.String(), nil
}
