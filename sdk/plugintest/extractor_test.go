package plugintest

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

type extractFunc = func(context.Context, *pluginv1.ExtractRequest) ([]*pluginv1.ExtractResponse, error)

// every changes every record.
func every(change func(record *pluginv1.Record)) extractFunc {
	return changing(func(_ int, record *pluginv1.Record) bool {
		change(record)
		return true
	})
}

// at sets the record time of a cloud record, with the wall time that belongs to it.
func at(record *pluginv1.Record, asOf time.Time) {
	cloud := record.GetCloud()
	cloud.RecordCreateTime = timestamppb.New(asOf)
	cloud.WallDuration = durationpb.New(asOf.Sub(cloud.GetStartTime().AsTime()))
}

func TestRecordRules(t *testing.T) {
	var calls atomic.Int64
	monthEnd := time.Date(2026, 2, 28, 23, 59, 59, 0, time.UTC)
	tests := map[string]struct {
		extract extractFunc
		want    []string
	}{
		"nothing": {changing(func(int, *pluginv1.Record) bool { return false }), []string{"extract_finds_records"}},
		"always fails": {func(context.Context, *pluginv1.ExtractRequest) ([]*pluginv1.ExtractResponse, error) {
			return []*pluginv1.ExtractResponse{failureMessage(failure("no"))}, nil
		}, []string{"extract_ends_once"}},
		"type not declared": {changing(func(i int, record *pluginv1.Record) bool {
			if i == 0 {
				record.Kind = Records(1, 1, sdk.IP)[0].Kind
			}
			return true
		}), []string{"extract_requested_types", "extract_months"}},
		"no status":     {every(func(r *pluginv1.Record) { r.GetCloud().Status = 0 }), []string{"extract_record_valid"}},
		"no cloud type": {every(func(r *pluginv1.Record) { r.CloudType = "" }), []string{"extract_host_fields"}},
		"id set":        {every(func(r *pluginv1.Record) { r.Id = "mine" }), []string{"extract_host_fields"}},
		"other project": {every(func(r *pluginv1.Record) { r.ProjectId = "p9" }), []string{"extract_requested_project", "extract_two_at_once"}},
		"same fact twice": {every(func(r *pluginv1.Record) { r.GetCloud().VmUuid = "same" }),
			[]string{"extract_time_order"}},
		// The four that were not found before the rules had one home.
		"usage per window instead of cumulative": {every(func(r *pluginv1.Record) {
			r.GetCloud().WallDuration = seconds(7200)
		}), []string{"extract_record_valid"}},
		"created at the window's start": {func(ctx context.Context, request *pluginv1.ExtractRequest) ([]*pluginv1.ExtractResponse, error) {
			return every(func(r *pluginv1.Record) {
				r.GetCloud().StartTime = request.GetWindow().GetFrom()
				at(r, r.GetCloud().GetRecordCreateTime().AsTime())
			})(ctx, request)
		}, nil}, // consistent, so only the extractor's own tests can find it
		"month ends left out": {changing(func(_ int, r *pluginv1.Record) bool {
			return !r.GetCloud().GetRecordCreateTime().AsTime().Equal(monthEnd)
		}), []string{"extract_months"}},
		"window's end left out": {changing(func(_ int, r *pluginv1.Record) bool {
			return r.GetCloud().GetRecordCreateTime().AsTime().Equal(monthEnd)
		}), []string{"extract_finds_records", "extract_months"}},
		"no wall time": {every(func(r *pluginv1.Record) { r.GetCloud().WallDuration = nil }), []string{"extract_record_valid"}},
		"in the future": {every(func(r *pluginv1.Record) {
			at(r, r.GetCloud().GetRecordCreateTime().AsTime().Add(24*time.Hour))
		}), []string{"extract_record_time"}},
		"as of another time": {every(func(r *pluginv1.Record) { at(r, fakeTo.Add(-time.Second)) }), []string{"extract_record_time"}},
		"against time": {func(ctx context.Context, request *pluginv1.ExtractRequest) ([]*pluginv1.ExtractResponse, error) {
			messages, err := extractRecords(ctx, request)
			if records := messages[0].GetBatch().GetRecords(); len(records) > 5 {
				records[0], records[1] = records[1], records[0]
			}
			return messages, err
		}, []string{"extract_months", "extract_time_order"}},
		"falling figure": {every(func(r *pluginv1.Record) {
			r.GetCloud().CpuDuration = seconds(2e9 - r.GetCloud().GetRecordCreateTime().GetSeconds())
		}), []string{"extract_never_falls"}},
		"start time moves": {every(func(r *pluginv1.Record) {
			if r.GetCloud().GetRecordCreateTime().AsTime().Equal(monthEnd) {
				r.GetCloud().StartTime.Seconds--
				r.GetCloud().WallDuration.Seconds++
			}
		}), []string{"extract_never_falls"}},
		"created after the window": {every(func(r *pluginv1.Record) {
			r.GetCloud().StartTime = r.GetCloud().GetRecordCreateTime()
			r.GetCloud().WallDuration = seconds(0)
		}), []string{"extract_in_window", "extract_months"}},
		"ended at the window's end": {every(func(r *pluginv1.Record) {
			r.GetCloud().Status = pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED
			r.GetCloud().EndTime = r.GetCloud().GetRecordCreateTime()
		}), []string{"extract_in_window"}},
		"other facts each time": {every(func(r *pluginv1.Record) {
			r.GetCloud().VmUuid = fmt.Sprintf("vm-%d", calls.Add(1))
		}), []string{"extract_repeats", "extract_republish", "extract_months"}},
		"other facts when republished": {func(ctx context.Context, request *pluginv1.ExtractRequest) ([]*pluginv1.ExtractResponse, error) {
			return every(func(r *pluginv1.Record) {
				if request.GetRepublish() {
					r.GetCloud().VmUuid = "again-" + r.GetCloud().GetVmUuid()
				}
			})(ctx, request)
		}, []string{"extract_republish"}},
		"any project": {func(ctx context.Context, request *pluginv1.ExtractRequest) ([]*pluginv1.ExtractResponse, error) {
			if request.GetProject().GetId() == noSuchProject {
				return []*pluginv1.ExtractResponse{completeMessage()}, nil
			}
			return extractRecords(ctx, request)
		}, []string{"extract_unknown_project"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			extractor := newFakeExtractor()
			extractor.extract = test.extract
			expect(t, verdict(t, serveFake(t, extractor), fakeSettings(), nil), test.want...)
		})
	}
}

// The rules hold for every record type.
func TestRecordRulesOfOtherTypes(t *testing.T) {
	change := func(t pluginv1.RecordType, change func(*pluginv1.Record)) extractFunc {
		return every(func(r *pluginv1.Record) {
			if contract.RecordTypeOf(r) == t {
				change(r)
			}
		})
	}
	tests := map[string]struct {
		extract extractFunc
		want    []string
	}{
		"good": {extractRecords, nil},
		"ip in the future": {change(sdk.IP, func(r *pluginv1.Record) {
			r.GetIp().MeasurementTime = timestamppb.New(fakeTo.Add(time.Second))
		}), []string{"extract_record_time"}},
		"ip without a user":  {change(sdk.IP, func(r *pluginv1.Record) { r.GetIp().LocalUserId = "" }), []string{"extract_record_valid"}},
		"storage fact twice": {change(sdk.Storage, func(r *pluginv1.Record) { r.GetStorage().VolumeId = "same" }), []string{"extract_fact_once"}},
		"storage in the future": {change(sdk.Storage, func(r *pluginv1.Record) {
			r.GetStorage().CreateTime = timestamppb.New(fakeTo.Add(time.Second))
		}), []string{"extract_record_time"}},
		"accelerator of another month": {change(sdk.Accelerator, func(r *pluginv1.Record) {
			r.GetAccelerator().MeasurementMonth = 7
		}), []string{"extract_record_time", "extract_fact_once"}},
		"accelerator longer than its month so far": {change(sdk.Accelerator, func(r *pluginv1.Record) {
			r.GetAccelerator().AvailableDuration = seconds(5 * 86400)
		}), []string{"extract_record_time"}},
		"energy before the window": {change(sdk.Energy, func(r *pluginv1.Record) {
			r.GetEnergy().StartTime.Seconds -= 3600
		}), []string{"extract_in_window"}},
		"energy after the window": {change(sdk.Energy, func(r *pluginv1.Record) {
			r.GetEnergy().EndTime.Seconds++
		}), []string{"extract_record_time"}},
		"types not requested": {func(ctx context.Context, request *pluginv1.ExtractRequest) ([]*pluginv1.ExtractResponse, error) {
			request.RecordTypes = sdk.AllRecordTypes()
			return extractRecords(ctx, request)
		}, []string{"extract_wanted_types"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			extractor := newFakeExtractor(sdk.AllRecordTypes()...)
			extractor.extract = test.extract
			expect(t, verdict(t, serveFake(t, extractor), fakeSettings(), nil), test.want...)
		})
	}
}

func TestProjectRules(t *testing.T) {
	one := &pluginv1.Project{Id: "p1", Name: "one"}
	tests := map[string]struct {
		projects []*pluginv1.Project
		err      error
		want     []string
	}{
		"none":             {nil, nil, []string{"projects"}},
		"fails":            {nil, status.Error(codes.Internal, "no"), []string{"projects"}},
		"twice":            {[]*pluginv1.Project{one, one}, nil, []string{"projects"}},
		"without an id":    {[]*pluginv1.Project{{Name: "one"}}, nil, []string{"projects"}},
		"unknown ones too": {[]*pluginv1.Project{one}, nil, []string{"projects_unknown"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			extractor := newFakeExtractor()
			extractor.list = func(*pluginv1.ListProjectsRequest) (*pluginv1.ListProjectsResponse, error) {
				return &pluginv1.ListProjectsResponse{Projects: test.projects}, test.err
			}
			expect(t, verdict(t, serveFake(t, extractor), fakeSettings(), nil), test.want...)
		})
	}
}

// Two extractions at once break each other.
func TestNotConcurrent(t *testing.T) {
	var together atomic.Bool
	met := make(chan struct{})
	extractor := newFakeExtractor()
	extractor.extract = func(ctx context.Context, request *pluginv1.ExtractRequest) ([]*pluginv1.ExtractResponse, error) {
		if request.GetProject().GetId() == noSuchProject {
			together.Store(true) // the next calls are those of extract_two_at_once
		} else if together.Load() {
			select {
			case met <- struct{}{}:
				return []*pluginv1.ExtractResponse{failureMessage(failure("busy"))}, nil
			case <-met:
				together.Store(false)
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		return extractRecords(ctx, request)
	}
	expect(t, verdict(t, serveFake(t, extractor), fakeSettings(), nil), "extract_two_at_once")
}

// An extractor that does not return when its call is cancelled.
func TestCancelledExtractionThatGoesOn(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	extractor := newFakeExtractor()
	plugin := serveFake(t, extractor)
	var abandoned atomic.Bool
	extractor.extract = func(ctx context.Context, request *pluginv1.ExtractRequest) ([]*pluginv1.ExtractResponse, error) {
		messages, err := extractRecords(ctx, request)
		// More than the connection buffers, so that the call is cancelled while it sends.
		for range 2000 {
			messages = append([]*pluginv1.ExtractResponse{{Message: &pluginv1.ExtractResponse_Progress{
				Progress: &pluginv1.Progress{Items: strings.Repeat("x", 4000)}}}}, messages...)
		}
		context.AfterFunc(ctx, func() { abandoned.Store(true) })
		return messages, err
	}
	extractor.wait = func(ctx context.Context) {
		if ctx.Err() != nil {
			<-release
		}
	}
	settings := fakeSettings()
	settings.Patience = 5 * time.Second
	expect(t, verdict(t, plugin, settings, nil), "extract_cancelled")
	if !abandoned.Load() {
		t.Error("no call was cancelled")
	}
}

func TestStreamRules(t *testing.T) {
	type messages = []*pluginv1.ExtractResponse
	huge := func(request *pluginv1.ExtractRequest) messages {
		records := validRecords(request, 2)
		for _, record := range records {
			record.GetCloud().MachineName = strings.Repeat("x", contract.MaxBatchBytes/2)
		}
		return messages{batchMessage(records), completeMessage()}
	}
	good := func(request *pluginv1.ExtractRequest) messages {
		return messages{batchMessage(validRecords(request, 3)), completeMessage()}
	}
	tests := map[string]struct {
		answer  func(request *pluginv1.ExtractRequest) messages
		unknown messages
		err     error
		want    []string
	}{
		"good": {answer: good},
		"no complete": {answer: func(r *pluginv1.ExtractRequest) messages { return good(r)[:1] },
			want: []string{"extract_ends_once"}},
		"complete twice": {answer: func(r *pluginv1.ExtractRequest) messages { return append(good(r), completeMessage()) },
			want: []string{"extract_ends_once"}},
		"batch after complete": {answer: func(r *pluginv1.ExtractRequest) messages { return messages{good(r)[1], good(r)[0]} },
			want: []string{"extract_ends_once"}},
		"error after complete": {answer: good, err: status.Error(codes.Unknown, "oops"), want: []string{"extract_ends_once"}},
		"empty message": {answer: func(r *pluginv1.ExtractRequest) messages { return append(messages{{}}, good(r)...) },
			want: []string{"extract_ends_once"}},
		"empty batch": {answer: func(r *pluginv1.ExtractRequest) messages { return append(messages{batchMessage(nil)}, good(r)...) },
			want: []string{"extract_batch_limits"}},
		"too many records": {answer: func(r *pluginv1.ExtractRequest) messages {
			return messages{batchMessage(validRecords(r, contract.MaxBatchRecords+1)), completeMessage()}
		}, want: []string{"extract_batch_limits"}},
		"too many bytes": {answer: huge, want: []string{"extract_batch_limits"}},
		"too large a state": {answer: func(r *pluginv1.ExtractRequest) messages {
			answer := good(r)
			answer[1].GetComplete().NextState = make([]byte, contract.MaxStateBytes+1)
			return answer
		}, want: []string{"extract_batch_limits"}},
		"failure without a reason": {answer: good, unknown: messages{failureMessage()}, want: []string{"extract_unknown_project"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			extractor := newFakeExtractor()
			extractor.extract = func(_ context.Context, request *pluginv1.ExtractRequest) ([]*pluginv1.ExtractResponse, error) {
				if request.GetProject().GetId() == noSuchProject {
					if test.unknown != nil {
						return test.unknown, nil
					}
					return messages{failureMessage(failure("no such project"))}, nil
				}
				return test.answer(request), test.err
			}
			expect(t, verdict(t, serveFake(t, extractor), fakeSettings(), nil), test.want...)
		})
	}
}
