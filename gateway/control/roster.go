package control

import (
	"context"
	"time"
)

// MaxRoster is how many bytes of a list one import takes.
const MaxRoster = 16 << 20

// RosterImport brings a list in any form that the service reads. It holds names:
// it travels over the local channel only and is never logged.
type RosterImport struct {
	List  []byte `json:"list"`
	Force bool   `json:"force,omitempty"` // also one that is half-written
}

// RosterImported says what became of the rows.
type RosterImported struct {
	Days     []string    `json:"days"`     // clinic days that the rows are for
	Rows     int         `json:"rows"`     // taken
	Changed  int         `json:"changed"`  // of them new or different from what was held
	Gone     int         `json:"gone"`     // appointments cancelled, or moved from another day
	Refused  int         `json:"refused"`  // rows not taken
	Rejected []RosterRow `json:"rejected"` // not taken, or taken without a damaged part
}

// RosterRow is a row with something wrong. The reason does not repeat what is in
// the row.
type RosterRow struct {
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

// HeldLists are the lists of the watched folder that wait for a person, the one that
// waits longest first.
type HeldLists struct {
	Lists []HeldList `json:"lists"`
}

// HeldList is one of them. ID names what is in it; the file's name goes nowhere.
type HeldList struct {
	ID    string    `json:"id"`
	Why   string    `json:"why"` // "other-day", "shrunk", "half-written", "nothing", "too-large", "unreadable", "not-removed"
	Since time.Time `json:"since"`
	Rows  int       `json:"rows,omitempty"` // that could be read
	Days  []string  `json:"days,omitempty"` // that they are for

	Importable bool `json:"importable"` // it can be accepted; else only refused
}

// HeldDecision says which list a person decides about.
type HeldDecision struct {
	ID string `json:"id"`
}

// RosterHeld asks for the lists that wait for a person.
func (c *Client) RosterHeld(ctx context.Context) (HeldLists, error) {
	return call[HeldLists](ctx, c, "roster/held", nil)
}

// RosterAccept imports a list that is held.
func (c *Client) RosterAccept(ctx context.Context, in HeldDecision) (RosterImported, error) {
	return call[RosterImported](ctx, c, "roster/accept", in)
}

// RosterRefuse throws a list away that is held, and gives those that are left.
func (c *Client) RosterRefuse(ctx context.Context, in HeldDecision) (HeldLists, error) {
	return call[HeldLists](ctx, c, "roster/refuse", in)
}

// RosterImport imports appointments.
func (c *Client) RosterImport(ctx context.Context, in RosterImport) (RosterImported, error) {
	return call[RosterImported](ctx, c, "roster/import", in)
}
