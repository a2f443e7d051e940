package control

import "context"

// MaxRoster is how many bytes of CSV one import takes.
const MaxRoster = 16 << 20

// RosterImport brings appointments. The CSV holds names: it travels over the
// local channel only and is never logged.
type RosterImport struct {
	CSV []byte `json:"csv"`
}

// RosterImported says what became of the rows.
type RosterImported struct {
	Days     []string    `json:"days"`     // clinic days that the rows are for
	Rows     int         `json:"rows"`     // taken
	Changed  int         `json:"changed"`  // of them new or different from what was held
	Rejected []RosterRow `json:"rejected"` // not taken
}

// RosterRow is a row that was not taken. The reason does not repeat what is in
// the row.
type RosterRow struct {
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

// RosterImport imports appointments.
func (c *Client) RosterImport(ctx context.Context, in RosterImport) (RosterImported, error) {
	return call[RosterImported](ctx, c, "roster/import", in)
}
