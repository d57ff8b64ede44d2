package ssm

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/sdk/plugintest"
)

// optionValues returns settings in the form of the contract.
func optionValues(path string, maxSize int64, version string) []*pluginv1.OptionValue {
	ref := func(name string) *pluginv1.OptionRef { return &pluginv1.OptionRef{Section: section, Name: name} }
	return []*pluginv1.OptionValue{
		{Option: ref("output_path"), Value: &pluginv1.OptionValue_StringValue{StringValue: path}},
		{Option: ref("max_size"), Value: &pluginv1.OptionValue_IntegerValue{IntegerValue: maxSize}},
		{Option: ref("message_version"), Value: &pluginv1.OptionValue_StringValue{StringValue: version}},
	}
}

// deliver delivers a batch over gRPC, as the host does.
func deliver(t *testing.T, messenger sdk.Messenger, batch *pluginv1.Batch) *pluginv1.Ack {
	t.Helper()
	stream, err := plugintest.Messenger(t, messenger).Deliver(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&pluginv1.DeliverRequest{Batch: batch}); err != nil {
		t.Fatal(err)
	}
	response, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return response.GetAck()
}

func configured(t *testing.T, values []*pluginv1.OptionValue) *Messenger {
	t.Helper()
	messenger := New()
	if err := messenger.Configure(t.Context(), sdk.NewConfig("ssm", values)); err != nil {
		t.Fatal(err)
	}
	return messenger
}

// elements returns the contents of a queue in the order of their names.
func elements(t *testing.T, path string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(path, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var contents []string
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		contents = append(contents, string(content))
	}
	return contents
}

func TestBatchWithARejectedRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outgoing", "openstack")
	messenger := configured(t, optionValues(path, 2, version04))
	batch := &pluginv1.Batch{Id: "b", Records: []*pluginv1.Record{runningVM(), completedVM(), runningVM(), completedVM()}}
	batch.Records[1].SiteName = ""
	ack := deliver(t, messenger, batch)
	if ack.GetResult() != pluginv1.Ack_RESULT_DELIVERED || len(ack.GetRejectedRecords()) != 1 {
		t.Fatalf("got %v", ack)
	}
	if rejected := ack.GetRejectedRecords()[0]; rejected.GetRecordId() != "cloud/2" || !strings.Contains(rejected.GetReason(), "SiteName") {
		t.Errorf("got %v", rejected)
	}
	got := elements(t, path)
	if len(got) != 2 || strings.Count(got[0], "%%") != 1 || strings.Contains(got[1], "%%") {
		t.Fatalf("got %q", got)
	}

	if deliver(t, messenger, batch); len(elements(t, path)) != 4 {
		t.Fatalf("got %d messages after a second time", len(elements(t, path)))
	}
	again := elements(t, path)
	if again[2] != got[0] || again[3] != got[1] {
		t.Error("the same batch gave other messages when delivered again")
	}
}

func TestBatchWithoutValidRecords(t *testing.T) {
	path := t.TempDir()
	record := completedVM()
	record.GetCloud().VmUuid = ""
	ack := deliver(t, configured(t, optionValues(path, 100, version04)), &pluginv1.Batch{Id: "b", Records: []*pluginv1.Record{record}})
	if ack.GetResult() != pluginv1.Ack_RESULT_DELIVERED || len(ack.GetRejectedRecords()) != 1 {
		t.Errorf("got %v", ack)
	}
	if got := elements(t, path); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}

func TestMessageVersion(t *testing.T) {
	for _, version := range messageVersions() {
		path := t.TempDir()
		messenger := configured(t, optionValues(path, 100, version))
		deliver(t, messenger, &pluginv1.Batch{Id: "b", Records: []*pluginv1.Record{runningVM()}})
		if got := elements(t, path); len(got) != 1 || !strings.HasPrefix(got[0], "APEL-cloud-message: v"+version+"\n") {
			t.Errorf("version %s: got %q", version, got)
		}
	}
}

func TestInvalidSettings(t *testing.T) {
	for option, values := range map[string][]*pluginv1.OptionValue{
		"output_path":     optionValues("", 100, version04),
		"max_size":        optionValues("/x", 0, version04),
		"message_version": optionValues("/x", 100, "0.3"),
	} {
		err := New().Configure(t.Context(), sdk.NewConfig("ssm", values))
		found := sdk.Diagnostics(err)
		if len(found) != 1 || found[0].Severity != sdk.SeverityError || found[0].Option != option {
			t.Errorf("%s: got %v", option, err)
		}
	}
}

func TestBatchIsRetriedAfterAQueueError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(file, "openstack")
	ack := deliver(t, configured(t, optionValues(path, 100, version04)), &pluginv1.Batch{Id: "b", Records: []*pluginv1.Record{runningVM()}})
	if ack.GetResult() != pluginv1.Ack_RESULT_RETRY || len(ack.GetDiagnostics()) != 1 {
		t.Fatalf("got %v", ack)
	}
	diagnostic := ack.GetDiagnostics()[0]
	if diagnostic.GetSeverity() != pluginv1.Diagnostic_SEVERITY_ERROR || !strings.Contains(diagnostic.GetSummary(), path) ||
		!strings.Contains(diagnostic.GetDetail(), "not a directory") {
		t.Errorf("got %v", diagnostic)
	}
}

func TestDirectoryWithoutPermission(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("permissions do not limit root")
	}
	path := t.TempDir()
	if err := os.Chmod(path, 0o500); err != nil {
		t.Fatal(err)
	}
	ack := deliver(t, configured(t, optionValues(path, 100, version04)), &pluginv1.Batch{Id: "b", Records: []*pluginv1.Record{runningVM()}})
	if ack.GetResult() != pluginv1.Ack_RESULT_RETRY || !strings.Contains(ack.GetDiagnostics()[0].GetDetail(), "able to read and write") {
		t.Errorf("got %v", ack)
	}
}

func TestRemedies(t *testing.T) {
	for cause, want := range map[error]string{
		syscall.ENOSPC:           "Free space",
		syscall.EDQUOT:           "Free space",
		syscall.EROFS:            "read-only",
		syscall.EACCES:           "user that runs caso",
		syscall.EPERM:            "hard links",
		syscall.EIO:              "Check output_path",
		context.DeadlineExceeded: "ended before",
	} {
		if got := queueRemedy(fmt.Errorf("stopped: %w", &fs.PathError{Op: "open", Path: "/x", Err: cause})); !strings.Contains(got, want) {
			t.Errorf("%v: got %q", cause, got)
		}
	}
}

func TestDescription(t *testing.T) {
	description := New().Describe()
	if len(description.RecordTypes) != 1 || description.RecordTypes[0].Type != sdk.Cloud {
		t.Errorf("accepts %v", description.RecordTypes)
	}
	defaults := map[string]string{}
	for _, declared := range description.Options {
		option := declared.Proto()
		defaults[option.GetName()] = option.GetDefaultValue()
		if option.GetSection() != "ssm" || !strings.HasSuffix(option.GetHelp(), ".") {
			t.Errorf("got %v", option)
		}
	}
	if defaults["output_path"] != "/var/spool/apel/outgoing/openstack" || defaults["max_size"] != "100" || defaults["message_version"] != "0.4" {
		t.Errorf("got defaults %v", defaults)
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, severity := range map[string]sdk.Severity{
		filepath.Join(dir, "missing", "openstack"): sdk.SeverityInfo,
		filepath.Join(file, "openstack"):           sdk.SeverityError,
	} {
		found := sdk.Diagnostics(configured(t, optionValues(path, 100, version04)).Check(t.Context()))
		if len(found) != 1 || found[0].Severity != severity || !strings.Contains(found[0].Summary, path) {
			t.Errorf("%s: got %v", path, found)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "missing")); !os.IsNotExist(err) {
		t.Errorf("the check created the directory: %v", err)
	}
}
