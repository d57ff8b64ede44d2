package cli

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/caso-project/caso/core/plan"
	"github.com/caso-project/caso/core/report"
)

// progress tells a person who waits how far extraction has got; nobody else is told.
func (s *session) progress(planned plan.Plan) func(report.Window) {
	if !isTerminal(s.world.Stderr) {
		return nil
	}
	windows := 0
	for _, job := range planned.Jobs {
		windows += len(job.Windows)
	}
	var done atomic.Int64
	return func(w report.Window) {
		outcome := fmt.Sprintf("%d records", w.Records)
		if w.Failed {
			outcome = "failed"
		}
		s.say(fmt.Sprintf("[%d/%d] %s %s: %s", done.Add(1), windows, w.Extractor, w.ProjectName, outcome))
	}
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}
