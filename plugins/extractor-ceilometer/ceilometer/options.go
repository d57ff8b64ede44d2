package ceilometer

import "github.com/caso-project/caso/sdk"

// The section of the options and their values.
const (
	section = "ceilometer"

	backendAuto       = "auto"
	backendGnocchi    = "gnocchi"
	backendCeilometer = "ceilometer"

	cpuUsed      = "used"
	cpuAllocated = "allocated"
)

// Options returns the options of [ceilometer].
func (m *measurer) Options() []sdk.Option {
	return []sdk.Option{
		sdk.StringOption(section, "backend", "The API with the samples: Gnocchi's v1 API, or Ceilometer's own v2 API from before Queens. `auto` uses the one in the service catalog: type `metric` is Gnocchi, else `metering` is Ceilometer.").
			Choices(backendAuto, backendGnocchi, backendCeilometer).Default(backendAuto),
		sdk.StringOption(section, "cpu_duration", "The figure in CpuDuration: the processor time that the server `used`, as measured, or the one that was `allocated` to it, WallDuration x CpuCount, as extractor nova reports it.").
			Choices(cpuUsed, cpuAllocated).Default(cpuUsed),
	}
}

// Configure reads the options.
func (m *measurer) Configure(config sdk.Config) error {
	m.backend = config.String(section, "backend")
	m.cpuMeasured = config.String(section, "cpu_duration") != cpuAllocated
	return nil
}
