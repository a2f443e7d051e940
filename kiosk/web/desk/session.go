package desk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"clinicgate/kiosk"
	"clinicgate/storage"
)

// session is a person at a browser, until it ends. A browser has one at most.
type session struct {
	id      string
	staff   Staff
	browser string
	address string
	since   time.Time
	seen    time.Time // last sign of the person
}

func (x *session) actor() kiosk.Actor {
	return kiosk.Actor{Kind: kiosk.ActorStaff, ID: string(x.staff.ID)}
}

const (
	longestSession = 12 * time.Hour // a shift
	auditWithin    = 5 * time.Second
)

// errLogin is the one answer to a wrong PIN, whoever does not exist, and who
// has no PIN.
var errLogin = errors.New("login refused")

// waitError says that no try counts before some time.
type waitError struct{ left time.Duration }

func (w *waitError) Error() string { return "login has to wait" }

// login checks a person's PIN and begins a session at a browser, which ends the
// one before.
func (s *Server) login(ctx context.Context, browser *browserRow, typed, pin, address string) error {
	if err := s.takeTurn(ctx); err != nil {
		return err
	}
	defer s.endTurn()
	claimed := folded(typed)
	s.mu.Lock()
	if left := s.guesses.wait(claimed, browser.ID, s.count()); left > 0 {
		s.mu.Unlock()
		return &waitError{left}
	}
	s.guesses.wrong(claimed, browser.ID, s.count())
	s.mu.Unlock()

	person, known := s.person(typed)
	row, set := s.nobody, false
	err := s.deps.Store.View(ctx, func(r *storage.Reader) error {
		stored, ok, err := readPIN(r, kiosk.StaffID(claimed))
		if known {
			stored, ok, err = readPIN(r, person.ID)
		}
		if ok {
			row, set = stored, true
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot read PIN: %w", err)
	}
	right := row.is(pin)
	if !right || !set || !known {
		actor := pageActor // who does not exist is not named: it may be a PIN in the wrong field
		if known {
			actor = kiosk.Actor{Kind: kiosk.ActorStaff, ID: string(person.ID)}
		}
		s.log.Warn("login refused", "browser", browser.ID)
		return errors.Join(errLogin, s.audit(ctx, kiosk.NewAct(actor), kiosk.StaffLoginRefused,
			kiosk.AuditFacts{Action: "login", Outcome: kiosk.OutcomeRefused, Resource: browser.ID, Address: address}))
	}
	now := s.count()
	x := &session{id: uuid.NewString(), staff: person, browser: browser.ID, address: address, since: now, seen: now}
	act := kiosk.NewAct(x.actor())
	act.Session = x.id
	// Nobody sees a name before it is on record who did.
	if err := s.audit(ctx, act, kiosk.StaffLoggedIn, kiosk.AuditFacts{Action: "login", Resource: browser.ID, Address: address}); err != nil {
		return err
	}
	s.mu.Lock()
	s.guesses.right(claimed, browser.ID)
	var ended []*session
	if old := s.sessions[browser.ID]; old != nil {
		ended = append(ended, s.endSession(old))
	}
	still := false
	for _, b := range s.browsers {
		still = still || b == browser
	}
	if still { // it may have been revoked meanwhile
		s.sessions[browser.ID] = x
	}
	s.mu.Unlock()
	s.sayEnded(ctx, "another login", ended...)
	if !still {
		s.sayEnded(ctx, "revoked", x)
		return errLogin
	}
	s.log.Info("staff logged in", "browser", browser.ID)
	return s.refresh(ctx)
}

// endSession wipes what the session's pages show. Server.mu is held; say so
// after it is released.
func (s *Server) endSession(x *session) *session {
	delete(s.sessions, x.browser)
	if len(s.sessions) == 0 {
		s.view = nil // nobody needs the names
	}
	s.changed()
	return x
}

// sayEnded records how sessions ended.
func (s *Server) sayEnded(ctx context.Context, how string, ended ...*session) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditWithin)
	defer cancel()
	for _, x := range ended {
		act := kiosk.NewAct(x.actor())
		act.Session = x.id
		if err := s.audit(ctx, act, kiosk.StaffLoggedOff, kiosk.AuditFacts{Action: how, Resource: x.browser, Address: x.address}); err != nil {
			s.log.Error("logoff was not recorded", "reason", err)
		}
	}
}

// endIdle ends the sessions whose person gave no sign for too long.
func (s *Server) endIdle(ctx context.Context) {
	now := s.count()
	var idle, long []*session
	s.mu.Lock()
	for _, x := range s.sessions {
		switch {
		case now.Sub(x.seen) >= s.idle:
			idle = append(idle, s.endSession(x))
		case now.Sub(x.since) >= longestSession:
			long = append(long, s.endSession(x))
		}
	}
	s.mu.Unlock()
	s.sayEnded(ctx, "idle", idle...)
	s.sayEnded(ctx, "end of shift", long...)
}

// endAll ends every session, when the service stops.
func (s *Server) endAll(ctx context.Context) {
	var ended []*session
	s.mu.Lock()
	for _, x := range s.sessions {
		ended = append(ended, s.endSession(x))
	}
	s.mu.Unlock()
	s.sayEnded(ctx, "service stopped", ended...)
}

func (s *Server) audit(ctx context.Context, act kiosk.Act, t kiosk.AuditType, f kiosk.AuditFacts) error {
	err := s.deps.Store.Update(ctx, func(tx *storage.Tx) error { return s.journal.Audit(tx, act, t, f) })
	if err != nil {
		return fmt.Errorf("cannot record audit event: %w", err)
	}
	return nil
}
