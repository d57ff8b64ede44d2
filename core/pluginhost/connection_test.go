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

	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// TestOnlyTheHostIsAnswered: who gets to a plugin's socket all the same is not served.
func TestOnlyTheHostIsAnswered(t *testing.T) {
	t.Parallel()
	temp := tempDir(t)
	h := newHost(t, Options{Dirs: []string{pluginDir(t, "caso-messenger-good")}, TempDir: temp})
	p := start(t, h, messenger("good"))
	sockets, err := filepath.Glob(filepath.Join(temp, "*", "*", "plugin*"))
	if err != nil || len(sockets) != 1 {
		t.Fatal(sockets, err)
	}
	stranger, _, err := sdk.HostTLS()
	if err != nil {
		t.Fatal(err)
	}
	// Whom it talks to is not what this is about.
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

// TestCallsAreBounded: neither side takes or sends more than the contract allows.
func TestCallsAreBounded(t *testing.T) {
	t.Parallel()
	h := newHost(t, Options{Dirs: []string{pluginDir(t, "caso-messenger-good")}})
	p := start(t, h, messenger("good"))
	for size, want := range map[int]codes.Code{sdk.MaxStateBytes: codes.OK, sdk.MaxMessageBytes: codes.ResourceExhausted} {
		_, err := p.Client().Configure(t.Context(), &pluginv1.ConfigureRequest{Instance: string(make([]byte, size))})
		if status.Code(err) != want {
			t.Errorf("a call of %d bytes gives %v", size, err)
		}
	}
}

// BenchmarkStartAndClose is what a run pays for a plugin before and after its work.
func BenchmarkStartAndClose(b *testing.B) {
	dir := pluginDir(b, "caso-messenger-good")
	for b.Loop() {
		h := New(Options{Dirs: []string{dir}})
		if _, err := h.Start(b.Context(), []Ref{messenger("good")}); err != nil {
			b.Fatal(err)
		}
		if err := h.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
