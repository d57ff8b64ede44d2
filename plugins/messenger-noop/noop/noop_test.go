package noop

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

func TestDeliverLogsEveryID(t *testing.T) {
	var log bytes.Buffer
	ctx := hclog.WithContext(context.Background(), hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: &log}))
	messenger := New()
	if err := messenger.Configure(ctx, sdk.Config{Instance: "noop"}); err != nil {
		t.Fatal(err)
	}
	batch := &pluginv1.Batch{Id: "b1", Records: []*pluginv1.Record{{Id: "first"}, {Id: "second"}}}
	if err := messenger.Deliver(ctx, batch); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"[DEBUG]", "record=first", "record=second", "batch=b1"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not contain %q: %s", want, log.String())
		}
	}
}

func TestDescribeAcceptsAllRecordTypes(t *testing.T) {
	description := New().Describe()
	if got, all := len(description.RecordTypes), len(pluginv1.RecordType_name)-1; got != all {
		t.Errorf("accepts %d record types of %d", got, all)
	}
}
