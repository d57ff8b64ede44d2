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
	previous, stateErr := parseState(c.name, scope.State)
	if stateErr != nil {
		warnings = append(warnings, lostStateWarning(stateErr))
	}
	fail := func(err error) ([]byte, error) {
		return nil, errors.Join(append([]error{addRemedy(err)}, warnings...)...)
	}

	list, err := c.listServers(ctx, scope, previous, out)
	if err != nil {
		return fail(err)
	}
	warnings = append(warnings, unreadableWarnings(list.unreadable)...)
	if err := c.checkUnreadable(len(list.unreadable)); err != nil {
		return fail(err)
	}
	if !scope.Republish {
		warning, err := list.checkMissing(ctx, previous)
		if err != nil {
			return fail(err)
		}
		warnings = append(warnings, warning)
	}

	found := list.serversBefore(scope.Window.To)
	changes := changeReader{scope: scope, previous: previous, stateLost: stateErr != nil,
		countsSleeps: c.options.countsSleeps, out: out}
	err = changes.addChanges(ctx, found)
	warnings = append(warnings, changes.warnings...)
	if err != nil {
		return fail(err)
	}
	if len(changes.resizedUnknown) > 0 {
		warnings = append(warnings, lostSizesWarning(changes.resizedUnknown, scope.Republish))
	}

	next := previous.next(found, list, scope.Window.From, scope.Window.To)
	details, detailWarnings := c.readDetails(ctx, scope, found, list.full, previous, next)
	warnings = append(warnings, detailWarnings...)

	months := sdk.Months(scope.Window)
	measured, err := c.measure(ctx, scope, months, found, previous, next, out)
	warnings = append(warnings, measured.Warnings...)
	if err != nil {
		return fail(err)
	}
	next.measurer = measured.State

	sources := recordSources(found, details, measured, scope, previous)
	sources, invalid, invalidWarnings := dropInvalid(scope.Project.GetId(), sources, months)
	warnings = append(warnings, invalidWarnings...)
	if err := c.checkUnreadable(len(list.unreadable) + len(invalid)); err != nil {
		return fail(err)
	}
	next.keepOpen(previous, invalid, list)
	if err := emitRecords(scope.Project.GetId(), sources, months, out); err != nil {
		return fail(err)
	}
	encoded, err := next.encode(c.name)
	if err != nil {
		return fail(err)
	}
	return encoded, errors.Join(warnings...)
}

// recordSources combines what the stages found about the servers that are reported.
func recordSources(
	found []server, details map[string]details, measured Measurement, scope openstack.Scope,
	previous state,
) []recordSource {
	var sources []recordSource
	for _, s := range found {
		if !scope.Republish && previous.endWasReported(s) || measured.LeftOut[s.ID] ||
			scope.Republish && s.sizesLost {
			continue
		}
		sources = append(sources, recordSource{server: s, details: details[s.ID],
			usage: measured.Usage[s.ID], cpuMeasured: measured.CPUMeasured,
			endUnreported: endUnreported(s, scope, previous)})
	}
	return sources
}

// endUnreported reports whether the end of a server is reported also where it lies before the
// window. That is the case where the last window reported it as not ended, and where the server is
// new although it ended in a time whose ends are known: the clock of the cloud is behind, or nova's
// last list lacked it. A republished window has the ends that belong to it, and no others.
func endUnreported(s server, scope openstack.Scope, previous state) bool {
	if scope.Republish {
		return false
	}
	if previous.wasOpen(s.ID) {
		return true
	}
	end, ended := s.life.end()
	return ended && previous.exists() && previous.to.Equal(scope.Window.From) &&
		previous.knownServer(s.ID) == nil && !end.Before(latestTime(previous.knownFrom, previous.oldestListed()))
}

// checkUnreadable returns an error where more servers than allowed cannot be reported.
func (c *Collector) checkUnreadable(count int) error {
	if count <= c.options.maxUnreadable {
		return nil
	}
	return sdk.Errorf("%d servers cannot be read, more than [nova] max_unreadable (%d)",
		count, c.options.maxUnreadable).
		WithDetail("Nothing of this window is reported now. If the servers named in the warnings are known " +
			"to be broken, set a higher [nova] max_unreadable.")
}

// dropInvalid returns the servers without those that have a record against the rules of the
// contract, and these, with a warning for each. A server is left out with all its records: the host
// rejects a window in which a subject lacks the record of a month.
func dropInvalid(
	project string, sources []recordSource, months []sdk.Month,
) (valid []recordSource, invalid []server, warnings []error) {
	for _, source := range sources {
		if err := source.check(project, months); err != nil {
			invalid = append(invalid, source.server)
			warnings = append(warnings, sdk.Warnf("server %s (%s) is skipped: %s",
				source.server.Name, source.server.ID, err).WithResource(source.server.ID))
			continue
		}
		valid = append(valid, source)
	}
	return valid, invalid, warnings
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

// maxNamedServers is the number of servers that a warning names.
const maxNamedServers = 10

// unreadableWarnings returns a warning for each server that could not be parsed, up to a number.
func unreadableWarnings(unreadable []servers.Unreadable) []error {
	var warnings []error
	for _, one := range unreadable {
		name := one.ID
		if name == "" {
			name = "without an id"
		}
		if len(warnings) == maxNamedServers {
			return append(warnings, sdk.Warnf("more servers are skipped, they cannot be read"))
		}
		warnings = append(warnings, sdk.Warnf("server %s is skipped, it cannot be read: %s", name, one.Err).
			WithResource(one.ID))
	}
	return warnings
}

// missingWarning returns the warning about servers that nova does not have any more.
func missingWarning(count int, examples []string) error {
	return sdk.Warnf("%d servers of the last window are in no list of nova's any more: %s",
		count, strings.Join(examples, ", ")).
		WithDetail("Most likely they were deleted and archived (nova-manage db archive_deleted_rows) " +
			"since the last run. Their usage since then is not reported. " +
			"Run caso more often than rows are archived.")
}

func lostStateWarning(err error) error {
	return sdk.Warnf("%s; a server whose deletion becomes known late may lack its end", err).
		WithDetail("Sizes that servers had before are not known any more, and suspended times count from now on.")
}

func lostSizesWarning(names []string, republish bool) error {
	shown := names[:min(len(names), maxNamedServers)]
	consequence := "their records are without CpuDuration"
	if republish {
		consequence = "they are left out"
	}
	return sdk.Warnf("the sizes that %d servers had before are not known, because the state was lost; %s: %s",
		len(names), consequence, strings.Join(shown, ", ")).
		WithDetail("A window that begins before the creation of a server sends all its months again, with its present size.")
}

// addRemedy returns an error with what the reader can do about it, where that is known here.
func addRemedy(err error) error {
	if errors.Is(err, servers.ErrIncomplete) {
		return sdk.Errorf("%s", err).WithDetail(
			"Nothing of this window is reported now; the next run covers it once the cell is back.")
	}
	return err
}
