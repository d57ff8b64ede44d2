package sdk

import (
	"time"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// The record types of the contract.
const (
	Cloud       = pluginv1.RecordType_RECORD_TYPE_CLOUD
	IP          = pluginv1.RecordType_RECORD_TYPE_IP
	Accelerator = pluginv1.RecordType_RECORD_TYPE_ACCELERATOR
	Storage     = pluginv1.RecordType_RECORD_TYPE_STORAGE
	Energy      = pluginv1.RecordType_RECORD_TYPE_ENERGY
)

// Limits that the host enforces.
const (
	// MaxBatchRecords is the largest number of records in a batch.
	MaxBatchRecords = contract.MaxBatchRecords
	// MaxBatchBytes is the largest size of a batch, and so of a record, in bytes.
	MaxBatchBytes = contract.MaxBatchBytes
	// MaxStateBytes is the largest size of the state that Extract returns, in bytes.
	MaxStateBytes = contract.MaxStateBytes
)

// RecordType is a record type that an extractor emits, with its time semantics, or that a messenger
// accepts.
type RecordType struct {
	Type          pluginv1.RecordType
	TimeSemantics pluginv1.TimeSemantics
}

// Emits returns record types as an extractor declares them, each with the time semantics that its
// fields express: cloud records are cumulative, ip and storage records snapshots, accelerator
// records monthly, energy records per interval.
func Emits(types ...pluginv1.RecordType) []RecordType {
	declared := make([]RecordType, len(types))
	for i, t := range types {
		declared[i] = RecordType{Type: t, TimeSemantics: contract.TimeSemanticsOf(t)}
	}
	return declared
}

// Accepts returns record types as a messenger declares them.
func Accepts(types ...pluginv1.RecordType) []RecordType {
	declared := make([]RecordType, len(types))
	for i, t := range types {
		declared[i] = RecordType{Type: t}
	}
	return declared
}

// AllRecordTypes returns every record type of the contract.
func AllRecordTypes() []pluginv1.RecordType { return contract.RecordTypes() }

// RecordTypeOf returns the type of a record; unspecified if it has no content.
func RecordTypeOf(record *pluginv1.Record) pluginv1.RecordType { return contract.RecordTypeOf(record) }

// RecordTypeName returns the name of a record type in configurations and messages, such as "cloud".
func RecordTypeName(t pluginv1.RecordType) string { return contract.RecordTypeName(t) }

// CheckRecord returns what is wrong with a record that an extractor is about to emit. Emit checks
// it too, but then the window fails; an extractor that would rather leave out one subject checks it
// first. internal/contract documents the rules.
func CheckRecord(record *pluginv1.Record) error { return contract.CheckRecord(record) }

// Window is a half-open interval of time, [From, To), in whole seconds, UTC.
type Window struct{ From, To time.Time }

// Month is the part of a window that lies in one calendar month (UTC).
type Month = contract.Month

// Months divides a window at the months. A cumulative or monthly record type needs, for every
// subject, one record as of the AsOf of each part that the subject existed in, in this order.
func Months(window Window) []Month { return contract.Months(window.From, window.To) }
