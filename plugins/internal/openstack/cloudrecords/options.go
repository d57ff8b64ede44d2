package cloudrecords

import (
	"time"

	"github.com/caso-project/caso/sdk"
)

// options are the values of the options beside those to sign in.
type options struct {
	benchmarkName, benchmarkValue string
	// countsSleeps is set for suspend_duration = actions.
	countsSleeps bool
	// fullListInterval is 0 where every list is full.
	fullListInterval time.Duration
	maxUnreadable    int
	// allProjects is set where one list may serve all projects.
	allProjects bool
}

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
		sdk.StringOption("DEFAULT", "suspend_duration", "How SuspendDuration is found: none (0, as cASO reports it) or actions. With actions, the time in which a server is suspended or shelved is reported as SuspendDuration and not as WallDuration, from the first window with this value on.").
			Default("none").Choices("none", "actions"),
		sdk.IntOption("nova", "full_list_interval", "Seconds after which a run lists all servers of a project, and not only those that changed since the last run. The first run of a month always does. With 0 every run does.").
			Default("86400").Min(0),
		sdk.StringOption("nova", "all_projects", "Whether one list of changed servers, and one of floating addresses, serves all projects of a run: auto (where nova and neutron allow the user to list those of all projects, which they allow administrators) or never (each project has its own lists).").
			Default("auto").Choices("auto", "never"),
		sdk.IntOption("nova", "max_unreadable", "Largest number of servers of a project that may be left out of a window because they cannot be read. With more, the window fails.").
			Default("10").Min(0),
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

		countsSleeps:     config.String("DEFAULT", "suspend_duration") == "actions",
		fullListInterval: time.Duration(config.Int("nova", "full_list_interval")) * time.Second,
		maxUnreadable:    int(config.Int("nova", "max_unreadable")),
		allProjects:      config.String("nova", "all_projects") == "auto",
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
