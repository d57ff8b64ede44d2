// Command caso-messenger-lines appends every record to a file, as one line of JSON. It is an
// example of docs/plugin-authors.md.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/encoding/protojson"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

func main() { sdk.ServeMessenger(&lines{}) }

// lines is the messenger.
type lines struct {
	path string
}

// Describe declares the option `path` in the section [lines] of the configuration.
func (l *lines) Describe() sdk.Description {
	return sdk.Description{
		Name:        "lines",
		Version:     "1.0.0",
		RecordTypes: sdk.Accepts(sdk.Cloud, sdk.IP),
		Options: []sdk.Option{
			sdk.StringOption("lines", "path", "The file to append records to, one JSON object per line.").Required(),
		},
	}
}

// Configure validates the settings. It does not open the file: `caso config check` calls it too.
func (l *lines) Configure(_ context.Context, config sdk.Config) error {
	l.path = config.String("lines", "path")
	if !filepath.IsAbs(l.path) {
		return sdk.OptionErrorf("lines", "path", "must be an absolute path")
	}
	return nil
}

// Deliver appends a batch. After an error the host sends the whole batch again, and parts of it may
// then be in the file twice: readers recognise that by the ids of the records.
func (l *lines) Deliver(_ context.Context, batch *pluginv1.Batch) error {
	var text bytes.Buffer
	for _, record := range batch.GetRecords() {
		line, err := protojson.Marshal(record)
		if err != nil {
			return sdk.Rejected(fmt.Errorf("encoding record %s: %w", record.GetId(), err))
		}
		text.Write(append(line, '\n'))
	}
	file, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text.Bytes())
	// Delivered means that the records survive a power failure.
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("appending batch %s to %s: %w", batch.GetId(), l.path, err)
	}
	return nil
}
