package web

import (
	"context"
	"fmt"

	"clinicgate/kiosk/phi"

	"github.com/google/uuid"
)

// Tap feeds the number of a card from a device into the live session, or starts
// one. An empty number is a card that nobody can be found by: where the page asks
// who the patient is, it says so. Tap returns as soon as the page has it. The
// number is never logged or shown, and finds nobody without the date of birth,
// which the page asks for.
func (s *Server) Tap(ctx context.Context, number phi.Text) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	request, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("cannot mint a request id: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.streams) == 0 {
		return ErrNoPage
	}
	job, _ := s.tapped(s.live, number, request)
	s.touched(s.live)
	s.changed()
	if job != nil {
		s.inBackground(job)
	}
	return nil
}

// tapped decides what a card means on the screen that is shown. Server.mu is held.
func (s *Server) tapped(x *session, number phi.Text, request uuid.UUID) (work, bool) {
	if !number.IsZero() {
		return s.read(x, newCode(number, Carded), request)
	}
	if !x.state.asks() || !x.step(evScan) {
		return nil, false
	}
	x.held, x.visitor = code{}, visitor{}
	return s.lookUp(x, Identify{Session: x.id, Method: Carded, Language: x.language, Needs: x.needs, Request: request}), true
}

// tap keeps the card and asks for the date of birth.
func (x *session) tap(c code) bool {
	if !x.step(evTap) {
		return false
	}
	x.held, x.visitor = code{}, visitor{code: c}
	return true
}

// byCard looks up the card that was tapped, now that its holder gave a date of
// birth. Server.mu is held.
func (s *Server) byCard(x *session, birth phi.Text, request uuid.UUID) work {
	x.step(evCarded)
	return s.lookUp(x, Identify{Session: x.id, Method: Carded, Value: x.code.value, Person: Person{Birth: birth},
		Language: x.language, Needs: x.needs, Request: request})
}
