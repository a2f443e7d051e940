package control

import (
	"context"
	"time"

	"clinicgate/gateway/doctor"
)

// Validation is how the kiosk stands to the technical safeguards.
type Validation struct {
	Kiosk      string             `json:"kiosk"`
	Now        time.Time          `json:"now"`
	OK         bool               `json:"ok"` // none failed
	Safeguards []doctor.Safeguard `json:"safeguards"`
}

// Validate judges the technical safeguards. It verifies the audit log, which takes a
// while.
func (c *Client) Validate(ctx context.Context, progress func(Progress)) (Validation, error) {
	return follow[Validation](ctx, c, "validate", None{}, progress)
}

// Retained is what a run of retention took away, in bytes of the store.
type Retained struct {
	Before int64 `json:"before"`
	After  int64 `json:"after"`
}

// Retain applies retention now.
func (c *Client) Retain(ctx context.Context, progress func(Progress)) (Retained, error) {
	return follow[Retained](ctx, c, "retention/run", None{}, progress)
}

// ReadToken makes the service read its token's file now, and puts on record who set it.
func (c *Client) ReadToken(ctx context.Context) (Token, error) {
	return call[Token](ctx, c, "token/read", None{})
}
