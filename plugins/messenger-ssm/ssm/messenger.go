// Package ssm is the messenger for APEL: it writes records as APEL cloud record messages into the
// directory queue from which APEL's Secure Stomp Messenger (SSM) sends.
//
// SSM signs and sends the messages, with its own configuration and credentials. The fields of a
// record come from plugins/internal/apel; package dirq writes the queue.
package ssm

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"github.com/hashicorp/go-hclog"

	"github.com/caso-project/caso/internal/version"
	"github.com/caso-project/caso/plugins/messenger-ssm/dirq"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

// Messenger puts messages into one queue.
type Messenger struct {
	settings settings
	queue    *dirq.Queue
}

// New returns a messenger that is not yet configured.
func New() *Messenger {
	return &Messenger{}
}

// Describe returns a description with cloud records only. APEL has other destinations and formats
// for records of other types.
func (*Messenger) Describe() sdk.Description {
	return sdk.Description{
		Name:        "ssm",
		Version:     version.String(),
		RecordTypes: sdk.Accepts(sdk.Cloud),
		Options:     options(),
	}
}

// Configure checks the settings but not the directory, which may be on a disk that is mounted
// later.
func (m *Messenger) Configure(_ context.Context, config sdk.Config) error {
	var err error
	m.settings, err = readSettings(config)
	m.queue = dirq.Open(m.settings.outputPath)
	return err
}

// Check tests whether messages could be put into the queue now. It changes nothing on disk.
func (m *Messenger) Check(context.Context) error {
	if err := m.queue.Check(); err != nil {
		return m.queueError("checking", err)
	}
	return sdk.Infof("SSM spool %q is writable", m.settings.outputPath)
}

// Deliver writes a batch as one or more messages. A batch that is delivered again gives the same
// messages. APEL then keeps one record, since its key is VM and month.
func (m *Messenger) Deliver(ctx context.Context, batch *pluginv1.Batch) error {
	var (
		texts    []string
		rejected []*pluginv1.RejectedRecord
	)
	for _, record := range batch.GetRecords() {
		text, err := recordText(record, m.settings.messageVersion)
		if err != nil {
			rejected = append(rejected, &pluginv1.RejectedRecord{RecordId: record.GetId(), Reason: err.Error()})
			continue
		}
		texts = append(texts, text)
	}
	messages := buildMessages(m.settings.messageVersion, texts, m.settings.maxRecords)
	if err := m.queue.Add(ctx, messages...); err != nil {
		return m.queueError("writing messages to", err)
	}
	hclog.FromContext(ctx).Debug("wrote messages to the SSM spool",
		"batch", batch.GetId(), "records", len(texts), "messages", len(messages))
	return sdk.RejectedRecords(rejected...)
}

// queueError returns an error after which the batch is delivered again: every cause can pass or be
// repaired.
func (m *Messenger) queueError(doing string, err error) error {
	return sdk.OptionErrorf(section, "output_path", "%s SSM spool %q: %v", doing, m.settings.outputPath, err).
		WithDetail(queueRemedy(err))
}

func queueRemedy(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "Free space on the file system of output_path. SSM's sender empties it: check that it is running."
	case errors.Is(err, syscall.EROFS):
		return "The file system of output_path is mounted read-only: mount it for writing."
	case errors.Is(err, syscall.ENOTDIR):
		return "output_path, or a part of it, is not a directory."
	case errors.Is(err, syscall.EPERM), errors.Is(err, dirq.ErrNoHardLinks):
		// link(2): the file system has no hard links, or the kernel protects them.
		return "The file system of output_path must support hard links, and the user that runs caso must own the files " +
			"that it writes there."
	case errors.Is(err, fs.ErrPermission):
		return "The user that runs caso must be able to read and write output_path and its subdirectories."
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "The run ended before the messages were written."
	}
	return "Check output_path and the file system that it is on."
}
