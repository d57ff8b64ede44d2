package ceilometer

import (
	"fmt"
	"sync"

	"github.com/caso-project/caso/plugins/extractor-ceilometer/gnocchi"
	"github.com/caso-project/caso/plugins/extractor-ceilometer/metering"
	"github.com/caso-project/caso/plugins/extractor-ceilometer/samples"
	"github.com/caso-project/caso/plugins/internal/openstack/auth"
)

// archives opens the telemetry archives of the cloud. It is safe for concurrent use. The zero
// value is ready.
type archives struct{ methods sync.Map } // region: *gnocchi.Methods

// open returns the archive of a region for a signed-in project: the configured back end, else the
// one that the service catalog has.
func (a *archives) open(session *auth.Session, backend, region string) (samples.Source, error) {
	if backend != backendCeilometer {
		if service := session.VersionedService("metric", region, "v1"); service != nil {
			methods, _ := a.methods.LoadOrStore(region, gnocchi.NewMethods())
			return gnocchi.New(service, methods.(*gnocchi.Methods)), nil
		}
	}
	if backend != backendGnocchi {
		if service := session.VersionedService("metering", region, "v2"); service != nil {
			return metering.New(service), nil
		}
	}
	switch backend {
	case backendGnocchi:
		return nil, fmt.Errorf("the service catalog has no service of type metric (Gnocchi) in region %s", region)
	case backendCeilometer:
		return nil, fmt.Errorf("the service catalog has no service of type metering (Ceilometer) in region %s", region)
	}
	return nil, fmt.Errorf("the service catalog has neither a service of type metric (Gnocchi) "+
		"nor one of type metering (Ceilometer) in region %s", region)
}
