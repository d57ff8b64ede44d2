package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"

	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/internal/printable"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// VOMap is the content of the mapping file: the VOs of projects that have none in the cloud. The
// zero value is empty.
type VOMap struct {
	// file is the path, for messages.
	file string
	// vos are the VOs of each project, by the ID or name in the file.
	vos map[string][]string
}

// ReadVOMap reads the mapping file. A file that does not exist is empty: a site whose projects all
// have their VO in the cloud needs none.
func ReadVOMap(path string) (VOMap, error) {
	content, err := readRegularFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return VOMap{file: path}, nil
	}
	if err != nil {
		return VOMap{}, fmt.Errorf("reading the mapping file: %w", err)
	}
	return ParseVOMap(path, content)
}

// maxVOMapBytes limits a mapping file. One of 10,000 projects has less than 1 MiB.
const maxVOMapBytes = 64 << 20

// readRegularFile reads a file that is one: opening a named pipe would wait for a writer.
func readRegularFile(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case info.Size() > maxVOMapBytes:
		return nil, fmt.Errorf("%s has %d MiB, more than %d MiB", path, info.Size()>>20, maxVOMapBytes>>20)
	}
	return io.ReadAll(io.LimitReader(file, maxVOMapBytes))
}

// ParseVOMap parses the content of a mapping file:
//
//	{"VO": {"projects": ["name or id", ...]}, ...}
//
// as cASO and Keystone-VOMS have it. Their older versions wrote `tenants`, or `tenant` with one
// name. A list or a string in place of the inner object is its projects. Other keys are ignored.
func ParseVOMap(file string, content []byte) (VOMap, error) {
	fail := func(offset int64, err error) (VOMap, error) {
		return VOMap{}, fmt.Errorf("reading the mapping file %s: %s: %w", file, lineAndColumn(content, offset), err)
	}
	var anything any
	if err := json.Unmarshal(content, &anything); err != nil {
		return fail(syntaxErrorOffset(err), err)
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	if opening, err := decoder.Token(); err != nil || opening != json.Delim('{') {
		return fail(0, errors.New(`not an object like {"VO": {"projects": ["name"]}}`))
	}
	mapping := VOMap{file: file, vos: map[string][]string{}}
	for decoder.More() {
		vo, err := decoder.Token()
		if err != nil {
			return fail(decoder.InputOffset(), err)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return fail(decoder.InputOffset(), err)
		}
		var projects voProjects
		err = json.Unmarshal(value, &projects)
		switch {
		case err != nil:
			return fail(decoder.InputOffset()-int64(len(value)), fmt.Errorf(`value of VO %q is not like {"projects": ["name"]}`, vo))
		case vo == "":
			return fail(decoder.InputOffset()-int64(len(value)), errors.New("empty VO name"))
		}
		for _, project := range projects {
			mapping.vos[project] = append(mapping.vos[project], fmt.Sprint(vo))
		}
	}
	return mapping, nil
}

// Updates returns the VO of each project of the file, in the order of the projects, and an error
// for each project whose VO is unusable.
func (m VOMap) Updates() (updates []*pluginv1.ProjectUpdate, problems []report.Problem) {
	for _, project := range slices.Sorted(maps.Keys(m.vos)) {
		vo, problem := m.voOf(&pluginv1.Project{Id: project})
		if problem != nil {
			problems = append(problems, *problem)
			continue
		}
		updates = append(updates, &pluginv1.ProjectUpdate{Project: project, Vo: vo})
	}
	return updates, problems
}

// MaxVOBytes limits the name of a VO. APEL's table has 255 characters for it.
const MaxVOBytes = 255

// voOf returns the VO of a project: as the cloud has it, or else as the file has it, or else the
// fallback of the cloud.
func (m VOMap) voOf(project *pluginv1.Project) (string, *report.Problem) {
	vo, problem := m.anyVOOf(project)
	switch {
	case problem != nil:
		return "", problem
	case len(vo) > MaxVOBytes:
		tooLong := report.Errorf("the VO of project %s has %d bytes, more than %d: it is skipped, and its checkpoint stays",
			projectLabel(project), len(vo), MaxVOBytes)
		return "", &tooLong
	case strings.ContainsFunc(vo, unicode.IsControl):
		invalid := report.Errorf("the VO of project %s contains control characters (%s): it is skipped, and its checkpoint stays",
			projectLabel(project), printable.Quote(vo))
		return "", &invalid
	}
	return vo, nil
}

// anyVOOf returns the VO of a project, however long. A project in two VOs has none: which of them
// is billed must not depend on the order of a file.
func (m VOMap) anyVOOf(project *pluginv1.Project) (string, *report.Problem) {
	if project.GetVo() != "" {
		return project.GetVo(), nil
	}
	vos := slices.Concat(m.vos[project.GetId()], m.vos[project.GetName()])
	slices.Sort(vos)
	vos = slices.Compact(vos)
	file := m.file
	if file == "" {
		file = "the mapping file"
	}
	var problem report.Problem
	switch len(vos) {
	case 1:
		return vos[0], nil
	case 0:
		if project.GetFallbackVo() != "" {
			return project.GetFallbackVo(), nil
		}
		remedy := "Set the VO property of the project in the cloud"
		if project.GetVoRemedy() != "" {
			remedy = "Set it with: " + project.GetVoRemedy()
		}
		problem = report.Errorf("project %s has no VO: it is skipped, and its checkpoint stays", projectLabel(project)).
			WithDetail("%s; or add the project to %s.", remedy, file)
	default:
		problem = report.Errorf("project %s has more than one VO (%s): it is skipped, and its checkpoint stays",
			projectLabel(project), strings.Join(vos, ", ")).
			WithDetail("Remove all but one from %s, or set the VO property of the project in the cloud, which takes precedence.", file)
	}
	return "", &problem
}

// voProjects are the projects of one VO.
type voProjects []string

// UnmarshalJSON accepts the forms that ParseVOMap describes.
func (p *voProjects) UnmarshalJSON(text []byte) error {
	var plain stringOrList
	if err := json.Unmarshal(text, &plain); err == nil {
		*p = voProjects(plain)
		return nil
	}
	var object struct {
		Projects stringOrList `json:"projects"`
		Tenants  stringOrList `json:"tenants"`
		Project  stringOrList `json:"project"`
		Tenant   stringOrList `json:"tenant"`
	}
	if err := json.Unmarshal(text, &object); err != nil {
		return err
	}
	*p = voProjects(slices.Concat(object.Projects, object.Tenants, object.Project, object.Tenant))
	return nil
}

// stringOrList is a list of strings. In JSON it may be one string.
type stringOrList []string

// UnmarshalJSON accepts both forms.
func (l *stringOrList) UnmarshalJSON(text []byte) error {
	var one string
	if err := json.Unmarshal(text, &one); err == nil {
		if one != "" {
			*l = stringOrList{one}
		}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(l))
}

// syntaxErrorOffset returns the place of a syntax error.
func syntaxErrorOffset(err error) int64 {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return max(syntax.Offset-1, 0)
	}
	return 0
}

// lineAndColumn returns a place in a text as line and column, both from 1.
func lineAndColumn(content []byte, offset int64) string {
	before := content[:min(offset, int64(len(content)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Sprintf("line %d, column %d", line, column)
}
