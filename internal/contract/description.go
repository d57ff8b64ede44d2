package contract

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// CheckDescription returns everything that is wrong with the description of a plugin, each as a
// clause. Values that only a newer version of the contract has are not wrong: WithoutUnknown
// removes them. The rules:
//
//   - The name is valid (ValidPluginName); the version is printable.
//   - The kind is extractor or messenger.
//   - It has at least one record type, each once.
//   - A record type of an extractor has the time semantics that its fields express
//     (TimeSemanticsOf): the host plans windows by it.
//   - Every option is valid (CheckOption) and declared once.
func CheckDescription(d *pluginv1.DescribeResponse) []string {
	var wrong []string
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if !ValidPluginName(d.GetName()) {
		add("invalid name %q: use lower-case letters, digits, - and _", d.GetName())
	}
	if strings.IndexFunc(d.GetVersion(), unprintable) >= 0 {
		add("invalid version %q", d.GetVersion())
	}
	if d.GetKind() != pluginv1.Kind_KIND_EXTRACTOR && d.GetKind() != pluginv1.Kind_KIND_MESSENGER {
		add("invalid kind %d: it must be extractor or messenger", d.GetKind())
	}
	if len(d.GetRecordTypes()) == 0 {
		add("no record types")
	}
	var types []pluginv1.RecordType
	for _, described := range d.GetRecordTypes() {
		t := described.GetType()
		name := RecordTypeName(t)
		want, got := TimeSemanticsOf(t), described.GetTimeSemantics()
		_, known := pluginv1.TimeSemantics_name[int32(got)]
		switch {
		case t == pluginv1.RecordType_RECORD_TYPE_UNSPECIFIED:
			add("a record type is not set")
		case slices.Contains(types, t):
			add("record type %s is listed twice", name)
		case d.GetKind() == pluginv1.Kind_KIND_EXTRACTOR && known && want != got && want != pluginv1.TimeSemantics_TIME_SEMANTICS_UNSPECIFIED:
			add("record type %s has time semantics %s: it must be %s", name, TimeSemanticsName(got), TimeSemanticsName(want))
		}
		types = append(types, t)
	}
	declared := make(map[string]bool)
	for _, option := range d.GetOptions() {
		name := OptionName(option.GetSection(), option.GetName())
		if declared[name] {
			add("option %s is declared twice", name)
		}
		declared[name] = true
		for _, clause := range CheckOption(option) {
			add("option %s %s", name, clause)
		}
	}
	return wrong
}

// WithoutUnknown returns a description without the values that this version of the contract does
// not have, and a warning for each, as a clause.
func WithoutUnknown(d *pluginv1.DescribeResponse) (*pluginv1.DescribeResponse, []string) {
	var warnings []string
	add := func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }
	d = proto.CloneOf(d)
	d.RecordTypes = slices.DeleteFunc(d.RecordTypes, func(described *pluginv1.RecordTypeDescription) bool {
		_, known := pluginv1.RecordType_name[int32(described.GetType())]
		if !known {
			add("record type %d is unknown to this version of caso and ignored", described.GetType())
			return true
		}
		_, known = pluginv1.TimeSemantics_name[int32(described.GetTimeSemantics())]
		if !known && d.GetKind() == pluginv1.Kind_KIND_EXTRACTOR {
			add("time semantics %d are unknown to this version of caso; record type %s is ignored",
				described.GetTimeSemantics(), RecordTypeName(described.GetType()))
			return true
		}
		return false
	})
	d.Options = slices.DeleteFunc(d.Options, func(option *pluginv1.Option) bool {
		_, known := pluginv1.OptionType_name[int32(option.GetType())]
		if !known {
			add("option %s has type %d, which is unknown to this version of caso; the option is ignored",
				OptionName(option.GetSection(), option.GetName()), option.GetType())
		}
		return !known
	})
	d.Features = slices.DeleteFunc(d.Features, func(feature pluginv1.Feature) bool {
		_, known := pluginv1.Feature_name[int32(feature)]
		return !known
	})
	return d, warnings
}
