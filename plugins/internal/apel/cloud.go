package apel

import pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"

// cloud gives a VM the keys of APEL's CloudRecord.
func (b *builder) cloud(record *pluginv1.Record, vm *pluginv1.CloudRecord) {
	b.text("VMUUID", vm.GetVmUuid())
	b.text("SiteName", record.GetSiteName())
	b.text("CloudComputeService", record.GetCloudComputeService())
	b.text("CloudType", record.GetCloudType())
	b.text("FQAN", record.GetFqan())
	b.text("MachineName", vm.GetMachineName())
	b.text("LocalUserId", vm.GetLocalUserId())
	b.text("LocalGroupId", record.GetProjectId())
	b.text("GlobalUserName", vm.GetGlobalUserName())
	b.text("ImageId", vm.GetImageId())
	b.text("StorageRecordId", vm.GetStorageRecordId())
	b.text("NetworkType", vm.GetNetworkType())
	b.status(vm.GetStatus())
	b.time("StartTime", vm.GetStartTime())
	b.time("EndTime", vm.GetEndTime())
	b.time("RecordCreateTime", vm.GetRecordCreateTime())
	b.seconds("SuspendDuration", vm.GetSuspendDuration())
	b.atLeastOneSecond("WallDuration", vm.GetWallDuration())
	b.atLeastOneSecond("CpuDuration", vm.GetCpuDuration())
	if vm.CpuCount != nil {
		b.decimal("CpuCount", vm.GetCpuCount())
	}
	b.optionalInteger("Memory", vm.MemoryMb)
	b.optionalInteger("Disk", vm.DiskGb)
	b.optionalInteger("NetworkInbound", vm.NetworkInboundGb)
	b.optionalInteger("NetworkOutbound", vm.NetworkOutboundGb)
	b.optionalInteger("PublicIPCount", vm.PublicIpCount)
	b.benchmark(vm.GetBenchmark())
}
