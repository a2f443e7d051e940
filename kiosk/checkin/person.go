package checkin

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/identity"
	"clinicgate/kiosk/roster"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// PersonInput is what the page sends of a patient without a code.
type PersonInput struct {
	Session  string
	Method   roster.Method // Named, which it is when empty, or Licensed
	Claim    identity.Claim
	NoMore   bool // the patient can tell no more: what would be asked is the desk's to find out
	Language string
	Needs    []kiosk.Need
	Request  uuid.UUID // the same for a repeated request
}

// IdentifyPerson finds today's appointment of a person and commits the visit as
// checked-in, as Identify does. A wrong birth date, a wrong name, a wrong answer to
// AskTime or AskPhone and a person who is not expected give NotFound alike, and
// count as attempts. AskTime and AskPhone commit nothing: the page asks, and sends
// the whole claim again with the answer.
//
// It is all the same for the holder of a licence, who may have found it: it is the
// claim of somebody who need not type, and no proof. What it says is compared and
// dropped; so it gets nobody a provisional number, for which a name is kept.
func (s *Service) IdentifyPerson(ctx context.Context, in PersonInput) (Identified, error) {
	if err := checkInput(in.Session, in.Language, in.Request); err != nil {
		return Identified{}, err
	}
	method := cmp.Or(in.Method, roster.Named)
	if !known(in.Needs) || method != roster.Named && method != roster.Licensed {
		return Identified{}, ErrInput
	}
	now := s.cfg.Now()
	act := patientAct(in.Session, in.Request)
	if s.attempts.locked(in.Session, now.Wall) {
		return s.refuse(ctx, act, method, Locked, Visit{})
	}
	var verdict identity.Verdict
	var found []roster.Appointment
	err := s.queue.View(ctx, func(r *storage.Reader) (err error) {
		verdict, found, err = s.roster.FindByPerson(r, in.Claim, s.queue.Today())
		return err
	})
	if err != nil {
		return Identified{}, fmt.Errorf("cannot look for person: %w", err)
	}
	if in.NoMore && (verdict == identity.AskTime || verdict == identity.AskPhone) {
		verdict = identity.Desk
	}
	switch verdict {
	case identity.One:
		return s.admit(ctx, act, IdentifyInput{Session: in.Session, Method: method, Language: in.Language, Needs: in.Needs, Request: in.Request}, s.next(found, now.Wall), now)
	case identity.AskTime:
		return ask(AskTime), nil
	case identity.AskPhone:
		return ask(AskPhone), nil
	case identity.Desk:
		return s.refuse(ctx, act, method, Alike, Visit{})
	}
	s.attempts.failed(in.Session, now.Wall)
	out, err := s.refuse(ctx, act, method, NotFound, Visit{})
	out.MayProvision = method == roster.Named && s.listMayLack(s.queue.Today())
	return out, err
}

func ask(o Outcome) Identified { return Identified{Outcome: o, Sentence: "outcome." + string(o)} }

// next gives the one of a person's appointments, which are by start, that the
// person has come for: the first that this kiosk serves and that was not begun nor
// missed; else the last that this kiosk serves; else the first. What does not take
// place here is served by no kiosk.
func (s *Service) next(list []roster.Appointment, now time.Time) roster.Appointment {
	best := list[0]
	for _, a := range list {
		if !s.serves(a.Department) || a.Mode == kiosk.Elsewhere {
			continue
		}
		best = a
		e, there := s.queue.Entry(s.entryOf(a))
		missed := !there && s.cfg.Latest > 0 && now.Sub(a.Start) > s.cfg.Latest
		if !missed && (!there || e.Status.Open()) {
			return a
		}
	}
	return best
}
