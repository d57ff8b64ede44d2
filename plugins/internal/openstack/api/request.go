// Package api reads JSON from OpenStack services: a document, or a list page by page. Its errors
// name the URL and the answer and never hold a token.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
)

// Error is an answer with an unexpected HTTP status.
type Error struct {
	// URL is the address of the request.
	URL string
	// Status is the HTTP status of the answer.
	Status int
	// Message is the message of the service, in one line.
	Message string
}

// Error returns the URL, the status and the message of the service.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %d %s", e.URL, e.Status, http.StatusText(e.Status))
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// Status returns the HTTP status that an error carries, 0 where it carries none.
func Status(err error) int {
	if answer, ok := errors.AsType[*Error](err); ok {
		return answer.Status
	}
	return 0
}

// Get decodes the JSON document at a URL of the service.
func Get(ctx context.Context, service *gophercloud.ServiceClient, address string, into any) error {
	body, err := GetBytes(ctx, service, address, http.StatusOK)
	if err != nil {
		return err
	}
	return decodeJSON(address, body, into)
}

// GetDated is like Get, and returns the time of the service's clock: the Date header of the answer,
// zero where it has none.
func GetDated(
	ctx context.Context, service *gophercloud.ServiceClient, address string, into any,
) (time.Time, error) {
	header := http.Header{}
	body, err := requestWithHeader(ctx, service, http.MethodGet, address, nil, header, http.StatusOK)
	date, _ := http.ParseTime(header.Get("Date"))
	if err != nil {
		return date, err
	}
	return date, decodeJSON(address, body, into)
}

// GetBytes returns the body of the answer at a URL of the service. Another status than the given
// ones is an error.
func GetBytes(
	ctx context.Context, service *gophercloud.ServiceClient, address string, statuses ...int,
) ([]byte, error) {
	return request(ctx, service, http.MethodGet, address, nil, statuses...)
}

// Post sends a JSON document to a URL of the service that answers queries which are too long for a
// URL, and decodes the answer.
func Post(
	ctx context.Context, service *gophercloud.ServiceClient, address string, query, into any,
) error {
	body, err := request(ctx, service, http.MethodPost, address, query, http.StatusOK)
	if err != nil {
		return err
	}
	return decodeJSON(address, body, into)
}

// Change sends a request that changes something, with a JSON document if body is not nil.
func Change(
	ctx context.Context, service *gophercloud.ServiceClient, method, address string, body any,
) error {
	_, err := request(ctx, service, method, address, body,
		http.StatusOK, http.StatusCreated, http.StatusNoContent)
	return err
}

// request sends one request with the token of the service and returns the body of the answer.
func request(
	ctx context.Context, service *gophercloud.ServiceClient, method, address string, body any,
	statuses ...int,
) ([]byte, error) {
	return requestWithHeader(ctx, service, method, address, body, http.Header{}, statuses...)
}

// requestWithHeader is like request and copies the header of the answer.
func requestWithHeader(
	ctx context.Context, service *gophercloud.ServiceClient, method, address string, body any,
	header http.Header, statuses ...int,
) ([]byte, error) {
	response, err := service.Request(ctx, method, address, &gophercloud.RequestOpts{
		JSONBody: body, KeepResponseBody: true, OkCodes: statuses})
	if err != nil {
		return nil, Explain(err, service.Token())
	}
	defer func() { _ = response.Body.Close() }()
	maps.Copy(header, response.Header)
	return io.ReadAll(response.Body)
}

// decodeJSON decodes an answer. Its error has the beginning of an answer that is not JSON.
func decodeJSON(address string, body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: the answer is not the JSON document it should be (%w); it begins %q",
			withoutUserinfo(address), err, firstLine(body))
	}
	return nil
}

// Explain replaces an error of gophercloud by one that is safe to print: it has the message of the
// service instead of the whole body, and no secrets.
func Explain(err error, secrets ...string) error {
	if reauth, ok := errors.AsType[*gophercloud.ErrUnableToReauthenticate](err); ok {
		return fmt.Errorf("the token was no longer valid and could not be renewed: %w",
			Explain(reauth.ErrReauth, secrets...))
	}
	if again, ok := errors.AsType[*gophercloud.ErrErrorAfterReauthentication](err); ok {
		return Explain(again.ErrOriginal, secrets...)
	}
	if answer, ok := errors.AsType[gophercloud.ErrUnexpectedResponseCode](err); ok {
		return &Error{URL: withoutUserinfo(answer.URL), Status: answer.Actual,
			Message: HideSecrets(Message(answer.Body), secrets...)}
	}
	if request, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("%s: %w", withoutUserinfo(request.URL), request.Err)
	}
	return err
}

// HideSecrets replaces secrets in a text, also those that are written as in JSON.
func HideSecrets(text string, secrets ...string) string {
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		text = strings.ReplaceAll(text, secret, "***")
		if quoted, err := json.Marshal(secret); err == nil {
			text = strings.ReplaceAll(text, strings.Trim(string(quoted), `"`), "***")
		}
	}
	return text
}

// Message returns the message in the body of an error. Every service wraps it in an object with one
// key, whose name differs (`error`, `itemNotFound`, `computeFault`, `NeutronError`).
func Message(body []byte) string {
	var wrapped map[string]json.RawMessage
	if json.Unmarshal(body, &wrapped) == nil {
		for _, inner := range wrapped {
			var fault struct {
				Message string `json:"message"`
			}
			if json.Unmarshal(inner, &fault) == nil && fault.Message != "" {
				return shortLine(fault.Message)
			}
		}
	}
	return firstLine(body)
}

// withoutUserinfo returns a URL without its user and password.
func withoutUserinfo(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return "an unreadable URL"
	}
	parsed.User = nil
	return parsed.String()
}

// firstLine returns the first line of a body, shortened.
func firstLine(body []byte) string {
	text := strings.TrimSpace(string(body[:min(len(body), 4096)]))
	text, _, _ = strings.Cut(text, "\n")
	return shortLine(text)
}

// shortLine returns a text as one line of at most 200 characters.
func shortLine(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if runes := []rune(text); len(runes) > 200 {
		text = string(runes[:200]) + "..."
	}
	return text
}
