package pubnub

import (
	"context"
	"net/http"

	sdk "github.com/pubnub/go/v7"
)

// viaSDK makes one request through the SDK, on this goroutine, and settles it.
// Whatever the SDK does, call returns: a panic counts as an answer that was not
// understood. The SDK's own error is dropped, for its text may hold the address.
func (c *Client) viaSDK(ctx context.Context, x *exchange, call func(context.Context, *sdk.PubNub) error) error {
	pn, err := c.openSDK()
	if err != nil {
		return &Error{Op: x.op, Class: Canceled, Reason: ReasonClosed, wraps: c.ctx.Err()}
	}
	bounded, cancel := c.begin(ctx, x, c.cfg.RequestTimeout)
	defer cancel()
	return c.settle(ctx, x, answered(func() error { return call(bounded, pn) }))
}

func answered(call func() error) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return call() == nil
}

// openSDK gives the SDK's client, made at the first call: making it starts
// goroutines.
func (c *Client) openSDK() (*sdk.PubNub, error) {
	c.sdkMu.Lock()
	defer c.sdkMu.Unlock()
	if c.ctx.Err() != nil {
		return nil, c.ctx.Err()
	}
	if c.sdk != nil {
		return c.sdk, nil
	}
	cfg := sdk.NewConfigWithUserId(sdk.UserId(c.cfg.UserID))
	cfg.Origin, cfg.Secure = c.cfg.Origin, !c.cfg.Insecure
	cfg.PublishKey, cfg.SubscribeKey = c.cfg.PublishKey, c.cfg.SubscribeKey
	cfg.MaxWorkers = 0             // with workers, a publish under an ended context never returns
	cfg.SuppressLeaveEvents = true // we do not subscribe through it
	cfg.StoreTokensOnGrant = false
	cfg.MaximumLatencyDataAge = 0 // its statistics of latency would grow for a minute
	// Log, CryptoModule, CipherKey, SecretKey and AuthKey stay unset: see doc.go.
	pn := sdk.NewPubNub(cfg)
	pn.SetClient(&http.Client{
		Transport: c.transport,
		// A portal's redirect would be followed with our address as Referer.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
	c.sdk = pn
	return pn, nil
}

// destroy fences the SDK's Destroy, which panics when called twice or before a
// request. It leaves one goroutine behind for each client that was made (the
// SDK never closes the queue that its reader waits on).
func destroy(pn *sdk.PubNub) {
	if pn != nil {
		_ = answered(func() error { pn.Destroy(); return nil })
	}
}
