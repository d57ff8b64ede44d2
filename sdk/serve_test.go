package sdk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/sdk/plugintest"
)

// playEnv makes this test binary a plugin: what it holds says which.
const playEnv = "CASO_TEST_PLAY"

func TestMain(m *testing.M) {
	switch os.Getenv(playEnv) {
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

// noisy is a messenger that prints wherever it can, and logs the ids of batches. A batch of the name `panic`
// makes it panic.
func noisy() sdk.Messenger {
	noise := func() {
		fmt.Println("a line on os.Stdout")
		fmt.Fprintln(os.Stderr, `{"@message": 1}`)
		for _, fd := range []int{1, 2} {
			// More than go-plugin reads of one line, and more than a pipe holds.
			if _, err := syscall.Write(fd, []byte(strings.Repeat("x", 200<<10)+"\n")); err != nil {
				panic(err)
			}
		}
	}
	messenger := testMessenger{
		testPlugin: testPlugin{
			describe: func() sdk.Description {
				noise()
				return sdk.Description{Name: "noisy", Version: "1", RecordTypes: plugintest.AllTypes()}
			},
			configure: func(sdk.Config) []*pluginv1.Diagnostic {
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
	return closing{messenger, func(context.Context) error { return errors.New("nothing was open") }}
}

func thisBinary(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Stdout, the lifeline, signals and being started by hand are among the suite's rules.
func TestServedMessengerConforms(t *testing.T) {
	plugintest.Conform(t, plugintest.Binary(t, thisBinary(t), plugintest.Env(playEnv+"=messenger")), plugintest.Settings{})
}

func TestServedExtractorAnswers(t *testing.T) {
	extractor := plugintest.Binary(t, thisBinary(t), plugintest.Env(playEnv+"=extractor"))
	description, err := extractor.Describe(t.Context(), &pluginv1.DescribeRequest{})
	if err != nil || description.GetKind() != pluginv1.Kind_KIND_EXTRACTOR {
		t.Errorf("%v, %v", description, err)
	}
}

// host is a host that has only what this test looks at.
type host struct {
	*plugin.Client
	stderr bytes.Buffer
}

func start(t *testing.T, play string, env ...string) *host {
	t.Helper()
	cmd := exec.Command(thisBinary(t))
	cmd.Env = append(env, playEnv+"="+play)
	h := &host{}
	h.Client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  sdk.Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{sdk.ProtocolVersion: {}},
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

// Nothing can be done about what is printed before the SDK has the process; it must be told at once, and
// not be waited for.
func TestPrintedBeforeServe(t *testing.T) {
	_, err := start(t, "early").Client.Client()
	if err == nil || !strings.Contains(err.Error(), "starting") {
		t.Errorf("the host learns %v", err)
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
	h.Kill() // and with it everything that the plugin had to say has been read
	logged := h.stderr.String()
	for _, want := range []string{`"@message":"the plugin panicked"`, `"cause":"as asked"`, `serve_test.go`, `"while":"delivering"`, `"batch":"after"`} {
		if !strings.Contains(logged, want) {
			t.Errorf("the log lacks %s", want)
		}
	}
}

func TestLogLevel(t *testing.T) {
	for level, want := range map[string]bool{"": true, "warn": false, "debug": true, "nonsense": true} {
		h := start(t, "messenger", sdk.LogLevelEnv+"="+level)
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

// The largest message of the contract passes, both ways.
func TestLargeMessages(t *testing.T) {
	messenger := plugintest.Binary(t, thisBinary(t), plugintest.Env(playEnv+"=messenger"))
	batch := &pluginv1.Batch{Id: "large"}
	for _, record := range plugintest.Records(1, 15, pluginv1.RecordType_RECORD_TYPE_CLOUD) {
		record.GetCloud().MachineName = strings.Repeat("x", 1<<20)
		batch.Records = append(batch.Records, record)
	}
	if size := proto.Size(batch); size < 15<<20 || size > sdk.MaxMessageBytes {
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

// Whoever starts a plugin by hand must learn what it is.
func TestStartedByHand(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), thisBinary(t))
	cmd.Env = []string{playEnv + "=messenger"}
	output, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(string(output), "plugin") {
		t.Errorf("%v: %s", err, output)
	}
}
