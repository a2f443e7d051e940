package emulator

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// Transport returns a RoundTripper that calls this keyset without a network: for
// testing/synctest bubbles, where sockets do not work. A fault that breaks the
// connection is an error of RoundTrip or of reading the body. A request whose
// context ends returns at once.
func (e *Emulator) Transport() http.RoundTripper { return transport{e} }

type transport struct{ e *Emulator }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	done := make(chan *exchange, 1)
	go func() {
		x := &exchange{header: http.Header{}}
		defer func() {
			_ = in.Body.Close()
			if v := recover(); v != nil && v != http.ErrAbortHandler {
				panic(v)
			} else if v != nil {
				x.broken = true
			}
			done <- x
		}()
		t.e.ServeHTTP(x, in)
	}()
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case x := <-done:
		return x.response(r)
	}
}

// exchange collects what the handler writes.
type exchange struct {
	header http.Header
	status int
	body   bytes.Buffer
	broken bool
}

func (x *exchange) Header() http.Header         { return x.header }
func (x *exchange) Write(b []byte) (int, error) { return x.body.Write(b) }
func (x *exchange) WriteHeader(status int)      { x.status = status }

func (x *exchange) response(r *http.Request) (*http.Response, error) {
	if x.broken && x.status == 0 {
		return nil, fmt.Errorf("connection reset by emulator: %w", io.ErrUnexpectedEOF)
	}
	length, err := strconv.ParseInt(x.header.Get("Content-Length"), 10, 64)
	if err != nil {
		length = -1
	}
	var body io.Reader = &x.body
	if x.broken {
		body = io.MultiReader(&x.body, cutShort{})
	}
	return &http.Response{
		Status: strconv.Itoa(x.status) + " " + http.StatusText(x.status), StatusCode: x.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: x.header, ContentLength: length, Body: io.NopCloser(body), Request: r,
	}, nil
}

type cutShort struct{}

func (cutShort) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
