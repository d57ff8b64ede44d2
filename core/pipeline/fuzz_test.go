package pipeline

import (
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/report"
	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func marshal(f *testing.F, message proto.Message) []byte {
	f.Helper()
	text, err := proto.Marshal(message)
	if err != nil {
		f.Fatal(err)
	}
	return text
}

// FuzzAccept: whatever a plugin sends as a batch is refused, or is whole once the host has added its part.
func FuzzAccept(f *testing.F) {
	f.Add(marshal(f, &pluginv1.RecordBatch{Records: records(2)}))
	strange := records(1)
	strange[0].Id, strange[0].SiteName = "mine", "not mine"
	strange[0].GetCloud().VmUuid = "\x00\u2028%%"
	f.Add(marshal(f, &pluginv1.RecordBatch{Records: strange}))
	f.Add(marshal(f, &pluginv1.RecordBatch{Records: []*pluginv1.Record{{ProjectId: project, Kind: &pluginv1.Record_Ip{Ip: &pluginv1.IpRecord{
		MeasurementTime: timestamppb.New(time.Unix(1, 0)), LocalUserId: "u", GlobalUserName: "u", IpVersion: 4, IpCount: 1,
	}}}}}))
	f.Add(marshal(f, &pluginv1.RecordBatch{Records: []*pluginv1.Record{{}, {ProjectId: project}}}))
	f.Fuzz(func(t *testing.T, text []byte) {
		var batch pluginv1.RecordBatch
		if proto.Unmarshal(text, &batch) != nil {
			return
		}
		extractor := &Extractor{Name: "test", Types: []pluginv1.RecordType{pluginv1.RecordType_RECORD_TYPE_CLOUD, pluginv1.RecordType_RECORD_TYPE_IP}}
		if accept(batch.GetRecords(), extractor, &pluginv1.Project{Id: project, Vo: "vo"}, Site{Name: "site", Service: "service"}) != nil {
			return
		}
		for _, record := range batch.GetRecords() {
			if record.GetProjectId() != project || record.GetSiteName() != "site" || record.GetCloudComputeService() != "service" || record.GetFqan() == "" {
				t.Errorf("accepted %v", record)
			}
			if id := record.GetId(); id == "" || len(id) > 512 || id != sdk.RecordID(record) {
				t.Errorf("id %q", id)
			}
			if err := sdk.CheckRecord(record); err != nil {
				t.Errorf("accepted a record that is no longer valid: %v", err)
			}
		}
	})
}

// asked counts what a delivery does to its queue.
type asked struct{ acks, aside int }

func (*asked) Next(string) (*outbox.Batch, bool, error) { return nil, false, nil }

func (a *asked) Ack(string, string) error {
	a.acks++
	return nil
}

func (a *asked) Reject(string, string, string, map[string]string) error {
	a.aside++
	return nil
}

func (*asked) Stats() (outbox.Stats, error) { return outbox.Stats{}, nil }

// FuzzSettle: whatever a messenger answers, a batch passes only if the answer says that it was delivered or rejected,
// and what was refused is kept.
func FuzzSettle(f *testing.F) {
	had := records(2)
	for i, record := range had {
		record.Id = string(rune('a' + i))
	}
	for _, ack := range []*pluginv1.Ack{
		{Result: pluginv1.Ack_RESULT_DELIVERED},
		{Result: pluginv1.Ack_RESULT_DELIVERED, RejectedRecords: []*pluginv1.RejectedRecord{{RecordId: "a", Reason: "no"}}},
		{Result: pluginv1.Ack_RESULT_DELIVERED, RejectedRecords: []*pluginv1.RejectedRecord{{RecordId: "?"}}},
		{Result: pluginv1.Ack_RESULT_REJECTED},
		{Result: pluginv1.Ack_RESULT_RETRY, RetryAfter: &durationpb.Duration{Seconds: -1 << 62}, Diagnostics: []*pluginv1.Diagnostic{sdk.Errorf("later\x00")}},
		{Result: 77},
	} {
		f.Add(marshal(f, ack))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var ack pluginv1.Ack
		if proto.Unmarshal(text, &ack) != nil {
			return
		}
		queue := &asked{}
		delivery := Delivery{Queue: queue, Logger: hclog.NewNullLogger()}
		var result report.MessengerResult
		wait, err := delivery.settle(&Messenger{Name: "test"}, "batch", had, &ack, &result)
		passed := queue.acks + queue.aside
		final := ack.GetResult() == pluginv1.Ack_RESULT_DELIVERED || ack.GetResult() == pluginv1.Ack_RESULT_REJECTED
		if passed > 1 || (passed == 1) != (err == nil) || err == nil && (!final || wait != 0) {
			t.Errorf("%v: %d acks, %d set aside, %s, %v", &ack, queue.acks, queue.aside, wait, err)
		}
		kept := ack.GetResult() == pluginv1.Ack_RESULT_REJECTED || len(ack.GetRejectedRecords()) > 0
		if err == nil && kept != (queue.aside == 1) {
			t.Errorf("%v: %d set aside", &ack, queue.aside)
		}
		known := func(fault *pluginv1.RejectedRecord) bool {
			return fault.GetRecordId() == "a" || fault.GetRecordId() == "b"
		}
		if ack.GetResult() == pluginv1.Ack_RESULT_DELIVERED && err == nil && !all(ack.GetRejectedRecords(), known) {
			t.Errorf("%v: passed, with records that are not in the batch", &ack)
		}
	})
}

func all[T any](list []T, holds func(T) bool) bool {
	return !slices.ContainsFunc(list, func(one T) bool { return !holds(one) })
}
