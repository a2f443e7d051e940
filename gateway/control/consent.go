package control

import (
	"context"
	"time"

	"github.com/google/uuid"

	"clinicgate/kiosk"
	"clinicgate/kiosk/consent"
)

// ConsentQuery asks for a patient's consents: by an entry of today (its id or
// ticket) or by an appointment of today. One of the two is set.
type ConsentQuery struct {
	Entry       string              `json:"entry,omitempty"`
	Appointment kiosk.AppointmentID `json:"appointment,omitempty"`
}

// ConsentRevoke takes a consent back. The grant stays on record.
type ConsentRevoke struct {
	Record uuid.UUID      `json:"record"`
	Reason consent.Reason `json:"reason"`
}

// ConsentSigned asks for the signature of a record, of whichever day.
type ConsentSigned struct {
	Record uuid.UUID `json:"record"`
}

// ConsentSignature is what a signer typed or drew. SVG is a picture of it, of at most
// 64 KiB, and names a person.
type ConsentSignature struct {
	Record ConsentRecord `json:"record"`
	SHA256 string        `json:"sha256"` // hex; as the published record has it
	SVG    string        `json:"svg,omitempty"`
}

// ConsentList is what a patient's consents amount to, and the records that they
// follow from, the oldest first: no name, no birth date.
type ConsentList struct {
	Ticket    string            `json:"ticket,omitempty"`
	Patient   string            `json:"patient"` // the last characters of the reference
	Standings []ConsentStanding `json:"standings"`
	Records   []ConsentRecord   `json:"records"`
}

// ConsentStanding is one type of consent.
type ConsentStanding struct {
	Type     kiosk.ConsentType `json:"type"`
	Standing consent.Standing  `json:"standing"`
	Until    time.Time         `json:"until,omitzero"`
}

// ConsentRecord is one record.
type ConsentRecord struct {
	ID          uuid.UUID `json:"id"`
	Type        string    `json:"type"`
	Version     string    `json:"version"`
	Language    string    `json:"language"`
	Decision    string    `json:"decision"`
	At          time.Time `json:"at"`
	Until       time.Time `json:"until,omitzero"`
	Method      string    `json:"method"`
	Relation    string    `json:"relation"` // to the patient, of who decided
	Interpreter bool      `json:"interpreter,omitempty"`
	Reason      string    `json:"reason,omitempty"` // of a revocation
}

// ConsentList asks for a patient's consents.
func (c *Client) ConsentList(ctx context.Context, in ConsentQuery) (ConsentList, error) {
	return call[ConsentList](ctx, c, "consent/list", in)
}

// ConsentRevoke takes a consent back and gives what is left.
func (c *Client) ConsentRevoke(ctx context.Context, in ConsentRevoke) (ConsentList, error) {
	return call[ConsentList](ctx, c, "consent/revoke", in)
}

// ConsentSignature takes out the signature of a record. Who did is in the audit log.
func (c *Client) ConsentSignature(ctx context.Context, in ConsentSigned) (ConsentSignature, error) {
	return call[ConsentSignature](ctx, c, "consent/signature", in)
}
