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

	"github.com/caso-project/caso/internal/contract"
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

// closingMessenger is a messenger with a Close and a Check.
type closingMessenger struct {
	testMessenger
	close, check func(context.Context) error
}

func (c closingMessenger) Close(ctx context.Context) error { return c.close(ctx) }
func (c closingMessenger) Check(ctx context.Context) error { return c.check(ctx) }

func TestDiagnostics(t *testing.T) {
	warning, failure := sdk.Warnf("careful"), sdk.Errorf("broken: %d", 7).WithDetail("repair it")
	tests := map[string]struct {
		err  error
		want string
	}{
		"nil":                  {nil, ""},
		"plain":                {errors.New("plain"), "error plain"},
		"diagnostic":           {failure, "error broken: 7 (repair it)"},
		"joined":               {errors.Join(warning, failure, errors.New("plain")), "warning careful, error broken: 7 (repair it), error plain"},
		"wrapped":              {fmt.Errorf("while: %w", failure), "error while: broken: 7 (repair it)"},
		"wrapped twice":        {fmt.Errorf("a: %w", fmt.Errorf("b: %w", warning)), "warning a: b: careful"},
		"wrapped and joined":   {fmt.Errorf("while: %w", errors.Join(warning, failure)), "warning while: careful, error while: broken: 7 (repair it)"},
		"text after it":        {fmt.Errorf("%w, again", warning), "warning careful, again"},
		"wrapped plain":        {fmt.Errorf("while: %w", errors.New("plain")), "error while: plain"},
		"several in a format":  {fmt.Errorf("%w: %w", errors.New("reading"), errors.New("refused")), "error reading: refused"},
		"several with one":     {fmt.Errorf("%w: %w", errors.New("reading"), failure), "error reading: broken: 7: repair it"},
		"a deadline":           {context.DeadlineExceeded, "error context deadline exceeded"},
		"a warning in a chain": {errors.Join(errors.Join(warning)), "warning careful"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, d := range sdk.Diagnostics(test.err) {
				text := map[sdk.Severity]string{sdk.SeverityError: "error ", sdk.SeverityWarning: "warning "}[d.Severity] + d.Summary
				if d.Detail != "" {
					text += " (" + d.Detail + ")"
				}
				got = append(got, text)
			}
			if strings.Join(got, ", ") != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	if text := failure.Error(); text != "broken: 7: repair it" {
		t.Errorf("the error is %q", text)
	}
}

// Whatever a plugin returns, the diagnostics that are sent follow the rules of the contract.
func TestSentDiagnostics(t *testing.T) {
	tests := map[string]struct {
		err             error
		summary, detail string
	}{
		"two lines":   {errors.New("one\ntwo"), "one", "two"},
		"not UTF-8":   {errors.New("a\xffb"), "a\uFFFDb", ""},
		"empty":       {errors.New(""), "an error without a text", ""},
		"very long":   {errors.New(strings.Repeat("é", contract.MaxSummaryBytes)), strings.Repeat("é", (contract.MaxSummaryBytes-3)/2) + "...", ""},
		"with option": {sdk.OptionErrorf("s", "o", "%d is odd", 3), "3 is odd", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			plugin := plugintest.Messenger(t, testMessenger{testPlugin: testPlugin{configure: func(sdk.Config) error { return test.err }}})
			response, err := plugin.Configure(t.Context(), &pluginv1.ConfigureRequest{})
			if err != nil || len(response.GetDiagnostics()) != 1 {
				t.Fatalf("%v, %v", response, err)
			}
			d := response.GetDiagnostics()[0]
			if d.GetSummary() != test.summary || d.GetDetail() != test.detail || contract.CheckDiagnostic(d) != nil {
				t.Errorf("got %q, %q: %v", d.GetSummary(), d.GetDetail(), contract.CheckDiagnostic(d))
			}
		})
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
		"diagnostics":              {sdk.Errorf("a diagnostic"), pluginv1.Ack_RESULT_RETRY, 0, 0, "a diagnostic"},
		"rejected":                 {sdk.Rejected(reason), pluginv1.Ack_RESULT_REJECTED, 0, 0, "the reason"},
		"rejected, wrapped":        {fmt.Errorf("while: %w", sdk.Rejected(reason)), pluginv1.Ack_RESULT_REJECTED, 0, 0, "while: the reason"},
		"rejected, no reason":      {sdk.Rejected(nil), pluginv1.Ack_RESULT_REJECTED, 0, 0, "gave no reason"},
		"rejected, diagnostics":    {sdk.Rejected(sdk.Errorf("a diagnostic")), pluginv1.Ack_RESULT_REJECTED, 0, 0, "a diagnostic"},
		"records":                  {sdk.RejectedRecords(bad), pluginv1.Ack_RESULT_DELIVERED, 0, 1, ""},
		"records, wrapped":         {fmt.Errorf("while: %w", sdk.RejectedRecords(bad, bad)), pluginv1.Ack_RESULT_DELIVERED, 0, 2, ""},
		"later":                    {sdk.RetryAfter(time.Minute, reason), pluginv1.Ack_RESULT_RETRY, time.Minute, 0, "the reason"},
		"later, wrapped":           {fmt.Errorf("while: %w", sdk.RetryAfter(time.Minute, reason)), pluginv1.Ack_RESULT_RETRY, time.Minute, 0, "while: the reason"},
		"later, no reason":         {sdk.RetryAfter(time.Minute, nil), pluginv1.Ack_RESULT_RETRY, time.Minute, 0, "gave no reason"},
		"rejected, only a warning": {sdk.Rejected(sdk.Warnf("a warning")), pluginv1.Ack_RESULT_REJECTED, 0, 0, "a warning"},
		"records, none":            {sdk.RejectedRecords(), pluginv1.Ack_RESULT_DELIVERED, 0, 0, ""},
		"a warning":                {sdk.Warnf("a warning"), pluginv1.Ack_RESULT_DELIVERED, 0, 0, "a warning"},
		"records and a warning":    {errors.Join(sdk.RejectedRecords(bad), sdk.Warnf("a warning")), pluginv1.Ack_RESULT_DELIVERED, 0, 1, "a warning"},
		// The batch may not have arrived: retry wins.
		"records and an error":     {errors.Join(reason, sdk.RejectedRecords(bad)), pluginv1.Ack_RESULT_RETRY, 0, 0, "the reason"},
		"rejected and an error":    {errors.Join(sdk.Rejected(errors.New("no")), reason), pluginv1.Ack_RESULT_RETRY, 0, 0, "the reason"},
		"records and later":        {errors.Join(sdk.RejectedRecords(bad), sdk.RetryAfter(time.Minute, reason)), pluginv1.Ack_RESULT_RETRY, time.Minute, 0, "the reason"},
		"records and rejected":     {errors.Join(sdk.RejectedRecords(bad), sdk.Rejected(reason)), pluginv1.Ack_RESULT_REJECTED, 0, 0, "the reason"},
		"deadline of the delivery": {context.DeadlineExceeded, pluginv1.Ack_RESULT_RETRY, 0, 0, "deadline"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ack := deliver(t, testMessenger{deliver: func(context.Context, *pluginv1.Batch) error { return test.err }})
			if ack.GetBatchId() != "b1" || ack.GetResult() != test.result || len(ack.GetRejectedRecords()) != test.bad ||
				ack.GetRetryAfter().AsDuration() != test.after {
				t.Errorf("the ack is %v", ack)
			}
			if text := diagnosticText(ack.GetDiagnostics()); !strings.Contains(text, test.text) || (test.text == "") != (text == "") {
				t.Errorf("the diagnostics are %q, want %q", text, test.text)
			}
		})
	}
	if err := sdk.Rejected(reason); !errors.Is(err, reason) {
		t.Errorf("Rejected does not wrap its reason")
	}
	if err := sdk.RetryAfter(1, reason); !errors.Is(err, reason) {
		t.Errorf("RetryAfter does not wrap its reason")
	}
}

// A rejected record without a reason gets a default text, and a reason that is not UTF-8 can be
// sent.
func TestRejectedRecordReasons(t *testing.T) {
	ack := deliver(t, testMessenger{deliver: func(context.Context, *pluginv1.Batch) error {
		return sdk.RejectedRecords(&pluginv1.RejectedRecord{RecordId: "r1"}, &pluginv1.RejectedRecord{RecordId: "r2", Reason: "a\xff"})
	}})
	records := ack.GetRejectedRecords()
	if len(records) != 2 || records[0].GetReason() != contract.NoReason || records[1].GetReason() != "a\uFFFD" {
		t.Errorf("the ack is %v", ack)
	}
}

func diagnosticText(diagnostics []*pluginv1.Diagnostic) string {
	var texts []string
	for _, d := range diagnostics {
		texts = append(texts, strings.TrimSpace(d.GetSummary()+" "+d.GetDetail()))
	}
	return strings.Join(texts, "; ")
}

// deliver delivers one batch.
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

// A panic in the plugin's code fails the call, with a diagnostic.
func TestPanics(t *testing.T) {
	oops := func() { panic("oops") }
	check := func(t *testing.T, doing string, diagnostics []*pluginv1.Diagnostic) {
		t.Helper()
		if len(diagnostics) != 1 || diagnostics[0].GetSummary() != "the plugin panicked while "+doing+": oops" ||
			!contract.IsError(diagnostics[0]) || strings.Contains(diagnostics[0].GetDetail(), "goroutine") {
			t.Errorf("the panic became %v", diagnostics)
		}
	}
	t.Run("describe", func(t *testing.T) {
		plugin := plugintest.Messenger(t, testMessenger{testPlugin: testPlugin{describe: func() sdk.Description { oops(); return sdk.Description{} }}})
		_, err := plugin.Describe(t.Context(), &pluginv1.DescribeRequest{})
		if status.Code(err) != codes.Internal || !strings.Contains(err.Error(), "the plugin panicked while describing: oops") {
			t.Errorf("the panic became %v", err)
		}
	})
	t.Run("configure", func(t *testing.T) {
		plugin := plugintest.Messenger(t, testMessenger{testPlugin: testPlugin{configure: func(sdk.Config) error { oops(); return nil }}})
		response, err := plugin.Configure(t.Context(), &pluginv1.ConfigureRequest{})
		if err != nil {
			t.Fatal(err)
		}
		check(t, "configuring", response.GetDiagnostics())
	})
	t.Run("close", func(t *testing.T) {
		plugin := plugintest.Messenger(t, closingMessenger{close: func(context.Context) error { oops(); return nil }})
		response, err := plugin.Close(t.Context(), &pluginv1.CloseRequest{})
		if err != nil {
			t.Fatal(err)
		}
		check(t, "closing", response.GetDiagnostics())
	})
	t.Run("list projects", func(t *testing.T) {
		plugin := plugintest.Extractor(t, testExtractor{list: func() ([]*pluginv1.Project, error) { oops(); return nil, nil }})
		response, err := plugin.ListProjects(t.Context(), &pluginv1.ListProjectsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		check(t, "listing projects", response.GetDiagnostics())
	})
	t.Run("extract", func(t *testing.T) {
		_, last := extractWindow(t, func(_ context.Context, _ sdk.ExtractRequest, out sdk.Output) ([]byte, error) {
			_ = out.Emit(cloudRecord("before", 1))
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
		if text := diagnosticText(ack.GetDiagnostics()); !strings.Contains(text, "index out of range") {
			t.Errorf("the diagnostics are %q", text)
		}
	})
}

func TestClose(t *testing.T) {
	closed := false
	plugin := plugintest.Messenger(t, closingMessenger{close: func(context.Context) error {
		closed = true
		return errors.New("cannot flush")
	}})
	response, err := plugin.Close(t.Context(), &pluginv1.CloseRequest{})
	if err != nil || !closed || diagnosticText(response.GetDiagnostics()) != "cannot flush" {
		t.Errorf("Close: %v, %v, called: %v", response, err, closed)
	}
	response, err = plugintest.Messenger(t, testMessenger{}).Close(t.Context(), &pluginv1.CloseRequest{})
	if err != nil || len(response.GetDiagnostics()) > 0 {
		t.Errorf("Close of a plugin that has nothing to close: %v, %v", response, err)
	}
}

func TestListProjectsKeepsWhatWasFound(t *testing.T) {
	plugin := plugintest.Extractor(t, testExtractor{list: func() ([]*pluginv1.Project, error) {
		return []*pluginv1.Project{{Id: "p"}}, sdk.Errorf("no role on it").WithProject("q")
	}})
	response, err := plugin.ListProjects(t.Context(), &pluginv1.ListProjectsRequest{})
	if err != nil || len(response.GetProjects()) != 1 || len(response.GetDiagnostics()) != 1 {
		t.Errorf("%v, %v", response, err)
	}
}

func TestCheck(t *testing.T) {
	plugin := plugintest.Messenger(t, closingMessenger{check: func(context.Context) error {
		return errors.Join(sdk.Infof("receiver reached"), sdk.Warnf("certificate expires in 3 days"))
	}})
	description, err := plugin.Describe(t.Context(), &pluginv1.DescribeRequest{})
	if err != nil || len(description.GetFeatures()) != 1 || description.GetFeatures()[0] != pluginv1.Feature_FEATURE_CHECK {
		t.Errorf("%v, %v", description, err)
	}
	response, err := plugin.Check(t.Context(), &pluginv1.CheckRequest{})
	if err != nil || diagnosticText(response.GetDiagnostics()) != "receiver reached; certificate expires in 3 days" {
		t.Errorf("%v, %v", response, err)
	}
	if _, err := plugintest.Messenger(t, testMessenger{}).Check(t.Context(), &pluginv1.CheckRequest{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("Check of a plugin without it: %v", err)
	}
}
