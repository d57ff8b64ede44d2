// Package contract holds what the host, the SDK and the conformance suite must agree on and what
// the .proto files cannot express: the go-plugin handshake and its TLS, the limits of messages, the
// ids of records, and the rules for descriptions, options, diagnostics and records.
//
// Each rule is written once, here, with its reason. The host enforces it on what plugins send, the
// SDK on what it is about to send, and plugintest reports it under the name of a rule.
package contract

import (
	"github.com/hashicorp/go-plugin"
)

// ProtocolVersion is the major version of the contract and go-plugin's protocol version.
const ProtocolVersion = 1

// Limits of messages. The host rejects more than the Max figures. The SDK fills batches up to the
// Full figures: gRPC's buffers make messages just above 32 KiB expensive, 190 KiB is the next good
// size, and it holds as many cloud records as a few full messages of APEL's.
const (
	MaxBatchRecords  = 1000
	MaxBatchBytes    = 1 << 20
	MaxStateBytes    = 16 << 20
	MaxRecordIDBytes = 512
	FullBatchRecords = 500
	FullBatchBytes   = 190 << 10
	// MaxMessageBytes bounds every gRPC message in both directions. The largest is a Complete with
	// its state.
	MaxMessageBytes = MaxStateBytes + 1<<20
)

// Environment variables that the host sets for a plugin.
const (
	// LogLevelEnv is the hclog level at which the plugin logs.
	LogLevelEnv = "CASO_LOG_LEVEL"
	// LifelineEnv is the number of a file descriptor that reads as ended once the host is gone.
	LifelineEnv = "CASO_LIFELINE_FD"
	// ClientCertEnv is the PEM certificate by which a plugin recognises its host, as in go-plugin's
	// AutoMTLS.
	ClientCertEnv = "PLUGIN_CLIENT_CERT"
)

// Handshake returns what go-plugin checks before anything else. The cookie is not a secret: it lets
// a plugin that is started by hand exit at once.
func Handshake() plugin.HandshakeConfig {
	return plugin.HandshakeConfig{
		ProtocolVersion:  ProtocolVersion,
		MagicCookieKey:   "CASO_PLUGIN",
		MagicCookieValue: "caso.plugin.v1",
	}
}
