package transport

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// repeated is a reader of a number of equal bytes.
type repeated int64

func (r *repeated) Read(p []byte) (int, error) {
	if *r == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), int64(*r)))
	copy(p, bytes.Repeat([]byte("x"), n))
	*r -= repeated(n)
	return n, nil
}

// get requests a document, in a stream if that is set, and returns the number of its bytes.
func get(ctx context.Context, t *testing.T, handler http.HandlerFunc) (int64, error) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	client, _ := client(t, Options{})
	request, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/path", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	return io.Copy(io.Discard, response.Body)
}

// TestBodyLimits: an answer of the limit is read, one byte more is an error with the limit.
func TestBodyLimits(t *testing.T) {
	for _, test := range []struct {
		name string
		ctx  context.Context
		size int64
		says string
	}{
		{"a document", t.Context(), maxDocument, ""},
		{"a large document", t.Context(), maxDocument + 1, "larger than 2 MiB"},
		{"a list", InStream(t.Context()), maxStream, ""},
		{"a large list", InStream(t.Context()), maxStream + 1, "larger than 256 MiB"},
	} {
		t.Run(test.name, func(t *testing.T) {
			n, err := get(test.ctx, t, func(w http.ResponseWriter, _ *http.Request) {
				body := repeated(test.size)
				_, _ = io.Copy(w, &body)
			})
			switch {
			case test.says == "" && (err != nil || n != test.size):
				t.Errorf("%d bytes, %v", n, err)
			case test.says != "" && (!errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "/path")):
				t.Errorf("%d bytes, %v", n, err)
			}
		})
	}
}

// TestIncompressible: an answer that does not become smaller has a lower limit.
func TestIncompressible(t *testing.T) {
	random := rand.NewChaCha8([32]byte{})
	_, err := get(InStream(t.Context()), t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.Copy(w, io.LimitReader(random, maxCompressed+1<<20))
	})
	if !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "larger than 32 MiB when compressed") {
		t.Errorf("%v", err)
	}
}

// TestGzipBomb: the limit is for what the answer decompresses to.
func TestGzipBomb(t *testing.T) {
	_, err := get(InStream(t.Context()), t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		compressor := gzip.NewWriter(w)
		body := repeated(1 << 40)
		_, _ = io.Copy(compressor, &body)
	})
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v", err)
	}
}

// TestErrorPage: of an endless error page the beginning is read.
func TestErrorPage(t *testing.T) {
	n, err := get(t.Context(), t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		body := repeated(1 << 40)
		_, _ = io.Copy(w, &body)
	})
	if err != nil || n != maxError {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// TestMemoryOfBodies: many large answers at the same time take a bounded amount of memory.
func TestMemoryOfBodies(t *testing.T) {
	reader := newBodyReader()
	var group sync.WaitGroup
	errs := make(chan error, 6)
	for i := range 6 {
		group.Go(func() {
			random := rand.NewChaCha8([32]byte{byte(i)})
			body, err := reader.readBody(t.Context(), io.LimitReader(random, maxCompressed-1<<20), maxStream)
			if err != nil {
				errs <- err
				return
			}
			var memory runtime.MemStats
			runtime.ReadMemStats(&memory)
			if limit := uint64(3 * largeAnswers * maxCompressed); memory.HeapAlloc > limit {
				errs <- fmt.Errorf("%d MiB of memory", memory.HeapAlloc>>20)
			}
			n, err := io.Copy(io.Discard, body)
			if err != nil || n != maxCompressed-1<<20 {
				errs <- fmt.Errorf("%d bytes, %w", n, err)
			}
			_ = body.Close()
		})
	}
	group.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
}

// TestRetriedBody: an answer that breaks off is requested again, and its content is that of one
// answer.
func TestRetriedBody(t *testing.T) {
	requests := 0
	n, err := get(InStream(t.Context()), t, func(w http.ResponseWriter, _ *http.Request) {
		requests++
		const size = 5 << 20
		w.Header().Set("Content-Length", fmt.Sprint(size))
		body := repeated(size)
		if requests == 1 {
			body = size / 2
		}
		_, _ = io.Copy(w, &body)
	})
	if err != nil || n != 5<<20 || requests != 2 {
		t.Errorf("%d bytes after %d requests, %v", n, requests, err)
	}
}
