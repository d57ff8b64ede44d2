package sdk_test

import (
	"context"
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
	return sdk.Description{
		Name:        "counter",
		Version:     "1.0.0",
		RecordTypes: sdk.Accepts(sdk.Cloud),
		Options:     []sdk.Option{sdk.IntOption("counter", "limit", "How many records of one VO to count.").Default("100").Min(1)},
	}
}

func (c *counter) Configure(_ context.Context, config sdk.Config) error {
	c.limit, c.counts = config.Int("counter", "limit"), map[string]int{}
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
	return sdk.RejectedRecords(rejected...)
}

func ExampleMessenger() {
	// The host does this over gRPC.
	messenger := &counter{}
	err := messenger.Configure(context.Background(), sdk.NewConfig("counter", []*pluginv1.OptionValue{{
		Option: &pluginv1.OptionRef{Section: "counter", Name: "limit"},
		Value:  &pluginv1.OptionValue_IntegerValue{IntegerValue: 2},
	}}))
	if err != nil {
		fmt.Println(err)
		return
	}
	batch := &pluginv1.Batch{Id: "b1"}
	for i := range 3 {
		batch.Records = append(batch.Records, &pluginv1.Record{Id: fmt.Sprintf("cloud-vm-%d", i), Fqan: "vo.example.org"})
	}
	fmt.Println(messenger.Deliver(context.Background(), batch))
	fmt.Println(messenger.counts)
	// Output:
	// some records were rejected
	// map[vo.example.org:2]
}
