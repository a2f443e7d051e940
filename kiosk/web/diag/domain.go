package diag

import (
	"context"
	"time"

	"clinicgate/kiosk"
)

// Kiosk is what the page asks of the kiosk. Every method may be called from several
// goroutines and returns when ctx ends. None gives anything about a patient.
type Kiosk interface {
	// Facts gives what a technician is asked for on the telephone, in order.
	Facts(ctx context.Context) Facts
	Devices(ctx context.Context) []Device
	// Check looks at everything and tells each finding as it is there, one at a time.
	// It gives the support code.
	Check(ctx context.Context, each func(Finding)) (code string)
	// Log gives lines, or waits for one until ctx ends and gives none.
	Log(ctx context.Context, q LogQuery) (Log, error)
	// SetLevel changes for a while how much a part logs.
	SetLevel(ctx context.Context, by kiosk.Actor, component, level string) error
	// Await waits some seconds for what a device under test reads. What is read
	// meanwhile goes nowhere else.
	Await(ctx context.Context, by kiosk.Actor, device string) (Trial, error)
	// Try has a device do what a person notices.
	Try(ctx context.Context, by kiosk.Actor, device string) (Trial, error)
	// Judge records how a test ended.
	Judge(ctx context.Context, by kiosk.Actor, device string, passed bool) error
	// Measure gives the sample of this moment. It must not block.
	Measure() Sample
}

// Facts are the versions, the state and the addresses of the kiosk.
type Facts struct {
	Rows      []Fact    `json:"rows"`
	Addresses []Address `json:"addresses"`
}

// Fact is one of them; Key is of the page's texts, below "fact.".
type Fact struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Address is a network address of the machine.
type Address struct {
	Interface string `json:"interface"`
	Address   string `json:"address"` // empty: the interface has none
	Up        bool   `json:"up"`
}

// How a device is tested.
const (
	Reads = "reads" // something is put before it
	Does  = "does"  // it does something that a person notices
)

// Device is a configured device.
type Device struct {
	ID     string    `json:"id"`
	Class  string    `json:"class"`
	State  string    `json:"state"`
	Where  string    `json:"where,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Hint   string    `json:"hint,omitempty"`
	Test   string    `json:"test,omitempty"` // Reads, Does; empty: cannot be tested
	Tested time.Time `json:"tested,omitzero"`
	Passed bool      `json:"passed,omitempty"`
}

// Finding is what a check found. State is "ok", "skipped", "info", "warn" or "fail".
type Finding struct {
	ID      string    `json:"id"`
	State   string    `json:"state"`
	Detail  string    `json:"detail"`
	Hint    string    `json:"hint,omitempty"`
	Because string    `json:"because,omitempty"` // the check that this one follows from
	Since   time.Time `json:"since,omitzero"`
}

// LogQuery says which lines are wanted.
type LogQuery struct {
	After     uint64 // Log.Next of the answer before
	Component string // empty: any
	Level     string // at least
	Lines     int    // the newest so many
}

// Log is lines of the log, oldest first.
type Log struct {
	Next       uint64   `json:"next"`
	Components []string `json:"components"`
	Lines      []Line   `json:"lines"`
}

// Line is one of them, redacted.
type Line struct {
	Time      time.Time `json:"time"`
	Level     string    `json:"level"`
	Component string    `json:"component"`
	Text      string    `json:"text"`
}

// Trial is one round of a device's test: what kind of thing was read, never what it
// says.
type Trial struct {
	Read      bool   `json:"read"` // or done
	Good      bool   `json:"good"`
	Kind      string `json:"kind,omitempty"`
	Symbology string `json:"symbology,omitempty"`
	Length    int    `json:"length,omitempty"`
	Why       string `json:"why,omitempty"`
	Micros    int64  `json:"micros,omitempty"`
}

// Sample is how the kiosk was at a moment. The latencies are means of what happened
// since the sample before; below zero: nothing did.
type Sample struct {
	At     time.Time `json:"at"`
	Queued uint64    `json:"queued"` // events that wait for PubNub
	Append float64   `json:"append"` // ms until events were on disk
	Tap    float64   `json:"tap"`    // ms until the page had answered a touch
}

// Refusal is an error that the technician sees as it is.
type Refusal struct{ Message, Next string }

func (r *Refusal) Error() string { return r.Message }
