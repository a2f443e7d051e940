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
	ID      string    `json:"id"`  // names this launch, and opens nothing
	Expires time.Time `json:"expires"`
}

// PageSeen is what the service sees of the browser that shows the check-in page.
type PageSeen struct {
	// Alive: a page is open, holds the browser's pass, and its script gave a sign of
	// life within 12 seconds.
	Alive bool `json:"alive"`
	// Launch is the launch that the browser came by which holds the pass; empty where
	// none did since the service's start.
	Launch string `json:"launch,omitempty"`
	// Refused is the launch whose token was refused last: used before, or too old.
	Refused string `json:"refused,omitempty"`
}

// Launch asks for a fresh address of the check-in page.
func (c *Client) Launch(ctx context.Context, in Launch) (Launched, error) {
	return call[Launched](ctx, c, "page/launch", in)
}

// PageSeen asks what the service sees of the page's browser.
func (c *Client) PageSeen(ctx context.Context) (PageSeen, error) {
	return call[PageSeen](ctx, c, "page/seen", nil)
}
