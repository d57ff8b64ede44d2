// Package ssm is the messenger for APEL: it writes records as APEL's cloud record messages and puts
// these into the directory queue that APEL's Secure Stomp Messenger (SSM) sends from.
//
// Signing and sending are SSM's, which has its own configuration and credentials. What a record's
// fields are called is in plugins/internal/apel, how a queue is written in package dirq.
package ssm

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"github.com/hashicorp/go-hclog"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	"github.com/caso-project/caso/internal/version"
	"github.com/caso-project/caso/plugins/messenger-ssm/dirq"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Messenger puts messages into one queue.
type Messenger struct {
	settings settings
	queue    *dirq.Queue
}

// New makes a messenger that has yet to be configured.
func New() *Messenger {
	return &Messenger{}
}

// Describe says that it takes cloud records. Records of other types go to other destinations of
// APEL's in other formats.
func (*Messenger) Describe() sdk.Description {
	return sdk.Description{
		Name:        "ssm",
		Version:     version.String(),
		RecordTypes: []pluginv1.RecordType{pluginv1.RecordType_RECORD_TYPE_CLOUD},
		Options:     options(),
	}
}

// Configure takes the options. The directory is looked at by Deliver: until then a disk may be
// mounted.
func (m *Messenger) Configure(_ context.Context, config sdk.Config) []*pluginv1.Diagnostic {
	read, diagnostics := readSettings(config)
	m.settings = read
	m.queue = dirq.Open(read.outputPath)
	return diagnostics
}

// Deliver writes a batch as one message or more. A batch that comes again gives the same messages
// again, for which APEL has a use for only one: its key is VM and month.
func (m *Messenger) Deliver(ctx context.Context, batch *pluginv1.Batch) error {
	var (
		texts    []string
		rejected []*pluginv1.RejectedRecord
	)
	for _, record := range batch.GetRecords() {
		text, err := recordText(record, m.settings.version)
		if err != nil {
			rejected = append(rejected, &pluginv1.RejectedRecord{RecordId: record.GetId(), Reason: err.Error()})
			continue
		}
		texts = append(texts, text)
	}
	messages := buildMessages(m.settings.version, texts, m.settings.maxRecords)
	if err := m.queue.Add(ctx, messages...); err != nil {
		return m.failure(err)
	}
	hclog.FromContext(ctx).Debug("put into the SSM spool", "batch", batch.GetId(), "records", len(texts), "messages", len(messages))
	if len(rejected) > 0 {
		return sdk.RejectedRecords(rejected...)
	}
	return nil
}

// failure says what went wrong in the spool. All of it may pass, or be put right, so the batch
// comes again.
func (m *Messenger) failure(err error) error {
	diagnostic := sdk.Errorf("cannot put messages into the SSM spool %s: %v", m.settings.outputPath, err)
	diagnostic.Detail = "The records are kept and sent again. " + remedy(err)
	diagnostic.Option = &pluginv1.OptionRef{Section: section, Name: "output_path"}
	return sdk.Fail(diagnostic)
}

func remedy(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "Make room on the file system of the spool; is SSM's sender running, which empties it?"
	case errors.Is(err, syscall.EROFS):
		return "The file system of the spool is mounted read-only: mount it for writing."
	case errors.Is(err, syscall.ENOTDIR):
		return "output_path, or a part of it, is not a directory."
	case errors.Is(err, syscall.EPERM):
		// link(2): the file system has no hard links, or the kernel protects them.
		return "The file system of the spool must have hard links, and the user that caso runs as must own what it writes there."
	case errors.Is(err, fs.ErrPermission):
		return "The user that caso runs as must be able to read and write that directory and those in it."
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "The run was ended before they were written."
	}
	return "Look at output_path and the file system it is on."
}
