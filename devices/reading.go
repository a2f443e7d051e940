package devices

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"clinicgate/kiosk/phi"
)

// Reading is one thing that a device read: a scan, a tap, a press.
type Reading struct {
	Device ID
	Class  Class

	// Kind is what the class made of the content, for example
	// "appointment-code". Each class documents its kinds.
	Kind string

	// ID names what happened, so that a repeat is known as one; empty where the
	// device has no name for it. At most 64 bytes, and not about a person.
	ID string

	// Verdict says whether Value may be used.
	Verdict Verdict

	// Reason says in a few fixed words why the verdict is not Good.
	Reason string

	// Value is what was read, without framing. It may be about a person. It is
	// empty unless the verdict is Good.
	Value phi.Text

	// Symbology is how the content was printed, if the device says so: the two
	// characters of an AIM symbology identifier, such as "Q1" for a QR code.
	Symbology string

	// Length is the number of bytes read, also when Value is empty.
	Length int

	// Hash lets two readings of the same thing be recognised without keeping
	// it (see Fingerprint). Empty when Value is, or without a key.
	Hash string

	// At is when the last byte arrived, by this machine's clock.
	At time.Time
}

// Verdict is the outcome of parsing.
type Verdict string

const (
	Good    Verdict = "good"
	Refused Verdict = "refused" // understood, and not ours to hold: a payment card
	Damaged Verdict = "damaged" // cut off, too long, noise inside: ask for another scan
)

// Sink takes a reading. The reading is accepted, as far as the device may tell
// anybody, when the sink returned nil; after an error the person tries again.
// Each device calls its sink from one goroutine, with a deadline, and does not
// read on before it returned, so the hardware's own flow control is the bound.
type Sink func(context.Context, Reading) error

// Fingerprint is the first 128 bits of HMAC-SHA-256 over class and value, in
// hex. A plain hash of a card or licence number could be guessed back. It is
// empty without a key.
func Fingerprint(key []byte, class Class, value []byte) string {
	if len(key) == 0 {
		return ""
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("clinicgate reading\x00" + string(class) + "\x00"))
	mac.Write(value)
	return hex.EncodeToString(mac.Sum(nil)[:16])
}
