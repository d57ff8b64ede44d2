package contract

import (
	"errors"
	"fmt"
	"time"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// CheckRecord returns what is wrong with a record as an extractor emits it: a missing field that
// consumers require, a figure that cannot be true, or figures that contradict each other.
// record.proto documents the rules field by field. StreamCheck has those that span several records.
//
//   - project_id is set: the host stores and bills records by project.
//   - Every string is UTF-8: protobuf cannot encode any other.
//   - Times are set, valid, after 1970-01-01T00:00:00Z and whole seconds: a time of 0 is what a
//     missing one looks like after a conversion, and would put a record into January 1970.
//   - Durations, counts and figures are not negative, and figures are numbers.
//   - cloud: end_time is set if and only if status is COMPLETED. APEL takes the month of a
//     completed record from its EndTime: without one the record is lost, and with one that is wrong
//     it counts in the wrong month.
//   - cloud: wall_duration = (end_time or record_create_time) - start_time - suspend_duration. APEL
//     bills a month as the difference of two such figures, so usage per window would be billed as
//     negative.
//   - ip: version 4 or 6, user id and name, cloud_type: APEL's schema requires them.
//   - accelerator: a model (part of APEL's key) and durations that fit into the month.
//   - storage, energy: times in order.
//
// It does not check id, site_name, cloud_compute_service and fqan, which the host sets.
func CheckRecord(record *pluginv1.Record) error {
	err := firstError(
		notEmpty("project_id", record.GetProjectId()),
		validText("cloud_type", record.GetCloudType()),
		validText("fqan", record.GetFqan()),
	)
	if err == nil {
		err = checkContent(record)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", Subject(record), err)
	}
	return nil
}

func checkContent(record *pluginv1.Record) error {
	switch kind := record.GetKind().(type) {
	case *pluginv1.Record_Cloud:
		return checkCloud(kind.Cloud)
	case *pluginv1.Record_Ip:
		return firstError(notEmpty("cloud_type", record.GetCloudType()), checkIP(kind.Ip))
	case *pluginv1.Record_Accelerator:
		return checkAccelerator(kind.Accelerator)
	case *pluginv1.Record_Storage:
		return checkStorage(kind.Storage)
	case *pluginv1.Record_Energy:
		return checkEnergy(kind.Energy)
	}
	return errors.New("no cloud, ip, accelerator, storage or energy record in it")
}

// Subject returns the type of a record and what it is about, for messages: "cloud record of
// SERVER".
func Subject(record *pluginv1.Record) string {
	subject := SubjectID(record)
	if record.GetKind() == nil {
		return "empty record"
	}
	text := RecordTypeName(RecordTypeOf(record)) + " record"
	if subject != "" {
		text += fmt.Sprintf(" of %q", subject)
	}
	return text
}

// SubjectID returns the ID of what a record is about: a server, a volume, or a user's addresses.
func SubjectID(record *pluginv1.Record) string {
	switch kind := record.GetKind().(type) {
	case *pluginv1.Record_Cloud:
		return kind.Cloud.GetVmUuid()
	case *pluginv1.Record_Ip:
		return kind.Ip.GetLocalUserId()
	case *pluginv1.Record_Accelerator:
		return kind.Accelerator.GetVmUuid()
	case *pluginv1.Record_Storage:
		return kind.Storage.GetVolumeId()
	case *pluginv1.Record_Energy:
		return kind.Energy.GetVmUuid()
	}
	return ""
}

func checkCloud(cloud *pluginv1.CloudRecord) error {
	if err := firstError(
		notEmpty("vm_uuid", cloud.GetVmUuid()),
		validText("machine_name", cloud.GetMachineName()),
		validText("local_user_id", cloud.GetLocalUserId()),
		validText("global_user_name", cloud.GetGlobalUserName()),
		validText("network_type", cloud.GetNetworkType()),
		validText("image_id", cloud.GetImageId()),
		validText("storage_record_id", cloud.GetStorageRecordId()),
		knownStatus(cloud.GetStatus()),
		validTime("start_time", cloud.GetStartTime()),
		validTime("record_create_time", cloud.GetRecordCreateTime()),
		inOrder("start_time", cloud.GetStartTime(), "record_create_time", cloud.GetRecordCreateTime()),
		validDuration("suspend_duration", cloud.GetSuspendDuration()),
		validDuration("wall_duration", cloud.GetWallDuration()),
		validDuration("cpu_duration", cloud.GetCpuDuration()),
		validFigure("cpu_count", cloud.GetCpuCount()),
		validCount("memory_mb", cloud.GetMemoryMb()),
		validCount("disk_gb", cloud.GetDiskGb()),
		validCount("network_inbound_gb", cloud.GetNetworkInboundGb()),
		validCount("network_outbound_gb", cloud.GetNetworkOutboundGb()),
		validCount("public_ip_count", cloud.GetPublicIpCount()),
		checkBenchmark(cloud.GetBenchmark()),
	); err != nil {
		return err
	}
	until := cloud.GetRecordCreateTime()
	completed := cloud.GetStatus() == pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED
	switch {
	case completed && cloud.GetEndTime() == nil:
		return errors.New("status is COMPLETED, but end_time is missing")
	case !completed && cloud.GetEndTime() != nil:
		return errors.New("end_time is set, but status is not COMPLETED")
	case completed:
		if err := firstError(
			validTime("end_time", cloud.GetEndTime()),
			inOrder("start_time", cloud.GetStartTime(), "end_time", cloud.GetEndTime()),
			inOrder("end_time", cloud.GetEndTime(), "record_create_time", until),
		); err != nil {
			return err
		}
		until = cloud.GetEndTime()
	}
	if cloud.GetWallDuration() == nil {
		return missingField("wall_duration")
	}
	// Compared in seconds: a time.Duration overflows after 292 years, and a plugin may send
	// anything.
	existed := until.GetSeconds() - cloud.GetStartTime().GetSeconds()
	wall, suspended := cloud.GetWallDuration().GetSeconds(), cloud.GetSuspendDuration().GetSeconds()
	if wall != existed-suspended {
		return fmt.Errorf("wall_duration is %d s: it must be %d s, the %d s since start_time less suspend_duration (%d s)",
			wall, existed-suspended, existed, suspended)
	}
	return nil
}

func checkIP(ip *pluginv1.IpRecord) error {
	if err := firstError(
		validTime("measurement_time", ip.GetMeasurementTime()),
		notEmpty("local_user_id", ip.GetLocalUserId()),
		notEmpty("global_user_name", ip.GetGlobalUserName()),
		validCount("ip_count", ip.GetIpCount()),
	); err != nil {
		return err
	}
	if version := ip.GetIpVersion(); version != 4 && version != 6 {
		return fmt.Errorf("ip_version is %d: it must be 4 or 6", version)
	}
	return nil
}

func checkAccelerator(accelerator *pluginv1.AcceleratorRecord) error {
	year, month := accelerator.GetMeasurementYear(), accelerator.GetMeasurementMonth()
	switch _, known := pluginv1.AcceleratorType_name[int32(accelerator.GetType())]; {
	case year < 1970 || year > 9999:
		return fmt.Errorf("measurement_year is %d: it must be 1970 to 9999", year)
	case month < 1 || month > 12:
		return fmt.Errorf("measurement_month is %d: it must be 1 to 12", month)
	case !known || accelerator.GetType() == pluginv1.AcceleratorType_ACCELERATOR_TYPE_UNSPECIFIED:
		return fmt.Errorf("type is %d: it is missing or not an AcceleratorType", accelerator.GetType())
	}
	days := time.Date(int(year), time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
	return firstError(
		notEmpty("vm_uuid", accelerator.GetVmUuid()),
		notEmpty("model", accelerator.GetModel()),
		validText("global_user_name", accelerator.GetGlobalUserName()),
		validFigure("count", accelerator.GetCount()),
		validCount("cores", accelerator.GetCores()),
		validDuration("available_duration", accelerator.GetAvailableDuration()),
		withinMonth("available_duration", accelerator.GetAvailableDuration(), days),
		validDuration("active_duration", accelerator.GetActiveDuration()),
		withinMonth("active_duration", accelerator.GetActiveDuration(), days),
		checkBenchmark(accelerator.GetBenchmark()),
	)
}

func checkStorage(storage *pluginv1.StorageRecord) error {
	return firstError(
		notEmpty("volume_id", storage.GetVolumeId()),
		validTime("create_time", storage.GetCreateTime()),
		notEmpty("storage_system", storage.GetStorageSystem()),
		validText("storage_class", storage.GetStorageClass()),
		validText("local_user_id", storage.GetLocalUserId()),
		validText("global_user_name", storage.GetGlobalUserName()),
		validText("attached_to", storage.GetAttachedTo()),
		validTime("start_time", storage.GetStartTime()),
		validTime("end_time", storage.GetEndTime()),
		inOrder("start_time", storage.GetStartTime(), "end_time", storage.GetEndTime()),
		inOrder("end_time", storage.GetEndTime(), "create_time", storage.GetCreateTime()),
		validCount("capacity_used_bytes", storage.GetCapacityUsedBytes()),
	)
}

func checkEnergy(energy *pluginv1.EnergyRecord) error {
	return firstError(
		notEmpty("vm_uuid", energy.GetVmUuid()),
		validTime("start_time", energy.GetStartTime()),
		validTime("end_time", energy.GetEndTime()),
		inOrder("start_time", energy.GetStartTime(), "end_time", energy.GetEndTime()),
		validFigure("energy_wh", energy.GetEnergyWh()),
		knownStatus(energy.GetStatus()),
		validDuration("wall_duration", energy.GetWallDuration()),
		validDuration("cpu_duration", energy.GetCpuDuration()),
		validDuration("suspend_duration", energy.GetSuspendDuration()),
		validFigure("cpu_normalization_factor", energy.GetCpuNormalizationFactor()),
		validFigure("work", energy.GetWork()),
		validFigure("efficiency", energy.GetEfficiency()),
	)
}
