package control

import (
	"context"
	"time"
)

// Launch asks for a launch token.
type Launch struct{}

// Launched is an address that opens the check-in page once.
type Launched struct {
	URL     string    `json:"url"` // holds the token: for the browser, not for a log
	Expires time.Time `json:"expires"`
}

// Launch asks for a fresh address of the check-in page.
func (c *Client) Launch(ctx context.Context, in Launch) (Launched, error) {
	return call[Launched](ctx, c, "page/launch", in)
}
