package control

import (
	"context"
	"time"

	"clinicgate/gateway/doctor"
)

// Status answers "is it working" on one screen.
type Status struct {
	Version string    `json:"version"`
	Kiosk   string    `json:"kiosk"`
	Site    string    `json:"site"`
	Pid     int       `json:"pid"`
	Started time.Time `json:"started"`
	Now     time.Time `json:"now"`    // as well as it is known
	Synced  bool      `json:"synced"` // a trusted source told it

	Page    PageStatus      `json:"page"`
	Queue   QueueStatus     `json:"queue"`
	Roster  RosterStatus    `json:"roster"`
	Store   StoreStatus     `json:"store"`
	Sync    SyncSummary     `json:"sync"`
	Devices []Device        `json:"devices"`
	Checks  []doctor.Report `json:"checks"`
}

// PageStatus is the check-in page and the board.
type PageStatus struct {
	Listen  string `json:"listen"`          // address in use
	Board   string `json:"board,omitempty"` // address of the board for other displays
	Browser bool   `json:"browser"`         // a browser holds the page's session
	Desk    string `json:"desk,omitempty"`  // where the desk's browsers go

	Speaks []string `json:"speaks,omitempty"` // languages that the page can be read aloud in
}

// QueueStatus counts today's entries.
type QueueStatus struct {
	Open       int `json:"open"`
	Unfinished int `json:"unfinished"` // identified, and no session holds them
	Help       int `json:"help"`       // raised and not acknowledged

	// How good today's promised waits were: judged, called in time, called more
	// than ten minutes late.
	WaitsPromised int `json:"waitsPromised"`
	WaitsMet      int `json:"waitsMet"`
	WaitsLate     int `json:"waitsLate"`
}

// RosterStatus is the newest list of appointments.
type RosterStatus struct {
	Day          string    `json:"day,omitempty"` // newest clinic day held; empty for none
	Appointments int       `json:"appointments"`  // of that day
	Imported     time.Time `json:"imported,omitzero"`
	Held         int       `json:"held,omitempty"` // files of the watched folder that wait for a person
}

// StoreStatus is the store's file.
type StoreStatus struct {
	State      string    `json:"state"` // "open", "fenced"
	Life       uint32    `json:"life"`  // raised by a new store, a restore, a salvage
	Used       int64     `json:"used"`  // bytes
	Budget     int64     `json:"budget"`
	Commits    uint64    `json:"commits"` // since it was opened
	AuditSize  uint64    `json:"auditSize"`
	Checkpoint time.Time `json:"checkpoint,omitzero"` // last signed
	Recovered  string    `json:"recovered,omitempty"` // what opening it had to repair
	Salvages   uint32    `json:"salvages,omitempty"`  // of its file, ever
	Lost       uint64    `json:"lost,omitempty"`      // records that no salvage could read, ever
}

// SyncSummary is the way to PubNub.
type SyncSummary struct {
	Online      bool      `json:"online"`
	Origin      string    `json:"origin"`
	LastPublish time.Time `json:"lastPublish,omitzero"` // last accepted
	LastError   string    `json:"lastError,omitempty"`  // class of the last failure, while it lasts
	Queued      uint64    `json:"queued"`
	Oldest      time.Time `json:"oldest,omitzero"` // when the oldest queued event was made
	Token       Token     `json:"token"`
	Exchange    *Exchange `json:"exchange,omitempty"` // with the site's kiosks; absent where it is off
}

// Token is the access token.
type Token struct {
	Needed  bool      `json:"needed"`
	Held    bool      `json:"held"`
	Expires time.Time `json:"expires,omitzero"`
	Problem string    `json:"problem,omitempty"`
}

// Counts are the loss equation:
//
//	accepted = delivered + queued + quarantined + expired + dropped + unreadable
type Counts struct {
	Accepted    uint64 `json:"accepted"`
	Delivered   uint64 `json:"delivered"`
	Queued      uint64 `json:"queued"`
	Quarantined uint64 `json:"quarantined"`
	Expired     uint64 `json:"expired"`
	Dropped     uint64 `json:"dropped"`
	Unreadable  uint64 `json:"unreadable"`
}

// Accounted is the right side of the equation.
func (c Counts) Accounted() uint64 {
	return c.Delivered + c.Queued + c.Quarantined + c.Expired + c.Dropped + c.Unreadable
}

// SyncStatus is the loss equation, in total and stream by stream.
type SyncStatus struct {
	SyncSummary
	Total    Counts   `json:"total"`
	Balanced bool     `json:"balanced"` // the equation holds for the total and each stream
	Lanes    []Lane   `json:"lanes"`
	Streams  []Stream `json:"streams"`
}

// Refusals counts messages that were not believed, by the reason.
type Refusals map[string]uint64

// Exchange is the way to the other kiosks of the site. Counts are since the start.
type Exchange struct {
	Broker     string      `json:"broker"` // address of the external broker; "embedded" for this kiosk's own
	Connected  bool        `json:"connected"`
	Reason     string      `json:"reason,omitempty"` // why there is no connection
	Hint       string      `json:"hint,omitempty"`
	Said       uint64      `json:"said"`     // events of this kiosk
	Repeated   uint64      `json:"repeated"` // events said again to who lacked them
	Taken      uint64      `json:"taken"`    // events of others that were new
	Duplicates uint64      `json:"duplicates"`
	Refused    Refusals    `json:"refused,omitempty"`
	Overrun    uint64      `json:"overrun,omitempty"` // messages not taken in time and asked for again
	LastHeard  time.Time   `json:"lastHeard,omitzero"`
	Kiosks     []SiteKiosk `json:"kiosks"`
}

// SiteQuiet is how long a kiosk that lives is silent on the site's broker at most:
// four heartbeats.
const SiteQuiet = 80 * time.Second

// SiteKiosk is another kiosk of the clinic, by its key.
type SiteKiosk struct {
	ID    string    `json:"id"`
	Heard time.Time `json:"heard,omitzero"` // on the site's broker, last
}

// Lane is one urgency, most urgent first.
type Lane struct {
	Name   string    `json:"name"`
	Queued uint64    `json:"queued"`
	Oldest time.Time `json:"oldest,omitzero"`
}

// Stream is one channel with events of this kiosk.
type Stream struct {
	Channel string    `json:"channel"`
	Lane    string    `json:"lane"`
	Counts  Counts    `json:"counts"`
	Oldest  time.Time `json:"oldest,omitzero"`
	State   string    `json:"state,omitempty"` // why it waits: "backoff", "refused"; empty while it flows
}

// Devices is the configured devices, and what else is plugged in.
type Devices struct {
	Devices []Device `json:"devices"`
	Ports   []Port   `json:"ports"`
}

// Device is one configured device.
type Device struct {
	ID          string    `json:"id"`
	Class       string    `json:"class"`
	Binding     string    `json:"binding"`
	Mode        string    `json:"mode,omitempty"` // of a scanner, as Port.Mode
	State       string    `json:"state"`
	Probe       string    `json:"probe,omitempty"` // ready, skipped or failed; only in the list of devices
	Where       string    `json:"where,omitempty"`
	Reason      string    `json:"reason,omitempty"`
	Hint        string    `json:"hint,omitempty"`
	Since       time.Time `json:"since,omitzero"`
	LastReading time.Time `json:"lastReading,omitzero"`
	Readings    int64     `json:"readings"` // accepted since the start
	Losses      int64     `json:"losses"`
	Battery     *int      `json:"battery,omitempty"`    // percent
	Firmware    string    `json:"firmware,omitempty"`   // as the unit says; empty: unknown
	Configured  string    `json:"configured,omitempty"` // the config's port, where another unit was taken into use
	Tested      time.Time `json:"tested,omitzero"`      // when a person last tested it
	Passed      bool      `json:"passed,omitempty"`     // that test
}

// Port is a serial port or another way to a device that the system knows, with
// the identity to configure for it.
type Port struct {
	Path     string `json:"path"`
	Identity string `json:"identity"`
	Mode     string `json:"mode,omitempty"` // of a scanner that is reached this way; empty for a serial port
	Product  string `json:"product,omitempty"`
}

// LogLevel is how much is logged: "debug", "info", "warn" or "error".
type LogLevel struct {
	Level string `json:"level"`
}

// Status asks how the service is.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return call[Status](ctx, c, "status", nil)
}

// Sync asks for the loss equation.
func (c *Client) Sync(ctx context.Context) (SyncStatus, error) {
	return call[SyncStatus](ctx, c, "sync/status", nil)
}

// Devices asks for the devices and ports.
func (c *Client) Devices(ctx context.Context) (Devices, error) {
	return call[Devices](ctx, c, "devices/list", nil)
}

// SetLogLevel changes how much is logged until the next start.
func (c *Client) SetLogLevel(ctx context.Context, l LogLevel) (LogLevel, error) {
	return call[LogLevel](ctx, c, "log/level", l)
}
