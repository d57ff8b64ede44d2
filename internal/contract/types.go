package contract

import (
	"strings"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// RecordTypeOf returns the type of a record; unspecified if it has no content.
func RecordTypeOf(record *pluginv1.Record) pluginv1.RecordType {
	switch record.GetKind().(type) {
	case *pluginv1.Record_Cloud:
		return pluginv1.RecordType_RECORD_TYPE_CLOUD
	case *pluginv1.Record_Ip:
		return pluginv1.RecordType_RECORD_TYPE_IP
	case *pluginv1.Record_Accelerator:
		return pluginv1.RecordType_RECORD_TYPE_ACCELERATOR
	case *pluginv1.Record_Storage:
		return pluginv1.RecordType_RECORD_TYPE_STORAGE
	case *pluginv1.Record_Energy:
		return pluginv1.RecordType_RECORD_TYPE_ENERGY
	}
	return pluginv1.RecordType_RECORD_TYPE_UNSPECIFIED
}

// RecordTypes returns all record types of this version of the contract.
func RecordTypes() []pluginv1.RecordType {
	return []pluginv1.RecordType{
		pluginv1.RecordType_RECORD_TYPE_CLOUD,
		pluginv1.RecordType_RECORD_TYPE_IP,
		pluginv1.RecordType_RECORD_TYPE_ACCELERATOR,
		pluginv1.RecordType_RECORD_TYPE_STORAGE,
		pluginv1.RecordType_RECORD_TYPE_ENERGY,
	}
}

// RecordTypeName returns the name of a record type in configurations and messages, such as "cloud".
func RecordTypeName(t pluginv1.RecordType) string {
	return strings.ToLower(strings.TrimPrefix(t.String(), "RECORD_TYPE_"))
}

// ParseRecordType returns the record type with a name.
func ParseRecordType(name string) (pluginv1.RecordType, bool) {
	for _, t := range RecordTypes() {
		if RecordTypeName(t) == name {
			return t, true
		}
	}
	return pluginv1.RecordType_RECORD_TYPE_UNSPECIFIED, false
}

// TimeSemanticsOf returns the time semantics that the fields of a record type express, and so the
// only one with which an extractor can declare it; unspecified for an unknown type.
func TimeSemanticsOf(t pluginv1.RecordType) pluginv1.TimeSemantics {
	switch t {
	case pluginv1.RecordType_RECORD_TYPE_CLOUD:
		return pluginv1.TimeSemantics_TIME_SEMANTICS_CUMULATIVE
	case pluginv1.RecordType_RECORD_TYPE_IP, pluginv1.RecordType_RECORD_TYPE_STORAGE:
		return pluginv1.TimeSemantics_TIME_SEMANTICS_SNAPSHOT
	case pluginv1.RecordType_RECORD_TYPE_ACCELERATOR:
		return pluginv1.TimeSemantics_TIME_SEMANTICS_MONTHLY
	case pluginv1.RecordType_RECORD_TYPE_ENERGY:
		return pluginv1.TimeSemantics_TIME_SEMANTICS_INTERVAL
	}
	return pluginv1.TimeSemantics_TIME_SEMANTICS_UNSPECIFIED
}

// TimeSemanticsName returns the name of time semantics in messages, such as "cumulative".
func TimeSemanticsName(s pluginv1.TimeSemantics) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "TIME_SEMANTICS_"))
}

// KindName returns the name of a kind of plugin in file names, configurations and messages:
// "extractor", "messenger", or "plugin" for an unknown kind.
func KindName(kind pluginv1.Kind) string {
	switch kind {
	case pluginv1.Kind_KIND_EXTRACTOR:
		return "extractor"
	case pluginv1.Kind_KIND_MESSENGER:
		return "messenger"
	}
	return "plugin"
}

// FileName returns the name of a plugin's executable.
func FileName(kind pluginv1.Kind, name string) string {
	return "caso-" + KindName(kind) + "-" + name
}
