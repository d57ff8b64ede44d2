// Package api reads JSON from OpenStack services: a document, or a list page by page and element by
// element. Its errors name the service, the URL and the answer, and never hold a token.
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
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/caso-project/caso/plugins/internal/openstack/transport"
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

// Get decodes the JSON document at a URL of the service, which may have 2 MiB.
func Get(ctx context.Context, service *gophercloud.ServiceClient, address string, into any) error {
	_, err := GetDated(ctx, service, address, into, http.StatusOK)
	return err
}

// GetDated is like Get, for several statuses, and returns the time of the service's clock: the Date
// header of the answer, zero where it has none.
func GetDated(
	ctx context.Context, service *gophercloud.ServiceClient, address string, into any,
	statuses ...int,
) (time.Time, error) {
	options := &gophercloud.RequestOpts{KeepResponseBody: true, OkCodes: statuses}
	header, err := request(ctx, service, http.MethodGet, address, options, func(body io.Reader) error {
		raw, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(raw, into); err != nil {
			return invalidAnswer(err, raw)
		}
		return nil
	})
	date, _ := http.ParseTime(header.Get("Date"))
	return date, err
}

// GetStream reads the JSON document at a URL of the service in a stream.
func GetStream(
	ctx context.Context, service *gophercloud.ServiceClient, address string, read func(*Stream) error,
) error {
	options := &gophercloud.RequestOpts{KeepResponseBody: true, OkCodes: []int{http.StatusOK}}
	return requestStream(ctx, service, http.MethodGet, address, options, read)
}

// PostStream sends a JSON document to a URL of the service that answers queries which are too long
// for a URL, and reads the answer in a stream.
func PostStream(
	ctx context.Context, service *gophercloud.ServiceClient, address string, query any,
	read func(*Stream) error,
) error {
	options := &gophercloud.RequestOpts{JSONBody: query, KeepResponseBody: true, OkCodes: []int{http.StatusOK}}
	return requestStream(ctx, service, http.MethodPost, address, options, read)
}

// Change sends a request that changes something, with a JSON document if body is not nil.
func Change(
	ctx context.Context, service *gophercloud.ServiceClient, method, address string, body any,
) error {
	options := &gophercloud.RequestOpts{JSONBody: body, KeepResponseBody: true,
		OkCodes: []int{http.StatusOK, http.StatusCreated, http.StatusNoContent}}
	_, err := request(ctx, service, method, address, options, func(io.Reader) error { return nil })
	return err
}

// requestStream sends one request and reads the answer in a stream.
func requestStream(
	ctx context.Context, service *gophercloud.ServiceClient, method, address string,
	options *gophercloud.RequestOpts, read func(*Stream) error,
) error {
	_, err := request(transport.InStream(ctx), service, method, address, options, func(body io.Reader) error {
		stream := newStream(body)
		err := read(stream)
		if err == nil {
			err = stream.end()
		}
		return stream.explain(err)
	})
	return err
}

// request sends one request with the token of the service and has the body of the answer read. It
// returns the header of the answer. An error names the URL, and the service where the answer is
// wrong.
func request(
	ctx context.Context, service *gophercloud.ServiceClient, method, address string,
	options *gophercloud.RequestOpts, read func(io.Reader) error,
) (http.Header, error) {
	response, err := service.Request(ctx, method, address, options)
	if err != nil {
		err = Explain(err, service.Token())
		if errors.Is(err, transport.ErrTooLarge) {
			err = fmt.Errorf("%s%w", serviceName(service), err)
		}
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	err = read(response.Body)
	if _, ok := errors.AsType[answerError](err); ok {
		err = fmt.Errorf("%s%s: %w", serviceName(service), WithoutUserinfo(address), err)
	}
	return response.Header, err
}

// serviceName returns the type of a service with a space, as the beginning of an error message;
// empty where it is not known.
func serviceName(service *gophercloud.ServiceClient) string {
	if service.Type == "" {
		return ""
	}
	return service.Type + " service, "
}

// answerError is what is wrong with an answer.
type answerError string

// Error returns the text.
func (e answerError) Error() string { return string(e) }

// invalidAnswer returns the error of an answer that is not the JSON document it should be, with its
// beginning.
func invalidAnswer(err error, begin []byte) error {
	return answerError(fmt.Sprintf("the answer is not the JSON document it should be (%s); it begins %q",
		err, firstLine(begin)))
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
		return &Error{URL: WithoutUserinfo(answer.URL), Status: answer.Actual,
			Message: HideSecrets(Message(answer.Body), secrets...)}
	}
	if request, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("%s: %w", WithoutUserinfo(request.URL), request.Err)
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
				return ShortLine(fault.Message)
			}
		}
	}
	return firstLine(body)
}

// WithoutUserinfo returns a URL without its user and password.
func WithoutUserinfo(address string) string {
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
	return ShortLine(text)
}

// ShortLine returns a text as one line of at most 200 characters.
func ShortLine(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if runes := []rune(text); len(runes) > 200 {
		text = string(runes[:200]) + "..."
	}
	return text
}
