package contract_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// subjectModel is what the check of cumulative records needs of a subject: all of it is stored.
type subjectModel struct {
	month, startDay int
	wall            int64
	ended           bool
}

// TestCumulativeCheckAgainstModel compares the check, which stores subjects that need no more
// records as hashes, with a model that stores everything, up to the first violation.
func TestCumulativeCheckAgainstModel(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 1, 1+n, 0, 0, 0, 0, time.UTC) }
	request := &pluginv1.ExtractRequest{
		Project:     &pluginv1.Project{Id: "project"},
		Window:      &pluginv1.Window{From: timestamppb.New(day(0)), To: timestamppb.New(day(70))},
		RecordTypes: []pluginv1.RecordType{pluginv1.RecordType_RECORD_TYPE_CLOUD},
	}
	months := contract.Months(day(0), day(70))
	rapid.Check(t, func(t *rapid.T) {
		check := contract.NewStreamCheck(request)
		model := map[string]*subjectModel{}
		for range rapid.IntRange(1, 12).Draw(t, "records") {
			id := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "server")
			month := rapid.IntRange(0, len(months)-1).Draw(t, "month")
			startDay := rapid.SampledFrom([]int{-5, -5, -5, 40}).Draw(t, "start")
			suspended := rapid.SampledFrom([]int64{0, 0, 1e6}).Draw(t, "suspended")
			ends := rapid.IntRange(0, 3).Draw(t, "ends") == 0
			until := months[month].AsOf
			cloud := &pluginv1.CloudRecord{VmUuid: id, Status: pluginv1.CloudStatus_CLOUD_STATUS_STARTED,
				StartTime: timestamppb.New(day(startDay)), RecordCreateTime: timestamppb.New(until)}
			if ends {
				until = until.Add(-time.Hour)
				cloud.Status, cloud.EndTime = pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED, timestamppb.New(until)
			}
			wall := int64(until.Sub(day(startDay))/time.Second) - suspended
			cloud.WallDuration, cloud.SuspendDuration = &durationpb.Duration{Seconds: wall}, &durationpb.Duration{Seconds: suspended}
			err := check.Add(&pluginv1.Record{ProjectId: "project", Kind: &pluginv1.Record_Cloud{Cloud: cloud}})

			first := 0
			for startDay > 0 && !day(startDay).Before(months[first].Before) {
				first++
			}
			seen := model[id]
			want := contract.Rule("")
			switch {
			case wall < 0:
				want = contract.RuleRecordValid
			case month < first:
				want = contract.RuleInWindow
			case seen != nil && (month <= seen.month || seen.ended):
				want = contract.RuleTimeOrder
			case seen != nil && seen.startDay != startDay:
				want = contract.RuleNeverFalls
			case seen == nil && month > first, seen != nil && month > seen.month+1:
				want = contract.RuleMonths
			case seen != nil && wall < seen.wall:
				want = contract.RuleNeverFalls
			}
			got := contract.Rule("")
			if broken, ok := errors.AsType[*contract.Violation](err); ok {
				got = broken.Rule
			}
			if seen != nil && want == "" && got == contract.RuleNeverFalls && suspended == 0 {
				return // the time suspended falls, which the model does not have
			}
			if got != want {
				t.Fatalf("%s month %d: %q (%v), want %q", id, month, got, err, want)
			}
			if want != "" {
				return
			}
			model[id] = &subjectModel{month: month, startDay: startDay, wall: wall, ended: ends}
		}
		missing := ""
		for id, seen := range model {
			if text := fmt.Sprintf("cloud record of %q: ", id); !seen.ended && seen.month < len(months)-1 && (missing == "" || text < missing) {
				missing = text
			}
		}
		if err := check.Finish(); (err != nil) != (missing != "") {
			t.Fatalf("at the end: %v, want an error about %q", err, missing)
		}
	})
}
