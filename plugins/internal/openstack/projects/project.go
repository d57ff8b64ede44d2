// Package projects finds the projects to report: those that the operator names, by ID or name, and
// those with a tag in keystone. For each that cannot be reported it has an error with a remedy.
package projects

import (
	"encoding/json"

	"github.com/caso-project/caso/plugins/internal/openstack/auth"
)

// Project is a project of keystone.
type Project struct {
	ID, Name, DomainID, DomainName string
	Enabled                        bool
	Tags                           []string
	// VO is the virtual organisation, from the first of the VO properties that is set.
	VO string
}

// parseProject parses a project, or a tenant of v2.0. The VO is from the first of the properties
// that is set.
func parseProject(raw json.RawMessage, voProperties []string) (Project, error) {
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
	for _, name := range voProperties {
		var value string
		if json.Unmarshal(properties[name], &value) == nil && value != "" {
			project.VO = value
			break
		}
	}
	return project, nil
}

// projectOfToken returns the project of a token, without its properties.
func projectOfToken(session *auth.Session) Project {
	return Project{ID: session.Project.ID, Name: session.Project.Name,
		DomainID: session.Project.DomainID, DomainName: session.Project.DomainName, Enabled: true}
}

// voPropertyNames returns the properties of a project that may have its VO, in order: the
// configured one, then the names in cASO's manual, in keystone (which replaces the colon at
// creation) and in cASO's code.
func voPropertyNames(configured string) []string {
	var names []string
	seen := map[string]bool{"": true}
	for _, name := range []string{configured, "accounting:VO", "accounting_VO", "VO"} {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}
