package cloudrecords

import "github.com/caso-project/caso/sdk"

// options are the values of the options beside those to sign in.
type options struct{ benchmarkName, benchmarkValue string }

// acceleratorOptions returns cASO 5's options for accelerator records, with its defaults.
func acceleratorOptions() [][3]string {
	return [][3]string{
		{"type_key", "type", "Accelerator:Type"},
		{"vendor_key", "vendor", "Accelerator:Vendor"},
		{"model_key", "model", "Accelerator:Model"},
		{"number_key", "number", "Accelerator:Number"},
	}
}

// declaredOptions returns the options beside those to sign in.
func declaredOptions() []sdk.Option {
	declared := []sdk.Option{
		sdk.StringOption("benchmark", "name_key", "The extra spec of a flavor with the name of the benchmark, with its scope if it has one.").
			Default("accounting:benchmark_type").OldName("DEFAULT", "benchmark_name_key"),
		sdk.StringOption("benchmark", "value_key", "The extra spec of a flavor with the value of the benchmark for one CPU, with its scope if it has one.").
			Default("accounting:benchmark_value").OldName("DEFAULT", "benchmark_value_key"),
	}
	for _, option := range acceleratorOptions() {
		declared = append(declared, sdk.StringOption("accelerator", option[0],
			"The extra spec of a flavor with the "+option[1]+" of the accelerator. Accepted for compatibility with cASO and ignored: this version emits no accelerator records.").
			Default(option[2]))
	}
	return declared
}

// readOptions reads the options. The warning is about options that this version ignores.
func readOptions(config sdk.Config) (values options, warning error) {
	values = options{
		benchmarkName:  config.String("benchmark", "name_key"),
		benchmarkValue: config.String("benchmark", "value_key"),
	}
	for _, option := range acceleratorOptions() {
		name, standard := option[0], option[2]
		if value := config.String("accelerator", name); config.IsSet("accelerator", name) && value != standard {
			return values, sdk.OptionWarnf("accelerator", name,
				"[accelerator] is set, but accelerator records are not reported by this version")
		}
	}
	return values, nil
}
