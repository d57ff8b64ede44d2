package apel

import pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"

// ip gives a count of addresses the keys of APEL's public IP usage record.
func (b *builder) ip(record *pluginv1.Record, ip *pluginv1.IpRecord) {
	b.time("MeasurementTime", ip.GetMeasurementTime())
	b.text("SiteName", record.GetSiteName())
	b.text("CloudComputeService", record.GetCloudComputeService())
	b.text("CloudType", record.GetCloudType())
	b.text("LocalUser", ip.GetLocalUserId())
	b.text("LocalGroup", record.GetProjectId())
	b.text("GlobalUserName", ip.GetGlobalUserName())
	b.text("FQAN", record.GetFqan())
	b.integer("IPVersion", int64(ip.GetIpVersion()))
	b.integer("IPCount", ip.GetIpCount())
}

// accelerator gives a VM's accelerators the keys of APEL's accelerator usage record.
func (b *builder) accelerator(record *pluginv1.Record, accelerator *pluginv1.AcceleratorRecord) {
	b.integer("MeasurementMonth", int64(accelerator.GetMeasurementMonth()))
	b.integer("MeasurementYear", int64(accelerator.GetMeasurementYear()))
	// A record of a VM's accelerators belongs to the VM's cloud record; APEL has no other kind yet.
	b.text("AssociatedRecordType", "cloud")
	b.text("AssociatedRecord", accelerator.GetVmUuid())
	b.text("GlobalUserName", accelerator.GetGlobalUserName())
	b.text("FQAN", record.GetFqan())
	b.text("SiteName", record.GetSiteName())
	b.text("Type", acceleratorType(accelerator.GetType()))
	b.text("Model", accelerator.GetModel())
	b.number("Count", accelerator.GetCount())
	b.optionalInteger("Cores", accelerator.Cores)
	b.seconds("AvailableDuration", accelerator.GetAvailableDuration())
	b.seconds("ActiveDuration", accelerator.GetActiveDuration())
	b.benchmark(accelerator.GetBenchmark())
}

func acceleratorType(value pluginv1.AcceleratorType) string {
	switch value {
	case pluginv1.AcceleratorType_ACCELERATOR_TYPE_GPU:
		return "GPU"
	case pluginv1.AcceleratorType_ACCELERATOR_TYPE_FPGA:
		return "FPGA"
	}
	return "Other"
}

// storage gives a volume the names of EMI StAR's elements and attributes, without their nesting. Times
// are epoch seconds here too, where StAR itself writes dates: an index that holds StartTime of all kinds
// of records would otherwise refuse those that differ.
func (b *builder) storage(record *pluginv1.Record, volume *pluginv1.StorageRecord) {
	b.text("recordId", volume.GetVolumeId())
	b.time("createTime", volume.GetCreateTime())
	b.text("StorageSystem", volume.GetStorageSystem())
	b.text("Site", record.GetSiteName())
	b.text("StorageClass", volume.GetStorageClass())
	b.text("LocalUser", volume.GetLocalUserId())
	b.text("LocalGroup", record.GetProjectId())
	b.text("UserIdentity", volume.GetGlobalUserName())
	b.text("Group", record.GetFqan())
	b.time("StartTime", volume.GetStartTime())
	b.time("EndTime", volume.GetEndTime())
	b.integer("ResourceCapacityUsed", volume.GetCapacityUsedBytes())
	b.text("AttachedTo", volume.GetAttachedTo())
}

// energy gives a VM's energy the keys by which cASO's EnergyRecord knows it; APEL has none of its own.
func (b *builder) energy(record *pluginv1.Record, energy *pluginv1.EnergyRecord) {
	b.text("ExecUnitID", energy.GetVmUuid())
	b.text("SiteName", record.GetSiteName())
	b.text("CloudComputeService", record.GetCloudComputeService())
	b.text("CloudType", record.GetCloudType())
	b.text("Owner", record.GetFqan())
	b.time("StartExecTime", energy.GetStartTime())
	b.time("EndExecTime", energy.GetEndTime())
	b.number("EnergyWh", energy.GetEnergyWh())
	b.status(energy.GetStatus())
	finished := int64(0)
	if energy.GetStatus() == pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED {
		finished = 1
	}
	b.integer("ExecUnitFinished", finished)
}
