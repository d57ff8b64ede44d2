// Package projects finds the projects to report on: those that the operator names, by ID or name, and those
// that are tagged in the cloud. It says of each that cannot be reported why, and what would help.
package projects

import (
	"encoding/json"

	"github.com/caso-project/caso/plugins/internal/openstack/auth"
)

// Project is a project as keystone knows it.
type Project struct {
	ID, Name, DomainID, DomainName string
	Enabled                        bool
	Tags                           []string
	// VO is the virtual organisation by the first of the properties that is set.
	VO string
}

// reader reads projects, with the VO from the properties that the operator chose.
type reader struct{ voProperties []string }

// parse reads a project, or a tenant of v2.0.
func (r reader) parse(raw json.RawMessage) (Project, error) {
	var fixed struct {
		ID       string   `json:"id"`
		Name     string   `json:"name"`
		DomainID string   `json:"domain_id"`
		Enabled  *bool    `json:"enabled"`
		Tags     []string `json:"tags"`
	}
	if err := json.Unmarshal(raw, &fixed); err != nil {
		return Project{}, err
	}
	var properties map[string]json.RawMessage
	if err := json.Unmarshal(raw, &properties); err != nil {
		return Project{}, err
	}
	project := Project{ID: fixed.ID, Name: fixed.Name, DomainID: fixed.DomainID, Tags: fixed.Tags,
		Enabled: fixed.Enabled == nil || *fixed.Enabled}
	for _, name := range r.voProperties {
		var value string
		if json.Unmarshal(properties[name], &value) == nil && value != "" {
			project.VO = value
			break
		}
	}
	return project, nil
}

// scoped is a project as far as a token tells of it.
func scoped(session *auth.Session) Project {
	return Project{ID: session.Project.ID, Name: session.Project.Name, DomainID: session.Project.DomainID,
		DomainName: session.Project.DomainName, Enabled: true}
}

// VOProperties is the order in which properties of a project are looked at for its VO: what the operator
// chose, then what cASO's manual, keystone (which has no colons in properties given at creation) and
// cASO's code call it.
func VOProperties(configured string) []string {
	names := []string{configured, "accounting:VO", "accounting_VO", "VO"}
	kept := names[:0:0]
	seen := map[string]bool{"": true}
	for _, name := range names {
		if !seen[name] {
			seen[name] = true
			kept = append(kept, name)
		}
	}
	return kept
}
