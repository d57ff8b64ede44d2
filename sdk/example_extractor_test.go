package sdk_test

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/sdk/plugintest"
)

// meter is an extractor of the energy of one VM: 10 Wh in the first window and 1 Wh more in each
// that follows. The last figure is its state. Its main would be
//
//	func main() { sdk.ServeExtractor(meter{}) }
type meter struct{}

func (meter) Describe() sdk.Description {
	return sdk.Description{Name: "meter", Version: "1.0.0", RecordTypes: sdk.Emits(sdk.Energy)}
}

func (meter) Configure(context.Context, sdk.Config) error { return nil }

func (meter) ListProjects(context.Context, sdk.ListProjectsRequest) ([]*pluginv1.Project, error) {
	return []*pluginv1.Project{{Id: "p1", Name: "one"}}, nil
}

func (meter) Extract(_ context.Context, request sdk.ExtractRequest, out sdk.Output) ([]byte, error) {
	wattHours := 10
	if len(request.State) > 0 {
		last, err := strconv.Atoi(string(request.State))
		if err != nil {
			return nil, fmt.Errorf("reading the state: %w", err)
		}
		wattHours = last + 1
	}
	err := out.Emit(&pluginv1.Record{ProjectId: request.Project.GetId(), CloudType: "Example", Kind: &pluginv1.Record_Energy{
		Energy: &pluginv1.EnergyRecord{
			VmUuid: "vm", StartTime: timestamppb.New(request.Window.From), EndTime: timestamppb.New(request.Window.To),
			EnergyWh: float64(wattHours), Status: pluginv1.CloudStatus_CLOUD_STATUS_STARTED,
		}}})
	return []byte(strconv.Itoa(wattHours)), err
}

func ExampleExtractor() {
	// The host does this over gRPC.
	request := sdk.ExtractRequest{Project: &pluginv1.Project{Id: "p1", Vo: "vo.example.org"}}
	from := time.Date(2026, 3, 5, 10, 0, 0, 0, time.UTC)
	var out plugintest.Collected
	for range 2 {
		request.Window = sdk.Window{From: from, To: from.Add(time.Hour)}
		state, err := meter{}.Extract(context.Background(), request, &out)
		if err != nil {
			fmt.Println(err)
			return
		}
		request.State, from = state, request.Window.To
	}
	for _, record := range out.Records {
		energy := record.GetEnergy()
		fmt.Println(energy.GetStartTime().AsTime().Format(time.RFC3339), energy.GetEnergyWh(), sdk.CheckRecord(record))
	}
	// Output:
	// 2026-03-05T10:00:00Z 10 <nil>
	// 2026-03-05T11:00:00Z 11 <nil>
}
