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

	Restarts    *int   `json:"restarts,omitempty"`    // by the service manager, since it was started by hand
	ClockOffset *int64 `json:"clockOffset,omitempty"` // milliseconds that the machine's clock was off at the start

	Glasses []Glass `json:"glasses,omitempty"` // roles taken in an emergency

	// Down is there when no service answered: the rest is what files tell.
	Down *Down `json:"down,omitempty"`

	Page    PageStatus      `json:"page"`
	Queue   QueueStatus     `json:"queue"`
	Roster  RosterStatus    `json:"roster"`
	Store   StoreStatus     `json:"store"`
	Sync    SyncSummary     `json:"sync"`
	Disk    DiskStatus      `json:"disk"`
	Devices []Device        `json:"devices"`
	Checks  []doctor.Report `json:"checks"`

	Upgrade string `json:"upgrade,omitempty"` // to which version, while one waits or goes on
}

// Down is a service that does not answer.
type Down struct {
	Manager   string    `json:"manager,omitempty"` // its state, as the service manager says
	LastExit  int       `json:"lastExit,omitempty"`
	LastWrite time.Time `json:"lastWrite,omitzero"` // of the store's file, by the machine's clock
	Copy      bool      `json:"copy"`               // queue, roster, store, sync are of a copy of the store
}

// DiskStatus is the disk that the store is on. What is not known is left out.
type DiskStatus struct {
	Free  uint64  `json:"free,omitempty"` // bytes
	Total uint64  `json:"total,omitempty"`
	Worn  *int    `json:"worn,omitempty"`  // percent of its life that is used, as it says
	Daily int64   `json:"daily,omitempty"` // bytes that the service writes a day
	Years float64 `json:"years,omitempty"` // that a flash medium of this size lasts so; 100 at most
}

// PageStatus is the check-in page and the board.
type PageStatus struct {
	Listen  string `json:"listen"`          // address in use
	Board   string `json:"board,omitempty"` // address of the board for other displays
	Browser bool   `json:"browser"`         // a browser holds the page's session
	Desk    string `json:"desk,omitempty"`  // where the desk's browsers go

	LastCheckIn time.Time `json:"lastCheckIn,omitzero"` // today, at this kiosk

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
	State         string    `json:"state"` // "open", "fenced"
	Life          uint32    `json:"life"`  // raised by a new store, a restore, a salvage
	Used          int64     `json:"used"`  // bytes
	Budget        int64     `json:"budget"`
	Commits       uint64    `json:"commits"` // since it was opened
	AuditSize     uint64    `json:"auditSize"`
	Checkpoint    time.Time `json:"checkpoint,omitzero"`     // last signed
	Backup        time.Time `json:"backup,omitzero"`         // the last good copy of it
	BackupDir     bool      `json:"backupDir"`               // nightly ones are set up
	BackupProblem string    `json:"backupProblem,omitempty"` // why the last try failed
	Recovered     string    `json:"recovered,omitempty"`     // what opening it had to repair
	Salvages      uint32    `json:"salvages,omitempty"`      // of its file, ever
	Lost          uint64    `json:"lost,omitempty"`          // records that no salvage could read, ever
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
	// Predecessors are the dead kiosks whose unsent events this one took over. Their
	// counts are their own: none of them is in Total.
	Predecessors []Predecessor `json:"predecessors,omitempty"`
}

// Predecessor is a dead kiosk whose unsent events go out here.
type Predecessor struct {
	Kiosk   string    `json:"kiosk"`
	Backup  time.Time `json:"backup"`           // when the backup was made that they are from
	Retired time.Time `json:"retired,omitzero"` // when all were handled and its signing key was destroyed
	Counts  Counts    `json:"counts"`
	Oldest  time.Time `json:"oldest,omitzero"`
	Problem string    `json:"problem,omitempty"` // why it waits
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
	Mode        string    `json:"mode,omitempty"` // as Port.Mode; also page, spi, network, mqtt
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

	Counters DeviceCounters `json:"counters"`
}

// DeviceCounters count since the start of the service, as devices.Counters has them.
type DeviceCounters struct {
	Attachments int64 `json:"attachments,omitempty"` // times it was taken into use
	Losses      int64 `json:"losses,omitempty"`      // times it went away meanwhile
	Accepted    int64 `json:"accepted,omitempty"`
	Unaccepted  int64 `json:"unaccepted,omitempty"` // read, and the kiosk could not take it
	Throttled   int64 `json:"throttled,omitempty"`  // too many in a row that nothing can be done with
	Refused     int64 `json:"refused,omitempty"`    // understood, and not to be held: a payment card
	Damaged     int64 `json:"damaged,omitempty"`    // cut short, too long, noise inside
	CutOff      int64 `json:"cutOff,omitempty"`     // the device or the card went away in its middle
	Noise       int64 `json:"noise,omitempty"`      // bytes that belonged to nothing
	Commands    int64 `json:"commands,omitempty"`   // that an output carried out
}

// Port is a serial port or another way to a device that the system knows, with
// the identity to configure for it.
type Port struct {
	Path     string `json:"path"`
	Identity string `json:"identity"`
	Mode     string `json:"mode,omitempty"` // how it is reached: keyboard, hid-pos, pcsc, gpio, printer; empty for a serial port
	Product  string `json:"product,omitempty"`
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
