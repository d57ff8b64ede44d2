// Package api reads JSON from OpenStack services: one document, or a list page by page. It turns what can
// go wrong (refusals, pages that never end, HTML where JSON should be) into errors that name the URL and
// what came, and never hold a token. What a document means is left to the packages that ask for it.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
)

// Error is a request that got an answer, but not the one that was asked for.
type Error struct {
	// URL is what was asked for.
	URL string
	// Status is the HTTP status of the answer.
	Status int
	// Message is what the service said, in one line.
	Message string
}

// Error names the URL, the status and the service's own words.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %d %s", e.URL, e.Status, http.StatusText(e.Status))
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// Status is the HTTP status that an error carries, 0 where it carries none.
func Status(err error) int {
	var answer *Error
	if errors.As(err, &answer) {
		return answer.Status
	}
	return 0
}

// Get reads the document at a URL of the service into a value.
func Get(ctx context.Context, service *gophercloud.ServiceClient, address string, into any) error {
	body, err := Read(ctx, service, address, http.StatusOK)
	if err != nil {
		return err
	}
	return decode(address, body, into)
}

// Read gets the bytes at a URL of the service; statuses are those that are fine.
func Read(ctx context.Context, service *gophercloud.ServiceClient, address string, statuses ...int) ([]byte, error) {
	response, err := service.Request(ctx, http.MethodGet, address, &gophercloud.RequestOpts{
		KeepResponseBody: true, OkCodes: statuses})
	if err != nil {
		return nil, Explain(err, service.Token())
	}
	defer func() { _ = response.Body.Close() }()
	return io.ReadAll(response.Body)
}

// decode reads JSON and says what came where it was none.
func decode(address string, body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: the answer is not the JSON document it should be (%w); it begins %q",
			clean(address), err, firstLine(body))
	}
	return nil
}

// Explain makes a gophercloud error readable and safe to print: the service's message instead of its whole
// body, and the given secrets taken out.
func Explain(err error, secrets ...string) error {
	var reauth *gophercloud.ErrUnableToReauthenticate
	if errors.As(err, &reauth) {
		return fmt.Errorf("the token was no longer valid and could not be renewed: %w", Explain(reauth.ErrReauth, secrets...))
	}
	var again *gophercloud.ErrErrorAfterReauthentication
	if errors.As(err, &again) {
		return Explain(again.ErrOriginal, secrets...)
	}
	var answer gophercloud.ErrUnexpectedResponseCode
	if errors.As(err, &answer) {
		return &Error{URL: clean(answer.URL), Status: answer.Actual, Message: Scrub(Message(answer.Body), secrets...)}
	}
	var request *url.Error
	if errors.As(err, &request) {
		return fmt.Errorf("%s: %w", clean(request.URL), request.Err)
	}
	return err
}

// Scrub takes secrets out of a text.
func Scrub(text string, secrets ...string) string {
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}

// Message finds the message in the body of a refusal. Every service wraps it in an object of one key, whose
// name differs (`error`, `itemNotFound`, `computeFault`, `NeutronError`).
func Message(body []byte) string {
	var wrapped map[string]json.RawMessage
	if json.Unmarshal(body, &wrapped) == nil {
		for _, inner := range wrapped {
			var fault struct {
				Message string `json:"message"`
			}
			if json.Unmarshal(inner, &fault) == nil && fault.Message != "" {
				return line(fault.Message)
			}
		}
	}
	return firstLine(body)
}

// clean is a URL without a user and password.
func clean(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return "a URL that cannot be read"
	}
	parsed.User = nil
	return parsed.String()
}

// firstLine is the beginning of a body, for people.
func firstLine(body []byte) string {
	text := strings.TrimSpace(string(body[:min(len(body), 4096)]))
	text, _, _ = strings.Cut(text, "\n")
	return line(text)
}

// line cuts a text to one line of bounded length.
func line(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if runes := []rune(text); len(runes) > 200 {
		text = string(runes[:200]) + "..."
	}
	return text
}
