package ceilometer

import (
	"slices"
	"strings"

	"github.com/caso-project/caso/sdk"
)

// findWarnings returns the warnings about the figures, at most one of each kind for the project.
func findWarnings(
	w window, read readings, totals map[string]serverTotals, leftOut map[string]bool,
) []error {
	var silent, unknown, older, omitted []string
	for _, server := range w.Servers {
		if neverRan(server) {
			continue
		}
		if leftOut[server.ID] {
			omitted = append(omitted, server.ID)
			continue
		}
		allKnown, anyKnown := true, false
		for _, meter := range w.meters {
			last := totals[server.ID][meter][len(w.Months)-1].known
			allKnown, anyKnown = allKnown && last, anyKnown || last
		}
		switch {
		case !allKnown:
			unknown = append(unknown, server.ID)
		case read.firstSample[server.ID] == 0:
			silent = append(silent, server.ID)
		}
		if anyKnown && !w.hasPrevious && server.Created.Before(w.Window.From) && !read.sinceCreation(server) {
			older = append(older, server.ID)
		}
	}
	var warnings []error
	if n := len(silent) + len(unknown); n > 0 {
		warnings = append(warnings, sdk.Warnf("%d of %d servers have no samples in this window, or not of all meters: "+
			"%d keep their last totals, %d are reported without the figures that were never measured",
			n, len(w.Servers), len(silent), len(unknown)).
			WithDetail("Servers that are shut off are not sampled, and some end before their first sample. "+
				"For others, check that ceilometer-agent-compute runs on their hosts. Without samples: "+
				firstIDs(append(silent, unknown...))))
	}
	if len(older) > 0 {
		warnings = append(warnings, sdk.Warnf("%d servers were created before this window and have no previous state: "+
			"their totals start with what the archive has", len(older)).
			WithDetail("Where their counters restarted before that (a stop and start, a migration), the figures are "+
				"lower than the usage, and may be lower than those reported before: "+
				"APEL then shows a negative usage for the month. Servers: "+firstIDs(older)))
	}
	if len(omitted) > 0 {
		warnings = append(warnings, sdk.Warnf("%d servers are left out of this republished window: "+
			"their samples do not reach back to their creation", len(omitted)).
			WithDetail("The records that were reported of them stay as they are. "+
				"To replace them nevertheless, republish the window with extractor nova. Servers: "+firstIDs(omitted)))
	}
	return warnings
}

// firstIDs returns the first of many IDs, as a text.
func firstIDs(ids []string) string {
	slices.Sort(ids)
	if len(ids) > 5 {
		return strings.Join(ids[:5], ", ") + ", ..."
	}
	return strings.Join(ids, ", ")
}
