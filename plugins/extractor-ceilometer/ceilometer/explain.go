package ceilometer

// explain says what a person has to know of the figures, once for the project.
func (w *work) explain() {
	var silent, unknown, older, omitted []string
	for i := range w.job.Servers {
		server := &w.job.Servers[i]
		if w.neverRan(server) {
			continue
		}
		known, partly := true, false
		for _, meter := range w.meters() {
			figures := w.totals[server.ID][meter]
			last := figures[len(figures)-1].known
			known, partly = known && last, partly || last
		}
		switch {
		case w.reportedBefore(server):
			omitted = append(omitted, server.ID)
			continue
		case !known:
			unknown = append(unknown, server.ID)
		case w.first[server.ID] == 0:
			silent = append(silent, server.ID)
		}
		if partly && w.fresh && server.Created.Before(w.job.Window.From) && !w.covers(server) {
			older = append(older, server.ID)
		}
	}
	if n := len(silent) + len(unknown); n > 0 {
		warning := w.warn("%d of %d servers have no samples in this window, or not of all meters: %d keep their last totals, %d are reported without the figures that were never measured",
			n, len(w.job.Servers), len(silent), len(unknown))
		warning.Detail = "Servers that are shut off are not sampled, and some end before they are. Otherwise see whether ceilometer-agent-compute runs on their hosts. Without samples: " +
			some(append(silent, unknown...))
	}
	if len(older) > 0 {
		warning := w.warn("%d servers are older than this window and nothing is remembered of them: their totals begin with what the archive shows", len(older))
		warning.Detail = "Where their counters began again before that (a stop and start, a migration), the figures are lower than what was used, and lower than what may have been reported before: " +
			"APEL then shows a negative usage for the month. Servers: " + some(older)
	}
	if len(omitted) > 0 {
		warning := w.warn("%d servers are left out of this window, which is reported again: the archive does not reach back to their creation", len(omitted))
		warning.Detail = "What was reported of them before was made of what caso remembered then, and stays as it is. To replace it all the same, use [ceilometer] cpu_duration = allocated or extractor nova. Servers: " +
			some(omitted)
	}
}
