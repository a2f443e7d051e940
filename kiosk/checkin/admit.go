package checkin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"clinicgate/kiosk"
	"clinicgate/kiosk/identity"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/queue"
	"clinicgate/kiosk/roster"
	"clinicgate/storage"
)

// ErrNoAppointment says that an appointment is not on the list of the day.
var ErrNoAppointment = errors.New("no such appointment on the day's list")

// Admit takes in a person whom staff have identified, as the page would: the
// visit waits, but for one by video whose consent is missing. It fails with
// ErrNoAppointment, and with a *queue.Refusal of queue.ErrArrived where the
// patient is in the queue already, or was. Where it is a late entry, as the act says,
// the visit has the place of who came then, and it fails with a *queue.TimeError where
// nobody can have come then.
func (s *Service) Admit(ctx context.Context, act kiosk.Act, appointment kiosk.AppointmentID) (queue.State, error) {
	day := s.queue.Today()
	var state queue.State
	err := s.queue.Act(ctx, act, func(tx *storage.Tx) error {
		a, ok, err := s.roster.Appointment(tx, day, appointment)
		if err != nil {
			return err
		}
		if !ok {
			return ErrNoAppointment
		}
		id := s.entryOf(a)
		c, err := s.consents.Consents(tx, a.Patient)
		if err != nil {
			return err
		}
		state, err = s.queue.Get(tx, id)
		_, done := tx.Lookup(act.EventID("audit/"+string(kiosk.PatientAdmitted), id.String()))
		switch {
		case done:
			return err
		case errors.Is(err, queue.ErrNotFound):
			state, err = s.add(tx, act, a.Language, a, id, c, s.expectedWait(act, a))
		case err == nil && state.Entry.Status != kiosk.CheckedIn:
			err = &queue.Refusal{Entry: id, From: state.Entry.Status, Act: "check in", Err: queue.ErrArrived}
		case err == nil:
			err = s.queue.Possible(tx, act, state)
		}
		if err == nil {
			err = s.journal.Audit(tx, act, kiosk.PatientAdmitted, kiosk.AuditFacts{Action: "admit", Resource: id.String()})
		}
		if err == nil && mayWait(state.Entry, c, now(tx)) {
			state, err = s.wait(tx, act, id)
		}
		return err
	})
	return s.shown(state, err)
}

// shown gives an entry as readers get it once the transaction is durable.
func (s *Service) shown(state queue.State, err error) (queue.State, error) {
	if err != nil {
		return queue.State{}, err
	}
	if st, ok := s.queue.State(state.Entry.ID); ok {
		return st, nil
	}
	return state, nil
}

// mayWait reports whether a visit goes on without its patient's say: one by video
// needs its consent.
func mayWait(e kiosk.Entry, c kiosk.Consents, at time.Time) bool {
	return e.Metadata.Mode != kiosk.Video || c.Telehealth.InEffect(at)
}

// wait puts an entry among those who wait, and tells the provider.
func (s *Service) wait(tx *storage.Tx, act kiosk.Act, id kiosk.EntryID) (queue.State, error) {
	e, err := s.queue.SetStatus(tx, act, id, kiosk.Waiting)
	if err == nil {
		err = s.tellProvider(tx, act, e)
	}
	if err != nil {
		return queue.State{}, err
	}
	return s.queue.Get(tx, id)
}

// WalkIn is a person who comes without an appointment.
type WalkIn struct {
	Department kiosk.DepartmentID
	Reason     string   // one of Config.Reasons
	Name       phi.Text // family name, comma, given names; or however it was said; empty: not asked
	Birth      phi.Text // 2006-01-02; empty: not asked
}

// The reasons for which a walk-in is refused.
var (
	// ErrDepartment: the clinic has no such department.
	ErrDepartment = errors.New("no such department")
	// ErrReason: it is not among the clinic's reasons.
	ErrReason = errors.New("no such reason")
	// ErrName: the name cannot be one, or is too long.
	ErrName = errors.New("the name cannot be read")
	// ErrBirth: nobody alive was born then.
	ErrBirth = errors.New("the birth date is not a date of the last 130 years")
)

// WalkIn takes in a person without an appointment: with a number of this kiosk,
// waiting, by the time of coming. Who it is goes to the roster's channel alone. It
// fails with one of the errors above, and a late entry as Admit does.
func (s *Service) WalkIn(ctx context.Context, act kiosk.Act, in WalkIn) (queue.State, error) {
	known := slices.ContainsFunc(s.cfg.Departments, func(d Department) bool { return d.ID == in.Department })
	switch {
	case !known:
		return queue.State{}, ErrDepartment
	case !slices.Contains(s.cfg.Reasons, in.Reason):
		return queue.State{}, ErrReason
	case !readable(in.Name.Reveal()):
		return queue.State{}, ErrName
	case !in.Birth.IsZero() && !identity.PossibleBirth(in.Birth.Reveal(), s.cfg.Now().Wall):
		return queue.State{}, ErrBirth
	}
	id, day := act.UnlistedEntryID(), s.queue.Today()
	who := roster.Unlisted{Entry: id, Day: day, Birth: in.Birth}
	who.Family, who.Given = splitName(in.Name)
	var state queue.State
	err := s.queue.Update(ctx, func(tx *storage.Tx) (err error) {
		if state, err = s.queue.Get(tx, id); !errors.Is(err, queue.ErrNotFound) {
			return err // the same act again
		}
		e := s.unlisted(tx, act, id, day, in.Department, "")
		e.Metadata.Reason = in.Reason
		if _, err = s.enter(tx, act, e, kiosk.Consents{}); err != nil {
			return err
		}
		if err = s.roster.Remember(tx, act, in.Department, who); err != nil {
			return err
		}
		if err = s.journal.Audit(tx, act, kiosk.WalkInAdmitted, kiosk.AuditFacts{Action: "walk-in " + in.Reason, Resource: id.String()}); err != nil {
			return err
		}
		state, err = s.wait(tx, act, id)
		return err
	})
	if err != nil {
		return queue.State{}, fmt.Errorf("cannot take in walk-in: %w", err)
	}
	return s.shown(state, nil)
}

// unlisted is the entry of a person without an appointment.
func (s *Service) unlisted(tx *storage.Tx, act kiosk.Act, id kiosk.EntryID, day kiosk.Day, d kiosk.DepartmentID, language string) kiosk.Entry {
	at := came(tx, act)
	return kiosk.Entry{ID: id, Patient: kiosk.NewUnlistedRef(s.cfg.RefKey, id), Department: d, Status: kiosk.CheckedIn, Priority: kiosk.Normal,
		CheckInTime: at, EstimatedWait: s.expectedWait(act, roster.Appointment{Department: d, Day: day}),
		Metadata: kiosk.Metadata{Day: day, OrderAt: at, Mode: kiosk.InPerson, Language: language}}
}

// splitName parts a name at its first comma; without one it is the family name's.
func splitName(name phi.Text) (family, given phi.Text) {
	a, b, _ := strings.Cut(name.Reveal(), ",")
	return phi.New(strings.TrimSpace(a)), phi.New(strings.TrimSpace(b))
}

const maxName = 200 // bytes

// readable reports whether a text can be a name: short, and of the characters
// that names are written with.
func readable(name string) bool {
	return len(name) <= maxName && utf8.ValidString(name) && strings.IndexFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && !strings.ContainsRune(" ,.-'’ʻ·()", r)
	}) < 0
}
