package plugintest

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// checkBatches checks the bounds of what was extracted.
func (s *suite) checkBatches(run run, e *extraction) {
	run("extract_batch_limits", func(t tb) {
		for i, batch := range e.batches {
			if n := len(batch.GetRecords()); n == 0 {
				t.Errorf("batch %d is empty", i)
			} else if n > contract.MaxBatchRecords {
				t.Errorf("batch %d has %d records, more than %d", i, n, contract.MaxBatchRecords)
			}
			if bytes := proto.Size(batch); bytes > contract.MaxBatchBytes {
				t.Errorf("batch %d has %d bytes, more than %d", i, bytes, contract.MaxBatchBytes)
			}
		}
		if bytes := len(e.complete.GetNextState()); bytes > contract.MaxStateBytes {
			t.Errorf("the next state has %d bytes, more than %d", bytes, contract.MaxStateBytes)
		}
	})
}

// checkRecords checks each record that was extracted, and their order.
func (s *suite) checkRecords(run run, e *extraction) {
	run("extract_declared_types", func(t tb) {
		for _, record := range e.records() {
			if recordType := contract.RecordTypeOf(record); !slices.Contains(s.recordTypes(), recordType) {
				t.Errorf("a record is of type %v, which the plugin does not declare", recordType)
			}
		}
	})
	run("extract_records_complete", func(t tb) {
		for _, record := range e.records() {
			if err := contract.CheckRecord(record); err != nil {
				t.Errorf("%v", err)
			}
			if record.GetId() != "" || record.GetSiteName() != "" || record.GetCloudComputeService() != "" {
				t.Errorf("%s: id, site_name and cloud_compute_service are for the host to set", contract.RecordID(record))
			}
			if record.GetCloudType() == "" {
				t.Errorf("%s: cloud_type is missing", contract.RecordID(record))
			}
		}
	})
	run("extract_asked_project", func(t tb) { checkProjects(t, e) })
	run("extract_each_fact_once", func(t tb) {
		seen := map[string]bool{}
		for _, record := range e.records() {
			id := contract.RecordID(record)
			if seen[id] {
				t.Errorf("%s is there twice", id)
			}
			seen[id] = true
		}
	})
	run("extract_time_order", func(t tb) {
		last := map[string]int64{}
		for _, record := range e.records() {
			subject, moment := timeOf(record)
			if moment < last[subject] {
				t.Errorf("%s comes after a later record of the same subject", contract.RecordID(record))
			}
			last[subject] = moment
		}
	})
	run("extract_window", func(t tb) {
		from, to := e.request.GetWindow().GetFrom().GetSeconds(), e.request.GetWindow().GetTo().GetSeconds()
		for _, record := range e.records() {
			cloud := record.GetCloud()
			if cloud == nil {
				continue
			}
			id := contract.RecordID(record)
			if moment := cloud.GetRecordCreateTime().GetSeconds(); moment < from || moment > to {
				t.Errorf("%s: record_create_time is outside the window [%d, %d]", id, from, to)
			}
			if cloud.GetStartTime().GetSeconds() >= to {
				t.Errorf("%s: the server was created at or after the window's end: it belongs to the next", id)
			}
			if end := cloud.GetEndTime(); end != nil && (end.GetSeconds() < from || end.GetSeconds() >= to) {
				t.Errorf("%s: the server ended at %d, outside the window [%d, %d)", id, end.GetSeconds(), from, to)
			}
		}
	})
}

func checkProjects(t tb, e *extraction) {
	t.Helper()
	for _, record := range e.records() {
		if asked := e.request.GetProject().GetId(); record.GetProjectId() != asked {
			t.Errorf("%s is of project %q, but project %q was asked for", contract.RecordID(record), record.GetProjectId(), asked)
		}
	}
}

// timeOf is what a record is about, and a figure that grows with its moment.
func timeOf(record *pluginv1.Record) (subject string, moment int64) {
	switch kind := record.GetKind().(type) {
	case *pluginv1.Record_Cloud:
		return "cloud " + kind.Cloud.GetVmUuid(), kind.Cloud.GetRecordCreateTime().GetSeconds()
	case *pluginv1.Record_Ip:
		return "ip " + kind.Ip.GetLocalUserId(), kind.Ip.GetMeasurementTime().GetSeconds()
	case *pluginv1.Record_Accelerator:
		return "accelerator " + kind.Accelerator.GetVmUuid(), int64(kind.Accelerator.GetMeasurementYear())*12 + int64(kind.Accelerator.GetMeasurementMonth())
	case *pluginv1.Record_Storage:
		return "storage " + kind.Storage.GetVolumeId(), kind.Storage.GetCreateTime().GetSeconds()
	case *pluginv1.Record_Energy:
		return "energy " + kind.Energy.GetVmUuid(), kind.Energy.GetStartTime().GetSeconds()
	}
	return "", 0
}
