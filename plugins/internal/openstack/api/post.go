package api

import (
	"context"
	"io"
	"net/http"

	"github.com/gophercloud/gophercloud/v2"
)

// Post sends a JSON document to a URL of the service that answers questions too long for a URL, and reads the
// answer into a value.
func Post(ctx context.Context, service *gophercloud.ServiceClient, address string, question, into any) error {
	response, err := service.Request(ctx, http.MethodPost, address, &gophercloud.RequestOpts{
		JSONBody: question, KeepResponseBody: true, OkCodes: []int{http.StatusOK}})
	if err != nil {
		return Explain(err, service.Token())
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	return decode(address, body, into)
}
