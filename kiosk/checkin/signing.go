package checkin

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"clinicgate/kiosk"
	"clinicgate/kiosk/consent"
	"clinicgate/kiosk/roster"
	"clinicgate/storage"
)

// Signing is what there is to sign, and who may.
type Signing struct {
	Forms    []consent.Form // to decide on, in the patient's language
	DeskSign bool           // there is no form in that language: nothing is signed here

	// Signers are who may sign the forms. AskSigner says that the page must ask who
	// does: the patient is below the age that one of them asks for, the list does not
	// tell the age, or an interpreter is with the patient, which is recorded too.
	Signers   []consent.Relation
	AskSigner bool
	MinAge    int // the age in years that the forms ask for; 0: none
}

// signing gives what is left to sign: forms whose consent is in effect are not
// shown again.
func (s *Service) signing(g roster.Getter, e kiosk.Entry, language string, c kiosk.Consents) (Signing, error) {
	var out Signing
	out.Forms, out.DeskSign = s.forms(e.Metadata.Mode, language, c)
	forms := out.Forms
	if len(forms) == 0 {
		forms, _ = s.consents.Forms().For(e.Metadata.Mode, language)
	}
	out.MinAge = consent.MinAge(forms)
	age, err := s.age(g, e)
	if err != nil {
		return Signing{}, err
	}
	out.Signers, out.AskSigner = consent.Signers(age, out.MinAge)
	out.AskSigner = len(out.Forms) > 0 && (out.AskSigner || e.Metadata.InterpreterNeeded)
	return out, nil
}

// age gives what the clinic's list says of a patient's age on the day of a visit.
func (s *Service) age(g roster.Getter, e kiosk.Entry) (consent.Age, error) {
	if e.Appointment == "" {
		return consent.Age{}, nil
	}
	a, there, err := s.roster.Appointment(g, e.Metadata.Day, e.Appointment)
	if err != nil || !there || a.Patient != e.Patient {
		return consent.Age{}, err
	}
	return consent.AgeOn(a.Birth.Reveal(), e.Metadata.Day), nil
}

// Forms gives what there is to sign again, in another language.
func (s *Service) Forms(ctx context.Context, session string, id kiosk.EntryID, language string) (out Signing, err error) {
	if _, ok := s.held(session, id); !ok || len(language) > 40 {
		return Signing{}, ErrSession
	}
	e, ok := s.queue.Entry(id)
	if !ok {
		return Signing{}, ErrSession
	}
	err = s.queue.View(ctx, func(r *storage.Reader) error {
		c, err := s.consents.Consents(r, e.Patient)
		if err == nil {
			out, err = s.signing(r, e, language, c)
		}
		return err
	})
	if err != nil {
		return Signing{}, fmt.Errorf("cannot give consent forms: %w", err)
	}
	s.hold(session, id, language)
	return out, nil
}

// decide records the decisions, after checking that every form that was to be
// decided on was, by somebody who may. Where nobody who may sign is here, nothing
// is signed and the desk sees it.
func (s *Service) decide(tx *storage.Tx, act kiosk.Act, e kiosk.Entry, language string, in FinishInput) (kiosk.Consents, error) {
	c, err := s.consents.Consents(tx, e.Patient)
	if err != nil {
		return c, err
	}
	due, err := s.signing(tx, e, language, c)
	if err != nil {
		return c, err
	}
	if in.Unsigned {
		if len(in.Decisions) > 0 {
			return c, ErrInput
		}
		if len(due.Forms) > 0 {
			_, err = s.queue.Flag(tx, act, e.ID, kiosk.FlagConsentSigner)
		}
		return c, err
	}
	decided := map[string]bool{}
	for _, d := range in.Decisions {
		if decided[d.FormID] {
			return c, ErrInput
		}
		decided[d.FormID] = true
		if !slices.Contains(due.Signers, cmp.Or(d.Relation, consent.Self)) {
			return c, consent.ErrSigner
		}
	}
	for _, f := range due.Forms {
		if !decided[f.ID] {
			return c, ErrIncomplete
		}
	}
	if len(in.Decisions) > 0 {
		if c, err = s.consents.Record(tx, act, e.Patient, in.Decisions); err != nil {
			return c, err
		}
	}
	return c, s.queue.Consented(tx, e.Patient, c)
}
