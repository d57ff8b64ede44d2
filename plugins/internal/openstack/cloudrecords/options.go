package cloudrecords

import (
	"strings"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	"github.com/caso-project/caso/plugins/internal/openstack/auth"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// settings is what the options say beside how to sign in.
type settings struct {
	tag, voProperty               string
	benchmarkName, benchmarkValue string
	warnings                      []*pluginv1.Diagnostic
}

// accelerators are cASO 5's options for accelerator records, with its defaults.
func accelerators() [][2]string {
	return [][2]string{
		{"type_key", "Accelerator:Type"}, {"vendor_key", "Accelerator:Vendor"},
		{"model_key", "Accelerator:Model"}, {"number_key", "Accelerator:Number"},
	}
}

// options declares all options of the plugin.
func options() []*pluginv1.Option {
	declared := append(auth.Options(),
		text("DEFAULT", "caso_tag", "caso", "Projects with this tag in keystone are reported, beside those that are named."),
		text("DEFAULT", "vo_property", "accounting:VO", "The property of a project in keystone that holds its VO. Where a project has it not, accounting:VO, accounting_VO and VO are looked at, in this order, and then the mapping file."),
		formerly(text("benchmark", "name_key", "accounting:benchmark_type", "The extra spec of a flavor that says which benchmark was run, with its scope if it has one."), "benchmark_name_key"),
		formerly(text("benchmark", "value_key", "accounting:benchmark_value", "The extra spec of a flavor that holds the benchmark's value for one CPU, with its scope if it has one."), "benchmark_value_key"),
	)
	for _, option := range accelerators() {
		what, _, _ := strings.Cut(option[0], "_")
		declared = append(declared, text("accelerator", option[0], option[1],
			"The extra spec of a flavor that holds the accelerator's "+what+". Known from cASO; accelerator records are not made by this version."))
	}
	return declared
}

func text(section, name, value, help string) *pluginv1.Option {
	return &pluginv1.Option{Section: section, Name: name, DefaultValue: &value, Help: help,
		Type: pluginv1.OptionType_OPTION_TYPE_STRING}
}

// formerly adds the name that an option had in [DEFAULT].
func formerly(option *pluginv1.Option, name string) *pluginv1.Option {
	option.OldNames = []*pluginv1.OptionRef{{Section: "DEFAULT", Name: name}}
	return option
}

func readSettings(config sdk.Config) settings {
	s := settings{
		tag:            config.String("DEFAULT", "caso_tag"),
		voProperty:     config.String("DEFAULT", "vo_property"),
		benchmarkName:  config.String("benchmark", "name_key"),
		benchmarkValue: config.String("benchmark", "value_key"),
	}
	for _, option := range accelerators() {
		if value := config.String("accelerator", option[0]); config.IsSet("accelerator", option[0]) && value != option[1] {
			warning := sdk.Warnf("[accelerator] is set, but accelerator records are not reported by this version")
			warning.Option = &pluginv1.OptionRef{Section: "accelerator", Name: option[0]}
			s.warnings = append(s.warnings, warning)
			break
		}
	}
	return s
}
