package openstack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
	"github.com/caso-project/caso/plugins/internal/openstack/auth"
	"github.com/caso-project/caso/plugins/internal/openstack/transport"
	"github.com/caso-project/caso/sdk"
)

// explain returns the joined errors of a call as diagnostics, errors before warnings. It adds the
// project, if there is one, and a remedy to errors that have none. Clocks that differ are the only
// error where there are any.
func (e *Extractor) explain(project string, err error) error {
	if err != nil && e.clock.Err() != nil {
		return clockDiagnostic(project, e.clock.Err())
	}
	var failures, warnings []error
	for _, one := range splitJoined(err) {
		if errors.Is(one, context.Canceled) {
			failures = append(failures, one)
			continue
		}
		diagnostic, ok := errors.AsType[*sdk.Diagnostic](one)
		if !ok {
			diagnostic = sdk.Errorf("%s", one).WithDetail(e.remedy(project, one))
		}
		if diagnostic.Project == "" {
			diagnostic = diagnostic.WithProject(project)
		}
		if diagnostic.Severity == sdk.SeverityError {
			failures = append(failures, diagnostic)
		} else {
			warnings = append(warnings, diagnostic)
		}
	}
	return errors.Join(slices.Concat(failures, warnings)...)
}

// clockDiagnostic returns the error of a cloud whose clock differs from the one of this machine. It
// replaces all others: the times of windows and servers cannot be compared.
func clockDiagnostic(project string, err error) error {
	return sdk.Errorf("%s", err).WithProject(project).WithDetail("Nothing is extracted from this cloud until the clocks agree. " +
		"Correct the one that is wrong (timedatectl and chronyc tracking show the state of this machine's), " +
		"or, if the difference is known, set [DEFAULT] max_clock_skew to more seconds than it has.")
}

// splitJoined returns the errors that errors.Join has joined. An error of fmt.Errorf that wraps
// several errors is one error: its text is not their texts line by line.
func splitJoined(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || err.Error() != errors.Join(joined.Unwrap()...).Error() {
		return []error{err}
	}
	var all []error
	for _, one := range joined.Unwrap() {
		all = append(all, splitJoined(one)...)
	}
	return all
}

// remedy returns what the reader can do about an error, empty where that is not known.
func (e *Extractor) remedy(project string, err error) string {
	switch {
	case errors.Is(err, auth.ErrRefused) && project == "":
		return e.cloud.Settings().RefusedRemedy()
	case errors.Is(err, auth.ErrRefused):
		return "Keystone gives the same answer for a wrong password, a disabled or deleted project, " +
			"and a project on which the user has no role.\n" + e.grantCommand(project)
	case errors.Is(err, auth.ErrNoProject):
		return "The records of a project need a token of that project. " +
			"An application credential and a trust are bound to one project."
	case api.Status(err) == http.StatusForbidden:
		return "The user's role does not allow this request. " + e.grantCommand(project)
	case errors.Is(err, auth.ErrIdentityProvider):
		return "Check discovery_endpoint or access_token_endpoint, client_id and client_secret in [keystone_auth], " +
			"and that this machine can connect to the provider."
	case errors.Is(err, auth.ErrUnreachable):
		return "Check [keystone_auth] auth_url, and that this machine can connect to it."
	case errors.Is(err, transport.ErrWithoutTLS):
		return "Change the endpoint in the service catalog to https. If the network is trusted, set " +
			"[keystone_auth] allow_insecure_catalog = true."
	case strings.Contains(err.Error(), "x509:"):
		return "Set [keystone_auth] cafile to the certificate of the authority that signed the service's."
	}
	return ""
}

// grantCommand returns the command that gives the user the role on a project.
func (e *Extractor) grantCommand(project string) string {
	return fmt.Sprintf("Give the role with: openstack role add --user %s --project %s reader",
		e.cloud.Settings().UserOrID(), project)
}
