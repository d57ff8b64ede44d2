package pipeline

import (
	"slices"
	"testing"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/plan"
	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/internal/contract"
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

// FuzzAcceptBatch checks that a batch, whatever a plugin sends, is an error or valid with the
// host's fields.
func FuzzAcceptBatch(f *testing.F) {
	f.Add(marshal(f, &pluginv1.RecordBatch{Records: records(2)}))
	odd := records(1)
	odd[0].Id, odd[0].SiteName = "mine", "not mine"
	odd[0].GetCloud().MachineName = "\x00\u2028%%"
	f.Add(marshal(f, &pluginv1.RecordBatch{Records: odd}))
	f.Add(marshal(f, &pluginv1.RecordBatch{Records: []*pluginv1.Record{{ProjectId: projectID, CloudType: "OpenStack", Kind: &pluginv1.Record_Ip{Ip: &pluginv1.IpRecord{
		MeasurementTime: timestamppb.New(hour(1)), LocalUserId: "u", GlobalUserName: "u", IpVersion: 4, IpCount: 1,
	}}}}}))
	f.Add(marshal(f, &pluginv1.RecordBatch{Records: []*pluginv1.Record{{}, {ProjectId: projectID}}}))
	f.Fuzz(func(t *testing.T, text []byte) {
		var batch pluginv1.RecordBatch
		if proto.Unmarshal(text, &batch) != nil {
			return
		}
		check := contract.NewStreamCheck(&pluginv1.ExtractRequest{
			Project: &pluginv1.Project{Id: projectID}, RecordTypes: []pluginv1.RecordType{cloudType, ipType},
			Window: &pluginv1.Window{From: timestamppb.New(hour(0)), To: timestamppb.New(hour(1))},
		})
		accepted, err := acceptBatch(&batch, check, &pluginv1.Project{Id: projectID, Vo: "vo"}, Site{Name: "site", Service: "service"})
		if err != nil {
			return
		}
		stored, err := accepted.Decode()
		if err != nil || accepted.Count() != len(batch.GetRecords()) {
			t.Fatalf("%d records instead of %d, %v", accepted.Count(), len(batch.GetRecords()), err)
		}
		if size := proto.Size(&pluginv1.Batch{Records: stored}); len(accepted.Bytes()) != size {
			t.Errorf("%d bytes encoded, %d measured", len(accepted.Bytes()), size)
		}
		for _, record := range stored {
			if record.GetProjectId() != projectID || record.GetSiteName() != "site" || record.GetCloudComputeService() != "service" || record.GetFqan() == "" {
				t.Errorf("accepted %v", record)
			}
			if id := record.GetId(); id == "" || len(id) > contract.MaxRecordIDBytes || id != contract.RecordID(record) {
				t.Errorf("id %q", id)
			}
			if err := contract.CheckRecord(record); err != nil {
				t.Errorf("accepted a record that is no longer valid: %v", err)
			}
		}
	})
}

// countingQueue counts what a delivery does.
type countingQueue struct{ acks, rejects int }

func (*countingQueue) NextGroup(string, outbox.Extent) (*outbox.Group, error) { return nil, nil }

func (q *countingQueue) Ack(string, ...string) error {
	q.acks++
	return nil
}

func (q *countingQueue) Reject(string, []string, string, map[string]string) error {
	q.rejects++
	return nil
}

func (*countingQueue) Stats() (outbox.Stats, error) { return outbox.Stats{}, nil }

// FuzzApplyAck checks that a batch, whatever a messenger answers, leaves the queue only if the
// answer is that it was delivered or rejected, and that what was rejected becomes a dead letter.
func FuzzApplyAck(f *testing.F) {
	list := records(2)
	for i, record := range list {
		record.Id = string(rune('a' + i))
	}
	for _, ack := range []*pluginv1.Ack{
		{Result: pluginv1.Ack_RESULT_DELIVERED},
		{Result: pluginv1.Ack_RESULT_DELIVERED, RejectedRecords: []*pluginv1.RejectedRecord{{RecordId: "a", Reason: "no"}}},
		{Result: pluginv1.Ack_RESULT_DELIVERED, RejectedRecords: []*pluginv1.RejectedRecord{{RecordId: "?"}}},
		{Result: pluginv1.Ack_RESULT_REJECTED},
		{Result: pluginv1.Ack_RESULT_RETRY, RejectedRecords: []*pluginv1.RejectedRecord{{RecordId: "a"}}},
		{Result: pluginv1.Ack_RESULT_RETRY, RetryAfter: &durationpb.Duration{Seconds: -1 << 62}, Diagnostics: []*pluginv1.Diagnostic{errorDiagnostic("later\x00")}},
		{Result: 77},
	} {
		f.Add(marshal(f, ack))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var ack pluginv1.Ack
		if proto.Unmarshal(text, &ack) != nil {
			return
		}
		queue := &countingQueue{}
		delivery := messengerDelivery{
			Delivery:  &Delivery{Queue: queue, Logger: hclog.NewNullLogger()},
			messenger: &Messenger{Messenger: plan.Messenger{Instance: config.Instance{Name: "test"}}}, result: &report.MessengerResult{},
		}
		encoded := encode(t, list)
		group := &outbox.Group{FirstID: "batch", Batches: []*outbox.Batch{{ID: "batch", Records: encoded}}}
		wait, err := delivery.applyAck(group, encoded, &ack)
		passed := queue.acks + queue.rejects
		final := ack.GetResult() == pluginv1.Ack_RESULT_DELIVERED || ack.GetResult() == pluginv1.Ack_RESULT_REJECTED
		if passed > 1 || (passed == 1) != (err == nil) || err == nil && (!final || wait != 0) {
			t.Errorf("%v: %d acks, %d rejects, %s, %v", &ack, queue.acks, queue.rejects, wait, err)
		}
		if err != nil && err.Error() == "" {
			t.Errorf("%v: no reason", &ack)
		}
		inBatch := func(r *pluginv1.RejectedRecord) bool { return r.GetRecordId() == "a" || r.GetRecordId() == "b" }
		rejected := ack.GetResult() == pluginv1.Ack_RESULT_REJECTED || slices.ContainsFunc(ack.GetRejectedRecords(), inBatch)
		if err == nil && rejected != (queue.rejects == 1) {
			t.Errorf("%v: %d rejects", &ack, queue.rejects)
		}
	})
}
