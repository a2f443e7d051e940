package consent

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"clinicgate/kiosk"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// ErrForm says that a decision is about a text that is not on file: the form
// changed while the page was open, or the page was tampered with. Show the
// forms again.
var ErrForm = errors.New("the consent form is not the current one")

var (
	// ErrSigner says that whoever decided may not, for this patient.
	ErrSigner = errors.New("whoever signed may not sign for this patient")
	// ErrNoRecord says that there is no such consent record.
	ErrNoRecord = errors.New("there is no such consent record")
	// ErrNotGranted says that a record grants nothing any more: it is a refusal or a
	// revocation, or a newer record of its type stands.
	ErrNotGranted = errors.New("the record is not the patient's newest grant of its type")
)

// Service records consents and answers for them. It keeps no state of its own;
// its methods are safe for concurrent use.
type Service struct {
	organization kiosk.OrganizationID
	forms        *Forms
	journal      kiosk.Journal
}

// New makes the service. It does no I/O.
func New(organization kiosk.OrganizationID, forms *Forms) (*Service, error) {
	if err := organization.Validate(); err != nil {
		return nil, fmt.Errorf("cannot make consent service: organization: %w", err)
	}
	if forms == nil {
		return nil, errors.New("cannot make consent service: no forms")
	}
	return &Service{organization: organization, forms: forms, journal: kiosk.Journal{Organization: organization}}, nil
}

// Forms gives the clinic's forms.
func (s *Service) Forms() *Forms { return s.forms }

// Getter reads a row of a view: *storage.Tx and *storage.Reader are such.
type Getter interface {
	Get(view string, key []byte) ([]byte, error)
}

const view = "consent" // key: patient reference

// Consents gives what a patient's records amount to. An error means that they
// could not be read, which is not the same as no consent.
func (s *Service) Consents(g Getter, patient kiosk.PatientRef) (kiosk.Consents, error) {
	r, err := s.read(g, patient)
	if err != nil {
		return kiosk.Consents{}, err
	}
	return r.fold(s.forms), nil
}

// Records gives a patient's records, as they were recorded or received.
func (s *Service) Records(g Getter, patient kiosk.PatientRef) ([]Record, error) {
	r, err := s.read(g, patient)
	return r.records(), err
}

func (s *Service) read(g Getter, patient kiosk.PatientRef) (row, error) {
	data, err := g.Get(view, []byte(patient))
	if err != nil {
		return row{}, fmt.Errorf("cannot read consents: %w", err)
	}
	return readRow(data)
}

func (s *Service) write(tx *storage.Tx, patient kiosk.PatientRef, r row) error {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("cannot encode consents: %w", err)
	}
	if err := tx.Put(view, []byte(patient), data); err != nil {
		return fmt.Errorf("cannot write consents: %w", err)
	}
	return nil
}

// Record writes a patient's decisions, one record each, and gives what the
// patient's records amount to then. It fails with ErrForm, ErrSigner or ErrSignature,
// and records nothing, when one of them is about a text that is not on file, or is
// not signed by whom and as its form wants.
func (s *Service) Record(tx *storage.Tx, act kiosk.Act, patient kiosk.PatientRef, decisions []Decision) (kiosk.Consents, error) {
	r, err := s.read(tx, patient)
	if err != nil {
		return kiosk.Consents{}, err
	}
	_, now := tx.Now()
	for _, d := range decisions {
		form, ok := s.forms.in(d.FormID, d.Language)
		if !ok || form.Version != d.Version || form.SHA256 != d.SHA256 {
			return kiosk.Consents{}, ErrForm
		}
		relation := cmp.Or(d.Relation, Self)
		if !relation.Valid() {
			return kiosk.Consents{}, ErrSigner
		}
		method, asked := d.Signature.Method(), form.Signature
		if !d.Granted {
			asked = Tapped // nobody signs a refusal
		}
		if !asked.metBy(method) {
			return kiosk.Consents{}, ErrSignature
		}
		shape := kiosk.ConsentShape{
			PatientID: patient, Type: string(form.Type), Granted: d.Granted, Scope: form.Scope, Version: form.Version,
			FormID: form.ID, SHA256: form.SHA256, Language: form.Language, Basis: string(form.Basis),
			Decision: declined, DecidedAt: kiosk.At(now.Wall), Method: string(method),
			Signer: relation.signer(), Relation: string(relation), InterpreterPresent: d.Interpreter,
		}
		audit := kiosk.ConsentDeclined
		if d.Granted {
			shape.Decision, audit = granted, kiosk.ConsentGiven
			shape.GrantedAt, shape.ExpiresAt = shape.DecidedAt, kiosk.At(form.until(now.Wall))
		}
		if id := act.EventID(recorded, form.ID); method != Tapped {
			if _, done := tx.Lookup(id); !done { // a repeat would be salted anew
				if shape.Signature, err = sign(tx, id, d.Signature); err != nil {
					return kiosk.Consents{}, err
				}
			}
		}
		if err := s.append(tx, act, &r, shape, audit); err != nil {
			return kiosk.Consents{}, err
		}
	}
	return r.fold(s.forms), s.write(tx, patient, r)
}

// Revoke takes back what a record of the patient's granted. The grant stays on
// record. It fails with ErrNoRecord or ErrNotGranted and records nothing then.
func (s *Service) Revoke(tx *storage.Tx, act kiosk.Act, patient kiosk.PatientRef, id uuid.UUID, reason Reason) (kiosk.Consents, error) {
	if !reason.Valid() {
		return kiosk.Consents{}, errors.New("cannot revoke consent: no such reason")
	}
	r, err := s.read(tx, patient)
	if err != nil {
		return kiosk.Consents{}, err
	}
	records := r.records()
	at := slices.IndexFunc(records, func(o Record) bool { return o.ID == id })
	if at < 0 {
		return kiosk.Consents{}, ErrNoRecord
	}
	grant := records[at]
	if _, done := tx.Lookup(act.EventID(recorded, grant.FormID)); done {
		return r.fold(s.forms), nil
	}
	newer := func(o Record) bool { return o.Type == grant.Type && compare(&grant, &o) < 0 }
	if !grant.Granted || slices.ContainsFunc(records, newer) {
		return kiosk.Consents{}, ErrNotGranted
	}
	_, now := tx.Now()
	shape := grant.ConsentShape
	shape.Granted, shape.Decision, shape.DecidedAt, shape.RevokedAt = false, revoked, kiosk.At(now.Wall), kiosk.At(now.Wall)
	shape.GrantedAt, shape.ExpiresAt = kiosk.Timestamp{}, kiosk.Timestamp{}
	shape.Revokes, shape.Reason = grant.ID, string(reason)
	shape.Method, shape.Signature, shape.InterpreterPresent = string(Tapped), nil, false
	shape.Signer, shape.Relation = signerStaff, signerStaff
	if act.Actor.Kind == kiosk.ActorPatient {
		shape.Signer, shape.Relation = signerPatient, string(Self)
	}
	if err := s.append(tx, act, &r, shape, kiosk.ConsentRevoked); err != nil {
		return kiosk.Consents{}, err
	}
	return r.fold(s.forms), s.write(tx, patient, r)
}

// Find gives the record of an id, whoever's it is, or ErrNoRecord. It reads every
// patient's row.
func (s *Service) Find(r *storage.Reader, id uuid.UUID) (Record, error) {
	var found *Record
	err := r.Walk(view, nil, func(_, value []byte) error {
		row, err := readRow(value)
		if err != nil || found != nil {
			return err
		}
		for _, rec := range row.records() {
			if rec.ID == id {
				found = &rec
				break
			}
		}
		return nil
	})
	if err != nil {
		return Record{}, fmt.Errorf("cannot look for consent record: %w", err)
	}
	if found == nil {
		return Record{}, ErrNoRecord
	}
	return *found, nil
}

const recorded = "consent/CONSENT_RECORDED"

func (s *Service) append(tx *storage.Tx, act kiosk.Act, r *row, shape kiosk.ConsentShape, audit kiosk.AuditType) error {
	shape.ID = act.EventID(recorded, shape.FormID)
	receipt, err := s.journal.Record(tx, act, kiosk.What{
		Kind: recorded, ID: shape.ID, Channel: kiosk.ConsentChannel(s.organization),
		Body: kiosk.ConsentRecorded{Type: "CONSENT_RECORDED", Record: shape, Timestamp: shape.DecidedAt}, Audit: audit,
		Facts: kiosk.AuditFacts{Action: shape.Decision + " " + shape.Type, Resource: shape.ID.String(), ConsentRef: shape.ID.String()},
	})
	if err != nil {
		return err
	}
	r.add(Record{shape, receipt.HLC})
	return nil
}

// Apply takes in a believed record of another kiosk or the authority, and gives
// what the patient's records amount to then. It is called in the transaction
// that stores the event.
func (s *Service) Apply(tx *storage.Tx, m kiosk.Received) (kiosk.Result, kiosk.PatientRef, kiosk.Consents, error) {
	msg, ok := m.Message.(*kiosk.ConsentRecorded)
	if !ok || validate(msg.Record) != nil {
		return kiosk.Ignored, "", kiosk.Consents{}, nil
	}
	patient := msg.Record.PatientID
	r, err := s.read(tx, patient)
	if err != nil {
		return kiosk.Ignored, "", kiosk.Consents{}, err
	}
	rec := Record{msg.Record, m.Origin.HLC}
	rec.ID = m.ID // the signed event's own, whatever the record says
	if !r.add(rec) {
		return kiosk.Known, patient, r.fold(s.forms), nil
	}
	return kiosk.Applied, patient, r.fold(s.forms), s.write(tx, patient, r)
}
