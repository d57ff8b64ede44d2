package config

import (
	"reflect"
	"testing"
)

// TestEnvironment has what oslo.config's environment source does: it wins over files and not over
// the command line, finds an option by its section and name in capital letters only, and has no
// old names.
func TestEnvironment(t *testing.T) {
	tests := []struct {
		name            string
		environment     string
		overrides       []Override
		section, option string
		want            any
		origin          string
	}{
		{"over a file", "OS_SSM__MAX_SIZE=5", nil, "ssm", "max_size", int64(5), "OS_SSM__MAX_SIZE in the environment"},
		{"of DEFAULT", "OS_DEFAULT__SITE_NAME=x", nil, "DEFAULT", "site_name", "x", "OS_DEFAULT__SITE_NAME in the environment"},
		{"below a flag", "OS_DEFAULT__SITE_NAME=x", []Override{{Section: "DEFAULT", Name: "site_name", Value: "y", Flag: "--site-name"}},
			"DEFAULT", "site_name", "y", "--site-name on the command line"},
		{"empty", "OS_DEFAULT__SITE_NAME=", nil, "DEFAULT", "site_name", "", "OS_DEFAULT__SITE_NAME in the environment"},
		{"a reference", "OS_DEFAULT__SITE_NAME=<${ssm.max_size}>", nil, "DEFAULT", "site_name", "<7>", "OS_DEFAULT__SITE_NAME in the environment"},
		{"in small letters", "OS_ssm__max_size=5", nil, "ssm", "max_size", int64(7), "1.conf:2"},
		{"one underscore", "OS_SSM_MAX_SIZE=5", nil, "ssm", "max_size", int64(7), "1.conf:2"},
		{"an old name", "OS_DEFAULT__TENANTS=a", nil, "DEFAULT", "projects", []string{"b"}, "1.conf:4"},
		{"a list", "OS_DEFAULT__PROJECTS=a, c,", nil, "DEFAULT", "projects", []string{"a", "c"}, "OS_DEFAULT__PROJECTS in the environment"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			overrides := append(EnvironmentOverrides([]string{"PATH=/bin", test.environment}), test.overrides...)
			settings, problems := resolveTexts(t, overrides, "[ssm]\nmax_size = 7\n[DEFAULT]\nprojects = b\n[ssm]\nlabels = x\n")
			compareProblems(t, problems, nil)
			value, _ := settings.Host().Lookup(test.section, test.option)
			if !reflect.DeepEqual(value.Any(), test.want) || value.Origin.String() != test.origin {
				t.Errorf("got %#v from %s", value.Any(), value.Origin)
			}
		})
	}
	_, problems := resolveTexts(t, EnvironmentOverrides([]string{"OS_SSM__MAX_SIZE=x"}), "")
	compareProblems(t, problems, []string{`error: [ssm] max_size: OS_SSM__MAX_SIZE in the environment: invalid value "x": must be a whole number`})
}
