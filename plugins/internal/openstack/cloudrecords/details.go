package cloudrecords

import (
	"context"
	"errors"
	"maps"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/caso-project/caso/plugins/internal/openstack"
	"github.com/caso-project/caso/plugins/internal/openstack/auth"
	"github.com/caso-project/caso/plugins/internal/openstack/servers"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

// details are the fields of a record that other services than nova have, and the benchmark.
type details struct {
	userName, imageName string
	publicIPs           int64
	// benchmarks has those of the flavors that have one.
	benchmarks map[*servers.Flavor]*pluginv1.Benchmark
}

// readDetails returns the details of servers by ID. A detail that cannot be read is left out with a
// warning, so that no record is lost. Names that the previous state has are read again where
// again is set, which is with each full list; the next state gets all names.
func (c *Collector) readDetails(
	ctx context.Context, scope openstack.Scope, found []server, again bool, previous, next state,
) (map[string]details, []error) {
	var warnings []error
	addWarning := func(warning error) {
		if warning != nil {
			warnings = append(warnings, warning)
		}
	}
	all := make(map[string]details, len(found))
	benchmarks := map[*servers.Flavor]*pluginv1.Benchmark{}
	readBenchmark := func(flavor *servers.Flavor) {
		if _, done := benchmarks[flavor]; !done && flavor != nil {
			var warning error
			benchmarks[flavor], warning = c.benchmark(flavor, scope.Notices)
			addWarning(warning)
		}
	}
	images, complete, warning := c.readImageNames(ctx, scope, found, previous.images, again)
	addWarning(warning)
	if complete {
		maps.Copy(next.images, images)
	}
	addresses, warning := c.readAddressCounts(ctx, scope)
	addWarning(warning)
	for _, s := range found {
		d := details{imageName: images[s.ImageID], publicIPs: s.FloatingIPs, benchmarks: benchmarks}
		if addresses != nil {
			d.publicIPs = addresses[s.ID]
		}
		for _, one := range s.sizes {
			readBenchmark(one.flavor)
		}
		if s.lastFlavor() == nil {
			addWarning(sdk.Warnf("server %s (%s): its CPUs, memory and disk are not known, because its flavor "+
				"was deleted and nova (before microversion 2.47) has no copy", s.Name, s.ID).WithResource(s.ID))
		}
		all[s.ID] = d
	}
	names, warning := readUserNames(ctx, scope, found, previous.users, again)
	addWarning(warning)
	maps.Copy(next.users, names)
	for _, s := range found {
		d := all[s.ID]
		d.userName = names[s.UserID]
		all[s.ID] = d
	}
	return all, warnings
}

// readImageNames returns the names of the images of servers, by image ID: those that are known,
// unless they are read again, and those that are not. Complete is false where some could not be
// read.
func (c *Collector) readImageNames(
	ctx context.Context, scope openstack.Scope, found []server, known map[string]string, again bool,
) (names map[string]string, complete bool, warning error) {
	names = map[string]string{}
	var ids []string
	for _, s := range found {
		name, ok := known[s.ImageID]
		if ok {
			names[s.ImageID] = name
		}
		if s.ImageID != "" && (again || !ok) {
			ids = append(ids, s.ImageID)
		}
	}
	if len(ids) == 0 {
		return names, true, nil
	}
	var service *gophercloud.ServiceClient
	session, err := scope.Session(ctx)
	if err == nil {
		service = session.VersionedService("image", scope.Region, "v2")
	}
	images, _ := c.images.LoadOrStore(scope.Region, newImageNames())
	read, readErr := images.(*imageNames).readNames(ctx, service, ids)
	for id, name := range read {
		if _, ok := names[id]; !ok || images.(*imageNames).has(id) {
			names[id] = name
		}
	}
	err = errors.Join(err, readErr)
	if err != nil && scope.Notices.FirstTime("images") {
		warning = sdk.Warnf("images cannot be read, ImageId is their plain ID: %s", err)
	}
	return names, err == nil, warning
}

// readAddressCounts returns the number of floating addresses by server ID; nil where neutron does
// not have it, and nova's number is used.
func (c *Collector) readAddressCounts(
	ctx context.Context, scope openstack.Scope,
) (byServer map[string]int64, warning error) {
	counts, shared, err := c.allProjects.addressesOf(ctx, scope)
	if err == nil && !shared {
		var session *auth.Session
		if session, err = scope.Session(ctx); err == nil {
			service := session.VersionedService("network", scope.Region, "v2.0")
			if service == nil {
				return nil, nil
			}
			counts, err = countFloatingIPs(ctx, service, scope.Project.GetId())
		}
	}
	if err != nil {
		if scope.Notices.FirstTime("floating addresses") {
			warning = sdk.Warnf("floating addresses cannot be read from neutron, "+
				"PublicIPCount is nova's, which can lag behind: %s", err)
		}
		return nil, warning
	}
	if counts.unknown {
		return nil, nil
	}
	return counts.byServer, nil
}

// readUserNames returns the names of the users of servers, by user ID: those that are known, unless
// they are read again, and those that are not. A name is empty for users that cannot be found or
// read, and missing for those that may be readable later.
func readUserNames(
	ctx context.Context, scope openstack.Scope, found []server, known map[string]string, again bool,
) (map[string]string, error) {
	names := map[string]string{}
	var ids []string
	seen := map[string]bool{"": true}
	for _, s := range found {
		if seen[s.UserID] {
			continue
		}
		seen[s.UserID] = true
		name, ok := known[s.UserID]
		if ok {
			names[s.UserID] = name
		}
		if again || !ok {
			ids = append(ids, s.UserID)
		}
	}
	if len(ids) == 0 {
		return names, nil
	}
	read, err := scope.Users.Names(ctx, scope.Session, ids)
	for id, name := range read {
		if name != "" || names[id] == "" {
			names[id] = name
		}
	}
	return names, err
}

// benchmark returns the benchmark from the extra specs of a flavor, with a warning once per flavor
// if they are invalid. APEL requires both or neither, and a number that fits its DECIMAL(10,3); a
// value of 0 has no meaning.
func (c *Collector) benchmark(
	flavor *servers.Flavor, notices *openstack.Notices,
) (benchmark *pluginv1.Benchmark, warning error) {
	if flavor == nil {
		return nil, nil
	}
	nameKey, valueKey := c.options.benchmarkName, c.options.benchmarkValue
	name := strings.TrimSpace(flavor.ExtraSpecs[nameKey])
	text := strings.TrimSpace(flavor.ExtraSpecs[valueKey])
	if name == "" && text == "" {
		return nil, nil
	}
	invalid := func(format string, args ...any) (*pluginv1.Benchmark, error) {
		if !notices.FirstTime("benchmark of " + flavor.Name) {
			return nil, nil
		}
		return nil, sdk.Warnf("flavor %s: its benchmark is left out: "+format,
			append([]any{flavor.Name}, args...)...).
			WithDetail("Set both with: openstack flavor set --property " + nameKey + "=TYPE --property " +
				valueKey + "=NUMBER " + flavor.Name)
	}
	value, err := strconv.ParseFloat(text, 64)
	switch {
	case name == "" || text == "":
		return invalid("only one of %s and %s is set", nameKey, valueKey)
	case utf8.RuneCountInString(name) > 50:
		return invalid("%s is longer than 50 characters: %.60q", nameKey, name)
	case err != nil || math.IsNaN(value) || value < 0.001 || value >= 1e7:
		return invalid("%s is not a number above 0 and below 10000000: %.40q", valueKey, text)
	}
	return &pluginv1.Benchmark{Type: name, Value: value}, nil
}
