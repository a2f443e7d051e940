package kiosk

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"

	"clinicgate/kiosk/phi"

	"github.com/google/uuid"
)

// Ids of things that have a name at the clinic. None of them is about a person
// but PatientRef, which is a keyed hash.
type (
	OrganizationID string
	DepartmentID   string
	ProviderID     string
	KioskID        string
	PatientRef     string // "p-" and 26 lower-case base32 characters, see NewPatientRef
	AppointmentID  string // the clinic's own; travels inside encrypted messages only
	StaffID        string
)

// AuthorityKiosk is the sender name of the clinic's server. No kiosk has it.
const AuthorityKiosk KioskID = "authority"

var errID = errors.New("want 1 to 40 of the characters A-Z a-z 0-9 _ -")

const maxIDLen = 40

func validID(s string) error {
	if s == "" || len(s) > maxIDLen {
		return errID
	}
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' {
			continue
		}
		return errID
	}
	return nil
}

// Validate reports what is wrong with the id. The error does not repeat it.
func (id OrganizationID) Validate() error { return validID(string(id)) }

// Validate reports what is wrong with the id. The error does not repeat it.
func (id DepartmentID) Validate() error { return validID(string(id)) }

// Validate reports what is wrong with the id. The error does not repeat it.
func (id ProviderID) Validate() error { return validID(string(id)) }

// Validate reports what is wrong with the id. The error does not repeat it.
func (id KioskID) Validate() error { return validID(string(id)) }

// Validate reports what is wrong with the id. The error does not repeat it.
func (id AppointmentID) Validate() error { return validID(string(id)) }

// Validate reports what is wrong with the id. The error does not repeat it.
func (id StaffID) Validate() error { return validID(string(id)) }

// Validate reports whether the reference has the form that NewPatientRef gives.
func (r PatientRef) Validate() error {
	rest, ok := strings.CutPrefix(string(r), "p-")
	if !ok || len(rest) != patientRefLen || strings.Trim(rest, refAlphabet) != "" {
		return errors.New("want p- and 26 characters of a-z 2-7")
	}
	return nil
}

const (
	refAlphabet   = "abcdefghijklmnopqrstuvwxyz234567"
	patientRefLen = 26 // 128 bits
)

var refEncoding = base32.NewEncoding(refAlphabet).WithPadding(base32.NoPadding)

// NewPatientRef gives the reference under which a patient is known on the wire:
// "p-" and the base32 form of the first 128 bits of an HMAC-SHA-256 of the
// clinic's patient id under the clinic-wide reference key. The key does not
// rotate: a new key would make every patient a stranger.
func NewPatientRef(refKey []byte, clinicPatientID phi.Text) PatientRef {
	sum := keyed(refKey, "patient", clinicPatientID.Reveal())
	return PatientRef("p-" + refEncoding.EncodeToString(sum[:16]))
}

// NewUnlistedRef gives the reference of a person who is not on the list, of whom
// the clinic's own id is not known: that of one entry, and of nobody else.
func NewUnlistedRef(refKey []byte, id EntryID) PatientRef {
	sum := keyed(refKey, "unlisted", id.String())
	return PatientRef("p-" + refEncoding.EncodeToString(sum[:16]))
}

// CardRef stands for a contactless card in the clinic's messages: whoever does not
// hold the clinic's key cannot tell the card's number from it.
type CardRef string

// NewCardRef gives the reference of a card by its number.
func NewCardRef(refKey []byte, number phi.Text) CardRef {
	sum := keyed(refKey, "card", number.Reveal())
	return CardRef("c-" + refEncoding.EncodeToString(sum[:16]))
}

// EntryID names one visit to the queue.
type EntryID uuid.UUID

// NewEntryID gives the id of an appointment's entry on a clinic day: a UUIDv8
// of an HMAC of both, so that two kiosks that check in the same appointment
// while offline make one entry.
func NewEntryID(refKey []byte, appointment AppointmentID, day Day) EntryID {
	sum := keyed(refKey, "entry", string(appointment), string(day))
	return EntryID(customUUID(sum))
}

// RandomEntryID gives an id that no other entry has.
func RandomEntryID() EntryID { return EntryID(uuid.New()) }

// UnlistedEntryID gives the id of the entry that an act makes for a person without
// an appointment. It is as random as the act's, and the same when the act is
// repeated.
func (a Act) UnlistedEntryID() EntryID { return EntryID(a.EventID("queue/PATIENT_ADDED", "unlisted")) }

// ParseEntryID reads the 36-character form.
func ParseEntryID(s string) (EntryID, error) {
	id, err := uuid.Parse(s)
	if err != nil || len(s) != 36 {
		return EntryID{}, errors.New("queue entry id is not a UUID")
	}
	return EntryID(id), nil
}

// String gives the 36-character form.
func (id EntryID) String() string { return uuid.UUID(id).String() }

// IsZero reports whether the id is unset.
func (id EntryID) IsZero() bool { return id == EntryID{} }

// MarshalText gives the 36-character form.
func (id EntryID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the 36-character form.
func (id *EntryID) UnmarshalText(text []byte) error {
	parsed, err := ParseEntryID(string(text))
	*id = parsed
	return err
}

// DeriveID gives the id of something that follows from an event: a UUIDv8 that
// depends on nothing but the arguments. It keeps the first 48 bits of from,
// which are the time of a UUIDv7, so that derived ids stay beside their origin
// in an ordered index.
func DeriveID(from uuid.UUID, parts ...string) uuid.UUID {
	h := sha256.New()
	fmt.Fprintf(h, "clinicgate/derived/1\n%s", from)
	for _, p := range parts {
		fmt.Fprintf(h, "\n%d:%s", len(p), p)
	}
	id := customUUID([32]byte(h.Sum(nil)))
	copy(id[:6], from[:6])
	return id
}

func customUUID(sum [32]byte) uuid.UUID {
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0f | 0x80 // version 8: custom
	id[8] = id[8]&0x3f | 0x80 // RFC 9562 variant
	return id
}

// keyed is an HMAC-SHA-256 of parts that no other list of parts shares. label
// keeps the uses of one key apart.
func keyed(key []byte, label string, parts ...string) [32]byte {
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "clinicgate/%s/1", label)
	for _, p := range parts {
		fmt.Fprintf(h, "\n%d:%s", len(p), p)
	}
	return [32]byte(h.Sum(nil))
}
