// Package noop is the messenger that hands records to nobody: to see what caso would send, and to keep
// checkpoints moving at a site that reports nowhere yet.
package noop

import (
	"context"

	"github.com/hashicorp/go-hclog"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	"github.com/caso-project/caso/internal/version"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Messenger acknowledges every batch and logs the ids of its records at debug level.
type Messenger struct{}

// New makes the messenger.
func New() *Messenger {
	return &Messenger{}
}

// Describe says that it takes everything and has no options.
func (*Messenger) Describe() sdk.Description {
	return sdk.Description{
		Name:    "noop",
		Version: version.String(),
		RecordTypes: []pluginv1.RecordType{
			pluginv1.RecordType_RECORD_TYPE_CLOUD,
			pluginv1.RecordType_RECORD_TYPE_IP,
			pluginv1.RecordType_RECORD_TYPE_ACCELERATOR,
			pluginv1.RecordType_RECORD_TYPE_STORAGE,
			pluginv1.RecordType_RECORD_TYPE_ENERGY,
		},
	}
}

// Configure has nothing to check.
func (*Messenger) Configure(context.Context, sdk.Config) []*pluginv1.Diagnostic {
	return nil
}

// Deliver logs and is done.
func (*Messenger) Deliver(ctx context.Context, batch *pluginv1.Batch) error {
	logger := hclog.FromContext(ctx)
	for _, record := range batch.GetRecords() {
		logger.Debug("record", "batch", batch.GetId(), "id", record.GetId())
	}
	return nil
}
