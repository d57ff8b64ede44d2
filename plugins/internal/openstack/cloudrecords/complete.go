package cloudrecords

import (
	"context"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	"github.com/caso-project/caso/plugins/internal/openstack/auth"
	"github.com/caso-project/caso/plugins/internal/openstack/floatingips"
	"github.com/caso-project/caso/plugins/internal/openstack/servers"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// complete adds to the servers of a region what other services know. None of it is worth losing a record:
// what cannot be had is left out, with a warning.
func (x *extraction) complete(ctx context.Context, session *auth.Session, region string, subjects []subject) {
	ids := make([]string, 0, len(subjects))
	for i := range subjects {
		ids = append(ids, subjects[i].ImageID)
	}
	names, err := x.extractor.catalogue(region).Names(ctx, session.Versioned("image", region, "v2"), ids)
	if err != nil && x.extractor.once.first("images") {
		x.diagnostics = append(x.diagnostics, sdk.Warnf("images cannot be read, ImageId is their plain ID: %s", err))
	}
	addresses := x.addresses(ctx, session, region)
	for i := range subjects {
		s := &subjects[i]
		s.imageName = names[s.ImageID]
		s.publicIPs = s.FloatingIPs
		if addresses != nil {
			s.publicIPs = addresses[s.ID]
		}
		s.benchmark = x.benchmark(s.Flavor)
		if s.Flavor == nil {
			x.warn(s.ID, "server %s (%s): its CPUs, memory and disk are not known, because its flavor was deleted and the cloud (nova before microversion 2.47) kept no copy",
				s.Name, s.ID)
		}
	}
}

// addresses counts floating addresses by server; nil where only nova's own count is to be had.
func (x *extraction) addresses(ctx context.Context, session *auth.Session, region string) map[string]int64 {
	service := session.Versioned("network", region, "v2.0")
	if service == nil {
		return nil
	}
	counts, known, err := floatingips.Count(ctx, service, x.project.GetId())
	if err != nil {
		if x.extractor.once.first("floating") {
			x.diagnostics = append(x.diagnostics,
				sdk.Warnf("floating addresses cannot be read from neutron, PublicIPCount is nova's, which can lag behind: %s", err))
		}
		return nil
	}
	if !known {
		return nil
	}
	return counts
}

// names adds the users' names.
func (x *extraction) names(ctx context.Context, session *auth.Session) {
	seen := map[string]bool{}
	var ids []string
	for i := range x.subjects {
		if id := x.subjects[i].UserID; !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	names, diagnostics := x.extractor.users.Names(ctx, session, ids)
	x.diagnostics = append(x.diagnostics, diagnostics...)
	for i := range x.subjects {
		x.subjects[i].userName = names[x.subjects[i].UserID]
	}
}

// benchmark reads the two extra specs of a flavor; APEL wants both or neither, and a number that fits its
// DECIMAL(10,3); a speed of 0 says nothing.
func (x *extraction) benchmark(flavor *servers.Flavor) *pluginv1.Benchmark {
	if flavor == nil {
		return nil
	}
	settings := x.extractor.settings
	kind := strings.TrimSpace(flavor.Specs[settings.benchmarkName])
	text := strings.TrimSpace(flavor.Specs[settings.benchmarkValue])
	if kind == "" && text == "" {
		return nil
	}
	value, err := strconv.ParseFloat(text, 64)
	switch {
	case kind == "" || text == "":
		x.badBenchmark(flavor, "only one of %s and %s is set", settings.benchmarkName, settings.benchmarkValue)
	case utf8.RuneCountInString(kind) > 50:
		x.badBenchmark(flavor, "%s is longer than 50 characters: %.60q", settings.benchmarkName, kind)
	case err != nil || math.IsNaN(value) || value < 0.001 || value >= 1e7:
		x.badBenchmark(flavor, "%s is not a number above 0 and below 10000000: %.40q", settings.benchmarkValue, text)
	default:
		return &pluginv1.Benchmark{Type: kind, Value: value}
	}
	return nil
}

// badBenchmark warns once per flavor.
func (x *extraction) badBenchmark(flavor *servers.Flavor, format string, args ...any) {
	if !x.extractor.once.first("benchmark of " + flavor.Name) {
		return
	}
	warning := sdk.Warnf("flavor %s: its benchmark is left out: "+format, append([]any{flavor.Name}, args...)...)
	warning.Detail = "Set both with: openstack flavor set --property " + x.extractor.settings.benchmarkName + "=TYPE --property " +
		x.extractor.settings.benchmarkValue + "=NUMBER " + flavor.Name
	x.diagnostics = append(x.diagnostics, warning)
}
