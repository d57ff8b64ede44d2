package servers

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
)

// flavorDocument is a flavor in nova's JSON, embedded in a server (microversion 2.47 and later) or
// on its own. VCPUs is nil where the document is a reference only.
type flavorDocument struct {
	ID           string            `json:"id"`
	Name         string            `json:"name"`
	OriginalName string            `json:"original_name"`
	VCPUs        *int64            `json:"vcpus"`
	RAM          int64             `json:"ram"`
	Disk         int64             `json:"disk"`
	Ephemeral    int64             `json:"ephemeral"`
	OldEphemeral int64             `json:"OS-FLV-EXT-DATA:ephemeral"`
	ExtraSpecs   map[string]string `json:"extra_specs"`
}

func (d flavorDocument) flavor() *Flavor {
	f := &Flavor{Name: d.OriginalName, MemoryMB: d.RAM, DiskGB: d.Disk + d.Ephemeral + d.OldEphemeral,
		ExtraSpecs: d.ExtraSpecs}
	if f.Name == "" {
		f.Name = d.Name
	}
	if d.VCPUs != nil {
		f.VCPUs = *d.VCPUs
	}
	return f
}

// check returns an error for negative figures.
func (d flavorDocument) check() error {
	if d.VCPUs != nil && *d.VCPUs < 0 || d.RAM < 0 || d.Disk < 0 || d.Ephemeral < 0 || d.OldEphemeral < 0 {
		return errors.New("it has a negative figure")
	}
	return nil
}

// resolveFlavors sets the flavors of servers for which nova returned only a flavor ID: from the
// list of flavors, then from the flavor itself (the list of a user without access lacks a private
// one), then, for a deleted flavor, from nova's usage figures. The flavor stays nil where none of
// them has it.
func (c *Client) resolveFlavors(
	ctx context.Context, project string, from, to time.Time, found []Server,
) error {
	wanted := map[string]bool{}
	for _, s := range found {
		if s.Flavor == nil && s.FlavorID != "" {
			wanted[s.FlavorID] = true
		}
	}
	if len(wanted) > 0 {
		if err := c.loadFlavors(ctx, wanted); err != nil {
			return err
		}
	}
	unresolved := map[string]*Server{}
	for i := range found {
		s := &found[i]
		if s.Flavor == nil {
			s.Flavor = c.flavors[s.FlavorID]
		}
		if s.Flavor == nil {
			unresolved[s.ID] = s
		}
	}
	if len(unresolved) == 0 {
		return nil
	}
	return c.resolveFromUsage(ctx, project, from, to, unresolved)
}

// loadFlavors reads the wanted flavors with their extra specs. It ignores a refused flavor or list:
// usage figures may have it.
func (c *Client) loadFlavors(ctx context.Context, wanted map[string]bool) error {
	listed := map[string]flavorDocument{}
	address := c.url("flavors/detail?is_public=None&limit=1000")
	err := api.EachItem(ctx, c.service, address, "flavors", func(raw json.RawMessage) error {
		var d flavorDocument
		if json.Unmarshal(raw, &d) == nil && wanted[d.ID] {
			listed[d.ID] = d
		}
		return nil
	})
	if err != nil && api.Status(err) == 0 {
		return err
	}
	for id := range wanted {
		d, ok := listed[id]
		if !ok {
			var document struct {
				Flavor flavorDocument `json:"flavor"`
			}
			err := api.Get(ctx, c.service, c.url("flavors/"+escapePath(id)), &document)
			if api.Status(err) != 0 {
				continue
			}
			if err != nil {
				return err
			}
			d = document.Flavor
		}
		if d.VCPUs == nil || d.check() != nil {
			continue
		}
		f := d.flavor()
		if f.ExtraSpecs == nil {
			if f.ExtraSpecs, err = c.readExtraSpecs(ctx, id); err != nil {
				return err
			}
		}
		c.flavors[id] = f
	}
	return nil
}

// readExtraSpecs reads the extra specs of a flavor. They are empty where nova refuses the request.
func (c *Client) readExtraSpecs(ctx context.Context, id string) (map[string]string, error) {
	var document struct {
		ExtraSpecs map[string]string `json:"extra_specs"`
	}
	err := api.Get(ctx, c.service, c.url("flavors/"+escapePath(id)+"/os-extra_specs"), &document)
	if api.Status(err) != 0 {
		return map[string]string{}, nil
	}
	return document.ExtraSpecs, err
}

// resolveFromUsage sets flavors from os-simple-tenant-usage, which copies the figures from each
// server's own flavor. Below microversion 2.40 the answer ends at nova's page limit without a
// sign, so that some flavors may stay nil.
func (c *Client) resolveFromUsage(
	ctx context.Context, project string, from, to time.Time, unresolved map[string]*Server,
) error {
	service := *c.service
	service.Microversion = c.version.forUsage()
	query := "os-simple-tenant-usage/" + escapePath(project) + "?detailed=1&start=" + formatTime(from) +
		"&end=" + formatTime(to)
	if service.Microversion != "" {
		query += "&limit=1000"
	}
	address := c.url(query)
	err := api.EachItem(ctx, &service, address, "tenant_usage/server_usages", func(raw json.RawMessage) error {
		var usage struct {
			ID       string `json:"instance_id"`
			Flavor   string `json:"flavor"`
			VCPUs    int64  `json:"vcpus"`
			MemoryMB int64  `json:"memory_mb"`
			LocalGB  int64  `json:"local_gb"`
		}
		if err := json.Unmarshal(raw, &usage); err != nil {
			return err
		}
		if s := unresolved[usage.ID]; s != nil {
			s.Flavor = &Flavor{Name: usage.Flavor, VCPUs: usage.VCPUs, MemoryMB: usage.MemoryMB,
				DiskGB: usage.LocalGB}
		}
		return nil
	})
	if api.Status(err) != 0 {
		return nil
	}
	return err
}
