package gateway

import (
	"context"
	"errors"
	"slices"

	"clinicgate/gateway/control"
	"clinicgate/kiosk"
	"clinicgate/kiosk/consent"
	"clinicgate/kiosk/queue"
	"clinicgate/kiosk/web/desk"
	"clinicgate/storage"
)

// consentBackend answers for patients' consents.
type consentBackend struct{ *Gateway }

// List gives the consents of a patient of today. That they were read is audited.
func (g consentBackend) List(ctx context.Context, by control.Caller, in control.ConsentQuery) (control.ConsentList, error) {
	patient, ticket, err := g.patientOf(ctx, in)
	if err != nil {
		return control.ConsentList{}, err
	}
	if err := g.audit(ctx, kiosk.NewAct(by.Actor), kiosk.ConsentRead, kiosk.AuditFacts{Action: "list consents", Resource: string(patient)}); err != nil {
		return control.ConsentList{}, err
	}
	return g.consentsOf(ctx, patient, ticket)
}

// Revoke takes a consent back.
func (g consentBackend) Revoke(ctx context.Context, by control.Caller, in control.ConsentRevoke) (control.ConsentList, error) {
	if !in.Reason.Valid() {
		return control.ConsentList{}, &control.Error{Code: control.Invalid, Message: "there is no such reason to revoke a consent", Next: "`clinicgate consent revoke --help` lists the reasons"}
	}
	var grant consent.Record
	err := g.store.View(ctx, func(r *storage.Reader) (err error) { grant, err = g.consents.Find(r, in.Record); return err })
	if err == nil {
		act := kiosk.NewAct(by.Actor)
		err = g.queue.Act(ctx, act, func(tx *storage.Tx) error {
			left, err := g.consents.Revoke(tx, act, grant.PatientID, in.Record, in.Reason)
			if err != nil {
				return err
			}
			return g.queue.Consented(tx, grant.PatientID, left)
		})
	}
	switch {
	case errors.Is(err, consent.ErrNoRecord):
		return control.ConsentList{}, &control.Error{Code: control.NotFound, Message: consent.ErrNoRecord.Error(), Next: "`clinicgate consent list ENTRY` shows a patient's records"}
	case errors.Is(err, consent.ErrNotGranted):
		return control.ConsentList{}, &control.Error{Code: control.Conflict, Message: consent.ErrNotGranted.Error(), Next: "`clinicgate consent list ENTRY` shows which one stands"}
	case err != nil:
		return control.ConsentList{}, refusedAct(err)
	}
	return g.consentsOf(ctx, grant.PatientID, "")
}

// Signature takes out what was typed or drawn. That it was is recorded before it is
// shown.
func (g consentBackend) Signature(ctx context.Context, by control.Caller, in control.ConsentSigned) (control.ConsentSignature, error) {
	var rec consent.Record
	err := g.store.View(ctx, func(r *storage.Reader) (err error) { rec, err = g.consents.Find(r, in.Record); return err })
	var signature consent.Signature
	if err == nil {
		signature, err = g.consents.Signature(ctx, g.store, rec)
	}
	if err == nil {
		err = g.audit(ctx, kiosk.NewAct(by.Actor), kiosk.ConsentRead,
			kiosk.AuditFacts{Action: "read signature", Resource: rec.ID.String(), ConsentRef: rec.ID.String()})
	}
	switch {
	case errors.Is(err, consent.ErrNoRecord):
		return control.ConsentSignature{}, &control.Error{Code: control.NotFound, Message: consent.ErrNoRecord.Error(), Next: "`clinicgate consent list ENTRY` shows a patient's records"}
	case errors.Is(err, consent.ErrSignature):
		return control.ConsentSignature{}, &control.Error{Code: control.Conflict, Message: "this decision was tapped: nothing was typed or drawn", Next: "`clinicgate consent list ENTRY` shows how each was made"}
	case errors.Is(err, consent.ErrElsewhere):
		return control.ConsentSignature{}, &control.Error{Code: control.NotFound, Message: consent.ErrElsewhere.Error(), Next: "ask on the kiosk where it was signed: signatures do not leave it"}
	case errors.Is(err, storage.ErrUnreadable):
		return control.ConsentSignature{}, &control.Error{Code: control.Conflict, Message: "what is stored is not the signature that was given", Next: "run `clinicgate audit verify`, and show its report to whoever looks after this kiosk"}
	case err != nil:
		return control.ConsentSignature{}, err
	}
	return control.ConsentSignature{Record: consentShown(rec), SHA256: rec.ConsentShape.Signature.SHA256, SVG: signature.SVG().Reveal()}, nil
}

func consentShown(rec consent.Record) control.ConsentRecord {
	return control.ConsentRecord{ID: rec.ID, Type: rec.Type, Version: rec.Version, Language: rec.Language, Decision: rec.Decision,
		At: rec.DecidedAt.Time, Until: rec.ExpiresAt.Time, Method: rec.Method, Relation: rec.Relation, Interpreter: rec.InterpreterPresent, Reason: rec.Reason}
}

// patientOf finds the patient of an entry or of an appointment of today.
func (g consentBackend) patientOf(ctx context.Context, in control.ConsentQuery) (patient kiosk.PatientRef, ticket string, err error) {
	if (in.Entry == "") == (in.Appointment == "") {
		return "", "", &control.Error{Code: control.Invalid, Message: "either an entry or an appointment is named", Next: "`clinicgate consent list --help` shows how"}
	}
	if in.Entry != "" {
		id, err := staffActs(g).entry(in.Entry)
		if err != nil {
			return "", "", err
		}
		e, _ := g.queue.Entry(id)
		return e.Patient, e.Metadata.Ticket, nil
	}
	day := g.queue.Today()
	for _, s := range slices.Concat(g.queue.States(day), g.queue.Left(day)) {
		if s.Entry.Appointment == in.Appointment {
			return s.Entry.Patient, s.Entry.Metadata.Ticket, nil
		}
	}
	err = g.store.View(ctx, func(r *storage.Reader) error {
		a, _, err := g.roster.Appointment(r, day, in.Appointment)
		patient = a.Patient
		return err
	})
	if err == nil && patient == "" {
		err = &control.Error{Code: control.NotFound, Message: "there is no such appointment today", Next: "name the patient's ticket instead; `clinicgate queue list` shows it"}
	}
	return patient, "", err
}

func (g consentBackend) consentsOf(ctx context.Context, patient kiosk.PatientRef, ticket string) (control.ConsentList, error) {
	out := control.ConsentList{Ticket: ticket, Patient: "…" + string(patient[max(0, len(patient)-4):]), Standings: []control.ConsentStanding{}, Records: []control.ConsentRecord{}}
	now := g.clock.Now().Wall
	err := g.store.View(ctx, func(r *storage.Reader) error {
		c, err := g.consents.Consents(r, patient)
		if err != nil {
			return err
		}
		for _, t := range kiosk.ConsentTypes() {
			out.Standings = append(out.Standings, control.ConsentStanding{Type: t, Standing: consent.StandingAt(c.Of(t), now), Until: c.Of(t).Until})
		}
		records, err := g.consents.Records(r, patient)
		for _, rec := range records {
			out.Records = append(out.Records, consentShown(rec))
		}
		return err
	})
	slices.SortStableFunc(out.Records, func(a, b control.ConsentRecord) int { return a.At.Compare(b.At) })
	return out, err
}

// consentNotes says to staff which consents an entry lacks and why: those that its
// visit's forms ask for, and any that was declined or taken back.
func (g *Gateway) consentNotes(r *storage.Reader, s queue.State) (notes []desk.ConsentNote, err error) {
	c, err := g.consents.Consents(r, s.Entry.Patient)
	if err != nil {
		return nil, err
	}
	asked := g.consents.Forms().Types(s.Entry.Metadata.Mode)
	for _, t := range kiosk.ConsentTypes() {
		standing := consent.StandingAt(c.Of(t), g.clock.Now().Wall)
		if standing == consent.InEffect || standing == consent.Unsigned && !slices.Contains(asked, t) {
			continue
		}
		notes = append(notes, desk.ConsentNote{Type: t, Standing: string(standing)})
	}
	return notes, nil
}
