package plan

import (
	"strings"
	"testing"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func TestWantedTypes(t *testing.T) {
	types := func(types ...pluginv1.RecordType) []pluginv1.RecordType { return types }
	ssm := Messenger{Instance: config.Instance{Name: "ssm"}, RecordTypes: types(cloud, ip)}
	only := ssm
	only.Instance.RecordTypes = types(cloud)
	limited := Messenger{Instance: config.Instance{Name: "lab", Extractors: []string{"nova@lab"}}, RecordTypes: types(cloud, energy)}
	notStarted := Messenger{Instance: config.Instance{Name: "noop"}}
	for name, test := range map[string]struct {
		emitted    []pluginv1.RecordType
		messengers []Messenger
		want       string
		problems   []string
	}{
		"all":                     {emitted: types(cloud, ip), messengers: []Messenger{ssm}, want: "cloud ip"},
		"one not":                 {emitted: types(cloud, energy), messengers: []Messenger{ssm}, want: "cloud", problems: []string{"warning: extractor nova: no messenger accepts energy records", "[DEFAULT] messengers"}},
		"one not by an option":    {emitted: types(cloud, ip), messengers: []Messenger{only}, want: "cloud", problems: []string{"warning: extractor nova: no messenger accepts ip records", "add ip to [messenger_ssm] record_types."}},
		"one of another instance": {emitted: types(cloud, energy), messengers: []Messenger{ssm, limited}, want: "cloud", problems: []string{"energy", "add nova to [messenger_lab] extractors."}},
		"by another messenger":    {emitted: types(cloud, ip, energy), messengers: []Messenger{only, notStarted}, want: "cloud ip energy"},
		"none":                    {emitted: types(energy), messengers: []Messenger{ssm}, problems: []string{"warning: ", "error: extractor nova: none of its record types"}},
		"no messenger":            {emitted: types(cloud), problems: []string{"error: extractor nova: none of its record types"}},
	} {
		t.Run(name, func(t *testing.T) {
			wanted, problems := WantedTypes("nova", describe(test.emitted...), test.messengers)
			var got []string
			for _, description := range wanted {
				got = append(got, contract.RecordTypeName(description.GetType()))
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("got %v", got)
			}
			text := formatProblems(problems)
			for _, part := range test.problems {
				if !strings.Contains(text, part) {
					t.Errorf("%q is not in %q", part, text)
				}
			}
			if len(test.problems) == 0 && text != "" {
				t.Errorf("got %q", text)
			}
		})
	}
}
