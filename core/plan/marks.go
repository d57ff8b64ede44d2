package plan

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// markLimit is more than any mark has; a larger file is something else.
const markLimit = 1024

// readMark finds where cASO stopped with a project: the start of the first window where there is no
// checkpoint yet. Spellings are what the project may have been called in cASO's configuration, which is
// what it named its files by. Without any mark that can be read it is the beginning of time: reporting
// again what cASO has reported overwrites it with the same figures, leaving out loses it.
func readMark(spool fs.FS, project *pluginv1.Project, spellings []string) (time.Time, []*pluginv1.Diagnostic) {
	var diagnostics []*pluginv1.Diagnostic
	var oldest time.Time
	var found []string
	unread := false
	for _, spelling := range spellings {
		if strings.ContainsAny(spelling, "/\x00") {
			// No file is called that, so cASO wrote none.
			continue
		}
		name := "lastrun." + spelling
		mark, err := readMarkFile(spool, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			unread = true
			one := sdk.Warnf("cASO's mark %s in the spool directory cannot be read: %v", name, err)
			one.Detail = "The project is extracted from 1970-01-01 on. If that takes too long, write the time up to which it was reported into the file, as in 2026-11-01 00:00:00."
			diagnostics = append(diagnostics, about(project, one))
			continue
		}
		found = append(found, fmt.Sprintf("%s (%s)", name, when(mark)))
		if oldest.IsZero() || mark.Before(oldest) {
			oldest = mark
		}
	}
	// The file that cannot be read may be the older one.
	if len(found) == 0 || unread {
		return epoch(), diagnostics
	}
	// cASO wrote the end of its window plus one second. It reported neither that second nor, for a VM
	// deleted within it, its end; and it put fractions of seconds into the file.
	start := oldest.Add(-time.Second)
	if start.Before(epoch()) {
		start = epoch()
	}
	note := info("the first window of project %s starts where cASO stopped: %s", label(project), strings.Join(found, ", "))
	if len(found) > 1 {
		note.Detail = "Of several marks the oldest counts."
		note.Severity = pluginv1.Diagnostic_SEVERITY_WARNING
	}
	return start, append(diagnostics, about(project, note))
}

func readMarkFile(spool fs.FS, name string) (time.Time, error) {
	file, err := spool.Open(name)
	if err != nil {
		return time.Time{}, err
	}
	content, err := io.ReadAll(io.LimitReader(file, markLimit+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return time.Time{}, err
	}
	if len(content) > markLimit {
		return time.Time{}, fmt.Errorf("it has more than %d bytes", markLimit)
	}
	mark, ok, err := ParseTime(string(content))
	if err == nil && !ok {
		err = errors.New("it is empty")
	}
	return mark, err
}

// spellings are the names by which a project may have been configured: its ID, its name, and what the
// operator wrote if that differs in case only (Keystone compares names without regard to it on MySQL).
func spellings(project *pluginv1.Project, asked []string) []string {
	var all []string
	add := func(spelling string) {
		for _, one := range all {
			if one == spelling {
				return
			}
		}
		if spelling != "" {
			all = append(all, spelling)
		}
	}
	add(project.GetId())
	add(project.GetName())
	for _, spelling := range asked {
		if strings.EqualFold(spelling, project.GetName()) || strings.EqualFold(spelling, project.GetId()) {
			add(spelling)
		}
	}
	return all
}

// info makes a diagnostic of severity INFO.
func info(format string, args ...any) *pluginv1.Diagnostic {
	return &pluginv1.Diagnostic{Severity: pluginv1.Diagnostic_SEVERITY_INFO, Summary: fmt.Sprintf(format, args...)}
}

// about says which project a diagnostic is about.
func about(project *pluginv1.Project, diagnostic *pluginv1.Diagnostic) *pluginv1.Diagnostic {
	diagnostic.Project = project.GetId()
	return diagnostic
}
