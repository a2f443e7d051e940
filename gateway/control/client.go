package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"time"
)

// ErrUnreachable means that no service answers on the channel.
var ErrUnreachable = errors.New("the clinicgate service does not answer")

// unreachable carries the hint.
type unreachable struct {
	err  error
	hint string
}

func (u *unreachable) Error() string   { return fmt.Sprintf("%v: %v", ErrUnreachable, u.err) }
func (u *unreachable) Hint() string    { return u.hint }
func (u *unreachable) Unwrap() []error { return []error{ErrUnreachable, u.err} }

// Client talks to the running service.
type Client struct {
	path string
	http *http.Client
}

const (
	dialTimeout   = 3 * time.Second
	maxReply      = 64 << 20
	maxReplyLine  = 16 << 20 // a bundle of 10 MB in base64
	clientTimeout = callTimeout + 15*time.Second
)

// Dial connects to the service at path once, to know that it is there. The
// error wraps ErrUnreachable when it is not.
func Dial(ctx context.Context, path string) (*Client, error) {
	c := &Client{path: path}
	c.http = &http.Client{Transport: &http.Transport{
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) },
		DisableCompression: true,
		MaxIdleConns:       1,
	}}
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	return c, conn.Close()
}

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := dial(ctx, c.path)
	if err == nil {
		return conn, nil
	}
	u := &unreachable{err: err, hint: "start it with `clinicgate run`, or name its config file with --config"}
	if errors.Is(err, fs.ErrPermission) {
		u.hint = "this account may not open the channel: " + whoMayOpen(c.path)
	}
	return nil, u
}

// Close lets go of the connection.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (c *Client) open(ctx context.Context, name string, in any) (*http.Response, error) {
	method, body := http.MethodGet, io.Reader(nil)
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("cannot write request: %w", err)
		}
		method, body = http.MethodPost, bytes.NewReader(data)
	}
	// The host is a placeholder: the transport dials the channel whatever it says.
	req, err := http.NewRequestWithContext(ctx, method, "http://clinicgate/"+version+"/"+name, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if errors.Is(err, ErrUnreachable) || ctx.Err() != nil {
			return nil, errors.Unwrap(err) // without the placeholder's address
		}
		return nil, &unreachable{err: errors.Unwrap(err), hint: "it stopped while it worked on this; ask again, acts are done once"}
	}
	return resp, nil
}

// call asks for one answer. A nil in is a GET.
func call[Out any](ctx context.Context, c *Client, name string, in any) (out Out, err error) {
	ctx, cancel := context.WithTimeout(ctx, clientTimeout)
	defer cancel()
	resp, err := c.open(ctx, name, in)
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return out, fmt.Errorf("cannot read the service's answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return out, refusal(data, resp.StatusCode)
	}
	if err := json.Unmarshal(data, &out); err != nil {
		return out, fmt.Errorf("cannot read the service's answer: %w", err)
	}
	return out, nil
}

func refusal(data []byte, status int) error {
	var body refused
	if json.Unmarshal(data, &body) == nil && body.Error != nil {
		return body.Error
	}
	return &Error{Code: Failed, Message: fmt.Sprintf("the service answered with status %d", status)}
}

// ErrHangs means that there is a service, and that it is stuck. Such an error wraps
// ErrUnreachable too.
var ErrHangs = errors.New("it takes connections and answers nothing")

// hangAfter is how long a service that lives needs at most to say that it begins.
const hangAfter = 5 * time.Second

// follow asks for a stream and waits for its result.
func follow[Out any](ctx context.Context, c *Client, name string, in any, progress func(Progress)) (Out, error) {
	return followLines[Out](ctx, c, name, in, tells(progress))
}

// tells hands on how far the work is. progress may be nil.
func tells(progress func(Progress)) func(line) {
	return func(l line) {
		if l.Progress != nil && progress != nil {
			progress(*l.Progress)
		}
	}
}

// followBegun is followLines where the service says at once that it begins. The error
// wraps ErrHangs when it does not.
func followBegun[Out any](ctx context.Context, c *Client, name string, in any, each func(line)) (Out, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(hangAfter, func() { cancel(ErrHangs) })
	defer timer.Stop()
	out, err := followLines[Out](ctx, c, name, in, func(l line) {
		timer.Stop()
		each(l)
	})
	if err != nil && context.Cause(ctx) == ErrHangs {
		return out, &unreachable{err: ErrHangs, hint: "`clinicgate service restart`; before that, `clinicgate bundle` keeps what it did"}
	}
	return out, err
}

// followLines is follow, with every line that is not the last.
func followLines[Out any](ctx context.Context, c *Client, name string, in any, each func(line)) (out Out, err error) {
	resp, err := c.open(ctx, name, in)
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		data, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
		if err != nil {
			return out, err
		}
		return out, refusal(data, resp.StatusCode)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxReplyLine)
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return out, fmt.Errorf("cannot read the service's answer: %w", err)
		}
		switch {
		case l.Error != nil:
			return out, l.Error
		case l.Result != nil:
			if err := json.Unmarshal(l.Result, &out); err != nil {
				return out, fmt.Errorf("cannot read the service's answer: %w", err)
			}
			return out, nil
		default:
			each(l)
		}
	}
	if err := errors.Join(lines.Err(), ctx.Err()); err != nil {
		return out, fmt.Errorf("the service's answer ended early: %w", err)
	}
	return out, &unreachable{err: io.ErrUnexpectedEOF, hint: "it stopped while it worked on this; ask again"}
}
