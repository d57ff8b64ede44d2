package logstash

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

func batchOf(records ...*pluginv1.Record) *pluginv1.Batch {
	return &pluginv1.Batch{Id: "b", Records: records}
}

// largeBatch returns a batch of 20 MB, more than a connection buffers for a receiver that does not
// read.
func largeBatch() *pluginv1.Batch {
	made := batchOf()
	for i := range 200 {
		made.Records = append(made.Records, &pluginv1.Record{Id: fmt.Sprint(i), Kind: &pluginv1.Record_Cloud{Cloud: &pluginv1.CloudRecord{
			MachineName: strings.Repeat("x", 100<<10)}}})
	}
	return made
}

// wantFailure checks that an error makes the host retry the batch, and contains the address and
// these texts.
func wantFailure(t *testing.T, err error, port int64, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("the batch was delivered")
	}
	said := sdk.Diagnostics(err)
	if len(said) != 1 || said[0].Severity != sdk.SeverityError {
		t.Fatalf("got %v", said)
	}
	text := said[0].Summary + " " + said[0].Detail
	for _, want := range append(texts, ":"+fmt.Sprint(port)+":") {
		if !strings.Contains(text, want) {
			t.Errorf("%q does not contain %q", text, want)
		}
	}
}

func TestBatchIsDelivered(t *testing.T) {
	for name, given := range map[string]*pluginv1.Batch{"small": batchOf(oneOfEachType()...), "large": largeBatch()} {
		t.Run(name, func(t *testing.T) {
			got := make(chan string, 2)
			messenger := configured(t, map[string]any{"port": listen(t, readAll(got))})
			for range 2 {
				if err := messenger.Deliver(t.Context(), given); err != nil {
					t.Fatal(err)
				}
			}
			want := documentLines(t, given.GetRecords())
			if first, second := <-got, <-got; first != want || second != want {
				t.Errorf("%d bytes, then %d bytes arrived, of %d", len(first), len(second), len(want))
			}
		})
	}
}

func TestInvalidRecordsAreRejected(t *testing.T) {
	got := make(chan string, 1)
	messenger := configured(t, map[string]any{"port": listen(t, readAll(got))})
	records := oneOfEachType()
	records[0].GetCloud().WallDuration.Seconds = -1
	err := messenger.Deliver(t.Context(), batchOf(records...))
	if err == nil || len(sdk.Diagnostics(err)) != 1 || err.Error() != sdk.RejectedRecords(&pluginv1.RejectedRecord{}).Error() {
		t.Errorf("got error %v", err)
	}
	if want := documentLines(t, records[1:]); <-got != want {
		t.Error("the other records did not arrive")
	}
	// Without a valid record there is no connection.
	err = configured(t, map[string]any{"port": int64(1)}).Deliver(t.Context(), batchOf(records[0]))
	if err == nil || err.Error() != sdk.RejectedRecords(&pluginv1.RejectedRecord{}).Error() {
		t.Errorf("got error %v", err)
	}
}

func TestConnectionRefused(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := int64(listener.Addr().(*net.TCPAddr).Port)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	err = configured(t, map[string]any{"port": closed}).Deliver(t.Context(), batchOf(oneOfEachType()...))
	wantFailure(t, err, closed, "connecting", "refused", "[logstash]")
}

func TestCheck(t *testing.T) {
	got := make(chan string, 1)
	listening := listen(t, readAll(got))
	found := sdk.Diagnostics(configured(t, map[string]any{"port": listening}).Check(t.Context()))
	if len(found) != 1 || found[0].Severity != sdk.SeverityInfo {
		t.Errorf("got %v", found)
	}
	if content := <-got; content != "" {
		t.Errorf("the check sent %q", content)
	}

	signer := newAuthority(t)
	certificate := signer.issue(t, "server", "logstash.example", time.Hour)
	required := listen(t, readAllTLS(&tls.Config{Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAnyClientCert}, got))
	// With TLS 1.3 the server rejects the client after the handshake.
	err := configured(t, map[string]any{"port": required, "tls": true, "cafile": signer.path("ca.pem"), "server_name": "logstash.example"}).
		Check(t.Context())
	wantFailure(t, err, required, "failed")
}

func TestUnknownHost(t *testing.T) {
	// RFC 6761: a name under invalid never resolves.
	err := configured(t, map[string]any{"host": "logstash.invalid", "port": int64(5000)}).Deliver(t.Context(), batchOf(oneOfEachType()...))
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
	wantFailure(t, messenger.Deliver(t.Context(), largeBatch()), at, "does not read")
	// A small batch is buffered by the connection; only the close is missing.
	wantFailure(t, messenger.Deliver(t.Context(), batchOf(oneOfEachType()...)), at, "waiting for the receiver to close")
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
	err := configured(t, map[string]any{"port": at, "timeout": int64(1)}).Deliver(t.Context(), batchOf(oneOfEachType()...))
	<-read
	wantFailure(t, err, at, "waiting for the receiver to close", "proxy")
}

func TestReceiverThatSendsData(t *testing.T) {
	got := make(chan string, 1)
	at := listen(t, func(connection *net.TCPConn) {
		_, _ = io.WriteString(connection, "hello\n")
		readAll(got)(connection)
	})
	if err := configured(t, map[string]any{"port": at}).Deliver(t.Context(), batchOf(oneOfEachType()...)); err != nil {
		t.Error(err)
	}
	<-got
}

func TestReceiverThatClosesEarly(t *testing.T) {
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
		"after closing its direction": func(connection *net.TCPConn) {
			_ = connection.CloseWrite()
			_, _ = io.CopyN(io.Discard, connection, 1<<20)
			_ = connection.Close()
		},
	}
	for name, treat := range cases {
		t.Run(name, func(t *testing.T) {
			at := listen(t, treat)
			wantFailure(t, configured(t, map[string]any{"port": at}).Deliver(t.Context(), largeBatch()), at)
		})
	}
}

// A receiver that closes at once has, for a moment, neither read a small batch nor answered it with
// a reset. No order of these events may count as delivered.
func TestReceiverThatClosesAtOnce(t *testing.T) {
	at := listen(t, func(connection *net.TCPConn) { _ = connection.Close() })
	messenger := configured(t, map[string]any{"port": at})
	for range 300 {
		wantFailure(t, messenger.Deliver(t.Context(), batchOf(oneOfEachType()...)), at)
	}
}

func TestEndOfRun(t *testing.T) {
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
	// A delivery that waits for the receiver exceeds the timeout of the test.
	err := configured(t, map[string]any{"port": at, "timeout": int64(3600)}).Deliver(ctx, largeBatch())
	wantFailure(t, err, at, "canceled")
}

func TestTLS(t *testing.T) {
	signer, otherSigner := newAuthority(t), newAuthority(t)
	good := signer.issue(t, "server", "logstash.example", time.Hour)
	expired := signer.issue(t, "expired", "logstash.example", -time.Hour)
	signer.issue(t, "client", "caso", time.Hour)
	otherSigner.issue(t, "client", "caso", time.Hour)
	trusting := map[string]any{"tls": true, "cafile": signer.path("ca.pem"), "server_name": "logstash.example"}
	withOptions := func(more map[string]any) map[string]any {
		all := map[string]any{}
		for _, options := range []map[string]any{trusting, more} {
			maps.Copy(all, options)
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
		// wantError is a text of the error; empty if the batch is to be delivered.
		wantError string
	}{
		"trusted":                                 {plain, trusting, ""},
		"TLS 1.2":                                 {&tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS12}, trusting, ""},
		"TLS 1.1":                                 {&tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, trusting, "protocol version"},
		"expired":                                 {&tls.Config{Certificates: []tls.Certificate{expired}}, trusting, "expired"},
		"for another name":                        {plain, withOptions(map[string]any{"server_name": "other.example"}), "server_name"},
		"name is the host by default":             {plain, withOptions(map[string]any{"server_name": ""}), "127.0.0.1"},
		"of another authority":                    {plain, withOptions(map[string]any{"cafile": otherSigner.path("ca.pem")}), "cafile"},
		"authority not configured":                {plain, withOptions(map[string]any{"cafile": ""}), "cafile"},
		"not verified":                            {&tls.Config{Certificates: []tls.Certificate{expired}}, map[string]any{"tls": true, "insecure": true}, ""},
		"client certificate":                      {mutual, withOptions(map[string]any{"certfile": signer.path("client.pem"), "keyfile": signer.path("client.key")}), ""},
		"client certificate, TLS 1.2":             {mutual12, withOptions(map[string]any{"certfile": signer.path("client.pem"), "keyfile": signer.path("client.key")}), ""},
		"no client certificate":                   {mutual, trusting, "failed"},
		"no client certificate, 1.2":              {mutual12, trusting, "certfile"},
		"client certificate of another authority": {mutual, withOptions(map[string]any{"certfile": otherSigner.path("client.pem"), "keyfile": otherSigner.path("client.key")}), "failed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := make(chan string, 1)
			at := listen(t, readAllTLS(c.server, got))
			given := map[string]any{"port": at}
			maps.Copy(given, c.given)
			err := configured(t, given).Deliver(t.Context(), batchOf(oneOfEachType()...))
			if c.wantError != "" {
				wantFailure(t, err, at, c.wantError)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if <-got != documentLines(t, oneOfEachType()) {
				t.Error("other data arrived")
			}
		})
	}
}

func TestTLSReceiverThatClosesEarly(t *testing.T) {
	signer := newAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{signer.issue(t, "server", "logstash.example", time.Hour)}}
	trusting := map[string]any{"tls": true, "cafile": signer.path("ca.pem"), "server_name": "logstash.example", "timeout": int64(1)}
	release := make(chan struct{})
	cases := map[string]struct {
		treat func(*net.TCPConn)
		want  string
	}{
		"before the handshake": {func(connection *net.TCPConn) { _ = connection.Close() }, "TLS"},
		"no handshake": {func(connection *net.TCPConn) {
			<-release
			_ = connection.Close()
		}, "accepts TLS"},
		"another protocol": {func(connection *net.TCPConn) {
			_, _ = io.WriteString(connection, "220 hello, this is not TLS\r\n")
			_, _ = io.Copy(io.Discard, connection)
			_ = connection.Close()
		}, "accepts TLS"},
		"in the middle": {func(connection *net.TCPConn) {
			secured := tls.Server(connection, config)
			_, _ = io.CopyN(io.Discard, secured, 1<<20)
			_ = secured.Close()
		}, "failed"},
		"after the handshake": {func(connection *net.TCPConn) {
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
			maps.Copy(given, trusting)
			wantFailure(t, configured(t, given).Deliver(t.Context(), largeBatch()), at, c.want)
		})
	}
}

// Receivers wait for close_notify or for FIN only, and close without close_notify.
func TestTLSReceiversThatCloseIncompletely(t *testing.T) {
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
			if err := configured(t, given).Deliver(t.Context(), largeBatch()); err != nil {
				t.Fatal(err)
			}
			if <-got != documentLines(t, largeBatch().GetRecords()) {
				t.Error("other data arrived")
			}
		})
	}
}
