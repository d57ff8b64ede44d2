// Package noop is the messenger that discards records: for a first run, and for a site whose
// checkpoints must advance before it reports to anyone.
package noop

import (
	"context"

	"github.com/hashicorp/go-hclog"

	"github.com/caso-project/caso/internal/version"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

// Messenger acknowledges every batch and logs the ids of its records at debug level.
type Messenger struct{}

// New returns a messenger.
func New() *Messenger {
	return &Messenger{}
}

// Describe returns a description with all record types and no options.
func (*Messenger) Describe() sdk.Description {
	return sdk.Description{
		Name:        "noop",
		Version:     version.String(),
		RecordTypes: sdk.Accepts(sdk.AllRecordTypes()...),
	}
}

// Configure accepts any settings.
func (*Messenger) Configure(context.Context, sdk.Config) error {
	return nil
}

// Deliver logs the ids of the records.
func (*Messenger) Deliver(ctx context.Context, batch *pluginv1.Batch) error {
	logger := hclog.FromContext(ctx)
	if !logger.IsDebug() {
		return nil
	}
	for _, record := range batch.GetRecords() {
		logger.Debug("record discarded", "batch", batch.GetId(), "record", record.GetId())
	}
	return nil
}
