package checkin

import (
	"context"
	"fmt"
	"time"

	"clinicgate/kiosk"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// place tells where a visit stands.
func (s *Service) place(id kiosk.EntryID, language string) Place {
	st, ok := s.queue.State(id)
	if !ok {
		return Place{}
	}
	e := st.Entry
	_, where := s.department(e.Department, language)
	p := Place{Ticket: s.queue.Number(st), Status: e.Status, Called: st.Call.Times > 0, Where: where}
	if p.Called {
		p.Room = s.queue.CallRoom(st).String()
	}
	p.WaitLow, p.WaitHigh, p.WaitKnown = s.queue.Wait(id)
	p.Ahead = s.queue.Ahead(id)
	return p
}

// actions lists what a patient who scans again may do.
func (s *Service) actions(id kiosk.EntryID) []Action {
	st, ok := s.queue.State(id)
	if !ok {
		return nil
	}
	switch st.Entry.Status {
	case kiosk.Waiting:
		return []Action{ShowPlace, Leave}
	case kiosk.Cancelled:
		return []Action{Back}
	case kiosk.NoShow:
		if s.queue.MayReturn(st) {
			return []Action{Back}
		}
	}
	return nil
}

// PlaceOf tells a session where the visit that it has identified stands.
func (s *Service) PlaceOf(session string, id kiosk.EntryID) (Place, error) {
	h, ok := s.held(session, id)
	if !ok {
		return Place{}, ErrSession
	}
	return s.place(id, h.language), nil
}

// Leave takes a patient who says "I am leaving" out of the queue.
func (s *Service) Leave(ctx context.Context, session string, id kiosk.EntryID, request uuid.UUID) error {
	return s.move(ctx, session, id, request, func(kiosk.Status) kiosk.Status { return kiosk.Cancelled })
}

// Back takes a patient who says "I am back" into the queue again: from a no-show
// within the grace period to waiting, from a cancelled visit of today to
// checked-in, from where the forms follow.
func (s *Service) Back(ctx context.Context, session string, id kiosk.EntryID, request uuid.UUID) error {
	return s.move(ctx, session, id, request, func(from kiosk.Status) kiosk.Status {
		if from == kiosk.NoShow {
			return kiosk.Waiting
		}
		return kiosk.CheckedIn
	})
}

func (s *Service) move(ctx context.Context, session string, id kiosk.EntryID, request uuid.UUID, to func(kiosk.Status) kiosk.Status) error {
	if err := checkInput(session, "", request); err != nil {
		return err
	}
	if _, ok := s.held(session, id); !ok {
		return ErrSession
	}
	act := patientAct(session, request)
	err := s.queue.Act(ctx, act, func(tx *storage.Tx) error {
		state, err := s.queue.Get(tx, id)
		if err == nil {
			_, err = s.queue.SetStatus(tx, act, id, to(state.Entry.Status))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot change visit: %w", err)
	}
	return nil
}

func now(tx *storage.Tx) time.Time {
	_, instant := tx.Now()
	return instant.Wall
}

// came is when the patient of an act came.
func came(tx *storage.Tx, act kiosk.Act) time.Time {
	if act.Late() {
		return act.Happened
	}
	return now(tx)
}
