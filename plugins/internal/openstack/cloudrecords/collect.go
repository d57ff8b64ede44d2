package cloudrecords

import (
	"context"
	"errors"
	"strings"

	"github.com/caso-project/caso/plugins/internal/openstack"
	"github.com/caso-project/caso/plugins/internal/openstack/servers"
	"github.com/caso-project/caso/sdk"
)

// Collect emits the records of one project and window: for each month that ends in the window,
// then for the window's end, one of every server that existed.
func (c *Collector) Collect(
	ctx context.Context, scope openstack.Scope, out sdk.Output,
) ([]byte, error) {
	if !scope.Wants(sdk.Cloud) {
		return scope.State, nil
	}
	var warnings []error
	previous := newState()
	if !scope.Republish {
		// A republished window has the ends that belong to it, and no others.
		var err error
		if previous, err = parseState(c.name, scope.State); err != nil {
			warnings = append(warnings, sdk.Warnf(
				"%s; a server whose deletion becomes known late may lack its end", err))
		}
	}
	fail := func(err error) ([]byte, error) {
		return nil, errors.Join(append([]error{addRemedy(err)}, warnings...)...)
	}

	lists, err := c.listServers(ctx, scope, out)
	if err != nil {
		return fail(err)
	}
	warnings = append(warnings, unreadableWarnings(lists)...)

	found, endWarnings, err := addLifecycles(ctx, lists, scope.Window.To, out)
	warnings = append(warnings, endWarnings...)
	if err != nil {
		return fail(err)
	}
	vanished, err := checkVanished(ctx, lists, previous.openWithout(lists))
	if err != nil {
		return fail(err)
	}
	warnings = append(warnings, vanished...)

	details, detailWarnings := c.readDetails(ctx, scope, found)
	warnings = append(warnings, detailWarnings...)

	months := sdk.Months(scope.Window)
	next := previous.next(found, lists, scope.Window.To)
	measured, err := c.measure(ctx, scope, months, found, previous, next, out)
	warnings = append(warnings, measured.Warnings...)
	if err != nil {
		return fail(err)
	}
	next.measurer = measured.State

	sources := recordSources(found, details, measured, previous)
	sources, invalid := dropInvalid(scope.Project.GetId(), sources, months)
	warnings = append(warnings, invalid...)
	if err := emitRecords(scope.Project.GetId(), sources, months, out); err != nil {
		return fail(err)
	}
	return next.encode(c.name), errors.Join(warnings...)
}

// recordSources combines what the stages found about the servers that are reported.
func recordSources(
	found []server, details map[string]details, measured Measurement, previous state,
) []recordSource {
	var sources []recordSource
	for _, s := range found {
		if previous.softDeletionReported(s) || measured.LeftOut[s.ID] {
			continue
		}
		sources = append(sources, recordSource{server: s, details: details[s.ID],
			usage: measured.Usage[s.ID], cpuMeasured: measured.CPUMeasured,
			endUnreported: previous.open[s.ID]})
	}
	return sources
}

// dropInvalid returns the servers without those that have a record against the rules of the
// contract, with a warning for each. A server is left out with all its records: the host rejects a
// window in which a subject lacks the record of a month.
func dropInvalid(
	project string, sources []recordSource, months []sdk.Month,
) (valid []recordSource, warnings []error) {
	for _, source := range sources {
		if err := source.check(project, months); err != nil {
			warnings = append(warnings, sdk.Warnf("server %s (%s) is skipped: %s",
				source.server.Name, source.server.ID, err).WithResource(source.server.ID))
			continue
		}
		valid = append(valid, source)
	}
	return valid, warnings
}

// emitRecords emits the records in time order.
func emitRecords(
	project string, sources []recordSource, months []sdk.Month, out sdk.Output,
) error {
	for i := range months {
		for _, source := range sources {
			record := source.record(project, months, i)
			if record == nil {
				continue
			}
			if err := out.Emit(record); err != nil {
				return err
			}
		}
	}
	return nil
}

// unreadableWarnings returns a warning for each server that could not be parsed.
func unreadableWarnings(lists []regionList) []error {
	var warnings []error
	for _, list := range lists {
		for _, one := range list.unreadable {
			name := one.ID
			if name == "" {
				name = "without an id"
			}
			warnings = append(warnings, sdk.Warnf("server %s is skipped, it cannot be read: %s", name, one.Err).
				WithResource(one.ID))
		}
	}
	return warnings
}

// maxVanishedChecks limits the requests for servers that are in no list.
const maxVanishedChecks = 5

// checkVanished looks up servers that were open in the last window and are in no list now. If they
// are in a cell that is down it returns ErrIncomplete; otherwise a warning.
func checkVanished(
	ctx context.Context, lists []regionList, vanished []string,
) (warnings []error, err error) {
	if len(vanished) == 0 {
		return nil, nil
	}
	examples := vanished[:min(len(vanished), maxVanishedChecks)]
	for _, id := range examples {
		for _, list := range lists {
			if err := list.client.CheckReachable(ctx, id); err != nil {
				return nil, err
			}
		}
	}
	return []error{sdk.Warnf("%d servers of the last window are in no list of nova's any more: %s",
		len(vanished), strings.Join(examples, ", ")).
		WithDetail("Most likely they were deleted and archived (nova-manage db archive_deleted_rows) " +
			"since the last run. Their usage since then is not reported. " +
			"Run caso more often than rows are archived.")}, nil
}

// addRemedy returns an error with what the reader can do about it, where that is known here.
func addRemedy(err error) error {
	if errors.Is(err, servers.ErrIncomplete) {
		return sdk.Errorf("%s", err).WithDetail(
			"Nothing of this window is reported now; the next run covers it once the cell is back.")
	}
	return err
}
