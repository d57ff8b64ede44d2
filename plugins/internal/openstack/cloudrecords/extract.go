package cloudrecords

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	"github.com/caso-project/caso/plugins/internal/openstack/accounting"
	"github.com/caso-project/caso/plugins/internal/openstack/api"
	"github.com/caso-project/caso/plugins/internal/openstack/auth"
	"github.com/caso-project/caso/plugins/internal/openstack/servers"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Extract emits the records of one project's window: for each month that ends in it, then for its end,
// every server that was there.
func (e *Extractor) Extract(ctx context.Context, request *pluginv1.ExtractRequest, emit func(*pluginv1.Record) error) (*pluginv1.Complete, error) {
	project := request.GetProject()
	window := servers.Window{From: request.GetWindow().GetFrom().AsTime(), To: request.GetWindow().GetTo().AsTime()}
	x := &extraction{extractor: e, project: project, window: window}
	before, err := readMemory(e.name, request.GetState())
	if err != nil {
		x.warn("", "project %s: %s; a server whose deletion became known late may lack its end", describe(project), err)
	}
	err = x.gather(ctx)
	if err == nil {
		err = x.missing(ctx, before)
	}
	after := before.next(x.subjects, window.To)
	moments := accounting.Moments(window.From, window.To)
	if err == nil {
		err = x.measure(ctx, moments, before, &after)
	}
	if err != nil {
		return nil, e.failed("extracting project "+describe(project), project.GetId(), err, x.diagnostics...)
	}
	if err := x.emit(moments, before, emit); err != nil {
		return nil, err
	}
	return &pluginv1.Complete{NextState: after.bytes(e.name), Diagnostics: x.diagnostics}, nil
}

// extraction is the work on one project's window.
type extraction struct {
	extractor   *Extractor
	project     *pluginv1.Project
	window      servers.Window
	subjects    []subject
	unreadable  []string
	clients     []*servers.Client
	session     *auth.Session
	regions     []string
	fill        Fill
	diagnostics []*pluginv1.Diagnostic
}

// subject is a server with all that its records say.
type subject struct {
	servers.Server
	accounting.Lifecycle
	userName, imageName string
	publicIPs           int64
	benchmark           *pluginv1.Benchmark
}

// gather reads the servers of all regions and what belongs to them.
func (x *extraction) gather(ctx context.Context) error {
	session, err := x.extractor.cloud.Project(ctx, x.project.GetId())
	if err != nil {
		return err
	}
	x.session = session
	if x.regions, err = x.reported(session); err != nil {
		return err
	}
	for _, region := range x.regions {
		if err := x.gatherRegion(ctx, session, region); err != nil {
			return err
		}
	}
	x.names(ctx, session)
	slices.SortFunc(x.subjects, func(a, b subject) int {
		return cmp.Or(a.Lifecycle.Created.Compare(b.Lifecycle.Created), strings.Compare(a.ID, b.ID))
	})
	return nil
}

// reported are the regions to report on. Without a configured one it is the first of the catalog, as cASO had it,
// and if there are more a person has to know.
func (x *extraction) reported(session *auth.Session) ([]string, error) {
	offered := session.Regions("compute")
	wanted := x.extractor.cloud.Settings().Regions
	for _, region := range wanted {
		if !slices.Contains(offered, region) {
			return nil, fmt.Errorf("the service catalog has no compute service in region %s; it has: %s",
				region, strings.Join(offered, ", "))
		}
	}
	switch {
	case len(wanted) > 0:
		return wanted, nil
	case len(offered) == 0:
		return nil, errors.New("the service catalog has no public compute service")
	case len(offered) > 1 && x.extractor.once.first("regions"):
		warning := sdk.Warnf("the cloud has several regions and only %s is reported", offered[0])
		warning.Detail = "Set [DEFAULT] region_name to the regions to report: " + strings.Join(offered, ", ")
		x.diagnostics = append(x.diagnostics, warning)
	}
	return offered[:1], nil
}

// gatherRegion reads one region.
func (x *extraction) gatherRegion(ctx context.Context, session *auth.Session, region string) error {
	client, err := servers.New(ctx, session.Service("compute", region), x.extractor.versions)
	if err != nil {
		return err
	}
	x.clients = append(x.clients, client)
	found, problems, err := client.List(ctx, x.project.GetId(), x.window)
	if err != nil {
		return err
	}
	for _, problem := range problems {
		x.unreadable = append(x.unreadable, problem.ID)
		x.warn(problem.ID, "server %s is skipped, it cannot be read: %s", orNone(problem.ID), problem.Err)
	}
	subjects := make([]subject, 0, len(found))
	for _, server := range found {
		if !server.Created.Before(x.window.To) {
			continue
		}
		subjects = append(subjects, subject{Server: server, Lifecycle: accounting.Lifecycle{
			Status: server.Status, Created: server.Created, Updated: server.Updated,
			Launched: server.Launched, Terminated: server.Terminated}})
	}
	if err := x.ends(ctx, client, subjects); err != nil {
		return err
	}
	x.complete(ctx, session, region, subjects)
	x.subjects = append(x.subjects, subjects...)
	return nil
}

// ends asks for the start of deletions where nothing else tells when a server ended.
func (x *extraction) ends(ctx context.Context, client *servers.Client, subjects []subject) error {
	for i := range subjects {
		s := &subjects[i]
		if !s.NeedsDeleteStart() {
			continue
		}
		start, err := client.DeleteStart(ctx, s.ID)
		switch status := api.Status(err); {
		case err == nil:
			s.DeleteStarted = start
		case status == 0:
			return err
		case status != http.StatusNotFound:
			x.warn(s.ID, "server %s (%s): its end is taken from its last change, because its instance actions cannot be read: %s",
				s.Name, s.ID, err)
		}
	}
	return nil
}

// warn adds a warning about a resource of the project.
func (x *extraction) warn(resource, format string, args ...any) {
	warning := about(x.project, sdk.Warnf(format, args...))
	warning.ResourceId = resource
	x.diagnostics = append(x.diagnostics, warning)
}

// emit makes the records, in time order.
func (x *extraction) emit(moments []accounting.Moment, before memory, emit func(*pluginv1.Record) error) error {
	for i, moment := range moments {
		for j := range x.subjects {
			s := &x.subjects[j]
			if before.closed(s) {
				continue
			}
			figures, ok := s.At(moment, i == 0 && before.open[s.ID])
			if !ok {
				continue
			}
			record := record(x.project.GetId(), s, figures)
			if x.fill != nil && !x.fill(s.ID, i, record.GetCloud()) {
				continue
			}
			if err := sdk.CheckRecord(record); err != nil {
				// The host would refuse the window for it.
				x.warn(s.ID, "server %s (%s) is skipped as of %s: %s", s.Name, s.ID, figures.AsOf.Format(time.RFC3339), err)
				continue
			}
			if err := emit(record); err != nil {
				return err
			}
		}
	}
	return nil
}

// missing looks after servers that were there in the last window and are in no list now. Where a cell is
// down, the window fails; where they are gone without a trace, a person has to know.
func (x *extraction) missing(ctx context.Context, before memory) error {
	lost := before.lost(x.subjects, x.unreadable)
	if len(lost) == 0 {
		return nil
	}
	some := lost[:min(len(lost), 5)]
	for _, id := range some {
		for _, client := range x.clients {
			if err := client.Reachable(ctx, id); err != nil {
				return err
			}
		}
	}
	warning := about(x.project, sdk.Warnf("project %s: %d servers that were there in the last window are in no list of nova's any more: %s",
		describe(x.project), len(lost), strings.Join(some, ", ")))
	warning.Detail = "Most likely they were deleted and archived (nova-manage db archive_deleted_rows) since the last run. " +
		"What they used since then is not reported. Run caso more often than rows are archived."
	x.diagnostics = append(x.diagnostics, warning)
	return nil
}

// failed makes an error of a project, with what was found out before.
func (e *Extractor) failed(doing, project string, err error, also ...*pluginv1.Diagnostic) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	diagnostic := sdk.Errorf("%s: %s", doing, err)
	diagnostic.Project = project
	diagnostic.Detail = e.remedy(project, err)
	return sdk.Fail(append([]*pluginv1.Diagnostic{diagnostic}, also...)...)
}

// remedy says what the reader can do.
func (e *Extractor) remedy(project string, err error) string {
	user := cmp.Or(e.cloud.Settings().User, e.cloud.Settings().UserID, "USER")
	switch {
	case errors.Is(err, auth.ErrRefused) && project == "":
		return "Check the user, its domain and password in [keystone_auth] or [extractor]."
	case errors.Is(err, auth.ErrRefused):
		return fmt.Sprintf("Keystone says the same for a wrong password, a project that is disabled or gone and one where the user has no role.\n"+
			"Give the role with: openstack role add --user %s --project %s reader", user, project)
	case errors.Is(err, auth.ErrNoProject):
		return "The records of a project need a token of that project. An application credential and a trust are tied to one project."
	case errors.Is(err, servers.ErrIncomplete):
		return "Nothing of this window is reported now; the next run covers it once the cell is back."
	case api.Status(err) == http.StatusForbidden:
		return fmt.Sprintf("The user's role does not allow this. Give it with: openstack role add --user %s --project %s reader", user, project)
	case strings.Contains(err.Error(), "x509:"):
		return "Set [keystone_auth] cafile to the certificate of the authority that signed the service's."
	}
	return ""
}

func about(project *pluginv1.Project, diagnostic *pluginv1.Diagnostic) *pluginv1.Diagnostic {
	diagnostic.Project = project.GetId()
	return diagnostic
}

// describe names a project for people.
func describe(project *pluginv1.Project) string {
	if project.GetName() == "" {
		return project.GetId()
	}
	return fmt.Sprintf("%s (%s)", project.GetName(), project.GetId())
}

func orNone(id string) string { return cmp.Or(id, "without an id") }
