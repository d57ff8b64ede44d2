package sqlstore

import (
	"errors"
	"fmt"
	"time"

	"github.com/caso-project/caso/core/outbox"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// errChecksum means that a row is not the one that was written.
var errChecksum = errors.New("checksum mismatch")

func decodeRecords(body []byte) ([]*pluginv1.Record, error) {
	records, err := outbox.ParseRecords(body)
	if err != nil {
		return nil, err
	}
	return records.Decode()
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
