package run

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/caso-project/caso/core/outbox"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// oneLetter is a store with one dead letter.
type oneLetter struct {
	checkpoint time.Time
	records    []*pluginv1.Record
	retried    []*pluginv1.Record
}

func (s *oneLetter) Checkpoints() ([]outbox.Checkpoint, error) {
	return []outbox.Checkpoint{{Key: outbox.Key{Extractor: "cloud", ProjectID: "p"}, To: s.checkpoint}}, nil
}

func (s *oneLetter) RetryDeadLetter(_, _ string, edit func([]*pluginv1.Record) (retry, keep []*pluginv1.Record)) error {
	s.retried, _ = edit(s.records)
	return nil
}

func cloudRecord(asOf string, ended bool) *pluginv1.Record {
	t, _ := time.Parse(time.RFC3339, asOf)
	cloud := &pluginv1.CloudRecord{VmUuid: "vm", RecordCreateTime: timestamppb.New(t)}
	if ended {
		cloud.EndTime = timestamppb.New(t.Add(-time.Hour))
	}
	return &pluginv1.Record{SiteName: "OLD", Kind: &pluginv1.Record_Cloud{Cloud: cloud}}
}

func gpuRecord(month int32) *pluginv1.Record {
	return &pluginv1.Record{SiteName: "OLD", Kind: &pluginv1.Record_Accelerator{Accelerator: &pluginv1.AcceleratorRecord{
		VmUuid: "vm", MeasurementYear: 2026, MeasurementMonth: month,
	}}}
}

// A record of which a newer one was reported stays a dead letter. The last record of a month or of
// a server has no newer one.
func TestRetryKeepsSuperseded(t *testing.T) {
	records := []*pluginv1.Record{
		cloudRecord("2026-10-31T23:59:59Z", false), cloudRecord("2026-11-20T00:00:00Z", false), cloudRecord("2026-11-20T00:00:00Z", true),
		gpuRecord(10), gpuRecord(11), {SiteName: "OLD", Kind: &pluginv1.Record_Ip{Ip: &pluginv1.IpRecord{}}},
	}
	to := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	letter := outbox.DeadLetter{Origin: outbox.Origin{Key: outbox.Key{Extractor: "cloud", ProjectID: "p"}, From: to.Add(-time.Hour), To: to}}
	session, err := newSite(t, oneCloud).session()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		checkpoint time.Time
		options    RetryOptions
		retried    int
		site       string
	}{
		"the last window":  {to, RetryOptions{}, 6, "OLD"},
		"a later window":   {to.Add(time.Hour), RetryOptions{}, 4, "OLD"},
		"by force":         {to.Add(time.Hour), RetryOptions{Force: true}, 6, "OLD"},
		"with a new stamp": {to, RetryOptions{Restamp: true}, 6, "SITE"},
	} {
		store := &oneLetter{checkpoint: test.checkpoint, records: records}
		retrier, err := session.NewRetrier(store, test.options)
		if err == nil {
			err = retrier.Retry(letter)
		}
		if err != nil || retrier.Retried != test.retried || retrier.Kept != len(records)-test.retried || len(store.retried) != test.retried {
			t.Errorf("%s: %v, %d retried, %d kept", name, err, retrier.Retried, retrier.Kept)
		}
		if test.options.Restamp && store.retried[0].GetSiteName() != test.site {
			t.Errorf("%s: site %q", name, store.retried[0].GetSiteName())
		}
		for _, record := range records {
			record.SiteName = "OLD"
		}
	}
}
