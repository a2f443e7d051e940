package pubnub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

const maxBody = 4 << 20 // a page of 100 messages of 32 KiB, and room

var (
	errForeign  = errors.New("answer is not from PubNub")
	errTooLarge = errors.New("answer is too large")
	errAnswer   = errors.New("answer is not understood")
)

// exchange is one request and what the transport saw of it. It travels in the
// request's context, so that a request made inside the SDK is seen as well:
// what happened is decided here and never from the text of an SDK error, which
// holds the address and so whatever digits a channel name has.
type exchange struct {
	op        string
	mutates   bool // a request that was sent may have had its effect
	anonymous bool // carries no token

	sentAt     atomic.Int64 // Unix nanoseconds when the request went out; 0: never
	token      string
	status     int
	json       bool
	retryAfter time.Duration
	body       []byte
	err        error
}

func (x *exchange) sent() bool { return x.sentAt.Load() != 0 }

// held is how long the request waited for its answer.
func (x *exchange) held() time.Duration {
	if at := x.sentAt.Load(); at != 0 {
		return time.Since(time.Unix(0, at))
	}
	return 0
}

// ok reports a success with an answer in JSON.
func (x *exchange) ok() bool { return x.err == nil && x.status == http.StatusOK && x.json }

type exchangeKey struct{}

// transport is the http.RoundTripper under every request, the SDK's and ours.
// It adds the token, so that the SDK never holds it; sends bodies with their
// length, since strict proxies refuse chunks; reads the answer whole and
// bounded; and refuses a success that is not JSON.
type transport struct {
	network http.RoundTripper
	token   func() string
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	x, _ := req.Context().Value(exchangeKey{}).(*exchange)
	if x == nil {
		return nil, errors.New("request without an exchange")
	}
	answer, err := t.exchange(req, x)
	x.err = err
	return answer, err
}

func (t *transport) exchange(req *http.Request, x *exchange) (*http.Response, error) {
	ctx := httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		WroteHeaders: func() { x.sentAt.Store(time.Now().UnixNano()) },
	})
	out := req.Clone(ctx)
	if err := setBody(out); err != nil {
		return nil, err
	}
	if !x.anonymous {
		if x.token = t.token(); x.token != "" {
			out.URL.RawQuery += "&auth=" + url.QueryEscape(x.token)
		}
	}
	answer, err := t.network.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	body, err := readBounded(answer.Body)
	x.status, x.body, x.json = answer.StatusCode, body, json.Valid(body)
	x.retryAfter = parseRetryAfter(answer.Header)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode < 300 && !x.json {
		return nil, errForeign
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	answer.Request = req
	return answer, nil
}

// setBody gives the request a length, and a way to rewind that net/http uses
// only when nothing was written yet. It never repeats a POST or PATCH of which
// something was.
func setBody(req *http.Request) error {
	if req.Body == nil || req.Body == http.NoBody {
		return nil
	}
	body, err := readBounded(req.Body)
	if err != nil {
		return err
	}
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.Body, err = req.GetBody()
	return err
}

func readBounded(r io.ReadCloser) ([]byte, error) {
	defer r.Close()
	body, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	if err == nil && len(body) > maxBody {
		return nil, errTooLarge
	}
	return body, err
}

// begin gives the context for one request: bounded in time, ended by Close,
// and carrying x.
func (c *Client) begin(ctx context.Context, x *exchange, timeout time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, exchangeKey{}, x), timeout)
	stop := context.AfterFunc(c.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// settle judges a finished request: nil, or the error for the caller. It also
// tells the link what it saw. answered says that the reply was understood.
func (c *Client) settle(caller context.Context, x *exchange, answered bool) error {
	switch {
	case x.ok() && answered:
		c.link.set(true)
		return nil
	case x.err == nil && x.status != 0 && x.status != http.StatusOK:
		e := statusError(x)
		if e.Reason == ReasonForeign {
			c.link.set(false)
		} else if x.json && x.status < 500 {
			c.link.set(true)
		}
		return e
	}
	e := &Error{Op: x.op, Class: Temporary, Status: x.status}
	if x.mutates && x.sent() {
		e.Class = Unknown
	}
	switch {
	case x.err == nil:
		e.Reason = ReasonAnswer
	case errors.Is(x.err, errForeign):
		e.Reason = ReasonForeign
	default:
		e.Reason = networkReason(x.err)
	}
	if stopped := context.Cause(caller); stopped != nil {
		e.Reason, e.wraps = ReasonContext, stopped
	} else if c.ctx.Err() != nil {
		e.Reason, e.wraps = ReasonClosed, c.ctx.Err()
	}
	if e.wraps != nil {
		if e.Class != Unknown {
			e.Class = Canceled
		}
		return e
	}
	c.link.failed(x, e)
	return e
}
