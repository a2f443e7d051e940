package control

import (
	"context"
	"regexp"
	"slices"
	"time"

	"clinicgate/kiosk"
)

// GlassReason is why somebody takes a role in an emergency. It is a word of a list,
// since a sentence could be about a patient.
type GlassReason string

// GlassReasons lists them.
func GlassReasons() []GlassReason {
	return []GlassReason{"pins-forgotten", "nobody-reachable", "accounts-unavailable", "patient-safety", "disaster"}
}

// Bounds of a break-glass.
const (
	GlassUsual   = time.Hour
	GlassLongest = 8 * time.Hour
	GlassOpen    = 4 // at a time
)

// glassReference is the number of a paper or of a ticket system: letters first, so
// that it is no patient's number and no telephone's.
var glassReference = regexp.MustCompile(`^[A-Z]{2,6}-?[0-9]{1,8}$`)

// GlassRoles are the roles that can be taken, and never admin: Desk for a technician
// while nobody of the desk is reachable, Technician for the desk, and PINs, which only
// gives a member of staff a new PIN.
func GlassRoles() []Roles { return []Roles{Desk, Technician, PINs} }

// BreakGlass asks for a role for a while. It is known to whoever looks: on the desk's
// page, in the status, in the audit log.
type BreakGlass struct {
	Role      string      `json:"role"`
	Reason    GlassReason `json:"reason"`
	Reference string      `json:"reference"` // such as INC-4711
	Seconds   int         `json:"seconds"`   // 0: [GlassUsual]
}

// Glass is a role that somebody has taken.
type Glass struct {
	ID        string      `json:"id"`
	By        string      `json:"by"` // account
	Role      string      `json:"role"`
	Reason    GlassReason `json:"reason"`
	Reference string      `json:"reference"`
	From      time.Time   `json:"from"`
	Until     time.Time   `json:"until"`
	Uses      int         `json:"uses"`
}

// Glasses are those that are open.
type Glasses struct {
	Open []Glass `json:"open"`
}

// GlassEnd ends one before its time.
type GlassEnd struct {
	ID string `json:"id"`
}

// Check reads what is asked for. own are the roles that the caller has anyway.
func (b BreakGlass) Check(own Roles) (Roles, time.Duration, error) {
	i := slices.IndexFunc(GlassRoles(), func(r Roles) bool { return r.String() == b.Role })
	lasts := time.Duration(b.Seconds) * time.Second
	if b.Seconds == 0 {
		lasts = GlassUsual
	}
	switch {
	case i < 0:
		return 0, 0, &Error{Code: Invalid, Message: "that role cannot be taken", Next: "desk, technician or pins"}
	case !slices.Contains(GlassReasons(), b.Reason):
		return 0, 0, &Error{Code: Invalid, Message: "there is no such reason", Next: "`clinicgate break-glass open --help` lists the reasons"}
	case !glassReference.MatchString(b.Reference):
		return 0, 0, &Error{Code: Invalid, Message: "a reference is letters and a number, such as INC-4711", Next: "name the paper or the ticket where somebody wrote down why; never a patient"}
	case b.Seconds < 0 || b.Seconds > int(GlassLongest/time.Second) || lasts < time.Minute:
		return 0, 0, &Error{Code: Invalid, Message: "it lasts a minute at least and 8 hours at most", Next: "--for 1h"}
	case own&GlassRoles()[i] != 0 || own&Admin != 0:
		return 0, 0, &Error{Code: Conflict, Message: "this account may do that already", Next: "nothing has to be broken: use the command itself"}
	}
	return GlassRoles()[i], lasts, nil
}

// BreakGlasses gives roles in an emergency. The channel asks Granted for each request.
type BreakGlasses interface {
	// Open is on record when it returns, and fails where it cannot be.
	Open(context.Context, Caller, BreakGlass) (Glass, error)
	List(context.Context, Caller) (Glasses, error)
	End(context.Context, Caller, GlassEnd) (Glasses, error)
	// Granted gives what an actor has taken.
	Granted(kiosk.Actor) Roles
	// Used records one use before it is done, and fails where it cannot be.
	Used(ctx context.Context, by Caller, role Roles, endpoint string) error
}

// BreakGlass takes a role for a while.
func (c *Client) BreakGlass(ctx context.Context, in BreakGlass) (Glass, error) {
	return call[Glass](ctx, c, "break-glass/open", in)
}

// Glasses lists the roles that were taken.
func (c *Client) Glasses(ctx context.Context) (Glasses, error) {
	return call[Glasses](ctx, c, "break-glass/list", nil)
}

// EndGlass gives one back.
func (c *Client) EndGlass(ctx context.Context, in GlassEnd) (Glasses, error) {
	return call[Glasses](ctx, c, "break-glass/end", in)
}
