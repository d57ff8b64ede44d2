// Package logstash is the messenger that sends records to Logstash as JSON lines over TCP, with TLS
// or without.
//
// What a record's fields are called is in plugins/internal/apel. Everything that happens to a
// document after Logstash took it is the business of Logstash's configuration.
package logstash

import (
	"bytes"
	"context"

	"github.com/hashicorp/go-hclog"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	"github.com/caso-project/caso/internal/version"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Messenger sends every batch over a connection of its own: TCP acknowledges nothing to us, and the
// receiver's closing of the connection is the only sign that it has read to the end.
type Messenger struct {
	receiver receiver
}

// New makes a messenger that has yet to be configured.
func New() *Messenger {
	return &Messenger{}
}

// Describe says that it takes records of every type.
func (*Messenger) Describe() sdk.Description {
	return sdk.Description{
		Name:    "logstash",
		Version: version.String(),
		RecordTypes: []pluginv1.RecordType{
			pluginv1.RecordType_RECORD_TYPE_CLOUD,
			pluginv1.RecordType_RECORD_TYPE_IP,
			pluginv1.RecordType_RECORD_TYPE_ACCELERATOR,
			pluginv1.RecordType_RECORD_TYPE_STORAGE,
			pluginv1.RecordType_RECORD_TYPE_ENERGY,
		},
		Options: options(),
	}
}

// Configure takes the options and reads the files of certificates.
func (m *Messenger) Configure(_ context.Context, config sdk.Config) []*pluginv1.Diagnostic {
	var diagnostics []*pluginv1.Diagnostic
	m.receiver, diagnostics = readReceiver(config)
	return diagnostics
}

// Deliver sends a batch and waits until the receiver has read it. Whatever goes wrong, the whole
// batch is sent again: nobody can say how much of it arrived, and a document that arrives twice has
// the same id.
func (m *Messenger) Deliver(ctx context.Context, batch *pluginv1.Batch) error {
	var (
		lines    bytes.Buffer
		sent     int
		rejected []*pluginv1.RejectedRecord
	)
	for _, record := range batch.GetRecords() {
		line, err := documentLine(record)
		if err != nil {
			rejected = append(rejected, &pluginv1.RejectedRecord{RecordId: record.GetId(), Reason: err.Error()})
			continue
		}
		lines.Write(line)
		sent++
	}
	if sent > 0 {
		if err := m.receiver.send(ctx, lines.Bytes()); err != nil {
			return err
		}
	}
	hclog.FromContext(ctx).Debug("sent to Logstash", "batch", batch.GetId(), "records", sent, "receiver", m.receiver.address)
	if len(rejected) > 0 {
		return sdk.RejectedRecords(rejected...)
	}
	return nil
}
