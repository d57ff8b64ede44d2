package ceilometer

import (
	"fmt"
	"sync"

	"github.com/caso-project/caso/plugins/internal/openstack/auth"
	"github.com/caso-project/caso/plugins/internal/openstack/gnocchi"
	"github.com/caso-project/caso/plugins/internal/openstack/metering"
	"github.com/caso-project/caso/plugins/internal/openstack/samples"
)

// archives gives the archive of a region, as configured and as the service catalog has it.
type archives struct {
	mutex   sync.Mutex
	methods map[string]*gnocchi.Methods // by region
}

// source is the archive of a region for a signed-in project.
func (a *archives) source(session *auth.Session, backend, region string) (samples.Source, error) {
	if backend != backendCeilometer {
		if service := session.Versioned("metric", region, "v1"); service != nil {
			return gnocchi.New(service, a.of(region)), nil
		}
	}
	if backend != backendGnocchi {
		if service := session.Versioned("metering", region, "v2"); service != nil {
			return metering.New(service), nil
		}
	}
	switch backend {
	case backendGnocchi:
		return nil, fmt.Errorf("the service catalog has no service of type metric (Gnocchi) in region %s", region)
	case backendCeilometer:
		return nil, fmt.Errorf("the service catalog has no service of type metering (Ceilometer) in region %s", region)
	}
	return nil, fmt.Errorf("the service catalog has neither a service of type metric (Gnocchi) nor one of type metering (Ceilometer) in region %s", region)
}

func (a *archives) of(region string) *gnocchi.Methods {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.methods == nil {
		a.methods = map[string]*gnocchi.Methods{}
	}
	if a.methods[region] == nil {
		a.methods[region] = gnocchi.NewMethods()
	}
	return a.methods[region]
}
