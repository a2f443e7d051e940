package checkin

import (
	"context"
	"errors"
	"fmt"

	"clinicgate/kiosk"
	"clinicgate/kiosk/identity"
	"clinicgate/kiosk/queue"
	"clinicgate/kiosk/roster"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// listMayLack reports whether somebody who is not on the list may be expected all
// the same: there is no way to a newer list, or there is none of the day. It does
// not depend on what was claimed, so the offer tells nothing about anybody.
func (s *Service) listMayLack(day kiosk.Day) bool {
	return s.cfg.Online == nil || !s.cfg.Online() || !s.roster.Current(day)
}

// Provisional takes in a person whom IdentifyPerson has just not found on a list
// that may lack them: with a number, as checked-in, and marked for the desk, which
// looks for the appointment. What the person said goes to the roster's channel
// alone. Where the list has come meanwhile, the answer is IdentifyPerson's.
func (s *Service) Provisional(ctx context.Context, in PersonInput) (Identified, error) {
	if err := checkInput(in.Session, in.Language, in.Request); err != nil {
		return Identified{}, err
	}
	if !known(in.Needs) || in.Method == roster.Licensed {
		return Identified{}, ErrInput
	}
	act := patientAct(in.Session, in.Request)
	id := act.UnlistedEntryID()
	if _, done := s.queue.Entry(id); done {
		return s.provisional(id, in.Language), nil
	}
	day := s.queue.Today()
	var verdict identity.Verdict
	err := s.queue.View(ctx, func(r *storage.Reader) (err error) {
		verdict, _, err = s.roster.FindByPerson(r, in.Claim, day)
		return err
	})
	if err != nil {
		return Identified{}, fmt.Errorf("cannot look for person: %w", err)
	}
	if verdict != identity.None || !s.listMayLack(day) || !readable(in.Claim.Name.Reveal()) || !identity.PossibleBirth(in.Claim.Birth.Reveal(), s.cfg.Now().Wall) {
		return s.IdentifyPerson(ctx, in)
	}
	if now := s.cfg.Now(); now.Synced && !s.cfg.Hours.Open(now.Wall, s.cfg.Zone) {
		return s.refuse(ctx, act, roster.Named, Closed, Visit{})
	}
	who := roster.Unlisted{Entry: id, Day: day, Birth: in.Claim.Birth}
	who.Family, who.Given = splitName(in.Claim.Name)
	department := s.cfg.Departments[0].ID
	if len(s.cfg.Served) > 0 {
		department = s.cfg.Served[0]
	}
	err = s.queue.Update(ctx, func(tx *storage.Tx) error {
		if _, err := s.queue.Get(tx, id); !errors.Is(err, queue.ErrNotFound) {
			return err
		}
		e := s.unlisted(tx, act, id, day, department, in.Language)
		e.Metadata.Flags = []kiosk.Flag{kiosk.FlagProvisional}
		e.Metadata.Require(in.Needs...)
		if _, err := s.enter(tx, act, e, kiosk.Consents{}); err != nil {
			return err
		}
		if err := s.roster.Remember(tx, act, department, who); err != nil {
			return err
		}
		if len(in.Needs) > 0 {
			if err := s.journal.Audit(tx, act, kiosk.NeedsStated, kiosk.AuditFacts{Action: "state needs", Resource: id.String()}); err != nil {
				return err
			}
		}
		return s.journal.Audit(tx, act, kiosk.ProvisionalArrival, kiosk.AuditFacts{Action: "provisional", Resource: id.String()})
	})
	if err != nil {
		return Identified{}, fmt.Errorf("cannot take in provisional arrival: %w", err)
	}
	return s.provisional(id, in.Language), nil
}

func (s *Service) provisional(id kiosk.EntryID, language string) Identified {
	return Identified{Outcome: Provisional, Sentence: "outcome." + string(Provisional), Entry: id, Place: s.place(id, language)}
}

// Match says, as staff, which of today's appointments an entry was for that came
// in without one. It fails with ErrNoAppointment, and with a *queue.Refusal, among
// them one of queue.ErrArrived where somebody has arrived for the appointment.
func (s *Service) Match(ctx context.Context, act kiosk.Act, id kiosk.EntryID, appointment kiosk.AppointmentID) (queue.State, error) {
	var state queue.State
	err := s.queue.Act(ctx, act, func(tx *storage.Tx) error {
		st, err := s.queue.Get(tx, id)
		if err != nil {
			return err
		}
		a, ok, err := s.roster.Appointment(tx, st.Entry.Metadata.Day, appointment)
		switch {
		case err != nil:
			return err
		case !ok:
			return ErrNoAppointment
		case s.arrived(tx, a, id):
			return &queue.Refusal{Entry: id, From: st.Entry.Status, Act: "match", Err: queue.ErrArrived}
		}
		state, err = s.matchTo(tx, act, st, a)
		return err
	})
	return s.shown(state, err)
}

// arrived reports whether another entry than this one is for an appointment.
func (s *Service) arrived(tx *storage.Tx, a roster.Appointment, but kiosk.EntryID) bool {
	if e, ok := s.queue.Arrived(a.Day, a.ID); ok && e.ID != but && e.Status != kiosk.Cancelled {
		return true
	}
	// One that was committed a moment ago may not be in memory yet.
	st, err := s.queue.Get(tx, kiosk.NewEntryID(s.cfg.RefKey, a.ID, a.Day))
	return err == nil && st.Entry.ID != but && st.Entry.Status != kiosk.Cancelled
}

// matchTo matches an entry and puts the patient where the appointment is.
func (s *Service) matchTo(tx *storage.Tx, act kiosk.Act, st queue.State, a roster.Appointment) (queue.State, error) {
	id, e := st.Entry.ID, st.Entry
	c, err := s.consents.Consents(tx, a.Patient)
	if err == nil {
		err = s.queue.Consented(tx, a.Patient, c)
	}
	if err != nil {
		return st, err
	}
	before := e.Status == kiosk.CheckedIn || e.Status == kiosk.Waiting
	if before && e.Department != a.Department {
		if _, err := s.queue.Transfer(tx, act, id, a.Department); err != nil {
			return st, err
		}
	}
	e, err = s.queue.Match(tx, act, id, kiosk.MatchShape{
		AppointmentID: a.ID, PatientID: a.Patient, ProviderID: a.Provider, AppointmentTime: kiosk.At(a.Start), Mode: a.Mode.Here(),
		OrderAt: kiosk.At(queue.OrderAt(e.CheckInTime, a.Start, s.cfg.EarlyAllowance)),
	})
	if err == nil && e.Status == kiosk.CheckedIn && mayWait(e, c, now(tx)) {
		e, err = s.queue.SetStatus(tx, act, id, kiosk.Waiting)
	}
	if err == nil && e.Status == kiosk.Waiting {
		err = s.tellProvider(tx, act, e)
	}
	if err != nil {
		return st, err
	}
	return s.queue.Get(tx, id)
}

// reconciler is the actor of matches that follow from a list.
var reconciler = kiosk.Actor{Kind: kiosk.ActorSystem, ID: "reconcile"}

// Reconcile looks for the appointments of provisional arrivals, once for every
// list that came. Run calls it; it is for one goroutine.
func (s *Service) Reconcile(ctx context.Context) error {
	day := s.queue.Today()
	list := s.roster.Days()[day].Changed
	waiting := map[kiosk.EntryID]storage.HLC{}
	var all error
	for _, st := range s.queue.Provisional(day) {
		id := st.Entry.ID
		if at, done := s.looked[id]; done && at == list {
			waiting[id] = at
			continue
		}
		if !s.queue.Mine(st) {
			continue
		}
		if err := s.reconcileOne(ctx, id, day); err != nil {
			all = errors.Join(all, err)
			continue
		}
		waiting[id] = list
	}
	s.looked = waiting
	return all
}

// reconcileOne matches an arrival if what was said agrees with one person, and
// there is exactly one appointment of hers that nobody has arrived for and that
// this kiosk could have checked in. If she has arrived for all of them, staff are
// told; in all other cases the desk decides.
func (s *Service) reconcileOne(ctx context.Context, id kiosk.EntryID, day kiosk.Day) error {
	return s.queue.Update(ctx, func(tx *storage.Tx) error {
		st, err := s.queue.Get(tx, id)
		if err != nil || !st.Entry.HasFlag(kiosk.FlagProvisional) {
			return err
		}
		who, known, err := s.roster.Unlisted(tx, day, id)
		if err != nil || !known {
			return err
		}
		verdict, found, err := s.roster.FindByPerson(tx, identity.Claim{Birth: who.Birth, Name: who.Name()}, day)
		if err != nil || verdict != identity.One {
			return err
		}
		var due []roster.Appointment
		for _, a := range found {
			if !s.arrived(tx, a, id) {
				due = append(due, a)
			}
		}
		act := func(a roster.Appointment) kiosk.Act {
			return kiosk.Act{ID: kiosk.DeriveID(uuid.UUID(id), "reconcile", string(a.ID), string(s.cfg.Kiosk)), Actor: reconciler}
		}
		switch {
		case len(due) == 0:
			_, err = s.queue.Flag(tx, act(found[0]), id, kiosk.FlagArrived)
		case len(due) == 1 && s.couldCheckIn(st.Entry, due[0]):
			_, err = s.matchTo(tx, act(due[0]), st, due[0])
		}
		return err
	})
}

// couldCheckIn reports whether the page would have taken the patient in for an
// appointment when the patient came.
func (s *Service) couldCheckIn(e kiosk.Entry, a roster.Appointment) bool {
	early := a.Start.Sub(e.CheckInTime)
	return a.Mode.Valid() && s.serves(a.Department) && (s.cfg.Earliest == 0 || early <= s.cfg.Earliest) && (s.cfg.Latest == 0 || -early <= s.cfg.Latest)
}
