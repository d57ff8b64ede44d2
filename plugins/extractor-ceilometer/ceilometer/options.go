package ceilometer

import (
	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// The plugin's section, and what can be set in it.
const (
	section = "ceilometer"

	backendAuto       = "auto"
	backendGnocchi    = "gnocchi"
	backendCeilometer = "ceilometer"

	cpuUsed      = "used"
	cpuAllocated = "allocated"
)

// Options declares the options of [ceilometer].
func (m *measurer) Options() []*pluginv1.Option {
	return []*pluginv1.Option{
		choice("backend", "Where the samples are: Gnocchi's v1 API, or Ceilometer's own v2 API as it was before Queens. `auto` takes what the service catalog has: type `metric` is Gnocchi, else `metering` is Ceilometer.",
			backendAuto, backendGnocchi, backendCeilometer),
		choice("cpu_duration", "What CpuDuration says: the processor time that the server `used`, as it was measured, or that was `allocated` to it, WallDuration x CpuCount, as extractor nova reports it.",
			cpuUsed, cpuAllocated),
	}
}

// choice is an option whose default is the first of its values.
func choice(name, help string, values ...string) *pluginv1.Option {
	return &pluginv1.Option{Section: section, Name: name, Help: help, DefaultValue: &values[0], Choices: values,
		Type: pluginv1.OptionType_OPTION_TYPE_STRING}
}

// Configure takes the options.
func (m *measurer) Configure(config sdk.Config) []*pluginv1.Diagnostic {
	m.backend = config.String(section, "backend")
	m.used = config.String(section, "cpu_duration") != cpuAllocated
	return nil
}
