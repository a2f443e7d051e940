package pubnub

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
)

// request is one that is made without the SDK.
type request struct {
	method  string // default GET
	path    string // escaped
	query   url.Values
	ifMatch string
	body    []byte
}

// rest makes one request and settles it. decode reads the body of a success;
// its error means that the answer was not understood.
func (c *Client) rest(ctx context.Context, x *exchange, r request, decode func(body []byte) error) error {
	bounded, cancel := c.begin(ctx, x, c.cfg.RequestTimeout)
	defer cancel()
	c.send(bounded, x, r)
	return c.settle(ctx, x, x.ok() && decode(x.body) == nil)
}

// send makes the request; x has the outcome.
func (c *Client) send(ctx context.Context, x *exchange, r request) {
	query := url.Values{"uuid": {c.cfg.UserID}, "pnsdk": {"clinicgate"}}
	for key, values := range r.query {
		query[key] = values
	}
	// PubNub reads a plus as itself, not as a space.
	target := c.base + r.path + "?" + strings.ReplaceAll(query.Encode(), "+", "%20")
	req, err := http.NewRequestWithContext(ctx, cmp.Or(r.method, http.MethodGet), target, bytes.NewReader(r.body))
	if err != nil {
		x.err = err
		return
	}
	if r.ifMatch != "" {
		req.Header.Set("If-Match", r.ifMatch)
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	_, _ = c.transport.RoundTrip(req)
}

// badName is the error for a channel or user id that cannot be one.
func badName(op string) error {
	return &Error{Op: op, Class: Refused, Reason: ReasonBadName}
}
