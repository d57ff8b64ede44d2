package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/semaphore"
)

const (
	// maxDocument limits an answer that is decoded as a whole, decompressed. Tokens with the catalog
	// of a large cloud have some hundred KiB.
	maxDocument = 2 << 20
	// maxStream limits an answer that is decoded in a stream, decompressed. A page of 1000 servers is
	// under 2 MiB; keystone has all users in one answer.
	maxStream = 256 << 20
	// maxHeader limits the header of an answer.
	maxHeader = 256 << 10
	// maxError limits what is read of an answer that is an error.
	maxError = 64 << 10

	// plainBytes is the part of an answer that is kept as it is.
	plainBytes = 64 << 10
	// smallAnswer is the memory of an answer, compressed, that any request may take. Of those that
	// need more, largeAnswers are read at the same time, and each may take maxCompressed: 100,000
	// servers in one page need 15 MiB.
	smallAnswer   = 1 << 20
	largeAnswers  = 2
	maxCompressed = 32 << 20
	// windowSize is the memory of the compression.
	windowSize = 512 << 10
)

// ErrTooLarge is the error of an answer over one of the limits.
var ErrTooLarge = errors.New("the answer is too large")

// limitError is an ErrTooLarge with the limit.
type limitError struct {
	bytes int64
	// compressed is set where the limit is for the compressed answer.
	compressed bool
}

// Error returns the text of ErrTooLarge with the limit.
func (e limitError) Error() string {
	text := fmt.Sprintf("the answer is larger than %d MiB", e.bytes>>20)
	if e.compressed {
		text += " when compressed"
	}
	return text
}

// Is reports whether the target is ErrTooLarge.
func (limitError) Is(target error) bool { return target == ErrTooLarge }

type streamKey struct{}

// InStream returns a context for requests whose answers are decoded in a stream: their limit is
// 256 MiB instead of 2 MiB.
func InStream(ctx context.Context) context.Context { return context.WithValue(ctx, streamKey{}, true) }

// bodyLimit returns the limit for the answers to requests of a context.
func bodyLimit(ctx context.Context) int64 {
	if ctx.Value(streamKey{}) != nil {
		return maxStream
	}
	return maxDocument
}

// bodyReader reads answers completely, so that a request whose connection breaks within the body
// can be repeated, and keeps them compressed. It is safe for concurrent use.
type bodyReader struct{ large *semaphore.Weighted }

func newBodyReader() *bodyReader { return &bodyReader{large: semaphore.NewWeighted(largeAnswers)} }

// readBody reads an answer of limited size.
func (b *bodyReader) readBody(ctx context.Context, body io.Reader, limit int64) (io.ReadCloser, error) {
	limited := &limitedReader{body: body, left: limit, limit: limit}
	plain, err := io.ReadAll(io.LimitReader(limited, plainBytes))
	if err != nil {
		return nil, err
	}
	if len(plain) < plainBytes {
		return io.NopCloser(bytes.NewReader(plain)), nil
	}
	kept := &compressedBody{ctx: ctx, large: b.large}
	if err := kept.fill(limited); err != nil {
		kept.release()
		return nil, err
	}
	decompressor, err := zstd.NewReader(kept.reader(), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		kept.release()
		return nil, err
	}
	return &answerBody{Reader: io.MultiReader(bytes.NewReader(plain), decompressor),
		close: func() { decompressor.Close(); kept.release() }}, nil
}

// answerBody is an answer that takes memory until it is closed.
type answerBody struct {
	io.Reader
	close func()
}

// Close releases the memory.
func (b *answerBody) Close() error {
	if b.close != nil {
		b.close()
	}
	b.Reader, b.close = bytes.NewReader(nil), nil
	return nil
}

// limitedReader fails where a body is larger than the limit. io.LimitReader ends there instead.
type limitedReader struct {
	body        io.Reader
	left, limit int64
}

// Read reads from the body.
func (r *limitedReader) Read(p []byte) (int, error) {
	if int64(len(p)) > r.left+1 {
		p = p[:r.left+1]
	}
	n, err := r.body.Read(p)
	if int64(n) > r.left {
		return 0, limitError{bytes: r.limit}
	}
	r.left -= int64(n)
	return n, err
}

// compressedBody is an answer in compressed form.
type compressedBody struct {
	ctx   context.Context
	large *semaphore.Weighted
	// isLarge is set while the answer is one of the large ones.
	isLarge bool
	chunks  [][]byte
	size    int
}

// fill reads and compresses the rest of an answer.
func (c *compressedBody) fill(body io.Reader) error {
	compressor, err := zstd.NewWriter(c, zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(windowSize), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return err
	}
	// The compressor's ReadFrom would allocate more.
	_, err = io.CopyBuffer(struct{ io.Writer }{compressor}, struct{ io.Reader }{body}, make([]byte, plainBytes))
	return errors.Join(err, compressor.Close())
}

// Write adds compressed bytes. An answer that becomes large waits for others.
func (c *compressedBody) Write(p []byte) (int, error) {
	c.size += len(p)
	if c.size > maxCompressed {
		return 0, limitError{bytes: maxCompressed, compressed: true}
	}
	if c.size > smallAnswer && !c.isLarge {
		if err := c.large.Acquire(c.ctx, 1); err != nil {
			return 0, err
		}
		c.isLarge = true
	}
	c.chunks = append(c.chunks, bytes.Clone(p))
	return len(p), nil
}

// reader returns a reader of the compressed bytes. What was read is released.
func (c *compressedBody) reader() io.Reader {
	readers := make([]io.Reader, len(c.chunks))
	for i, chunk := range c.chunks {
		readers[i] = bytes.NewReader(chunk)
	}
	c.chunks = nil
	return io.MultiReader(readers...)
}

// release lets the next large answer be read.
func (c *compressedBody) release() {
	if c.isLarge {
		c.large.Release(1)
		c.isLarge = false
	}
	c.chunks = nil
}
