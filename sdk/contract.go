package sdk

import (
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// ProtocolVersion is the major version of the contract, and go-plugin's protocol version with it.
const ProtocolVersion = 1

// Limits of one batch. The host refuses more than the Max figures; Serve fills batches up to the
// others. gRPC's buffers make messages just above 32 KiB dear; 190 KiB is the next good size, and holds
// as many cloud records as a few full messages of APEL's.
const (
	MaxBatchRecords  = 1000
	MaxBatchBytes    = 1 << 20
	MaxStateBytes    = 16 << 20
	FullBatchRecords = 500
	FullBatchBytes   = 190 << 10
	// MaxMessageBytes bounds every gRPC message in both directions: the largest is a Complete with
	// its state.
	MaxMessageBytes = MaxStateBytes + 1<<20
)

// Environment variables by which the host tells a plugin how to behave.
const (
	// LogLevelEnv holds the hclog level at which the plugin logs.
	LogLevelEnv = "CASO_LOG_LEVEL"
	// LifelineEnv holds the number of a file descriptor that reads as ended once the host is gone.
	LifelineEnv = "CASO_LIFELINE_FD"
)

// Handshake is what go-plugin checks before anything else. The cookie is no secret: it keeps a plugin
// that a person starts by hand from waiting for a host.
func Handshake() plugin.HandshakeConfig {
	return plugin.HandshakeConfig{
		ProtocolVersion:  ProtocolVersion,
		MagicCookieKey:   "CASO_PLUGIN",
		MagicCookieValue: "caso.plugin.v1",
	}
}

// RecordTypeOf is the type of a record; unspecified where it holds none.
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

// size is what a record adds to the size of a batch.
func size(record *pluginv1.Record) int {
	return proto.Size(record) + 8
}

// serverOptions are those of every plugin's gRPC server.
func serverOptions(opts []grpc.ServerOption) []grpc.ServerOption {
	return append(opts,
		grpc.MaxRecvMsgSize(MaxMessageBytes),
		grpc.MaxSendMsgSize(MaxMessageBytes))
}
