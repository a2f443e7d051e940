package devices

import (
	"context"
	"log/slog"
)

// ID names a configured device of one kiosk, such as "front-scanner":
// lower-case letters, digits and hyphens. It appears in logs, topics and
// events, so it must say nothing about a person.
type ID string

// Valid reports whether the id is 1 to 40 lower-case letters, digits and inner
// hyphens.
func (id ID) Valid() bool {
	if len(id) == 0 || len(id) > 40 || id[0] == '-' || id[len(id)-1] == '-' {
		return false
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// Class is what a device is for. One package implements one class.
type Class string

// The classes of a check-in kiosk.
const (
	Scanner  Class = "scanner"  // bar and QR codes
	NFC      Class = "nfc"      // contactless cards and tags
	Button   Class = "button"   // call for help
	Presence Class = "presence" // somebody stands before the kiosk
	Vitals   Class = "vitals"   // blood pressure, weight, temperature, oxygen
	Lamp     Class = "lamp"
	Sounder  Class = "sounder"
	Printer  Class = "printer" // the ticket on paper
	Display  Class = "display"
	Door     Class = "door"
)

// Info says which device this is. It does not change while the device lives.
type Info struct {
	ID    ID
	Class Class
	// Binding is the configured identity, in the syntax of ParseIdentity, or
	// the topic or address of a device that is not on a port.
	Binding string
}

// Device is hardware that is attached to the kiosk. Its methods may be called
// from several goroutines; Run is called once at a time.
type Device interface {
	Info() Info

	// Probe looks whether the device could be used now, changes nothing, and
	// returns within a few seconds. While Run holds the device it reports what
	// Run knows.
	Probe(ctx context.Context) Probe

	// Run holds the device and hands what it reads to the sink until ctx ends,
	// then releases it and returns nil. It outlives loss and return of the
	// hardware. An error means that this device can never work as it is
	// configured on this machine.
	Run(ctx context.Context, sink Sink) error

	// Status is a snapshot; it never blocks on the hardware.
	Status() Status
}

// Deps is what the constructor of every class takes.
type Deps struct {
	// Log receives attach, loss and counts, never content. Required.
	Log *slog.Logger
	// Health is told of each attachment and each loss, see Health. May be nil.
	Health func(context.Context, Health)
	// HashKey keys Reading.Hash. Without it readings carry no hash.
	HashKey []byte
}
