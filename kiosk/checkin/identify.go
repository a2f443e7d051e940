package checkin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/consent"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/queue"
	"clinicgate/kiosk/roster"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// Outcome is what identifying amounted to. The page has a kind sentence and a
// next step for each.
type Outcome string

const (
	OK              Outcome = "ok"               // go on with the forms
	Already         Outcome = "already"          // checked in before: see Place and Actions
	NotFound        Outcome = "not-found"        // wrong or unknown; the desk helps
	Cancelled       Outcome = "cancelled"        // genuine, and cancelled since
	WrongDay        Outcome = "wrong-day"        // genuine, for another day
	WrongDepartment Outcome = "wrong-department" // this kiosk does not serve it: see Visit
	NotInPerson     Outcome = "not-in-person"    // it does not take place here: by phone, at home, at another site
	Closed          Outcome = "closed"           // outside the opening hours
	Early           Outcome = "early"
	Late            Outcome = "late"
	Locked          Outcome = "locked"      // too many wrong codes or names; the desk helps
	AskTime         Outcome = "ask-time"    // more than one person has this name and birth date: ask for the appointment's time
	AskPhone        Outcome = "ask-phone"   // and still: ask for the last two digits of the phone
	Alike           Outcome = "alike"       // not told apart by these either; the desk helps
	Unreadable      Outcome = "unreadable"  // something was scanned and not read whole; see RefuseScan
	OtherCard       Outcome = "other-card"  // a card that tells this kiosk nothing, likewise
	Provisional     Outcome = "provisional" // has a number; the desk looks for the appointment: see Place
)

// Action is what a patient who is checked in already may do.
type Action string

const (
	ShowPlace Action = "place"
	Leave     Action = "leave"
	Back      Action = "back"
)

// IdentifyInput is what the page sends.
type IdentifyInput struct {
	Session  string
	Method   roster.Method
	Value    phi.Text
	Language string
	Needs    []kiosk.Need // the help that the patient asked for
	Request  uuid.UUID    // the same for a repeated request
}

// Identified is what the page shows.
type Identified struct {
	Outcome  Outcome
	Sentence string // key of the page's sentence, as in "outcome.early"
	Timing   Timing // when OK
	Entry    kiosk.EntryID
	Visit    Visit
	Signing           // when OK
	Place    Place    // when Already
	Actions  []Action // when Already

	// MayProvision: not found, on a list that may lack who is expected. See
	// Provisional.
	MayProvision bool
}

// Timing is how an arrival lies to its appointment.
type Timing string

const (
	OnTime     Timing = ""
	ComesEarly Timing = "early" // more than the early allowance before
	ComesLate  Timing = "late"  // after it
)

// Visit is what a patient sees of the appointment.
type Visit struct {
	Department  string
	Where       string
	Provider    string // empty: whoever is free
	Appointment time.Time
	Mode        kiosk.Mode
	Name        phi.Text // masked, as in "M… G…"
}

// Place is where a patient stands.
type Place struct {
	Ticket            string
	Status            kiosk.Status
	Called            bool
	Room              string // one of the clinic's rooms; empty when not called
	Where             string
	WaitLow, WaitHigh int // minutes
	WaitKnown         bool
	Ahead             int
}

// Identify finds the appointment that a code stands for and commits the visit as
// checked-in. A ticket is as good as the code of the appointment that it was given
// for. A wrong code, an unknown one and a forged one give NotFound alike.
func (s *Service) Identify(ctx context.Context, in IdentifyInput) (Identified, error) {
	if err := checkInput(in.Session, in.Language, in.Request); err != nil {
		return Identified{}, err
	}
	if !known(in.Needs) {
		return Identified{}, ErrInput
	}
	if in.Method != roster.Scanned && in.Method != roster.Typed {
		return Identified{}, ErrInput
	}
	now := s.cfg.Now()
	act := patientAct(in.Session, in.Request)
	ticket, isTicket := s.ofTicket(in.Value)
	genuine := isTicket || s.roster.Genuine(in.Method, in.Value)
	if !genuine && s.attempts.locked(in.Session, now.Wall) {
		return s.refuse(ctx, act, in.Method, Locked, Visit{})
	}
	day := s.queue.Today()
	var found roster.Appointment
	listed := true
	err := s.queue.View(ctx, func(r *storage.Reader) (err error) {
		if isTicket {
			found, listed, err = s.roster.Appointment(r, day, ticket.Entry.Appointment)
		} else {
			found, err = s.roster.Find(r, in.Method, in.Value, day)
		}
		return err
	})
	switch {
	case err == nil && !listed:
		return s.standing(ctx, act, in, ticket)
	case errors.Is(err, roster.ErrUnknown):
		if !genuine { // else a list is missing, and the patient is not guessing
			s.attempts.failed(in.Session, now.Wall)
		}
		return s.refuse(ctx, act, in.Method, NotFound, Visit{})
	case errors.Is(err, roster.ErrCancelled):
		return s.refuse(ctx, act, in.Method, Cancelled, Visit{})
	case errors.Is(err, roster.ErrOtherDay):
		return s.refuse(ctx, act, in.Method, WrongDay, Visit{})
	case err != nil:
		return Identified{}, fmt.Errorf("cannot look for appointment: %w", err)
	}
	return s.admit(ctx, act, in, found, now)
}

// admit takes a patient whose appointment was found into the queue, as far as the
// clinic's rules allow it.
func (s *Service) admit(ctx context.Context, act kiosk.Act, in IdentifyInput, found roster.Appointment, now storage.Instant) (Identified, error) {
	visit := s.visit(found, in.Language)
	if found.Mode == kiosk.Elsewhere { // whose department is no place to go to
		return s.refuse(ctx, act, in.Method, NotInPerson, Visit{})
	}
	if !s.serves(found.Department) {
		return s.refuse(ctx, act, in.Method, WrongDepartment, visit)
	}
	id := s.entryOf(found)
	if _, there := s.queue.Entry(id); !there && now.Synced {
		if !s.cfg.Hours.Open(now.Wall, s.cfg.Zone) {
			return s.refuse(ctx, act, in.Method, Closed, visit)
		}
		switch early := found.Start.Sub(now.Wall); {
		case s.cfg.Earliest > 0 && early > s.cfg.Earliest:
			return s.refuse(ctx, act, in.Method, Early, visit)
		case s.cfg.Latest > 0 && -early > s.cfg.Latest:
			return s.refuse(ctx, act, in.Method, Late, visit)
		}
	}
	out, err := s.arrive(ctx, act, in, found, id, visit)
	if out.Outcome == OK && now.Synced {
		switch early := found.Start.Sub(now.Wall); {
		case early > s.cfg.EarlyAllowance:
			out.Timing = ComesEarly
		case early < 0:
			out.Timing = ComesLate
		}
	}
	return out, err
}

func checkInput(session, language string, request uuid.UUID) error {
	if kiosk.StaffID(session).Validate() != nil || len(language) > 40 || request == uuid.Nil {
		return ErrInput
	}
	return nil
}

// known reports whether every need is one that the page offers; there are few.
func known(needs []kiosk.Need) bool {
	return len(needs) <= maxNeeds && !slices.ContainsFunc(needs, func(n kiosk.Need) bool { return !n.Known() })
}

const maxNeeds = 8

// refuse records an outcome that ends at the desk.
func (s *Service) refuse(ctx context.Context, act kiosk.Act, method roster.Method, o Outcome, v Visit) (Identified, error) {
	err := s.queue.Update(ctx, func(tx *storage.Tx) error {
		return s.journal.Audit(tx, act, kiosk.IdentificationRefused, kiosk.AuditFacts{
			Action: string(method) + " " + string(o), Outcome: kiosk.OutcomeRefused, Resource: act.Session})
	})
	if err != nil {
		return Identified{}, fmt.Errorf("cannot record refused identification: %w", err)
	}
	return Identified{Outcome: o, Sentence: "outcome." + string(o), Visit: v}, nil
}

// entryOf gives the id of an appointment's entry: its own, unless the patient came
// in without it and was matched since.
func (s *Service) entryOf(a roster.Appointment) kiosk.EntryID {
	if e, ok := s.queue.Arrived(a.Day, a.ID); ok {
		return e.ID
	}
	return kiosk.NewEntryID(s.cfg.RefKey, a.ID, a.Day)
}

// arrive commits a visit as checked-in, or finds it there.
func (s *Service) arrive(ctx context.Context, act kiosk.Act, in IdentifyInput, a roster.Appointment, id kiosk.EntryID, visit Visit) (Identified, error) {
	var state queue.State
	var consents kiosk.Consents
	var signing Signing
	wait := s.expectedWait(act, a)
	err := s.queue.Update(ctx, func(tx *storage.Tx) error {
		var err error
		if consents, err = s.consents.Consents(tx, a.Patient); err != nil {
			return err
		}
		state, err = s.queue.Get(tx, id)
		if errors.Is(err, queue.ErrNotFound) {
			state, err = s.add(tx, act, in.Language, a, id, consents, wait, in.Needs...)
		} else if err == nil {
			state, err = s.queue.Require(tx, act, id, in.Needs...)
		}
		if err == nil {
			signing, err = s.signing(tx, state.Entry, in.Language, consents)
		}
		if err != nil {
			return err
		}
		if len(in.Needs) > 0 {
			if err := s.journal.Audit(tx, act, kiosk.NeedsStated, kiosk.AuditFacts{Action: "state needs", Resource: id.String()}); err != nil {
				return err
			}
		}
		return s.journal.Audit(tx, act, kiosk.PatientIdentified, kiosk.AuditFacts{
			Action: string(in.Method) + " " + string(state.Entry.Status), Resource: id.String()})
	})
	if err != nil {
		return Identified{}, fmt.Errorf("cannot check in: %w", err)
	}
	s.hold(in.Session, id, in.Language)
	out := Identified{Outcome: OK, Sentence: "outcome.ok", Entry: id, Visit: visit}
	if state.Entry.Status == kiosk.CheckedIn {
		out.Signing = signing
		return out, nil
	}
	out.Outcome, out.Sentence = Already, "outcome.already."+string(state.Entry.Status)
	out.Place = s.place(id, in.Language)
	out.Actions = s.actions(id)
	return out, nil
}

// add makes the entry of an appointment.
func (s *Service) add(tx *storage.Tx, act kiosk.Act, language string, a roster.Appointment, id kiosk.EntryID, consents kiosk.Consents, wait time.Duration, needs ...kiosk.Need) (queue.State, error) {
	at := came(tx, act)
	e := kiosk.Entry{
		ID: id, Patient: a.Patient, Appointment: a.ID, Provider: a.Provider, Department: a.Department,
		Status: kiosk.CheckedIn, Priority: kiosk.Normal, CheckInTime: at, EstimatedWait: wait,
		Metadata: kiosk.Metadata{
			Day: a.Day, OrderAt: queue.OrderAt(at, a.Start, s.cfg.EarlyAllowance),
			AppointmentTime: a.Start, Mode: a.Mode.Here(), Language: language,
		},
	}
	e.Metadata.Require(needs...)
	if _, desk := s.forms(a.Mode.Here(), language, consents); desk {
		e.Metadata.Flags = []kiosk.Flag{kiosk.FlagConsentDesk}
	}
	return s.enter(tx, act, e, consents)
}

// enter gives an entry a number and puts it into the queue.
func (s *Service) enter(tx *storage.Tx, act kiosk.Act, e kiosk.Entry, consents kiosk.Consents) (queue.State, error) {
	ticket, err := s.queue.NextTicket(tx, e.Metadata.Day)
	if err != nil {
		return queue.State{}, err
	}
	e.Metadata.Ticket = ticket.String()
	if err := s.queue.Consented(tx, e.Patient, consents); err != nil {
		return queue.State{}, err
	}
	if _, _, err := s.queue.Add(tx, act, e); err != nil {
		return queue.State{}, err
	}
	return s.queue.Get(tx, e.ID)
}

// forms gives the forms that are left to decide on.
func (s *Service) forms(mode kiosk.Mode, language string, c kiosk.Consents) (forms []consent.Form, desk bool) {
	all, ok := s.consents.Forms().For(mode, language)
	if !ok {
		return nil, !c.Of(mode.ConsentNeeded()).InEffect(s.cfg.Now().Wall)
	}
	for _, f := range all {
		if !c.Of(f.Type).InEffect(s.cfg.Now().Wall) {
			forms = append(forms, f)
		}
	}
	return forms, false
}

func (s *Service) visit(a roster.Appointment, language string) Visit {
	name, where := s.department(a.Department, language)
	return Visit{Department: name, Where: where, Provider: s.provider(a.Provider), Appointment: a.Start, Mode: a.Mode, Name: mask(a.Given, a.Family)}
}

// expectedWait is what the queue announces with the entry: the upper bound, or
// 0 when nothing is known, or when nobody could be told because the patient came
// while the kiosk was out of order.
func (s *Service) expectedWait(act kiosk.Act, a roster.Appointment) time.Duration {
	if act.Late() {
		return 0
	}
	now := s.cfg.Now().Wall
	_, high, known := s.queue.Estimate(kiosk.Entry{Provider: a.Provider, Department: a.Department, Priority: kiosk.Normal,
		Metadata: kiosk.Metadata{Day: a.Day, AppointmentTime: a.Start, OrderAt: queue.OrderAt(now, a.Start, s.cfg.EarlyAllowance)}})
	if !known {
		return 0
	}
	return time.Duration(high) * time.Minute
}
