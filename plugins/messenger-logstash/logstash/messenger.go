// Package logstash is the messenger that sends records to Logstash as JSON lines over TCP, with or
// without TLS.
//
// The fields of a record come from plugins/internal/apel. What happens to a document is up to the
// configuration of Logstash.
package logstash

import (
	"bytes"
	"context"

	"github.com/hashicorp/go-hclog"

	"github.com/caso-project/caso/internal/version"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

// Messenger sends every batch over a connection of its own. The protocol has no acknowledgement:
// only the receiver's close of the connection shows that it has read everything.
type Messenger struct {
	receiver receiver
}

// New returns a messenger that is not yet configured.
func New() *Messenger {
	return &Messenger{}
}

// Describe returns a description with all record types.
func (*Messenger) Describe() sdk.Description {
	return sdk.Description{
		Name:        "logstash",
		Version:     version.String(),
		RecordTypes: sdk.Accepts(sdk.AllRecordTypes()...),
		Options:     options(),
	}
}

// Configure checks the settings and reads the certificate files.
func (m *Messenger) Configure(_ context.Context, config sdk.Config) error {
	var err error
	m.receiver, err = readReceiver(config)
	return err
}

// Check connects, with the TLS handshake, and closes the connection without sending a record.
func (m *Messenger) Check(ctx context.Context) error {
	if err := m.receiver.send(ctx, nil); err != nil {
		return err
	}
	return sdk.Infof("Logstash at %s accepts connections", m.receiver.address)
}

// Deliver sends a batch and waits until the receiver has read it. After any error the whole batch
// is sent again: how much of it arrived is unknown, and a document that arrives twice has the same
// id.
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
	hclog.FromContext(ctx).Debug("sent records to Logstash",
		"batch", batch.GetId(), "records", sent, "receiver", m.receiver.address)
	return sdk.RejectedRecords(rejected...)
}
