package kiosk

import "time"

// ConsentType is what a consent is for. Each is independent of the others.
type ConsentType string

const (
	Telehealth  ConsentType = "telehealth"
	DataSharing ConsentType = "data-sharing"
	Recording   ConsentType = "recording"
)

// ConsentTypes lists all three.
func ConsentTypes() []ConsentType { return []ConsentType{Telehealth, DataSharing, Recording} }

// Valid reports whether t is one of the three.
func (t ConsentType) Valid() bool { return t == Telehealth || t == DataSharing || t == Recording }

// ConsentNeeded gives the consent that a mode of visit needs. A video visit
// does not take place without it; an in-person one does.
func (m Mode) ConsentNeeded() ConsentType {
	if m == Video {
		return Telehealth
	}
	return DataSharing
}

// ConsentState is what a patient's records of one type amount to.
type ConsentState struct {
	Granted  bool      // the newest record grants, and the form has not changed since
	Declined bool      // the newest record is a refusal or a revocation
	At       time.Time // of the newest record
	Until    time.Time // first instant at which it is no longer in effect; zero: no end
	Record   string    // id of the newest record
	Decision string    // of the newest record: "granted", "declined", "revoked"; empty: there is none
	Relation string    // to the patient, of who decided that: "self", "guardian", ...; "staff"
}

// InEffect reports whether the consent holds at an instant.
func (s ConsentState) InEffect(now time.Time) bool {
	return s.Granted && (s.Until.IsZero() || now.Before(s.Until))
}

// Consents is the state of each type for one patient.
type Consents struct {
	Records     int // how many records it was made from: more are newer
	Telehealth  ConsentState
	DataSharing ConsentState
	Recording   ConsentState
}

// Of gives the state of one type.
func (c Consents) Of(t ConsentType) ConsentState {
	switch t {
	case Telehealth:
		return c.Telehealth
	case DataSharing:
		return c.DataSharing
	case Recording:
		return c.Recording
	}
	return ConsentState{}
}
