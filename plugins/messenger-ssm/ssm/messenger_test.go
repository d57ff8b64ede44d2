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

	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk/plugintest"
)

// values are the settings as the host would give them.
func values(path string, maxSize int64, version string) []*pluginv1.OptionValue {
	ref := func(name string) *pluginv1.OptionRef { return &pluginv1.OptionRef{Section: section, Name: name} }
	given := []*pluginv1.OptionValue{
		{Option: ref("output_path"), Value: &pluginv1.OptionValue_StringValue{StringValue: path}},
		{Option: ref("max_size"), Value: &pluginv1.OptionValue_IntegerValue{IntegerValue: maxSize}},
	}
	if version != "" {
		given = append(given, &pluginv1.OptionValue{Option: ref("message_version"), Value: &pluginv1.OptionValue_StringValue{StringValue: version}})
	}
	return given
}

// deliver has a batch delivered over the contract, as the host does.
func deliver(t *testing.T, messenger sdk.Messenger, batch *pluginv1.Batch) *pluginv1.Ack {
	t.Helper()
	stream, err := plugintest.Messenger(t, sdk.NewMessenger(messenger)).Deliver(t.Context())
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

func configured(t *testing.T, instance string, given []*pluginv1.OptionValue) *Messenger {
	t.Helper()
	messenger := New()
	if found := messenger.Configure(t.Context(), sdk.NewConfig(instance, given)); len(found) > 0 {
		t.Fatal(found)
	}
	return messenger
}

// elements are the contents of a queue in the order of their names.
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

func TestBatchBecomesMessagesAndFaultsAreSetAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outgoing", "openstack")
	messenger := configured(t, "ssm", values(path, 2, ""))
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
		t.Error("the same batch gave other messages the second time")
	}
}

func TestNothingToSendWritesNothing(t *testing.T) {
	path := t.TempDir()
	record := completedVM()
	record.GetCloud().VmUuid = ""
	ack := deliver(t, configured(t, "ssm", values(path, 100, "")), &pluginv1.Batch{Id: "b", Records: []*pluginv1.Record{record}})
	if ack.GetResult() != pluginv1.Ack_RESULT_DELIVERED || len(ack.GetRejectedRecords()) != 1 {
		t.Errorf("got %v", ack)
	}
	if got := elements(t, path); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}

func TestVersion(t *testing.T) {
	cases := []struct {
		instance, set, want string
		warns               bool
	}{
		{"ssm", "", "0.4", false},
		{"ssm", "0.2", "0.2", false},
		{"ssm", "0.4", "0.4", false},
		{"ssmv2", "", "0.2", false},
		{"ssmv4", "", "0.4", false},
		{"ssmv2", "0.2", "0.2", false},
		{"ssmv2", "0.4", "0.2", true},
		{"ssmv4", "0.2", "0.4", true},
	}
	for _, c := range cases {
		t.Run(c.instance+" "+c.set, func(t *testing.T) {
			path := t.TempDir()
			messenger := New()
			found := messenger.Configure(t.Context(), sdk.NewConfig(c.instance, values(path, 100, c.set)))
			if (len(found) > 0) != c.warns || (c.warns && found[0].GetSeverity() != pluginv1.Diagnostic_SEVERITY_WARNING) {
				t.Errorf("got diagnostics %v", found)
			}
			deliver(t, messenger, &pluginv1.Batch{Id: "b", Records: []*pluginv1.Record{runningVM()}})
			if got := elements(t, path); len(got) != 1 || !strings.HasPrefix(got[0], "APEL-cloud-message: v"+c.want+"\n") {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestWrongSettings(t *testing.T) {
	for option, given := range map[string][]*pluginv1.OptionValue{
		"output_path": values("", 100, ""),
		"max_size":    values("/x", 0, ""),
	} {
		found := New().Configure(t.Context(), sdk.NewConfig("ssm", given))
		if len(found) != 1 || !sdk.IsError(found[0]) || found[0].GetOption().GetName() != option {
			t.Errorf("%s: got %v", option, found)
		}
	}
}

func TestSpoolThatCannotBeWrittenIsRetried(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(file, "openstack")
	ack := deliver(t, configured(t, "ssm", values(path, 100, "")), &pluginv1.Batch{Id: "b", Records: []*pluginv1.Record{runningVM()}})
	if ack.GetResult() != pluginv1.Ack_RESULT_RETRY || len(ack.GetDiagnostics()) != 1 {
		t.Fatalf("got %v", ack)
	}
	if said := ack.GetDiagnostics()[0]; !sdk.IsError(said) || !strings.Contains(said.GetSummary(), path) || !strings.Contains(said.GetDetail(), "not a directory") {
		t.Errorf("got %v", said)
	}
}

func TestDirectoryThatOnlyOthersMayWrite(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	path := t.TempDir()
	if err := os.Chmod(path, 0o500); err != nil {
		t.Fatal(err)
	}
	ack := deliver(t, configured(t, "ssm", values(path, 100, "")), &pluginv1.Batch{Id: "b", Records: []*pluginv1.Record{runningVM()}})
	if ack.GetResult() != pluginv1.Ack_RESULT_RETRY || !strings.Contains(ack.GetDiagnostics()[0].GetDetail(), "able to read and write") {
		t.Errorf("got %v", ack)
	}
}

func TestRemedies(t *testing.T) {
	for cause, want := range map[error]string{
		syscall.ENOSPC:           "Make room",
		syscall.EDQUOT:           "Make room",
		syscall.EROFS:            "read-only",
		syscall.EACCES:           "user that caso runs as",
		syscall.EPERM:            "hard links",
		syscall.EIO:              "Look at",
		context.DeadlineExceeded: "ended before",
	} {
		if got := remedy(fmt.Errorf("gave up: %w", &fs.PathError{Op: "open", Path: "/x", Err: cause})); !strings.Contains(got, want) {
			t.Errorf("%v: got %q", cause, got)
		}
	}
}

// What the options' schema promises is what the settings are read by.
func TestDescription(t *testing.T) {
	description := New().Describe()
	if len(description.RecordTypes) != 1 || description.RecordTypes[0] != pluginv1.RecordType_RECORD_TYPE_CLOUD {
		t.Errorf("takes %v", description.RecordTypes)
	}
	defaults := map[string]string{}
	for _, option := range description.Options {
		defaults[option.GetName()] = option.GetDefaultValue()
		if option.GetSection() != "ssm" || !strings.HasSuffix(option.GetHelp(), ".") {
			t.Errorf("got %v", option)
		}
	}
	if defaults["output_path"] != "/var/spool/apel/outgoing/openstack" || defaults["max_size"] != "100" {
		t.Errorf("got defaults %v", defaults)
	}
}
