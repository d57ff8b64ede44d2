// Command caso-messenger-lines appends every record to a file, as one line of JSON. It is the example of
// docs/plugin-authors.md.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/encoding/protojson"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func main() { sdk.ServeMessenger(&lines{}) }

// lines is the messenger.
type lines struct {
	path string
}

// Describe declares the option `path`; the configuration file has it in its section [lines].
func (l *lines) Describe() sdk.Description {
	return sdk.Description{
		Name:        "lines",
		Version:     "1.0.0",
		RecordTypes: []pluginv1.RecordType{pluginv1.RecordType_RECORD_TYPE_CLOUD, pluginv1.RecordType_RECORD_TYPE_IP},
		Options: []*pluginv1.Option{{
			Section: "lines", Name: "path", Type: pluginv1.OptionType_OPTION_TYPE_STRING, Required: true,
			Help: "The file that records are appended to, one JSON object a line.",
		}},
	}
}

// Configure takes the settings. It does not open the file: they are checked elsewhere too.
func (l *lines) Configure(_ context.Context, config sdk.Config) []*pluginv1.Diagnostic {
	l.path = config.String("lines", "path")
	if !filepath.IsAbs(l.path) {
		return []*pluginv1.Diagnostic{sdk.OptionErrorf("lines", "path", "path must be an absolute path")}
	}
	return nil
}

// Deliver appends a batch. After an error the host sends the whole batch again, and parts of it may then be there
// twice: readers of the file tell that by the records' ids.
func (l *lines) Deliver(_ context.Context, batch *pluginv1.Batch) error {
	var text bytes.Buffer
	for _, record := range batch.GetRecords() {
		line, err := protojson.Marshal(record)
		if err != nil {
			return sdk.Rejected(fmt.Errorf("writing record %s as JSON: %w", record.GetId(), err))
		}
		text.Write(append(line, '\n'))
	}
	file, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	_, err = file.Write(text.Bytes())
	// Delivered means that it survives a power cut.
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("appending batch %s to %s: %w", batch.GetId(), l.path, err)
	}
	return nil
}
