package noop

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func TestDeliverLogsEveryID(t *testing.T) {
	var log bytes.Buffer
	ctx := hclog.WithContext(context.Background(), hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: &log}))
	messenger := New()
	if found := messenger.Configure(ctx, sdk.Config{Instance: "noop"}); len(found) > 0 {
		t.Fatal(found)
	}
	batch := &pluginv1.Batch{Id: "b1", Records: []*pluginv1.Record{{Id: "first"}, {Id: "second"}}}
	if err := messenger.Deliver(ctx, batch); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"[DEBUG]", "id=first", "id=second", "batch=b1"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, log.String())
		}
	}
}

func TestDescribeTakesEverything(t *testing.T) {
	description := New().Describe()
	if got, all := len(description.RecordTypes), len(pluginv1.RecordType_name)-1; got != all {
		t.Errorf("takes %d types of %d", got, all)
	}
}
