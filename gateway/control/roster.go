package control

import "context"

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

// RosterImport imports appointments.
func (c *Client) RosterImport(ctx context.Context, in RosterImport) (RosterImported, error) {
	return call[RosterImported](ctx, c, "roster/import", in)
}
