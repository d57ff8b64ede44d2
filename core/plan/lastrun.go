package plan

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/caso-project/caso/core/report"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// maxLastRunBytes is more than any lastrun file has; a larger file is something else.
const maxLastRunBytes = 1024

// readLastRun returns the start of the first window of a project: where cASO stopped, by its
// lastrun files in dir. Spellings are the names of the project in cASO's configuration, which are
// in the names of the files. If no file can be read the start is 1970: records that cASO has sent
// are overwritten with the same figures, whereas a later start could lose some.
func readLastRun(dir fs.FS, project *pluginv1.Project, spellings []string) (time.Time, []report.Problem) {
	var problems []report.Problem
	var oldest time.Time
	var found []string
	unreadable := false
	for _, spelling := range spellings {
		if strings.ContainsAny(spelling, "/\x00") {
			// Not a file name, so cASO wrote no such file.
			continue
		}
		name := "lastrun." + spelling
		lastRun, err := readLastRunFile(dir, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			unreadable = true
			problems = append(problems, report.Warnf("reading cASO's lastrun file %s in spooldir: %v", name, err).
				WithProject(project.GetId()).
				WithDetail("Project %s is extracted from 1970-01-01 on. To start later, write the time up to which it was reported into the file, for example 2026-11-01T00:00:00Z.",
					projectLabel(project)))
			continue
		}
		found = append(found, fmt.Sprintf("%s (%s)", name, formatTime(lastRun)))
		if oldest.IsZero() || lastRun.Before(oldest) {
			oldest = lastRun
		}
	}
	// The file that cannot be read may be the older one.
	if len(found) == 0 || unreadable {
		return epoch(), problems
	}
	// cASO wrote the end of its window plus one second. It reported neither that second nor, for a VM
	// deleted within it, its end; and it put fractions of seconds into the file.
	start := oldest.Add(-time.Second)
	if start.Before(epoch()) {
		start = epoch()
	}
	problem := report.Infof("the first window of project %s starts at %s, where cASO stopped: %s",
		projectLabel(project), formatTime(start), strings.Join(found, ", "))
	if len(found) > 1 {
		problem = problem.WithDetail("The oldest lastrun file counts.")
		problem.Severity = report.Warning
	}
	return start, append(problems, problem.WithProject(project.GetId()))
}

func readLastRunFile(dir fs.FS, name string) (time.Time, error) {
	file, err := dir.Open(name)
	if err != nil {
		return time.Time{}, err
	}
	content, err := io.ReadAll(io.LimitReader(file, maxLastRunBytes+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return time.Time{}, err
	}
	if len(content) > maxLastRunBytes {
		return time.Time{}, fmt.Errorf("larger than %d bytes", maxLastRunBytes)
	}
	lastRun, ok, err := ParseTime(string(content))
	if err == nil && !ok {
		err = errors.New("empty")
	}
	return lastRun, err
}

// projectSpellings returns the names that a project may have had in cASO's configuration: its ID,
// its name, and what the operator wrote if that differs in case only (Keystone compares names
// without regard to case on MySQL).
func projectSpellings(project *pluginv1.Project, configured []string) []string {
	var spellings []string
	add := func(spelling string) {
		if spelling != "" && !slices.Contains(spellings, spelling) {
			spellings = append(spellings, spelling)
		}
	}
	add(project.GetId())
	add(project.GetName())
	for _, spelling := range configured {
		if strings.EqualFold(spelling, project.GetName()) || strings.EqualFold(spelling, project.GetId()) {
			add(spelling)
		}
	}
	return spellings
}
