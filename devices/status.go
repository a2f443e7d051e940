package devices

import "time"

// State is where a device stands.
type State string

const (
	Stopped  State = "stopped"  // Run is not running
	Waiting  State = "waiting"  // looked for, not seen since the start
	Attached State = "attached" // in use
	Lost     State = "lost"     // was there or should be; looked for
	Disabled State = "disabled" // configured not to be used
)

// Status is a snapshot of a device for `devices list`, doctor and the
// heartbeat. It says nothing about a person.
type Status struct {
	Info
	State       State
	Reason      string    // why it is lost or disabled
	Hint        string    // what a person can do about it
	Where       string    // port or address, while attached
	Firmware    string    // version that the unit tells, while attached; empty: it tells none
	Battery     *int      // percent; nil: it has none or does not tell
	Since       time.Time // of the state
	LastReading time.Time // zero: none since the start
	Heard       time.Time // last word of one that speaks by itself, on MQTT; zero: none since the start
	Counters    Counters
}

// Counters count since the start of the process. Every frame that a device
// makes out is in exactly one of Accepted, Unaccepted and Throttled.
type Counters struct {
	Attachments int64 // times the device was taken into use
	Losses      int64 // times it went away while in use
	Accepted    int64 // the sink returned nil
	Unaccepted  int64 // the sink returned an error or ran into the deadline
	Throttled   int64 // not handed on: too many unrecognised readings
	Refused     int64 // readings with verdict Refused, accepted or not
	Damaged     int64 // readings with verdict Damaged, accepted or not
	CutOff      int64 // frames that were lost with the device in their middle
	Noise       int64 // bytes that belonged to no frame
	Commands    int64 // commands that an output carried out
}

// Health is a change that staff and the audit log learn of: Attached or Lost.
//
// It is said once per change. A device that does not hold (three attachments
// under 10 s in a row) is said to be attached again only after it held for
// 10 s, so a loose cable cannot fill the store.
type Health struct {
	Info
	State  State
	Reason string // of a loss; fixed words
	Where  string // of an attachment
	At     time.Time
}
