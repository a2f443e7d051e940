package checkin

import (
	"context"
	"fmt"

	"clinicgate/kiosk"
	"clinicgate/kiosk/identity"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/roster"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// CardInput is what the page sends of a patient who tapped a card.
type CardInput struct {
	Session  string
	Number   phi.Text // empty: a card that nobody can be found by
	Birth    phi.Text // 2006-01-02, as the patient says it
	Language string
	Needs    []kiosk.Need
	Request  uuid.UUID // the same for a repeated request
}

// IdentifyCard finds today's appointment of the person whom a card belongs to, and
// commits the visit as checked-in, as Identify does. Anybody can copy a card's
// number, so it is a look-up and the date of birth is asked as well: a wrong date
// and a card that nobody has give NotFound alike, and count as attempts. A card
// that nobody can be found by does not count.
func (s *Service) IdentifyCard(ctx context.Context, in CardInput) (Identified, error) {
	if err := checkInput(in.Session, in.Language, in.Request); err != nil {
		return Identified{}, err
	}
	if !known(in.Needs) {
		return Identified{}, ErrInput
	}
	now := s.cfg.Now()
	act := patientAct(in.Session, in.Request)
	if s.attempts.locked(in.Session, now.Wall) {
		return s.refuse(ctx, act, roster.Carded, Locked, Visit{})
	}
	if in.Number.IsZero() {
		return s.refuse(ctx, act, roster.Carded, NotFound, Visit{})
	}
	var verdict identity.Verdict
	var found []roster.Appointment
	err := s.queue.View(ctx, func(r *storage.Reader) (err error) {
		verdict, found, err = s.roster.FindByCard(r, in.Number, in.Birth, s.queue.Today())
		return err
	})
	switch {
	case err != nil:
		return Identified{}, fmt.Errorf("cannot look for card: %w", err)
	case verdict == identity.One:
		return s.admit(ctx, act, IdentifyInput{Session: in.Session, Method: roster.Carded, Language: in.Language, Needs: in.Needs, Request: in.Request}, s.next(found, now.Wall), now)
	case verdict == identity.Desk:
		return s.refuse(ctx, act, roster.Carded, Alike, Visit{})
	}
	s.attempts.failed(in.Session, now.Wall)
	return s.refuse(ctx, act, roster.Carded, NotFound, Visit{})
}
