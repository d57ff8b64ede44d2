// Package projects finds the projects to report: those that the operator names, by ID or name, and
// those with a tag in keystone. For each that cannot be reported it has an error with a remedy.
package projects

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/caso-project/caso/plugins/internal/openstack/auth"
)

// DefaultVOProperty is the property with the VO in cASO's manual.
const DefaultVOProperty = "accounting:VO"

// Project is a project of keystone.
type Project struct {
	ID, Name, DomainID, DomainName string
	Enabled                        bool
	Tags                           []string
	// VO is the virtual organisation.
	VO string
	// FallbackVO is the one to use if neither VO nor the mapping file has one.
	FallbackVO string
}

// allTexts returns the texts of the project.
func (p Project) allTexts() []string {
	return append(slices.Clone(p.Tags), p.ID, p.Name, p.DomainID, p.DomainName, p.VO, p.FallbackVO)
}

// parseProject parses a project, or a tenant of v2.0. The VO is in the configured property. If none
// is configured, it is in one of those that cASO's manual (accounting:VO), keystone (which replaces
// the colon at creation) and cASO's code (VO) name; these are the fallback otherwise.
func parseProject(raw json.RawMessage, voProperty string) (Project, error) {
	var document struct {
		ID       string   `json:"id"`
		Name     string   `json:"name"`
		DomainID string   `json:"domain_id"`
		Enabled  *bool    `json:"enabled"`
		Tags     []string `json:"tags"`
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		return Project{}, err
	}
	var properties map[string]json.RawMessage
	if err := json.Unmarshal(raw, &properties); err != nil {
		return Project{}, err
	}
	project := Project{ID: document.ID, Name: document.Name, DomainID: document.DomainID,
		Tags: document.Tags, Enabled: document.Enabled == nil || *document.Enabled}
	first := func(names ...string) string {
		for _, name := range names {
			var value string
			if json.Unmarshal(properties[name], &value) == nil && value != "" {
				return value
			}
		}
		return ""
	}
	wellKnown := first(DefaultVOProperty, "accounting_VO", "VO")
	if voProperty == "" {
		project.VO = wellKnown
		return project, nil
	}
	project.VO = first(voProperty, strings.ReplaceAll(voProperty, ":", "_"))
	project.FallbackVO = wellKnown
	return project, nil
}

// projectOfToken returns the project of a token, without its properties.
func projectOfToken(session *auth.Session) Project {
	return Project{ID: session.Project.ID, Name: session.Project.Name,
		DomainID: session.Project.DomainID, DomainName: session.Project.DomainName, Enabled: true}
}
