package kiosk

import (
	"fmt"
	"slices"

	"clinicgate/storage"

	"github.com/google/uuid"
)

// Appender is the part of a store transaction that Journal writes to;
// *storage.Tx is one.
type Appender interface {
	Append(e storage.Event) (storage.Receipt, error)
	Lookup(id uuid.UUID) (storage.Receipt, bool)
	Now() (storage.HLC, storage.Instant)
}

// Journal writes what happened, together with the audit event that the registry
// says goes with it.
type Journal struct {
	Organization OrganizationID
}

// What is one event of an act.
type What struct {
	Kind    string    // name in the registry, as in "queue/CALLED"
	ID      uuid.UUID // zero: derived from the act, the kind and Facts.Resource
	Channel string
	Body    any
	Audit   AuditType // which of the row's audit types; needed when it has several
	Facts   AuditFacts
}

// Record appends the event and its audit event. Recording the same act again
// writes nothing and gives the first receipt, marked Duplicate.
func (j Journal) Record(tx Appender, act Act, w What) (storage.Receipt, error) {
	d, ok := Defined(w.Kind)
	if !ok {
		return storage.Receipt{}, fmt.Errorf("event %q is not in the registry", w.Kind)
	}
	if w.ID == uuid.Nil {
		w.ID = act.EventID(w.Kind, w.Facts.Resource)
	}
	if receipt, done := tx.Lookup(w.ID); done {
		// Not appended again: a repeat may carry a later timestamp, and the same id
		// with other content is a conflict.
		receipt.Duplicate = true
		return receipt, nil
	}
	audit := w.Audit
	if audit == "" && len(d.Audit) == 1 {
		audit = d.Audit[0]
	}
	if !slices.Contains(d.Audit, audit) && (audit != "" || len(d.Audit) > 0) {
		return storage.Receipt{}, fmt.Errorf("audit event %q does not go with %s", audit, d.Name)
	}
	e, err := eventWithID(w.ID, d, w.Channel, w.Body)
	if err != nil {
		return storage.Receipt{}, err
	}
	receipt, err := tx.Append(e)
	if err != nil || audit == "" {
		return receipt, err
	}
	if w.Facts.Channel == "" {
		w.Facts.Channel = w.Channel
	}
	return receipt, j.audit(tx, act, DeriveID(w.ID, "audit", string(audit)), audit, w.Facts)
}

// lateEntry marks the action of an act that is recorded later than it was done.
const lateEntry = ", late entry"

// Audit appends an audit event of an act that publishes nothing else.
func (j Journal) Audit(tx Appender, act Act, t AuditType, f AuditFacts) error {
	return j.audit(tx, act, act.EventID("audit/"+string(t), f.Resource), t, f)
}

func (j Journal) audit(tx Appender, act Act, id uuid.UUID, t AuditType, f AuditFacts) error {
	if f.Session == "" {
		f.Session = act.Session
	}
	if act.Late() {
		f.Happened = act.Happened
		f.Action += lateEntry
	}
	if _, done := tx.Lookup(id); done {
		return nil
	}
	_, now := tx.Now()
	d, _ := Defined("audit/EVENT")
	e, err := eventWithID(id, d, AuditChannel(j.Organization), NewAudit(id, t, now.Wall, j.Organization, act.Actor, f))
	if err != nil {
		return err
	}
	_, err = tx.Append(e)
	return err
}
