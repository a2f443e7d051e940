package control

import (
	"context"
	"time"
)

// DiagOpen asks for a code of the diagnostics page.
type DiagOpen struct{}

// DiagOpened is such a code. It is for the person at the kiosk, not for a log.
type DiagOpened struct {
	Code    string    `json:"code"` // eight digits, with a blank in the middle
	Expires time.Time `json:"expires"`
}

// DiagClose ends the page and voids the code.
type DiagClose struct{}

// DiagStatus is who may open the page, and who has.
type DiagStatus struct {
	Open    bool      `json:"open"`             // the page is open
	By      string    `json:"by,omitempty"`     // who opened it
	Opened  time.Time `json:"opened,omitzero"`  // and when
	Code    bool      `json:"code"`             // a code is out
	CodeBy  string    `json:"codeBy,omitempty"` // who asked for it
	Expires time.Time `json:"expires,omitzero"`
	Wrong   int       `json:"wrong,omitempty"` // codes typed in vain since; the fifth voids it
}

// DiagOpen asks for a code. One that was given before is void.
func (c *Client) DiagOpen(ctx context.Context) (DiagOpened, error) {
	return call[DiagOpened](ctx, c, "diag/open", DiagOpen{})
}

// DiagClose ends the page and gives what there was.
func (c *Client) DiagClose(ctx context.Context) (DiagStatus, error) {
	return call[DiagStatus](ctx, c, "diag/close", DiagClose{})
}

// DiagStatus tells how it stands.
func (c *Client) DiagStatus(ctx context.Context) (DiagStatus, error) {
	return call[DiagStatus](ctx, c, "diag/status", nil)
}
