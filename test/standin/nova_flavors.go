package standin

import (
	"net/http"
	"slices"
	"strings"
)

// visibleFlavor reports whether a project sees a flavor: public ones, and private ones shared with
// it.
func (q *call) visibleFlavor(f *Flavor) bool {
	return f != nil && (!f.Private || q.token.has("admin") || slices.Contains(f.Projects, q.token.projectID))
}

func (q *call) novaFlavors(path string, detail bool) {
	limit, ok := q.novaLimit(q.r.URL.Query())
	if !ok {
		return
	}
	var all []*Flavor
	q.cloud.store.flavors.each(func(f *Flavor) bool {
		// nova ignores is_public unless the user is an administrator.
		if q.visibleFlavor(f) {
			all = append(all, f)
		}
		return true
	})
	slices.SortFunc(all, func(a, b *Flavor) int { return strings.Compare(a.ID, b.ID) })
	if marker := q.r.URL.Query().Get("marker"); marker != "" {
		at := slices.IndexFunc(all, func(f *Flavor) bool { return f.ID == marker })
		if at < 0 {
			q.novaError(http.StatusBadRequest, "badRequest", "marker [%s] not found", marker)
			return
		}
		all = all[at+1:]
	}
	all = all[:min(limit, len(all))]
	views := []any{}
	for _, f := range all {
		if detail {
			views = append(views, q.flavorView(f))
		} else {
			views = append(views, object{"id": f.ID, "name": f.Name, "links": q.flavorLinks(f)})
		}
	}
	answer := object{"flavors": views}
	if len(all) > 0 && len(all) == limit {
		answer["flavors_links"] = []any{object{"rel": "next",
			"href": q.nextLink(q.novaAddress()+"/"+path, all[len(all)-1].ID)}}
	}
	q.write(http.StatusOK, "application/json", answer)
}

func (q *call) novaFlavor(id string) {
	f := q.cloud.store.flavors.byID[id]
	if !q.visibleFlavor(f) {
		q.novaFlavorNotFound(id)
		return
	}
	q.write(http.StatusOK, "application/json", object{"flavor": q.flavorView(f)})
}

func (q *call) novaExtraSpecs(id string) {
	f := q.cloud.store.flavors.byID[id]
	if !q.visibleFlavor(f) {
		q.novaFlavorNotFound(id)
		return
	}
	q.write(http.StatusOK, "application/json", object{"extra_specs": specs(f)})
}

func (q *call) novaFlavorNotFound(id string) {
	q.novaError(http.StatusNotFound, "itemNotFound", "Flavor %s could not be found.", id)
}

func specs(f *Flavor) map[string]string {
	if f.ExtraSpecs == nil {
		return map[string]string{}
	}
	return f.ExtraSpecs
}

func (q *call) flavorLinks(f *Flavor) []linkView {
	return []linkView{{"self", q.novaAddress() + "/flavors/" + f.ID}, {"bookmark", q.base + "/flavors/" + f.ID}}
}

func (q *call) flavorView(f *Flavor) object {
	var swap any = f.Swap
	if f.Swap == 0 && q.minor < minorStrictQuery {
		swap = "" // an empty string below 2.75
	}
	view := object{
		"id": f.ID, "name": f.Name, "ram": f.RAM, "disk": f.Disk, "swap": swap, "vcpus": f.VCPUs,
		"OS-FLV-EXT-DATA:ephemeral": f.Ephemeral, "OS-FLV-DISABLED:disabled": f.Disabled,
		"os-flavor-access:is_public": !f.Private, "rxtx_factor": 1.0, "links": q.flavorLinks(f),
	}
	if q.minor >= minorFlavorText {
		view["description"] = nil
	}
	if q.minor >= minorFlavorSpecs {
		view["extra_specs"] = specs(f)
	}
	return view
}
