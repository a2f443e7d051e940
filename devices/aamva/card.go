package aamva

import (
	"errors"

	"clinicgate/kiosk/phi"
)

// Card is what is used of a licence. Everything else on it is gone.
type Card struct {
	Conformance Conformance
	Version     int // of the standard, as the card states it; 0 is from before there was one
	Document    Document
	Country     Country // of the issuer; empty when not known

	Birth   phi.Text // 2006-01-02
	Expires phi.Text // 2006-01-02; empty for a card that does not say it, or never expires

	// Family is empty where the card does not tell surname from given names; then
	// Given is the whole name, in whatever order.
	Family phi.Text
	Given  phi.Text // first and middle names, with a blank between them; empty for who has one name only
	Suffix phi.Text // JR, SR, II, III or IV; empty for all else
}

// Conformance is how well a licence keeps to the standard.
type Conformance string

const (
	Strict   Conformance = "strict"   // in all that was looked at
	Tolerant Conformance = "tolerant" // it was damaged on the way, or made with a fault
)

// Document is what kind of card it is.
type Document string

const (
	DrivingLicence Document = "DL"
	IdentityCard   Document = "ID"
)

// Country is an ISO 3166 code, as DCG has it.
type Country string

const (
	USA    Country = "USA"
	Canada Country = "CAN"
	Mexico Country = "MEX"
)

// Errors of Parse. None of them tells anything of what was read.
var (
	// ErrNotLicence: it does not begin as a licence does.
	ErrNotLicence = errors.New("not a licence of the AAMVA standard")
	// ErrDamaged: it does, and it cannot be read, or not to its end: scan again.
	ErrDamaged = errors.New("the licence was not read whole")
	// ErrCut: the issuer had no room for the whole name, so it matches nobody's.
	ErrCut = errors.New("the name on the licence is cut short")
)

// MaxBytes is how long a licence may be: more than any PDF417 symbol holds.
const MaxBytes = 4096

// Parse reads what a scanner read. The bytes remain the caller's, to wipe.
func Parse(raw []byte) (Card, error) {
	if len(raw) > MaxBytes {
		return Card{}, ErrDamaged
	}
	card, err := parseStrict(raw)
	if err == nil || errors.Is(err, ErrCut) {
		return card, err
	}
	return parseTolerant(raw)
}
