// Package dirq_test reads the queues that messenger ssm writes with python-dirq, which SSM uses.
package dirq_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/caso-project/caso/plugins/messenger-ssm/dirq"
	"github.com/caso-project/caso/plugins/messenger-ssm/ssm"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

// pythonEnv is the path of a Python that can import dirq (Debian's package python3-dirq).
const pythonEnv = "CASO_DIRQ_PYTHON"

type element struct {
	Name    string `json:"name"`
	Content string `json:"content"`
}

type result struct {
	Elements  []element `json:"elements"`
	Remaining int       `json:"remaining"`
}

// startReader starts to read a queue until it has read a number of elements. The returned function
// waits for the result.
func startReader(t *testing.T, path string, elements int) (wait func() result) {
	t.Helper()
	python := os.Getenv(pythonEnv)
	if python == "" {
		t.Skipf("%s is not set to a Python that can import dirq (Debian: python3-dirq)", pythonEnv)
	}
	command := exec.CommandContext(t.Context(), python, "reader.py", path, fmt.Sprint(elements))
	var output strings.Builder
	command.Stdout, command.Stderr = &output, os.Stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return func() result {
		t.Helper()
		if err := command.Wait(); err != nil {
			t.Fatal(err)
		}
		var got result
		if err := json.Unmarshal([]byte(output.String()), &got); err != nil {
			t.Fatal(err)
		}
		if got.Remaining != 0 {
			t.Errorf("%d elements remain", got.Remaining)
		}
		return got
	}
}

func TestPythonReadsWhileElementsAreAdded(t *testing.T) {
	path := t.TempDir()
	const elements = 500
	wait := startReader(t, path, elements)
	queue := dirq.Open(path)
	var want []string
	for i := range elements / 2 {
		pair := []string{fmt.Sprintf("%d first", i), fmt.Sprintf("%d second", i)}
		if err := queue.Add(context.Background(), []byte(pair[0]), []byte(pair[1])); err != nil {
			t.Fatal(err)
		}
		want = append(want, pair...)
	}
	var got []string
	for _, element := range wait().Elements {
		got = append(got, element.Content)
	}
	if !slices.Equal(got, want) {
		t.Errorf("Python read %v", got)
	}
}

func TestPythonReadsMessages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outgoing", "openstack")
	messenger := ssm.New()
	ref := func(name string) *pluginv1.OptionRef { return &pluginv1.OptionRef{Section: "ssm", Name: name} }
	err := messenger.Configure(t.Context(), sdk.NewConfig("ssm", []*pluginv1.OptionValue{
		{Option: ref("output_path"), Value: &pluginv1.OptionValue_StringValue{StringValue: path}},
		{Option: ref("max_size"), Value: &pluginv1.OptionValue_IntegerValue{IntegerValue: 4}},
		{Option: ref("message_version"), Value: &pluginv1.OptionValue_StringValue{StringValue: "0.4"}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	batch := &pluginv1.Batch{Id: "b"}
	for i := range 10 {
		batch.Records = append(batch.Records, &pluginv1.Record{Id: fmt.Sprint(i), SiteName: "SITE", Kind: &pluginv1.Record_Cloud{Cloud: &pluginv1.CloudRecord{
			VmUuid: fmt.Sprintf("vm-%d", i), MachineName: "naïve\n%%", StartTime: timestamppb.Now(), RecordCreateTime: timestamppb.Now(),
			Status: pluginv1.CloudStatus_CLOUD_STATUS_STARTED}}})
	}
	if err := messenger.Deliver(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, element := range startReader(t, path, 3)().Elements {
		message, found := strings.CutPrefix(element.Content, "APEL-cloud-message: v0.4\n")
		if !found {
			t.Errorf("%s is not a message: %q", element.Name, element.Content)
		}
		for line := range strings.Lines(message) {
			if vm, found := strings.CutPrefix(line, "VMUUID: "); found {
				got = append(got, strings.TrimSpace(vm))
			}
		}
	}
	want := []string{"vm-0", "vm-1", "vm-2", "vm-3", "vm-4", "vm-5", "vm-6", "vm-7", "vm-8", "vm-9"}
	if !slices.Equal(got, want) {
		t.Errorf("Python read %v", got)
	}
}
