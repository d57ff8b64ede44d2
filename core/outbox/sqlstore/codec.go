package sqlstore

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// errChecksum means that a row is not the one that was written.
var errChecksum = errors.New("checksum mismatch")

// encodeRecords returns the body of a batch. The encoding is deterministic, so that a batch that is
// read and written again has the same bytes.
func encodeRecords(records []*pluginv1.Record) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(&pluginv1.RecordBatch{Records: records})
}

func decodeRecords(body []byte) ([]*pluginv1.Record, error) {
	batch := &pluginv1.RecordBatch{}
	if err := proto.Unmarshal(body, batch); err != nil {
		return nil, err
	}
	return batch.GetRecords(), nil
}

// formatTime returns a time as it is stored.
func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// timeParser parses stored times and keeps the first error.
type timeParser struct{ err error }

func (p *timeParser) parse(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("stored time: %w", err)
	}
	return t
}
