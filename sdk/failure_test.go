package sdk_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/sdk/plugintest"
)

// testMessenger is a messenger of one function.
type testMessenger struct {
	testPlugin
	deliver func(context.Context, *pluginv1.Batch) error
}

func (m testMessenger) Deliver(ctx context.Context, batch *pluginv1.Batch) error {
	return m.deliver(ctx, batch)
}

// closing is a messenger that has something to finish.
type closing struct {
	testMessenger
	close func(context.Context) error
}

func (c closing) Close(ctx context.Context) error { return c.close(ctx) }

func TestDiagnostics(t *testing.T) {
	warning, failure := sdk.Warnf("careful"), sdk.Errorf("broken: %d", 7)
	failure.Detail = "mend it"
	tests := map[string]struct {
		err  error
		want string
	}{
		"nil":               {nil, ""},
		"plain":             {errors.New("plain"), "ERROR plain"},
		"carried":           {sdk.Fail(warning, failure), "WARNING careful, ERROR broken: 7"},
		"wrapped":           {fmt.Errorf("while: %w", sdk.Fail(failure)), "ERROR broken: 7"},
		"carries nothing":   {fmt.Errorf("while: %w", sdk.Fail()), "ERROR while: "},
		"only warnings":     {fmt.Errorf("while: %w", sdk.Fail(warning)), "WARNING careful, ERROR while: careful"},
		"unset is an error": {sdk.Fail(&pluginv1.Diagnostic{Summary: "bare"}), "UNSPECIFIED bare"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, d := range sdk.Diagnostics(test.err) {
				got = append(got, strings.TrimPrefix(d.GetSeverity().String(), "SEVERITY_")+" "+d.GetSummary())
			}
			if strings.Join(got, ", ") != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	if text := sdk.Fail(warning, failure).Error(); text != "careful; broken: 7: mend it" {
		t.Errorf("the error reads %q", text)
	}
}

func TestAcks(t *testing.T) {
	reason := errors.New("the reason")
	bad := &pluginv1.RejectedRecord{RecordId: "r1", Reason: "bad"}
	tests := map[string]struct {
		err    error
		result pluginv1.Ack_Result
		after  time.Duration
		bad    int
		text   string
	}{
		"nil":                      {nil, pluginv1.Ack_RESULT_DELIVERED, 0, 0, ""},
		"plain":                    {reason, pluginv1.Ack_RESULT_RETRY, 0, 0, "the reason"},
		"diagnostics":              {sdk.Fail(sdk.Errorf("said so")), pluginv1.Ack_RESULT_RETRY, 0, 0, "said so"},
		"rejected":                 {sdk.Rejected(reason), pluginv1.Ack_RESULT_REJECTED, 0, 0, "the reason"},
		"rejected, wrapped":        {fmt.Errorf("while: %w", sdk.Rejected(reason)), pluginv1.Ack_RESULT_REJECTED, 0, 0, "while: the reason"},
		"rejected, no reason":      {sdk.Rejected(nil), pluginv1.Ack_RESULT_REJECTED, 0, 0, "gave no reason"},
		"rejected, diagnostics":    {sdk.Rejected(sdk.Fail(sdk.Errorf("said so"))), pluginv1.Ack_RESULT_REJECTED, 0, 0, "said so"},
		"records":                  {sdk.RejectedRecords(bad), pluginv1.Ack_RESULT_DELIVERED, 0, 1, ""},
		"records, wrapped":         {fmt.Errorf("while: %w", sdk.RejectedRecords(bad, bad)), pluginv1.Ack_RESULT_DELIVERED, 0, 2, ""},
		"later":                    {sdk.RetryAfter(time.Minute, reason), pluginv1.Ack_RESULT_RETRY, time.Minute, 0, "the reason"},
		"later, wrapped":           {fmt.Errorf("while: %w", sdk.RetryAfter(time.Minute, reason)), pluginv1.Ack_RESULT_RETRY, time.Minute, 0, "while: the reason"},
		"later, no reason":         {sdk.RetryAfter(time.Minute, nil), pluginv1.Ack_RESULT_RETRY, time.Minute, 0, "gave no reason"},
		"deadline of the delivery": {context.DeadlineExceeded, pluginv1.Ack_RESULT_RETRY, 0, 0, "deadline"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ack := deliver(t, testMessenger{deliver: func(context.Context, *pluginv1.Batch) error { return test.err }})
			if ack.GetBatchId() != "b1" || ack.GetResult() != test.result || len(ack.GetRejectedRecords()) != test.bad ||
				ack.GetRetryAfter().AsDuration() != test.after {
				t.Errorf("the ack is %v", ack)
			}
			if text := sdk.Fail(ack.GetDiagnostics()...).Error(); !strings.Contains(text, test.text) || (test.text == "") != (text == "") {
				t.Errorf("the ack says %q, want %q", text, test.text)
			}
		})
	}
	if err := sdk.Rejected(reason); !errors.Is(err, reason) {
		t.Errorf("Rejected hides its reason")
	}
	if err := sdk.RetryAfter(1, reason); !errors.Is(err, reason) {
		t.Errorf("RetryAfter hides its reason")
	}
}

// deliver hands over one batch.
func deliver(t *testing.T, messenger sdk.Messenger) *pluginv1.Ack {
	t.Helper()
	stream, err := plugintest.Messenger(t, messenger).Deliver(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&pluginv1.DeliverRequest{Batch: &pluginv1.Batch{Id: "b1"}}); err != nil {
		t.Fatal(err)
	}
	response, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return response.GetAck()
}

// Every call survives a panic of the plugin's code, and says what happened.
func TestPanics(t *testing.T) {
	oops := func() { panic("oops") }
	check := func(t *testing.T, doing string, diagnostics []*pluginv1.Diagnostic) {
		t.Helper()
		if len(diagnostics) != 1 || diagnostics[0].GetSummary() != "the plugin panicked while "+doing+": oops" ||
			!sdk.IsError(diagnostics[0]) || strings.Contains(diagnostics[0].GetDetail(), "goroutine") {
			t.Errorf("the panic became %v", diagnostics)
		}
	}
	t.Run("describe", func(t *testing.T) {
		plugin := plugintest.Messenger(t, testMessenger{testPlugin: testPlugin{describe: func() sdk.Description { oops(); return sdk.Description{} }}})
		_, err := plugin.Describe(t.Context(), &pluginv1.DescribeRequest{})
		if status.Code(err) != codes.Internal || !strings.Contains(err.Error(), "the plugin panicked while describing itself: oops") {
			t.Errorf("the panic became %v", err)
		}
	})
	t.Run("configure", func(t *testing.T) {
		plugin := plugintest.Messenger(t, testMessenger{testPlugin: testPlugin{configure: func(sdk.Config) []*pluginv1.Diagnostic { oops(); return nil }}})
		response, err := plugin.Configure(t.Context(), &pluginv1.ConfigureRequest{})
		if err != nil {
			t.Fatal(err)
		}
		check(t, "configuring", response.GetDiagnostics())
	})
	t.Run("close", func(t *testing.T) {
		plugin := plugintest.Messenger(t, closing{close: func(context.Context) error { oops(); return nil }})
		response, err := plugin.Close(t.Context(), &pluginv1.CloseRequest{})
		if err != nil {
			t.Fatal(err)
		}
		check(t, "closing", response.GetDiagnostics())
	})
	t.Run("list projects", func(t *testing.T) {
		plugin := plugintest.Extractor(t, testExtractor{list: func() (*pluginv1.ListProjectsResponse, error) { oops(); return nil, nil }})
		response, err := plugin.ListProjects(t.Context(), &pluginv1.ListProjectsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		check(t, "listing projects", response.GetDiagnostics())
	})
	t.Run("extract", func(t *testing.T) {
		_, last := extract(t, func(_ context.Context, _ *pluginv1.ExtractRequest, emit emitter) (*pluginv1.Complete, error) {
			_ = emit(named("before", 1))
			oops()
			return nil, nil
		})
		check(t, "extracting", last.GetFailure().GetDiagnostics())
	})
	t.Run("deliver", func(t *testing.T) {
		ack := deliver(t, testMessenger{deliver: func(context.Context, *pluginv1.Batch) error { oops(); return nil }})
		check(t, "delivering", ack.GetDiagnostics())
		if ack.GetResult() != pluginv1.Ack_RESULT_RETRY || ack.GetBatchId() != "b1" {
			t.Errorf("the ack is %v", ack)
		}
	})
	t.Run("runtime error", func(t *testing.T) {
		ack := deliver(t, testMessenger{deliver: func(_ context.Context, batch *pluginv1.Batch) error {
			return errors.New(batch.GetRecords()[7].GetId())
		}})
		if text := sdk.Fail(ack.GetDiagnostics()...).Error(); !strings.Contains(text, "index out of range") {
			t.Errorf("the ack says %q", text)
		}
	})
}

func TestClose(t *testing.T) {
	closed := false
	plugin := plugintest.Messenger(t, closing{close: func(context.Context) error {
		closed = true
		return errors.New("cannot flush")
	}})
	response, err := plugin.Close(t.Context(), &pluginv1.CloseRequest{})
	if err != nil || !closed || sdk.Fail(response.GetDiagnostics()...).Error() != "cannot flush" {
		t.Errorf("Close: %v, %v, called: %v", response, err, closed)
	}
	response, err = plugintest.Messenger(t, testMessenger{}).Close(t.Context(), &pluginv1.CloseRequest{})
	if err != nil || len(response.GetDiagnostics()) > 0 {
		t.Errorf("Close of a plugin that has nothing to close: %v, %v", response, err)
	}
}

func TestListProjectsKeepsWhatWasFound(t *testing.T) {
	plugin := plugintest.Extractor(t, testExtractor{list: func() (*pluginv1.ListProjectsResponse, error) {
		return &pluginv1.ListProjectsResponse{Projects: []*pluginv1.Project{{Id: "p"}}}, errors.New("the rest is missing")
	}})
	response, err := plugin.ListProjects(t.Context(), &pluginv1.ListProjectsRequest{})
	if err != nil || len(response.GetProjects()) != 1 || len(response.GetDiagnostics()) != 1 {
		t.Errorf("%v, %v", response, err)
	}
}
