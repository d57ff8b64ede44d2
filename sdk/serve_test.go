package sdk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/protobuf/proto"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/sdk/plugintest"
)

// roleEnv makes this test binary a plugin; its value is the plugin.
const roleEnv = "CASO_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "":
		os.Exit(m.Run())
	case "early":
		fmt.Println("starting")
		sdk.ServeMessenger(noisy())
	case "messenger":
		sdk.ServeMessenger(noisy())
	case "extractor":
		sdk.ServeExtractor(testExtractor{})
	}
}

// noisy returns a messenger that prints wherever it can and logs the ids of batches. It panics at a
// batch with the id `panic`.
func noisy() sdk.Messenger {
	noise := func() {
		fmt.Println("a line on os.Stdout")
		fmt.Fprintln(os.Stderr, `{"@message": 1}`)
		for _, fd := range []int{1, 2} {
			// More than go-plugin reads of one line, and more than a pipe buffers.
			if _, err := syscall.Write(fd, []byte(strings.Repeat("x", 200<<10)+"\n")); err != nil {
				panic(err)
			}
		}
	}
	messenger := testMessenger{
		testPlugin: testPlugin{
			describe: func() sdk.Description {
				noise()
				return sdk.Description{Name: "noisy", Version: "1", RecordTypes: sdk.Accepts(sdk.AllRecordTypes()...)}
			},
			configure: func(sdk.Config) error {
				noise()
				return nil
			},
		},
		deliver: func(ctx context.Context, batch *pluginv1.Batch) error {
			if batch.GetId() == "panic" {
				panic("as asked")
			}
			noise()
			hclog.FromContext(ctx).Info("delivered", "batch", batch.GetId())
			return nil
		},
	}
	return closingMessenger{messenger, func(context.Context) error { return errors.New("nothing to close") },
		func(context.Context) error { return nil }}
}

func thisBinary(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// The rules of the suite include stdout, the lifeline, signals and a start by hand.
func TestServedMessengerConforms(t *testing.T) {
	plugintest.Conform(t, plugintest.Binary(t, thisBinary(t), plugintest.Env(roleEnv+"=messenger")), plugintest.Settings{})
}

func TestServedExtractorAnswers(t *testing.T) {
	extractor := plugintest.Binary(t, thisBinary(t), plugintest.Env(roleEnv+"=extractor"))
	description, err := extractor.Describe(t.Context(), &pluginv1.DescribeRequest{})
	if err != nil || description.GetKind() != pluginv1.Kind_KIND_EXTRACTOR {
		t.Errorf("%v, %v", description, err)
	}
}

// host starts a plugin with go-plugin alone.
type host struct {
	*plugin.Client
	stderr bytes.Buffer
}

func start(t *testing.T, role string, env ...string) *host {
	t.Helper()
	cmd := exec.Command(thisBinary(t))
	cmd.Env = slices.Concat(env, []string{roleEnv + "=" + role})
	h := &host{}
	h.Client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  contract.Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{contract.ProtocolVersion: {}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Cmd:              cmd,
		SkipHostEnv:      true,
		StartTimeout:     20 * time.Second,
		Stderr:           &h.stderr,
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Off}),
	})
	t.Cleanup(h.Kill)
	return h
}

// A line that is printed before the SDK is called breaks the handshake. The host must notice at
// once.
func TestPrintedBeforeServe(t *testing.T) {
	_, err := start(t, "early").Client.Client()
	if err == nil || !strings.Contains(err.Error(), "starting") {
		t.Errorf("the error is %v", err)
	}
}

func TestPanicIsLoggedWithItsStack(t *testing.T) {
	h := start(t, "messenger")
	protocol, err := h.Client.Client()
	if err != nil {
		t.Fatal(err)
	}
	stream, err := pluginv1.NewMessengerClient(protocol.(*plugin.GRPCClient).Conn).Deliver(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"panic", "after"} {
		if err := stream.Send(&pluginv1.DeliverRequest{Batch: &pluginv1.Batch{Id: id}}); err != nil {
			t.Fatal(err)
		}
		if response, err := stream.Recv(); err != nil || response.GetAck().GetBatchId() != id {
			t.Fatalf("%v, %v", response, err)
		}
	}
	h.Kill() // and with it all output has been read
	logged := h.stderr.String()
	for _, want := range []string{`"@message":"the plugin panicked"`, `"cause":"as asked"`, `serve_test.go`, `"while":"delivering"`, `"batch":"after"`} {
		if !strings.Contains(logged, want) {
			t.Errorf("the log lacks %s", want)
		}
	}
}

func TestLogLevel(t *testing.T) {
	for level, want := range map[string]bool{"": true, "warn": false, "debug": true, "nonsense": true} {
		h := start(t, "messenger", contract.LogLevelEnv+"="+level)
		protocol, err := h.Client.Client()
		if err != nil {
			t.Fatal(err)
		}
		stream, err := pluginv1.NewMessengerClient(protocol.(*plugin.GRPCClient).Conn).Deliver(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&pluginv1.DeliverRequest{Batch: &pluginv1.Batch{Id: "b"}}); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
		h.Kill()
		if got := strings.Contains(h.stderr.String(), `"@message":"delivered"`); got != want {
			t.Errorf("at level %q a line of level info was logged: %v", level, got)
		}
	}
}

// The largest message of the contract passes, in both directions.
func TestLargeMessages(t *testing.T) {
	messenger := plugintest.Binary(t, thisBinary(t), plugintest.Env(roleEnv+"=messenger"))
	batch := &pluginv1.Batch{Id: "large"}
	for _, record := range plugintest.Records(1, 15, pluginv1.RecordType_RECORD_TYPE_CLOUD) {
		record.GetCloud().MachineName = strings.Repeat("x", 1<<20)
		batch.Records = append(batch.Records, record)
	}
	if size := proto.Size(batch); size < 15<<20 || size > contract.MaxMessageBytes {
		t.Fatalf("the test sends %d bytes", size)
	}
	stream, err := messenger.Deliver(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&pluginv1.DeliverRequest{Batch: batch}); err != nil {
		t.Fatal(err)
	}
	if response, err := stream.Recv(); err != nil || response.GetAck().GetResult() != pluginv1.Ack_RESULT_DELIVERED {
		t.Fatalf("%v, %v", response, err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ends with %v", err)
	}
}

// A plugin that is started by hand prints what it is.
func TestStartedByHand(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), thisBinary(t))
	cmd.Env = []string{roleEnv + "=messenger"}
	output, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(string(output), "plugin") {
		t.Errorf("%v: %s", err, output)
	}
}
