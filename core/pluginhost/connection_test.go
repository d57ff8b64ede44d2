package pluginhost

import (
	"crypto/tls"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// TestOnlyTheHostIsAnswered checks that a plugin serves no other process that reaches its socket.
func TestOnlyTheHostIsAnswered(t *testing.T) {
	t.Parallel()
	temp := tempDir(t)
	h := newHost(t, Options{Dirs: []string{pluginDir(t, "caso-messenger-good")}, TempDir: temp})
	p := start(t, h, messenger("good"))
	sockets, err := filepath.Glob(filepath.Join(temp, "*", "*", "plugin*"))
	if err != nil || len(sockets) != 1 {
		t.Fatal(sockets, err)
	}
	stranger, _, err := contract.HostTLS()
	if err != nil {
		t.Fatal(err)
	}
	// This test is about the client's certificate only.
	stranger.InsecureSkipVerify = true
	for name, transport := range map[string]credentials.TransportCredentials{
		"without TLS":               insecure.NewCredentials(),
		"without a certificate":     credentials.NewTLS(&tls.Config{InsecureSkipVerify: true}),
		"with somebody else's cert": credentials.NewTLS(stranger),
	} {
		conn, err := grpc.NewClient("unix:"+sockets[0], grpc.WithTransportCredentials(transport))
		if err != nil {
			t.Fatal(err)
		}
		_, err = pluginv1.NewPluginClient(conn).Describe(t.Context(), &pluginv1.DescribeRequest{})
		if status.Code(err) != codes.Unavailable {
			t.Errorf("%s the plugin answers %v", name, err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := p.Client().Describe(t.Context(), &pluginv1.DescribeRequest{}); err != nil {
		t.Errorf("its host is not answered: %v", err)
	}
}

// TestMessageSize checks that neither side sends or accepts more than the contract allows.
func TestMessageSize(t *testing.T) {
	t.Parallel()
	h := newHost(t, Options{Dirs: []string{pluginDir(t, "caso-messenger-good")}})
	p := start(t, h, messenger("good"))
	for size, want := range map[int]codes.Code{contract.MaxStateBytes: codes.OK, contract.MaxMessageBytes: codes.ResourceExhausted} {
		_, err := p.Client().Configure(t.Context(), &pluginv1.ConfigureRequest{Instance: string(make([]byte, size))})
		if status.Code(err) != want {
			t.Errorf("a call of %d bytes gives %v", size, err)
		}
	}
}

// BenchmarkStartAndClose measures the cost of a plugin that does no work.
func BenchmarkStartAndClose(b *testing.B) {
	dir := pluginDir(b, "caso-messenger-good")
	for b.Loop() {
		h := New(Options{Dirs: []string{dir}})
		if _, errs := h.Start(b.Context(), []config.Instance{messenger("good")}); errs[0] != nil {
			b.Fatal(errs[0])
		}
		if err := h.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
