package pluginhost

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// checkDescription says everything that is wrong with what a plugin says of itself. Whether defaults can
// be read is config's business, as are options that several plugins declare.
func checkDescription(ref Ref, d *pluginv1.DescribeResponse) error {
	var wrong []string
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if d.GetName() != ref.Name {
		add("it calls itself %s, but %s is what was asked for", quote(d.GetName()), quote(ref.Name))
	}
	if d.GetKind() != ref.Kind {
		add("it is %s, not %s", withArticle(d.GetKind()), withArticle(ref.Kind))
	}
	if strings.IndexFunc(d.GetVersion(), unprintable) >= 0 {
		add("its version %s is not printable", quote(d.GetVersion()))
	}
	if len(d.GetRecordTypes()) == 0 {
		add("it names no record types")
	}
	var types []pluginv1.RecordType
	for i, described := range d.GetRecordTypes() {
		recordType := described.GetType()
		types = append(types, recordType)
		_, known := pluginv1.RecordType_name[int32(recordType)]
		switch {
		case !known || recordType == pluginv1.RecordType_RECORD_TYPE_UNSPECIFIED:
			add("it names record type %d, which this caso does not know", recordType)
		case slices.Contains(types[:i], recordType):
			add("it names %s twice", recordType)
		}
	}
	seen := make(map[[2]string]bool)
	for _, option := range d.GetOptions() {
		key := [2]string{option.GetSection(), option.GetName()}
		if seen[key] {
			add("it declares option %s twice", optionName(option.GetSection(), option.GetName()))
		}
		seen[key] = true
		for _, problem := range checkOption(option) {
			add("option %s %s", optionName(option.GetSection(), option.GetName()), problem)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("it describes itself wrongly: %s: install another version of it, or report this to its author", strings.Join(wrong, "; "))
}

// Sections and names are lower case, as the contract says; DEFAULT is oslo.config's name for the section of
// what belongs to none.
var validOption = regexp.MustCompile(`^[a-z0-9_][a-z0-9_.-]*$`)

func checkOption(option *pluginv1.Option) []string {
	var wrong []string
	if option.GetSection() != "DEFAULT" && !validOption.MatchString(option.GetSection()) {
		wrong = append(wrong, "has no valid section")
	}
	if !validOption.MatchString(option.GetName()) {
		wrong = append(wrong, "has no valid name")
	}
	for _, old := range option.GetOldNames() {
		if old.GetSection() == "" || old.GetName() == "" || strings.IndexFunc(old.GetSection()+old.GetName(), unprintable) >= 0 {
			wrong = append(wrong, "has an old name without section or name")
		}
	}
	kind := option.GetType()
	switch _, known := pluginv1.OptionType_name[int32(kind)]; {
	case !known || kind == pluginv1.OptionType_OPTION_TYPE_UNSPECIFIED:
		wrong = append(wrong, fmt.Sprintf("is of type %d, which this caso does not know", kind))
	case (option.Minimum != nil || option.Maximum != nil) && kind != pluginv1.OptionType_OPTION_TYPE_INTEGER:
		wrong = append(wrong, "has a minimum or maximum, but is no integer")
	case len(option.GetChoices()) > 0 && kind != pluginv1.OptionType_OPTION_TYPE_STRING && kind != pluginv1.OptionType_OPTION_TYPE_LIST:
		wrong = append(wrong, "has choices, but is neither string nor list")
	}
	if option.Minimum != nil && option.Maximum != nil && option.GetMinimum() > option.GetMaximum() {
		wrong = append(wrong, "has a minimum above its maximum")
	}
	return wrong
}

func optionName(section, name string) string {
	return printable("[" + section + "] " + name)
}

func withArticle(kind pluginv1.Kind) string {
	switch kind {
	case pluginv1.Kind_KIND_EXTRACTOR:
		return "an extractor"
	case pluginv1.Kind_KIND_MESSENGER:
		return "a messenger"
	}
	return "no kind of plugin that this caso knows"
}
