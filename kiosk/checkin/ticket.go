package checkin

import (
	"context"
	"crypto/subtle"
	"fmt"
	"slices"
	"strings"

	"clinicgate/kiosk"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/queue"
	"clinicgate/storage"
)

// TicketCode is what the code on an entry's ticket says; empty without a key.
func (s *Service) TicketCode(id kiosk.EntryID) string {
	if len(s.cfg.TicketKey) == 0 {
		return ""
	}
	return queue.TicketCode(s.cfg.TicketKey, id)
}

// ofTicket finds today's entry whose ticket was read: of this kiosk or of another
// one, on the lists or off them.
func (s *Service) ofTicket(code phi.Text) (queue.State, bool) {
	text := strings.ToUpper(code.Reveal())
	if len(s.cfg.TicketKey) == 0 || !strings.HasPrefix(text, queue.TicketPrefix) {
		return queue.State{}, false
	}
	day := s.queue.Today()
	var found queue.State
	ok := false
	for _, st := range slices.Concat(s.queue.States(day), s.queue.Left(day)) {
		if subtle.ConstantTimeCompare([]byte(queue.TicketCode(s.cfg.TicketKey, st.Entry.ID)), []byte(text)) == 1 {
			found, ok = st, true
		}
	}
	return found, ok
}

// standing tells a patient who came without an appointment of this kiosk's list
// where the visit of the ticket stands.
func (s *Service) standing(ctx context.Context, act kiosk.Act, in IdentifyInput, st queue.State) (Identified, error) {
	e := st.Entry
	err := s.queue.Update(ctx, func(tx *storage.Tx) error {
		return s.journal.Audit(tx, act, kiosk.PatientIdentified, kiosk.AuditFacts{Action: string(in.Method) + " " + string(e.Status), Resource: e.ID.String()})
	})
	if err != nil {
		return Identified{}, fmt.Errorf("cannot record identification: %w", err)
	}
	s.hold(in.Session, e.ID, in.Language)
	name, where := s.department(e.Department, in.Language)
	return Identified{Outcome: Already, Sentence: "outcome.already." + string(e.Status), Entry: e.ID,
		Visit: Visit{Department: name, Where: where, Provider: s.provider(e.Provider), Appointment: e.Metadata.AppointmentTime, Mode: e.Metadata.Mode},
		Place: s.place(e.ID, in.Language), Actions: s.actions(e.ID)}, nil
}
