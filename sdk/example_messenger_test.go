package sdk_test

import (
	"context"
	"errors"
	"fmt"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

// counter is a messenger that counts records by VO. Its main would be
//
//	func main() { sdk.ServeMessenger(&counter{}) }
type counter struct {
	limit  int64
	counts map[string]int
}

func (c *counter) Describe() sdk.Description {
	limit := "100"
	return sdk.Description{
		Name:        "counter",
		Version:     "1.0.0",
		RecordTypes: []pluginv1.RecordType{pluginv1.RecordType_RECORD_TYPE_CLOUD},
		Options: []*pluginv1.Option{{
			Section: "counter", Name: "limit", Type: pluginv1.OptionType_OPTION_TYPE_INTEGER, DefaultValue: &limit,
			Help: "How many records of one VO are counted.",
		}},
	}
}

func (c *counter) Configure(_ context.Context, config sdk.Config) []*pluginv1.Diagnostic {
	c.limit, c.counts = config.Int("counter", "limit"), map[string]int{}
	if c.limit < 1 {
		return []*pluginv1.Diagnostic{sdk.OptionErrorf("counter", "limit", "limit must be 1 or more")}
	}
	return nil
}

func (c *counter) Deliver(_ context.Context, batch *pluginv1.Batch) error {
	var rejected []*pluginv1.RejectedRecord
	for _, record := range batch.GetRecords() {
		if int64(c.counts[record.GetFqan()]) >= c.limit {
			rejected = append(rejected, &pluginv1.RejectedRecord{RecordId: record.GetId(), Reason: "the VO is over its limit"})
			continue
		}
		c.counts[record.GetFqan()]++
	}
	switch {
	case len(rejected) == 0:
		return nil
	case len(rejected) == len(batch.GetRecords()):
		return sdk.Rejected(errors.New("every VO is over its limit"))
	}
	return sdk.RejectedRecords(rejected...)
}

func ExampleMessenger() {
	messenger := &counter{}
	// The host does all this, over gRPC.
	option := &pluginv1.OptionRef{Section: "counter", Name: "limit"}
	messenger.Configure(context.Background(), sdk.NewConfig("counter", []*pluginv1.OptionValue{
		{Option: option, Value: &pluginv1.OptionValue_IntegerValue{IntegerValue: 2}},
	}))
	batch := &pluginv1.Batch{Id: "b1"}
	for i := range 3 {
		batch.Records = append(batch.Records, &pluginv1.Record{Id: fmt.Sprintf("cloud-vm-%d", i), Fqan: "vo.example.org"})
	}
	fmt.Println(messenger.Deliver(context.Background(), batch))
	fmt.Println(messenger.Deliver(context.Background(), batch))
	fmt.Println(messenger.counts)
	// Output:
	// some records were rejected
	// every VO is over its limit
	// map[vo.example.org:2]
}
