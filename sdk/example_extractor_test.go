package sdk_test

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

// meter is an extractor of the energy that one VM uses: 10 Wh in a window, one more in each that follows. It
// remembers where it was in the state. Its main would be
//
//	func main() { sdk.ServeExtractor(meter{}) }
type meter struct{}

func (meter) Describe() sdk.Description {
	return sdk.Description{Name: "meter", Version: "1.0.0", RecordTypes: []pluginv1.RecordType{pluginv1.RecordType_RECORD_TYPE_ENERGY}}
}

func (meter) Configure(context.Context, sdk.Config) []*pluginv1.Diagnostic { return nil }

func (meter) ListProjects(context.Context, *pluginv1.ListProjectsRequest) (*pluginv1.ListProjectsResponse, error) {
	return &pluginv1.ListProjectsResponse{Projects: []*pluginv1.Project{{Id: "p1", Name: "one"}}}, nil
}

func (meter) Extract(_ context.Context, request *pluginv1.ExtractRequest, emit func(*pluginv1.Record) error) (*pluginv1.Complete, error) {
	if request.GetProject().GetId() != "p1" {
		return nil, fmt.Errorf("there is no project %s", request.GetProject().GetId())
	}
	wattHours := 10
	if state := request.GetState(); len(state) > 0 {
		last, err := strconv.Atoi(string(state))
		if err != nil {
			return nil, fmt.Errorf("reading the remembered state: %w", err)
		}
		wattHours = last + 1
	}
	err := emit(&pluginv1.Record{ProjectId: "p1", CloudType: "Example", Kind: &pluginv1.Record_Energy{Energy: &pluginv1.EnergyRecord{
		VmUuid: "vm", StartTime: request.GetWindow().GetFrom(), EndTime: request.GetWindow().GetTo(),
		EnergyWh: float64(wattHours), Status: pluginv1.CloudStatus_CLOUD_STATUS_STARTED,
	}}})
	if err != nil {
		return nil, err
	}
	return &pluginv1.Complete{NextState: []byte(strconv.Itoa(wattHours))}, nil
}

func ExampleExtractor() {
	// The host does all this, over gRPC.
	request := &pluginv1.ExtractRequest{Project: &pluginv1.Project{Id: "p1", Vo: "vo.example.org"}}
	from := time.Date(2026, 3, 5, 10, 0, 0, 0, time.UTC)
	for range 2 {
		request.Window = &pluginv1.Window{From: timestamppb.New(from), To: timestamppb.New(from.Add(time.Hour))}
		complete, err := meter{}.Extract(context.Background(), request, func(record *pluginv1.Record) error {
			fmt.Println(sdk.RecordID(record), record.GetEnergy().GetEnergyWh(), sdk.CheckRecord(record))
			return nil
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		request.State = complete.GetNextState()
		from = from.Add(time.Hour)
	}
	// A record that the host would refuse.
	fmt.Println(sdk.CheckRecord(&pluginv1.Record{ProjectId: "p1", Kind: &pluginv1.Record_Cloud{Cloud: &pluginv1.CloudRecord{
		VmUuid: "vm", Status: pluginv1.CloudStatus_CLOUD_STATUS_STARTED,
		StartTime: timestamppb.New(from), RecordCreateTime: timestamppb.New(from.Add(time.Hour)),
		WallDuration: durationpb.New(2 * time.Hour),
	}}}))
	// Output:
	// energy-vm-1772704800-1772708400 10 <nil>
	// energy-vm-1772708400-1772712000 11 <nil>
	// cloud record of vm: wall_duration and suspend_duration are 7200 s together, but only 3600 s passed since start_time
}
