package sdk

import (
	"errors"
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// CheckRecord says what is wrong with a record as an extractor emits it: a field missing that the
// consumers need, or a figure that cannot be true. These are the rules that record.proto's comments
// state; the host applies them to every record that arrives, and plugintest to those of its runs.
//
// It leaves out what only the host knows: id, site_name, cloud_compute_service and fqan, which the host
// fills in, and whether the project is the one that was asked for.
func CheckRecord(record *pluginv1.Record) error {
	if record.GetProjectId() == "" {
		return checkFailure(record, missing("project_id"))
	}
	return checkFailure(record, checkKind(record))
}

func checkKind(record *pluginv1.Record) error {
	switch kind := record.GetKind().(type) {
	case *pluginv1.Record_Cloud:
		return checkCloud(kind.Cloud)
	case *pluginv1.Record_Ip:
		// The IP schema of APEL's server refuses a record without CloudType; the others take one.
		return first(notEmpty("cloud_type", record.GetCloudType()), checkIP(kind.Ip))
	case *pluginv1.Record_Accelerator:
		return checkAccelerator(kind.Accelerator)
	case *pluginv1.Record_Storage:
		return checkStorage(kind.Storage)
	case *pluginv1.Record_Energy:
		return checkEnergy(kind.Energy)
	}
	return errors.New("it holds no cloud, ip, accelerator, storage or energy record")
}

func checkCloud(cloud *pluginv1.CloudRecord) error {
	if err := first(
		notEmpty("vm_uuid", cloud.GetVmUuid()),
		knownStatus(cloud.GetStatus()),
		moment("start_time", cloud.GetStartTime()),
		moment("record_create_time", cloud.GetRecordCreateTime()),
		ordered("start_time", cloud.GetStartTime(), "record_create_time", cloud.GetRecordCreateTime()),
		duration("suspend_duration", cloud.GetSuspendDuration()),
		duration("wall_duration", cloud.GetWallDuration()),
		duration("cpu_duration", cloud.GetCpuDuration()),
		figure("cpu_count", cloud.GetCpuCount()),
		count("memory_mb", cloud.GetMemoryMb()),
		count("disk_gb", cloud.GetDiskGb()),
		count("network_inbound_gb", cloud.GetNetworkInboundGb()),
		count("network_outbound_gb", cloud.GetNetworkOutboundGb()),
		count("public_ip_count", cloud.GetPublicIpCount()),
		benchmark(cloud.GetBenchmark()),
	); err != nil {
		return err
	}
	until := cloud.GetRecordCreateTime()
	// APEL takes the month of a completed record from its EndTime: completed without one is lost, and an
	// end of a VM that goes on puts it in the wrong month.
	completed := cloud.GetStatus() == pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED
	switch {
	case completed && cloud.GetEndTime() == nil:
		return errors.New("status is COMPLETED, but end_time is missing")
	case !completed && cloud.GetEndTime() != nil:
		return errors.New("end_time is set, but status is not COMPLETED")
	case completed:
		if err := first(
			moment("end_time", cloud.GetEndTime()),
			ordered("start_time", cloud.GetStartTime(), "end_time", cloud.GetEndTime()),
			ordered("end_time", cloud.GetEndTime(), "record_create_time", until),
		); err != nil {
			return err
		}
		until = cloud.GetEndTime()
	}
	// Compared in seconds: a time.Duration overflows after 292 years, and a plugin may send anything.
	used, existed := cloud.GetWallDuration().GetSeconds()+cloud.GetSuspendDuration().GetSeconds(), until.GetSeconds()-cloud.GetStartTime().GetSeconds()
	if used > existed {
		return fmt.Errorf("wall_duration and suspend_duration are %d s together, but only %d s passed since start_time", used, existed)
	}
	return nil
}

func checkIP(ip *pluginv1.IpRecord) error {
	if err := first(
		moment("measurement_time", ip.GetMeasurementTime()),
		notEmpty("local_user_id", ip.GetLocalUserId()),
		notEmpty("global_user_name", ip.GetGlobalUserName()),
		count("ip_count", ip.GetIpCount()),
	); err != nil {
		return err
	}
	if version := ip.GetIpVersion(); version != 4 && version != 6 {
		return fmt.Errorf("ip_version is %d: it can be 4 or 6", version)
	}
	return nil
}

func checkAccelerator(accelerator *pluginv1.AcceleratorRecord) error {
	year, month := accelerator.GetMeasurementYear(), accelerator.GetMeasurementMonth()
	switch _, known := pluginv1.AcceleratorType_name[int32(accelerator.GetType())]; {
	case accelerator.GetVmUuid() == "":
		return missing("vm_uuid")
	case year < 1970 || year > 9999:
		return fmt.Errorf("measurement_year is %d: it can be 1970 to 9999", year)
	case month < 1 || month > 12:
		return fmt.Errorf("measurement_month is %d: it can be 1 to 12", month)
	case !known || accelerator.GetType() == pluginv1.AcceleratorType_ACCELERATOR_TYPE_UNSPECIFIED:
		return fmt.Errorf("type is %d: it is missing or no AcceleratorType", accelerator.GetType())
	}
	days := time.Date(int(year), time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
	return first(
		figure("count", accelerator.GetCount()),
		count("cores", accelerator.GetCores()),
		duration("available_duration", accelerator.GetAvailableDuration()),
		within("available_duration", accelerator.GetAvailableDuration(), days),
		duration("active_duration", accelerator.GetActiveDuration()),
		within("active_duration", accelerator.GetActiveDuration(), days),
		benchmark(accelerator.GetBenchmark()),
	)
}

func checkStorage(storage *pluginv1.StorageRecord) error {
	return first(
		notEmpty("volume_id", storage.GetVolumeId()),
		moment("create_time", storage.GetCreateTime()),
		notEmpty("storage_system", storage.GetStorageSystem()),
		moment("start_time", storage.GetStartTime()),
		moment("end_time", storage.GetEndTime()),
		ordered("start_time", storage.GetStartTime(), "end_time", storage.GetEndTime()),
		ordered("end_time", storage.GetEndTime(), "create_time", storage.GetCreateTime()),
		count("capacity_used_bytes", storage.GetCapacityUsedBytes()),
	)
}

func checkEnergy(energy *pluginv1.EnergyRecord) error {
	return first(
		notEmpty("vm_uuid", energy.GetVmUuid()),
		moment("start_time", energy.GetStartTime()),
		moment("end_time", energy.GetEndTime()),
		ordered("start_time", energy.GetStartTime(), "end_time", energy.GetEndTime()),
		figure("energy_wh", energy.GetEnergyWh()),
		knownStatus(energy.GetStatus()),
	)
}

// checkFailure adds to an error which record it is about.
func checkFailure(record *pluginv1.Record, err error) error {
	if err == nil {
		return nil
	}
	kind, subject := subjectOf(record)
	if subject == "" {
		return fmt.Errorf("%s record: %w", kind, err)
	}
	return fmt.Errorf("%s record of %s: %w", kind, subject, err)
}

// subjectOf names the kind of a record and what it is about, for messages.
func subjectOf(record *pluginv1.Record) (kind, subject string) {
	switch r := record.GetKind().(type) {
	case *pluginv1.Record_Cloud:
		return "cloud", r.Cloud.GetVmUuid()
	case *pluginv1.Record_Ip:
		return "ip", r.Ip.GetLocalUserId()
	case *pluginv1.Record_Accelerator:
		return "accelerator", r.Accelerator.GetVmUuid()
	case *pluginv1.Record_Storage:
		return "storage", r.Storage.GetVolumeId()
	case *pluginv1.Record_Energy:
		return "energy", r.Energy.GetVmUuid()
	}
	return "empty", ""
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func missing(field string) error { return fmt.Errorf("%s is missing", field) }

func notEmpty(field, value string) error {
	if value == "" {
		return missing(field)
	}
	return nil
}

func knownStatus(status pluginv1.CloudStatus) error {
	if _, known := pluginv1.CloudStatus_name[int32(status)]; !known || status == pluginv1.CloudStatus_CLOUD_STATUS_UNSPECIFIED {
		return fmt.Errorf("status is %d: it is missing or no CloudStatus", status)
	}
	return nil
}

// moment wants a time that is there and in whole seconds. Zero seconds are refused too: they are what a
// missing time looks like after a conversion, and would put a record into January 1970.
func moment(field string, t *timestamppb.Timestamp) error {
	switch {
	case t == nil:
		return missing(field)
	case !t.IsValid():
		return fmt.Errorf("%s is no valid time", field)
	case t.GetSeconds() <= 0:
		return fmt.Errorf("%s is %s: it must be after 1970-01-01T00:00:00Z", field, t.AsTime().Format(time.RFC3339))
	case t.GetNanos() != 0:
		return fmt.Errorf("%s is %s: it must be in whole seconds", field, t.AsTime().Format(time.RFC3339Nano))
	}
	return nil
}

// ordered leaves missing times to moment.
func ordered(earlier string, a *timestamppb.Timestamp, later string, b *timestamppb.Timestamp) error {
	if a != nil && b != nil && a.GetSeconds() > b.GetSeconds() {
		return fmt.Errorf("%s (%s) is after %s (%s)", earlier, a.AsTime().Format(time.RFC3339), later, b.AsTime().Format(time.RFC3339))
	}
	return nil
}

// duration takes an absent one for 0 s.
func duration(field string, d *durationpb.Duration) error {
	switch {
	case d == nil:
		return nil
	case !d.IsValid():
		return fmt.Errorf("%s is no valid duration", field)
	case d.GetSeconds() < 0 || d.GetNanos() < 0:
		return fmt.Errorf("%s is negative (%d s)", field, d.GetSeconds())
	case d.GetNanos() != 0:
		return fmt.Errorf("%s is not in whole seconds", field)
	}
	return nil
}

func within(field string, d *durationpb.Duration, days int) error {
	if limit := int64(days) * 24 * 60 * 60; d.GetSeconds() > limit {
		return fmt.Errorf("%s is %d s, but its month has %d s", field, d.GetSeconds(), limit)
	}
	return nil
}

func count(field string, n int64) error {
	if n < 0 {
		return fmt.Errorf("%s is negative (%d)", field, n)
	}
	return nil
}

func figure(field string, f float64) error {
	if math.IsNaN(f) || math.IsInf(f, 0) || f < 0 {
		return fmt.Errorf("%s is %v: it must be a number, 0 or more", field, f)
	}
	return nil
}

// benchmark wants both halves or neither; APEL's table holds 50 characters of the type.
func benchmark(b *pluginv1.Benchmark) error {
	const longestType = 50
	switch {
	case b == nil:
		return nil
	case b.GetType() == "":
		return missing("benchmark.type")
	case len([]rune(b.GetType())) > longestType:
		return fmt.Errorf("benchmark.type is longer than %d characters", longestType)
	case b.GetValue() == 0:
		return missing("benchmark.value")
	}
	return figure("benchmark.value", b.GetValue())
}
