package apel

import pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"

// setCloud sets the keys of APEL's CloudRecord.
func (b *fieldBuilder) setCloud(record *pluginv1.Record, vm *pluginv1.CloudRecord) {
	b.setText("VMUUID", vm.GetVmUuid())
	b.setText("SiteName", record.GetSiteName())
	b.setText("CloudComputeService", record.GetCloudComputeService())
	b.setText("CloudType", record.GetCloudType())
	b.setText("FQAN", record.GetFqan())
	b.setText("MachineName", vm.GetMachineName())
	b.setText("LocalUserId", vm.GetLocalUserId())
	b.setText("LocalGroupId", record.GetProjectId())
	b.setText("GlobalUserName", vm.GetGlobalUserName())
	b.setText("ImageId", vm.GetImageId())
	b.setText("StorageRecordId", vm.GetStorageRecordId())
	b.setText("NetworkType", vm.GetNetworkType())
	b.setStatus(vm.GetStatus())
	b.setTime("StartTime", vm.GetStartTime())
	b.setTime("EndTime", vm.GetEndTime())
	b.setTime("RecordCreateTime", vm.GetRecordCreateTime())
	b.setSeconds("SuspendDuration", vm.GetSuspendDuration())
	b.setAtLeastOneSecond("WallDuration", vm.GetWallDuration())
	b.setAtLeastOneSecond("CpuDuration", vm.GetCpuDuration())
	if vm.CpuCount != nil {
		b.setDecimal("CpuCount", vm.GetCpuCount())
	}
	b.setOptionalInteger("Memory", vm.MemoryMb)
	b.setOptionalInteger("Disk", vm.DiskGb)
	b.setOptionalInteger("NetworkInbound", vm.NetworkInboundGb)
	b.setOptionalInteger("NetworkOutbound", vm.NetworkOutboundGb)
	b.setOptionalInteger("PublicIPCount", vm.PublicIpCount)
	b.setBenchmark(vm.GetBenchmark())
}

// setIP sets the keys of APEL's public IP usage record.
func (b *fieldBuilder) setIP(record *pluginv1.Record, ip *pluginv1.IpRecord) {
	b.setTime("MeasurementTime", ip.GetMeasurementTime())
	b.setText("SiteName", record.GetSiteName())
	b.setText("CloudComputeService", record.GetCloudComputeService())
	b.setText("CloudType", record.GetCloudType())
	b.setText("LocalUser", ip.GetLocalUserId())
	b.setText("LocalGroup", record.GetProjectId())
	b.setText("GlobalUserName", ip.GetGlobalUserName())
	b.setText("FQAN", record.GetFqan())
	b.setInteger("IPVersion", int64(ip.GetIpVersion()))
	b.setInteger("IPCount", ip.GetIpCount())
}

// setAccelerator sets the keys of APEL's accelerator usage record.
func (b *fieldBuilder) setAccelerator(record *pluginv1.Record, accelerator *pluginv1.AcceleratorRecord) {
	b.setInteger("MeasurementMonth", int64(accelerator.GetMeasurementMonth()))
	b.setInteger("MeasurementYear", int64(accelerator.GetMeasurementYear()))
	// APEL has no other associated record type yet.
	b.setText("AssociatedRecordType", "cloud")
	b.setText("AssociatedRecord", accelerator.GetVmUuid())
	b.setText("GlobalUserName", accelerator.GetGlobalUserName())
	b.setText("FQAN", record.GetFqan())
	b.setText("SiteName", record.GetSiteName())
	b.setText("Type", acceleratorType(accelerator.GetType()))
	b.setText("Model", accelerator.GetModel())
	b.setNumber("Count", accelerator.GetCount())
	b.setOptionalInteger("Cores", accelerator.Cores)
	b.setSeconds("AvailableDuration", accelerator.GetAvailableDuration())
	b.setSeconds("ActiveDuration", accelerator.GetActiveDuration())
	b.setBenchmark(accelerator.GetBenchmark())
}

// acceleratorType returns the text of APEL's Type field.
func acceleratorType(accelerator pluginv1.AcceleratorType) string {
	switch accelerator {
	case pluginv1.AcceleratorType_ACCELERATOR_TYPE_GPU:
		return "GPU"
	case pluginv1.AcceleratorType_ACCELERATOR_TYPE_FPGA:
		return "FPGA"
	}
	return "Other"
}

// setStorage sets the names of EMI StAR's elements and attributes, without their nesting. Times are
// epoch seconds, where StAR itself writes dates: an Elasticsearch index has one type per field, and
// StartTime is a field of several record types.
func (b *fieldBuilder) setStorage(record *pluginv1.Record, volume *pluginv1.StorageRecord) {
	b.setText("recordId", volume.GetVolumeId())
	b.setTime("createTime", volume.GetCreateTime())
	b.setText("StorageSystem", volume.GetStorageSystem())
	b.setText("Site", record.GetSiteName())
	b.setText("StorageClass", volume.GetStorageClass())
	b.setText("LocalUser", volume.GetLocalUserId())
	b.setText("LocalGroup", record.GetProjectId())
	b.setText("UserIdentity", volume.GetGlobalUserName())
	b.setText("Group", record.GetFqan())
	b.setTime("StartTime", volume.GetStartTime())
	b.setTime("EndTime", volume.GetEndTime())
	b.setInteger("ResourceCapacityUsed", volume.GetCapacityUsedBytes())
	b.setText("AttachedTo", volume.GetAttachedTo())
}

// setEnergy sets the keys of cASO's EnergyRecord; APEL has no energy record.
func (b *fieldBuilder) setEnergy(record *pluginv1.Record, energy *pluginv1.EnergyRecord) {
	b.setText("ExecUnitID", energy.GetVmUuid())
	b.setText("SiteName", record.GetSiteName())
	b.setText("CloudComputeService", record.GetCloudComputeService())
	b.setText("CloudType", record.GetCloudType())
	b.setText("Owner", record.GetFqan())
	b.setTime("StartExecTime", energy.GetStartTime())
	b.setTime("EndExecTime", energy.GetEndTime())
	b.setNumber("EnergyWh", energy.GetEnergyWh())
	b.setStatus(energy.GetStatus())
	finished := int64(0)
	if energy.GetStatus() == pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED {
		finished = 1
	}
	b.setInteger("ExecUnitFinished", finished)
}
