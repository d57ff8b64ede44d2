package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// VOMap is the content of the mapping file, which says to which VO the usage of a project is billed
// where the cloud does not. The zero value maps nothing.
type VOMap struct {
	// file is its name, for messages.
	file string
	// vos are the VOs of each project, by the ID or name in the file.
	vos map[string][]string
}

// ReadVOMap reads the mapping file. One that does not exist maps nothing: sites whose projects all have
// their VO in the cloud need none.
func ReadVOMap(path string) (VOMap, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return VOMap{file: path}, nil
	}
	if err != nil {
		return VOMap{}, fmt.Errorf("reading the mapping file: %w", err)
	}
	return ParseVOMap(path, content)
}

// ParseVOMap reads the content of a mapping file:
//
//	{"VO": {"projects": ["name or id", ...]}, ...}
//
// as cASO and Keystone-VOMS had it, whose older versions wrote `tenants`, or `tenant` with one name. A
// list or a text in the place of the inner object is taken for the projects; its other keys are passed
// over.
func ParseVOMap(file string, content []byte) (VOMap, error) {
	fail := func(offset int64, err error) (VOMap, error) {
		return VOMap{}, fmt.Errorf("reading the mapping file %s: %s: %w", file, position(content, offset), err)
	}
	var anything any
	if err := json.Unmarshal(content, &anything); err != nil {
		return fail(offsetOf(err), err)
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	if opening, err := decoder.Token(); err != nil || opening != json.Delim('{') {
		return fail(0, errors.New(`it is not an object like {"VO": {"projects": ["name"]}}`))
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
		var projects members
		err = json.Unmarshal(value, &projects)
		switch {
		case err != nil:
			return fail(decoder.InputOffset()-int64(len(value)), fmt.Errorf(`VO %q is not mapped as in {"projects": ["name"]}`, vo))
		case vo == "":
			return fail(decoder.InputOffset()-int64(len(value)), errors.New("the VO has no name"))
		}
		for _, project := range projects {
			mapping.vos[project] = append(mapping.vos[project], fmt.Sprint(vo))
		}
	}
	return mapping, nil
}

// voOf is the VO of a project, or why it has none: as the cloud knows it, else as the file has it. A
// project in two VOs has none: which of them is billed must not depend on the order of a file.
func (m VOMap) voOf(project *pluginv1.Project) (string, *pluginv1.Diagnostic) {
	if project.GetVo() != "" {
		return project.GetVo(), nil
	}
	vos := slices.Concat(m.vos[project.GetId()], m.vos[project.GetName()])
	slices.Sort(vos)
	vos = slices.Compact(vos)
	switch len(vos) {
	case 1:
		return vos[0], nil
	case 0:
		problem := sdk.Errorf("project %s has no VO: it is left out and keeps its checkpoint", label(project))
		remedy := "Set the VO property of the project in the cloud"
		if project.GetVoRemedy() != "" {
			remedy = "Set it with: " + project.GetVoRemedy()
		}
		problem.Detail = remedy + "; or add the project to " + m.name() + "."
		return "", problem
	}
	problem := sdk.Errorf("project %s is in more than one VO (%s): it is left out and keeps its checkpoint", label(project), strings.Join(vos, ", "))
	problem.Detail = "Leave it in one of them in " + m.name() + ", or set the VO property of the project in the cloud, which comes first."
	return "", problem
}

func (m VOMap) name() string {
	if m.file == "" {
		return "the mapping file"
	}
	return m.file
}

// members are the projects of one VO.
type members []string

// UnmarshalJSON takes the spellings that ParseVOMap describes.
func (m *members) UnmarshalJSON(text []byte) error {
	var plain names
	if err := json.Unmarshal(text, &plain); err == nil {
		*m = members(plain)
		return nil
	}
	var object struct {
		Projects names `json:"projects"`
		Tenants  names `json:"tenants"`
		Project  names `json:"project"`
		Tenant   names `json:"tenant"`
	}
	if err := json.Unmarshal(text, &object); err != nil {
		return err
	}
	*m = members(slices.Concat(object.Projects, object.Tenants, object.Project, object.Tenant))
	return nil
}

// names is a list of texts, or one text.
type names []string

// UnmarshalJSON takes both.
func (n *names) UnmarshalJSON(text []byte) error {
	var one string
	if err := json.Unmarshal(text, &one); err == nil {
		if one != "" {
			*n = names{one}
		}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(n))
}

// offsetOf is the place of a syntax error.
func offsetOf(err error) int64 {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return max(syntax.Offset-1, 0)
	}
	return 0
}

// position is a place in a text as line and column, from 1.
func position(content []byte, offset int64) string {
	before := content[:min(offset, int64(len(content)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Sprintf("line %d, column %d", line, column)
}
