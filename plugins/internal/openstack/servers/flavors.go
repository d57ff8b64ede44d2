package servers

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
)

// flavorDocument is a flavor as nova writes it, embedded in a server (microversion 2.47 and later) or on
// its own. Pointers tell what is missing from what is 0.
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
	f := &Flavor{Name: d.OriginalName, MemoryMB: d.RAM, DiskGB: d.Disk + d.Ephemeral + d.OldEphemeral, Specs: d.ExtraSpecs}
	if f.Name == "" {
		f.Name = d.Name
	}
	if d.VCPUs != nil {
		f.VCPUs = *d.VCPUs
	}
	return f
}

// check refuses figures that no server can have.
func (d flavorDocument) check() error {
	if d.VCPUs != nil && *d.VCPUs < 0 || d.RAM < 0 || d.Disk < 0 || d.Ephemeral < 0 || d.OldEphemeral < 0 {
		return errors.New("it has a negative figure")
	}
	return nil
}

// resolveFlavors finds the figures of servers of which nova gave only a flavor ID: from the list of flavors,
// then from the flavor itself (a private one is not in the list of a user without access), then, for a
// flavor that was deleted, from nova's usage figures. Servers that remain without are the caller's to
// report.
func (c *Client) resolveFlavors(ctx context.Context, project string, window Window, found []Server) error {
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
	missing := map[string]*Server{}
	for i := range found {
		s := &found[i]
		if s.Flavor == nil {
			s.Flavor = c.flavors[s.FlavorID]
		}
		if s.Flavor == nil {
			missing[s.ID] = s
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return c.fromUsage(ctx, project, window, missing)
}

// loadFlavors fills the flavors that are wanted and not yet known, with their extra specs.
func (c *Client) loadFlavors(ctx context.Context, wanted map[string]bool) error {
	listed := map[string]flavorDocument{}
	err := api.Each(ctx, c.service, c.url("flavors/detail?is_public=None&limit=1000"), "flavors", func(raw json.RawMessage) error {
		var d flavorDocument
		if json.Unmarshal(raw, &d) == nil && wanted[d.ID] {
			listed[d.ID] = d
		}
		return nil
	})
	// What one flavor or list is refused for must not lose the project: there are other places to look.
	if err != nil && api.Status(err) == 0 {
		return err
	}
	for id := range wanted {
		d, ok := listed[id]
		if !ok {
			var one struct {
				Flavor flavorDocument `json:"flavor"`
			}
			err := api.Get(ctx, c.service, c.url("flavors/"+escape(id)), &one)
			if api.Status(err) != 0 {
				continue
			}
			if err != nil {
				return err
			}
			d = one.Flavor
		}
		if d.VCPUs == nil || d.check() != nil {
			continue
		}
		f := d.flavor()
		if f.Specs == nil {
			if f.Specs, err = c.extraSpecs(ctx, id); err != nil {
				return err
			}
		}
		c.flavors[id] = f
	}
	return nil
}

// extraSpecs reads a flavor's; a cloud that keeps them from users has none for us.
func (c *Client) extraSpecs(ctx context.Context, id string) (map[string]string, error) {
	var specs struct {
		Specs map[string]string `json:"extra_specs"`
	}
	err := api.Get(ctx, c.service, c.url("flavors/"+escape(id)+"/os-extra_specs"), &specs)
	if api.Status(err) != 0 {
		return map[string]string{}, nil
	}
	return specs.Specs, err
}

// fromUsage takes the figures of servers from os-simple-tenant-usage, which copies them from each server's
// own flavor. Below microversion 2.40 it stops at nova's page limit without a word, so some may stay
// without.
func (c *Client) fromUsage(ctx context.Context, project string, window Window, missing map[string]*Server) error {
	service := *c.service
	service.Microversion = c.version.usage()
	query := "os-simple-tenant-usage/" + escape(project) + "?detailed=1&start=" + stamp(window.From) + "&end=" + stamp(window.To)
	if service.Microversion != "" {
		query += "&limit=1000"
	}
	address := c.url(query)
	for seen := map[string]bool{}; address != "" && !seen[address]; {
		seen[address] = true
		next, err := usagePage(ctx, &service, address, missing)
		if api.Status(err) != 0 {
			return nil
		}
		if err != nil {
			return err
		}
		address = next
	}
	return nil
}
