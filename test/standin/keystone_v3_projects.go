package standin

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
)

// v3ChangeProject stores properties of a project. Only an administrator may.
func (q *call) v3ChangeProject(id string) {
	var body struct {
		Project map[string]json.RawMessage `json:"project"`
	}
	if err := json.NewDecoder(q.r.Body).Decode(&body); err != nil {
		q.keystoneError(http.StatusBadRequest, "Expecting to find valid JSON in request body.")
		return
	}
	changed := q.changeProject("identity:update_project", id, func(p *Project) {
		p.Properties = maps.Clone(p.Properties)
		if p.Properties == nil {
			p.Properties = map[string]string{}
		}
		for name, raw := range body.Project {
			var value string
			if json.Unmarshal(raw, &value) == nil {
				p.Properties[name] = value
			}
		}
	})
	if changed {
		q.v3Project(id)
	}
}

// v3TagProject adds a tag to a project. Only an administrator may.
func (q *call) v3TagProject(id, tag string) {
	changed := q.changeProject("identity:create_project_tag", id, func(p *Project) {
		if !slices.Contains(p.Tags, tag) {
			p.Tags = append(slices.Clone(p.Tags), tag)
		}
	})
	if changed {
		q.w.WriteHeader(http.StatusCreated)
	}
}

// changeProject changes a project and reports whether it did; if not, it has answered.
func (q *call) changeProject(policy, id string, change func(*Project)) bool {
	switch {
	case !q.token.has("admin"):
		q.keystoneForbidden(policy)
		return false
	case !q.cloud.UpdateProject(id, change):
		q.keystoneError(http.StatusNotFound, "Could not find project: %s.", id)
		return false
	}
	return true
}
