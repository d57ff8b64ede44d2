package plugintest

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// largeText is a size with which a record still fits into a batch: strings have no limit in the
// contract.
const largeText = 100 << 10

// oddTexts returns names that clouds have been seen to return, or could.
func oddTexts() []string {
	return []string{
		"",
		"Öffentliche Größe, 北京, 🚀",
		"北京",
		"line\nSiteName: injected",
		"a\r\nb\x00c\x1bd\x7f\u0085\u2028e",
		"%%", "%%%", "\n%%\n", "a%s%d%",
		`"quotes" 'and' \backslashes\ <tags> &amp; {"json": []}`,
		" spaces around ",
		strings.Repeat("x", largeText),
		strings.Repeat("é", largeText/2),
	}
}

// oddRecords returns valid records of the given types that are apt to break a messenger.
func oddRecords(seed uint64, types []pluginv1.RecordType) []*pluginv1.Record {
	var odd []*pluginv1.Record
	for i, recordType := range types {
		for j, text := range oddTexts() {
			record := Records(seed+uint64(1000*i+j), 1, recordType)[0]
			setTexts(record.ProtoReflect(), text)
			record.Id = contract.RecordID(record)
			odd = append(odd, record)
		}
		// Only the required fields.
		odd = append(odd, onlyRequired(Records(seed+uint64(1000*i+900), 1, recordType)[0]))
	}
	return slices.DeleteFunc(odd, func(record *pluginv1.Record) bool { return contract.CheckRecord(record) != nil })
}

// smallRecords returns the records that fit into one batch together.
func smallRecords(records []*pluginv1.Record) []*pluginv1.Record {
	return slices.DeleteFunc(slices.Clone(records), func(record *pluginv1.Record) bool { return proto.Size(record) > largeText/2 })
}

// identifying reports whether a field identifies a record: those have the host's values or the
// cloud's IDs.
func identifying(field protoreflect.FieldDescriptor) bool {
	switch field.Name() {
	case "id", "site_name", "fqan", "project_id", "vm_uuid", "volume_id", "type", "model":
		return true
	}
	return false
}

// setTexts sets every other string field of a record. A required field keeps its value if the new
// one is empty.
func setTexts(message protoreflect.Message, text string) {
	fields := message.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		switch {
		case field.Kind() == protoreflect.StringKind && !identifying(field):
			if text == "" && !field.HasPresence() && field.Name() != "machine_name" && field.Name() != "cloud_compute_service" {
				continue
			}
			message.Set(field, protoreflect.ValueOfString(text))
		case field.Kind() == protoreflect.MessageKind && message.Has(field):
			if field.Message().FullName().Parent() == "caso.plugin.v1" {
				setTexts(message.Mutable(field).Message(), text)
			}
		}
	}
}

// onlyRequired returns a record without its optional fields.
func onlyRequired(record *pluginv1.Record) *pluginv1.Record {
	record.CloudComputeService = ""
	switch kind := record.GetKind().(type) {
	case *pluginv1.Record_Cloud:
		c := kind.Cloud
		kind.Cloud = &pluginv1.CloudRecord{
			VmUuid: c.GetVmUuid(), Status: c.GetStatus(),
			StartTime: c.GetStartTime(), EndTime: c.GetEndTime(), RecordCreateTime: c.GetRecordCreateTime(),
			WallDuration: c.GetWallDuration(), SuspendDuration: c.GetSuspendDuration(),
		}
	case *pluginv1.Record_Ip:
		kind.Ip.IpCount = 0
	case *pluginv1.Record_Accelerator:
		a := kind.Accelerator
		kind.Accelerator = &pluginv1.AcceleratorRecord{
			VmUuid: a.GetVmUuid(), MeasurementYear: a.GetMeasurementYear(), MeasurementMonth: a.GetMeasurementMonth(), Type: a.GetType(), Model: a.GetModel(),
		}
	case *pluginv1.Record_Storage:
		s := kind.Storage
		kind.Storage = &pluginv1.StorageRecord{
			VolumeId: s.GetVolumeId(), CreateTime: s.GetCreateTime(), StorageSystem: s.GetStorageSystem(),
			StartTime: s.GetStartTime(), EndTime: s.GetEndTime(),
		}
	case *pluginv1.Record_Energy:
		kind.Energy.EnergyWh = 0
	}
	record.Id = contract.RecordID(record)
	return record
}
