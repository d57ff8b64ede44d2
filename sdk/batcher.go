package sdk

import (
	"context"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

const (
	// flushInterval is the longest time that a record waits for its batch to fill. It is far below
	// every idle_timeout.
	flushInterval = 5 * time.Second
	// progressInterval is the shortest time between two progress messages.
	progressInterval = time.Second
	// recordOverhead is what a record adds to a batch beside its own bytes at most: a tag and a
	// length.
	recordOverhead = 8
)

// batcher is the Output of one Extract call. It checks records, groups them by count, bytes and
// time, and sends them. Its first error stays.
type batcher struct {
	ctx   context.Context
	check *contract.StreamCheck
	send  func(*pluginv1.ExtractResponse) error

	mu sync.Mutex
	// encoded has the records of the next batch as they are sent. records counts them.
	encoded  []byte
	records  int
	flusher  *time.Timer // runs while there are records
	progress time.Time   // of the last progress message
	closed   bool
	err      error
}

func newBatcher(ctx context.Context, check *contract.StreamCheck, send func(*pluginv1.ExtractResponse) error) *batcher {
	return &batcher{ctx: ctx, check: check, send: send}
}

// Emit adds one record, and sends the records before it if the batch would become too large.
func (b *batcher) Emit(record *pluginv1.Record) error {
	size := proto.Size(record)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		// Checked for every record: an extractor that finds few of them would otherwise learn late, or
		// never, that the call has ended.
		b.err = b.ctx.Err()
	}
	if b.err == nil {
		b.err = b.checkRecord(record, size+recordOverhead)
	}
	if b.records == contract.FullBatchRecords || (b.records > 0 && len(b.encoded)+size+recordOverhead > contract.FullBatchBytes) {
		b.flush()
	}
	if b.err == nil {
		b.encoded, b.err = contract.AppendRecord(b.encoded, contract.RecordBatchRecords, record, size)
	}
	if b.err != nil {
		return b.err
	}
	if b.records == 0 {
		b.flusher = time.AfterFunc(flushInterval, b.flushLate)
	}
	b.records++
	return nil
}

func (b *batcher) checkRecord(record *pluginv1.Record, bytes int) error {
	about := func(d *Diagnostic) error {
		return d.WithProject(record.GetProjectId()).WithResource(contract.SubjectID(record))
	}
	if bytes > contract.MaxBatchBytes {
		return about(Errorf("%s: it has %d bytes, more than a batch may have (%d bytes)", contract.Subject(record), bytes, contract.MaxBatchBytes))
	}
	if err := b.check.Add(record); err != nil {
		return about(Errorf("invalid %s", err).WithDetail("This is an error in the extractor. Report it to its author."))
	}
	return nil
}

// Progress sends a progress message, at most one per progressInterval.
func (b *batcher) Progress(items string, done int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.err != nil || b.closed || now.Sub(b.progress) < progressInterval {
		return
	}
	b.progress = now
	b.err = b.send(&pluginv1.ExtractResponse{Message: &pluginv1.ExtractResponse_Progress{
		Progress: &pluginv1.Progress{Items: items, Done: done}}})
}

// flushLate sends records that have waited for flushInterval.
func (b *batcher) flushLate() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.flush()
	}
}

func (b *batcher) flush() {
	if b.err != nil || b.records == 0 {
		return
	}
	b.flusher.Stop()
	batch := &pluginv1.RecordBatch{}
	contract.SetEncoded(batch, b.encoded)
	b.encoded, b.records = make([]byte, 0, len(b.encoded)), 0
	b.err = b.send(&pluginv1.ExtractResponse{Message: &pluginv1.ExtractResponse_Batch{Batch: batch}})
}

// close ends the output. If the window is complete it checks what only the end shows, and sends the
// last records.
func (b *batcher) close(complete bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if complete && b.err == nil {
		b.err = b.check.Finish()
	}
	if complete {
		b.flush()
	}
	if b.flusher != nil {
		b.flusher.Stop()
	}
	b.closed = true
	return b.err
}
