package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	// maxElement limits one element of an answer that is decoded in a stream: a server, a project
	// with its properties.
	maxElement = 1 << 20
	// maxValues limits the elements and members of an answer that is decoded in a stream: small ones
	// take long to decode.
	maxValues = 2_000_000
)

var (
	errElement = fmt.Errorf("one of its elements is larger than %d MiB", maxElement>>20)
	errValues  = fmt.Errorf("it has more than %d elements", maxValues)
)

// Stream decodes an answer element by element. Its memory is bounded by maxElement.
type Stream struct {
	reader  *elementReader
	decoder *json.Decoder
	values  int
}

// newStream returns a stream of an answer.
func newStream(body io.Reader) *Stream {
	reader := &elementReader{body: body}
	return &Stream{reader: reader, decoder: json.NewDecoder(reader)}
}

// elementReader fails where the decoder needs more than maxElement bytes for one element.
type elementReader struct {
	body io.Reader
	left int
	// begin has the first bytes of the answer, for error messages.
	begin []byte
}

// Read reads from the body.
func (r *elementReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, errElement
	}
	n, err := r.body.Read(p[:min(len(p), r.left)])
	r.left -= n
	r.begin = append(r.begin, p[:min(n, maxBegin-len(r.begin))]...)
	return n, err
}

// maxBegin is the part of an answer that firstLine may return.
const maxBegin = 4096

// errValue is the error of a value of another type than the expected one.
var errValue = errors.New("unexpected value")

// token returns the next token.
func (s *Stream) token() (json.Token, error) {
	s.reader.left = maxElement
	token, err := s.decoder.Token()
	return token, unexpectedEOF(err)
}

// unexpectedEOF returns io.ErrUnexpectedEOF for io.EOF: an answer that ends within a value is cut
// off.
func unexpectedEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// expect reads a delimiter. The error is errValue for another token.
func (s *Stream) expect(delimiter json.Delim) error {
	token, err := s.token()
	if err != nil {
		return err
	}
	if token != delimiter {
		return errValue
	}
	return nil
}

// Object calls a function for each member of an object, which reads the member's value.
func (s *Stream) Object(member func(name string) error) error {
	if err := s.expect('{'); err != nil {
		return err
	}
	for s.more() {
		if err := s.count(); err != nil {
			return err
		}
		name, err := s.token()
		if err != nil {
			return err
		}
		text, _ := name.(string)
		if err := member(text); err != nil {
			return err
		}
	}
	return s.expect('}')
}

// Array calls a function for each element of an array, which reads the element.
func (s *Stream) Array(element func() error) error {
	if err := s.expect('['); err != nil {
		return err
	}
	for s.more() {
		if err := s.count(); err != nil {
			return err
		}
		if err := element(); err != nil {
			return err
		}
	}
	return s.expect(']')
}

// count counts an element or a member.
func (s *Stream) count() error {
	s.values++
	if s.values > maxValues {
		return errValues
	}
	return nil
}

// more reports whether the object or array has another element.
func (s *Stream) more() bool {
	s.reader.left = maxElement
	return s.decoder.More()
}

// Decode decodes the next value.
func (s *Stream) Decode(into any) error {
	s.reader.left = maxElement
	return unexpectedEOF(s.decoder.Decode(into))
}

// Skip reads the next value and ignores it.
func (s *Stream) Skip() error {
	var ignored skipped
	return s.Decode(&ignored)
}

// skipped is a value that is ignored.
type skipped struct{}

// UnmarshalJSON ignores the value.
func (skipped) UnmarshalJSON([]byte) error { return nil }

// begin returns the first line of the answer.
func (s *Stream) begin() string { return firstLine(s.reader.begin) }

// explain returns an error of the decoder as one about the answer. Those of the reader's functions
// stay as they are.
func (s *Stream) explain(err error) error {
	_, isSyntax := errors.AsType[*json.SyntaxError](err)
	_, isType := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case errors.Is(err, errElement):
		return answerError("the answer is too large: " + errElement.Error())
	case errors.Is(err, errValues):
		return answerError("the answer is too large: " + errValues.Error())
	case isSyntax, isType, errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, errValue):
		return invalidAnswer(err, s.reader.begin)
	}
	return err
}

// end returns an error where something follows on the value.
func (s *Stream) end() error {
	s.reader.left = maxElement
	if _, err := s.decoder.Token(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = errValue
		}
		return err
	}
	return nil
}

// member reads the value at a path of object names, separated by slashes. Others receives the
// members on the way that are not on the path. Found is false where the path does not exist.
func (s *Stream) member(
	path string, others func(name string) error, value func() error,
) (found bool, err error) {
	name, rest, deeper := strings.Cut(path, "/")
	err = s.Object(func(other string) error {
		if other != name {
			return others(other)
		}
		if !deeper {
			if found {
				return fmt.Errorf("%q is there twice", name)
			}
			found = true
			return value()
		}
		inner, err := s.member(rest, func(string) error { return s.Skip() }, value)
		found = found || inner
		return err
	})
	return found, err
}
