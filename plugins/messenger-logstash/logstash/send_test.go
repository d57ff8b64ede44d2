package logstash

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func batch(records ...*pluginv1.Record) *pluginv1.Batch {
	return &pluginv1.Batch{Id: "b", Records: records}
}

// large is a batch of several megabytes, more than a connection holds while nobody reads.
func large() *pluginv1.Batch {
	made := batch()
	for i := range 200 {
		made.Records = append(made.Records, &pluginv1.Record{Id: fmt.Sprint(i), Kind: &pluginv1.Record_Cloud{Cloud: &pluginv1.CloudRecord{
			MachineName: strings.Repeat("x", 100<<10)}}})
	}
	return made
}

// wantFailure expects an error after which the batch is sent again, that names the receiver and says these things.
func wantFailure(t *testing.T, err error, port int64, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("the batch counts as delivered")
	}
	said := sdk.Diagnostics(err)
	if len(said) != 1 || !sdk.IsError(said[0]) {
		t.Fatalf("got %v", said)
	}
	text := said[0].GetSummary() + " " + said[0].GetDetail()
	for _, word := range append(words, ":"+fmt.Sprint(port)+":", "sent again") {
		if !strings.Contains(text, word) {
			t.Errorf("%q does not say %q", text, word)
		}
	}
}

func TestBatchArrivesWhole(t *testing.T) {
	for name, given := range map[string]*pluginv1.Batch{"small": batch(oneOfEach()...), "large": large()} {
		t.Run(name, func(t *testing.T) {
			got := make(chan string, 2)
			messenger := configured(t, map[string]any{"port": listen(t, readAll(got))})
			for range 2 {
				if err := messenger.Deliver(t.Context(), given); err != nil {
					t.Fatal(err)
				}
			}
			want := lines(t, given.GetRecords())
			if first, second := <-got, <-got; first != want || second != want {
				t.Errorf("%d bytes, then %d arrived, of %d", len(first), len(second), len(want))
			}
		})
	}
}

func TestRecordsAtFaultAreSetAside(t *testing.T) {
	got := make(chan string, 1)
	messenger := configured(t, map[string]any{"port": listen(t, readAll(got))})
	records := oneOfEach()
	records[0].GetCloud().WallDuration.Seconds = -1
	err := messenger.Deliver(t.Context(), batch(records...))
	if err == nil || len(sdk.Diagnostics(err)) != 1 || err.Error() != sdk.RejectedRecords(&pluginv1.RejectedRecord{}).Error() {
		t.Errorf("got error %v", err)
	}
	if want := lines(t, records[1:]); <-got != want {
		t.Error("the other records did not arrive")
	}
	// Nothing but faults: nobody need be there.
	err = configured(t, map[string]any{"port": int64(1)}).Deliver(t.Context(), batch(records[0]))
	if err == nil || err.Error() != sdk.RejectedRecords(&pluginv1.RejectedRecord{}).Error() {
		t.Errorf("got error %v", err)
	}
}

func TestNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := int64(listener.Addr().(*net.TCPAddr).Port)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	err = configured(t, map[string]any{"port": closed}).Deliver(t.Context(), batch(oneOfEach()...))
	wantFailure(t, err, closed, "connecting", "refused", "[logstash]")
}

func TestNameThatIsNone(t *testing.T) {
	// RFC 6761: a name under invalid never resolves.
	err := configured(t, map[string]any{"host": "logstash.invalid", "port": int64(5000)}).Deliver(t.Context(), batch(oneOfEach()...))
	wantFailure(t, err, 5000, "connecting", "logstash.invalid")
}

func TestReceiverThatNeverReads(t *testing.T) {
	release := make(chan struct{})
	at := listen(t, func(connection *net.TCPConn) {
		<-release
		_ = connection.Close()
	})
	defer close(release)
	messenger := configured(t, map[string]any{"port": at, "timeout": int64(1)})
	wantFailure(t, messenger.Deliver(t.Context(), large()), at, "does not read")
	// A batch that the connection holds: only the close is missing.
	wantFailure(t, messenger.Deliver(t.Context(), batch(oneOfEach()...)), at, "waiting for the receiver to close")
}

func TestReceiverThatNeverCloses(t *testing.T) {
	release, read := make(chan struct{}), make(chan struct{})
	at := listen(t, func(connection *net.TCPConn) {
		_, _ = io.Copy(io.Discard, connection)
		close(read)
		<-release
		_ = connection.Close()
	})
	defer close(release)
	err := configured(t, map[string]any{"port": at, "timeout": int64(1)}).Deliver(t.Context(), batch(oneOfEach()...))
	<-read
	wantFailure(t, err, at, "waiting for the receiver to close", "proxy")
}

func TestReceiverThatTalks(t *testing.T) {
	got := make(chan string, 1)
	at := listen(t, func(connection *net.TCPConn) {
		_, _ = io.WriteString(connection, "hello\n")
		readAll(got)(connection)
	})
	if err := configured(t, map[string]any{"port": at}).Deliver(t.Context(), batch(oneOfEach()...)); err != nil {
		t.Error(err)
	}
	<-got
}

func TestReceiverThatGoesAway(t *testing.T) {
	cases := map[string]func(*net.TCPConn){
		"before it read anything": func(connection *net.TCPConn) { _ = connection.Close() },
		"with a reset": func(connection *net.TCPConn) {
			_ = connection.SetLinger(0)
			_ = connection.Close()
		},
		"in the middle": func(connection *net.TCPConn) {
			_, _ = io.CopyN(io.Discard, connection, 1<<20)
			_ = connection.Close()
		},
		"in the middle with a reset": func(connection *net.TCPConn) {
			_, _ = io.CopyN(io.Discard, connection, 1<<20)
			_ = connection.SetLinger(0)
			_ = connection.Close()
		},
		"having said that it is done": func(connection *net.TCPConn) {
			_ = connection.CloseWrite()
			_, _ = io.CopyN(io.Discard, connection, 1<<20)
			_ = connection.Close()
		},
	}
	for name, leave := range cases {
		t.Run(name, func(t *testing.T) {
			at := listen(t, leave)
			wantFailure(t, configured(t, map[string]any{"port": at}).Deliver(t.Context(), large()), at)
		})
	}
}

// A receiver that closes at once has, for a moment, neither read a small batch nor answered it with a reset. Of the
// many ways in which the two may cross, none may look like a delivery.
func TestReceiverThatClosesAtOnce(t *testing.T) {
	at := listen(t, func(connection *net.TCPConn) { _ = connection.Close() })
	messenger := configured(t, map[string]any{"port": at})
	for range 300 {
		wantFailure(t, messenger.Deliver(t.Context(), batch(oneOfEach()...)), at)
	}
}

func TestEndOfTheRun(t *testing.T) {
	accepted, release := make(chan struct{}), make(chan struct{})
	at := listen(t, func(connection *net.TCPConn) {
		close(accepted)
		<-release
		_ = connection.Close()
	})
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-accepted
		cancel()
	}()
	// Fails by the test's own timeout if it waits for the receiver.
	err := configured(t, map[string]any{"port": at, "timeout": int64(3600)}).Deliver(ctx, large())
	wantFailure(t, err, at, "canceled")
}

func TestTLS(t *testing.T) {
	signer, stranger := newAuthority(t), newAuthority(t)
	good := signer.issue(t, "server", "logstash.example", time.Hour)
	expired := signer.issue(t, "expired", "logstash.example", -time.Hour)
	signer.issue(t, "client", "caso", time.Hour)
	stranger.issue(t, "client", "caso", time.Hour)
	trusting := map[string]any{"tls": true, "cafile": signer.path("ca.pem"), "server_name": "logstash.example"}
	with := func(more map[string]any) map[string]any {
		all := map[string]any{}
		for _, some := range []map[string]any{trusting, more} {
			for name, value := range some {
				all[name] = value
			}
		}
		return all
	}
	mutual := &tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: signer.pool(t)}
	mutual12 := mutual.Clone()
	mutual12.MaxVersion = tls.VersionTLS12
	plain := &tls.Config{Certificates: []tls.Certificate{good}}
	cases := map[string]struct {
		server *tls.Config
		given  map[string]any
		// fails is what the error says; empty where the batch is to arrive.
		fails string
	}{
		"trusted":                       {plain, trusting, ""},
		"TLS 1.2":                       {&tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS12}, trusting, ""},
		"TLS 1.1":                       {&tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, trusting, "protocol version"},
		"expired":                       {&tls.Config{Certificates: []tls.Certificate{expired}}, trusting, "expired"},
		"of another name":               {plain, with(map[string]any{"server_name": "other.example"}), "server_name"},
		"name is the host's by default": {plain, with(map[string]any{"server_name": ""}), "127.0.0.1"},
		"of a strange authority":        {plain, with(map[string]any{"cafile": stranger.path("ca.pem")}), "cafile"},
		"authority that is not named":   {plain, with(map[string]any{"cafile": ""}), "cafile"},
		"not verified":                  {&tls.Config{Certificates: []tls.Certificate{expired}}, map[string]any{"tls": true, "insecure": true}, ""},
		"client certificate":            {mutual, with(map[string]any{"certfile": signer.path("client.pem"), "keyfile": signer.path("client.key")}), ""},
		"client certificate, TLS 1.2":   {mutual12, with(map[string]any{"certfile": signer.path("client.pem"), "keyfile": signer.path("client.key")}), ""},
		"no client certificate":         {mutual, trusting, "failed"},
		"no client certificate, 1.2":    {mutual12, trusting, "certfile"},
		"strange client certificate":    {mutual, with(map[string]any{"certfile": stranger.path("client.pem"), "keyfile": stranger.path("client.key")}), "failed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := make(chan string, 1)
			at := listen(t, over(c.server, got))
			given := map[string]any{"port": at}
			for option, value := range c.given {
				given[option] = value
			}
			err := configured(t, given).Deliver(t.Context(), batch(oneOfEach()...))
			if c.fails != "" {
				wantFailure(t, err, at, c.fails)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if <-got != lines(t, oneOfEach()) {
				t.Error("something else arrived")
			}
		})
	}
}

func TestTLSReceiverThatGoesAway(t *testing.T) {
	signer := newAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{signer.issue(t, "server", "logstash.example", time.Hour)}}
	trusting := map[string]any{"tls": true, "cafile": signer.path("ca.pem"), "server_name": "logstash.example", "timeout": int64(1)}
	release := make(chan struct{})
	cases := map[string]struct {
		treat func(*net.TCPConn)
		says  string
	}{
		"before shaking hands": {func(connection *net.TCPConn) { _ = connection.Close() }, "TLS"},
		"never shakes hands": {func(connection *net.TCPConn) {
			<-release
			_ = connection.Close()
		}, "speak TLS"},
		"speaks something else": {func(connection *net.TCPConn) {
			_, _ = io.WriteString(connection, "220 hello, this is not TLS\r\n")
			_, _ = io.Copy(io.Discard, connection)
			_ = connection.Close()
		}, "speak TLS"},
		"in the middle": {func(connection *net.TCPConn) {
			secured := tls.Server(connection, config)
			_, _ = io.CopyN(io.Discard, secured, 1<<20)
			_ = secured.Close()
		}, "failed"},
		"having shaken hands": {func(connection *net.TCPConn) {
			secured := tls.Server(connection, config)
			_ = secured.HandshakeContext(context.Background())
			_ = secured.Close()
		}, "failed"},
		"never reads": {func(connection *net.TCPConn) {
			_ = tls.Server(connection, config).HandshakeContext(context.Background())
			<-release
			_ = connection.Close()
		}, "does not read"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			released := make(chan struct{})
			release = released
			at := listen(t, c.treat)
			defer close(released)
			given := map[string]any{"port": at}
			for option, value := range trusting {
				given[option] = value
			}
			wantFailure(t, configured(t, given).Deliver(t.Context(), large()), at, c.says)
		})
	}
}

// Receivers that mind only one of the two ends of a TLS connection, and that close without TLS's own goodbye.
func TestTLSReceiversThatAreRude(t *testing.T) {
	signer := newAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{signer.issue(t, "server", "logstash.example", time.Hour)}}
	got := make(chan string, 1)
	cases := map[string]func(*net.TCPConn){
		"close at close_notify, without one": func(connection *net.TCPConn) {
			content, err := io.ReadAll(tls.Server(connection, config))
			if err != nil {
				t.Error(err)
			}
			_ = connection.Close()
			got <- string(content)
		},
		"wait for the end of TCP": func(connection *net.TCPConn) {
			content, err := io.ReadAll(tls.Server(connection, config))
			if err != nil {
				t.Error(err)
			}
			if _, err := io.Copy(io.Discard, connection); err != nil {
				t.Error(err)
			}
			_ = connection.Close()
			got <- string(content)
		},
	}
	for name, treat := range cases {
		t.Run(name, func(t *testing.T) {
			at := listen(t, treat)
			given := map[string]any{"port": at, "tls": true, "cafile": signer.path("ca.pem"), "server_name": "logstash.example"}
			if err := configured(t, given).Deliver(t.Context(), large()); err != nil {
				t.Fatal(err)
			}
			if <-got != lines(t, large().GetRecords()) {
				t.Error("something else arrived")
			}
		})
	}
}
