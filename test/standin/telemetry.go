package standin

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Telemetry is a set of archives of samples.
type Telemetry int

// The archives of a cloud.
const (
	TelemetryNone       Telemetry = iota // none
	TelemetryGnocchi                     // Gnocchi, type metric
	TelemetryCeilometer                  // Ceilometer's own API, type metering, as before Queens
	TelemetryBoth                        // both, as Newton to Pike
)

func (t Telemetry) gnocchi() bool    { return t == TelemetryGnocchi || t == TelemetryBoth }
func (t Telemetry) ceilometer() bool { return t == TelemetryCeilometer || t == TelemetryBoth }

// Sample is one reading of a meter of a server, as a Ceilometer agent sends it.
type Sample struct {
	ServerID string
	// Meter is cpu, network.incoming.bytes or network.outgoing.bytes.
	Meter string
	// Interface is the name of the network interface (tap...); empty for cpu.
	Interface string
	At        time.Time
	Value     float64
	// MessageID is made when empty. Ceilometer keeps two samples of one id as one.
	MessageID string
}

// resource is what the sample is of, as Ceilometer calls it.
func (s Sample) resource() string {
	if s.Interface == "" {
		return s.ServerID
	}
	return "instance-" + hexID("domain", s.ServerID)[:8] + "-" + s.ServerID + "-" + s.Interface
}

// ArchivePolicy is how Gnocchi stores a metric.
type ArchivePolicy struct {
	// Methods are the aggregation methods: mean, max, last, rate:mean.
	Methods []string
	Grains  []Grain
}

// Grain is one granularity and its retention.
type Grain struct{ Granularity, Timespan time.Duration }

// ceilometerLowRate returns the policy that ceilometer-upgrade sets for cpu and network meters.
func ceilometerLowRate() ArchivePolicy {
	return ArchivePolicy{Methods: []string{"mean", "rate:mean"}, Grains: []Grain{{5 * time.Minute, 30 * 24 * time.Hour}}}
}

// telemetry stores the samples.
type telemetry struct {
	samples  []Sample
	policies map[string]ArchivePolicy // by server
}

// AddSamples stores samples; those of an unknown server have no project.
func (c *Cloud) AddSamples(samples ...Sample) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range samples {
		s.At = s.At.UTC()
		if s.MessageID == "" {
			s.MessageID = uuid("sample", s.resource(), s.Meter, s.At.String(), fmt.Sprint(s.Value))
		}
		c.telemetry.samples = append(c.telemetry.samples, s)
	}
}

// SetArchivePolicy sets the policy of a server's metrics. The default is Ceilometer's.
func (c *Cloud) SetArchivePolicy(server string, policy ArchivePolicy) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.telemetry.policies == nil {
		c.telemetry.policies = map[string]ArchivePolicy{}
	}
	c.telemetry.policies[server] = policy
}

// DeleteSamples removes samples from before a time, like an archive's retention.
func (c *Cloud) DeleteSamples(before time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.telemetry.samples = slices.DeleteFunc(c.telemetry.samples, func(s Sample) bool { return s.At.Before(before) })
}

// samplesOf returns a project's samples of a meter, in time order.
func (c *Cloud) samplesOf(project, meter string) []Sample {
	var found []Sample
	for _, s := range c.telemetry.samples {
		if server := c.store.servers[s.ServerID]; s.Meter == meter && server != nil && server.ProjectID == project {
			found = append(found, s)
		}
	}
	slices.SortStableFunc(found, func(a, b Sample) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.MessageID, b.MessageID)) })
	return found
}
