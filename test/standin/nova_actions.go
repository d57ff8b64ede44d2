package standin

import (
	"cmp"
	"net/http"
)

// actions returns a server's instance actions, newest first. By default they follow from the
// server's times: its creation, and the start of its deletion.
func (s *Server) actions() []Action {
	if s.Actions != nil {
		return s.Actions
	}
	var list []Action
	if !s.Deleted.IsZero() {
		name := "delete"
		if s.Status == "SOFT_DELETED" {
			name = "softDelete"
		}
		list = append(list, Action{Name: name, Start: s.Deleted, Updated: latest(s.Deleted, s.Terminated)})
	}
	return append(list, Action{Name: "create", Start: s.Created, Updated: latest(s.Created, s.Launched)})
}

func (q *call) actionView(s *Server, a Action) object {
	view := object{
		"action": a.Name, "instance_uuid": s.ID,
		"request_id": cmp.Or(a.RequestID, "req-"+uuid("action", s.ID, a.Name, a.Start.String())),
		"user_id":    cmp.Or(a.UserID, s.UserID), "project_id": cmp.Or(a.ProjectID, s.ProjectID),
		"start_time": a.Start.UTC().Format(microTime), "message": nullString(a.Message),
	}
	if q.minor >= minorActionUpdated {
		view["updated_at"] = nullTime(latest(a.Updated, a.Start))
	}
	return view
}

// novaActions answers also for deleted servers that are not archived, from 2.21 (nova API
// reference); below it a deleted server is not found.
func (q *call) novaActions(id string) {
	s := q.visibleServer(id)
	if s == nil || s.Status == "DELETED" && q.minor < 21 {
		q.novaServerNotFound(id)
		return
	}
	views := []any{}
	for _, a := range s.actions() {
		views = append(views, q.actionView(s, a))
	}
	q.write(http.StatusOK, "application/json", object{"instanceActions": views})
}

func (q *call) novaAction(id, request string) {
	s := q.visibleServer(id)
	if s == nil || s.Status == "DELETED" && q.minor < 21 {
		q.novaServerNotFound(id)
		return
	}
	for _, a := range s.actions() {
		if view := q.actionView(s, a); view["request_id"] == request {
			q.write(http.StatusOK, "application/json", object{"instanceAction": view})
			return
		}
	}
	q.novaError(http.StatusNotFound, "itemNotFound", "Action for request_id %s on instance %s not found", request, id)
}
