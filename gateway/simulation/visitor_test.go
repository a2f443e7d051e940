package simulation_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/checkin"
	"clinicgate/kiosk/consent"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/queue"
	"clinicgate/kiosk/roster"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// stage is how far a patient has come on the day.
type stage string

const (
	expected   stage = "never came"
	unfinished stage = "unfinished"
	waiting    stage = "waiting"
	called     stage = "called"
	inside     stage = "with the provider"
	missed     stage = "did not come when called"
	left       stage = "left"
	served     stage = "served"
)

// visitor is one of the day's patients: what the seed has in store, and how far it
// came.
type visitor struct {
	*day
	n          int
	department kiosk.DepartmentID
	provider   kiosk.ProviderID // empty: whoever is free
	start      time.Duration    // of the appointment; 0: none
	comes      time.Duration    // to the kiosk; 0: never
	kiosk      int
	takes      time.Duration // in the room
	walks      time.Duration // to the room
	deaf       int           // calls that will not be heard
	returns    bool          // to the kiosk, after missing the call
	patience   time.Duration // after which the patient leaves; 0: endless
	walksAway  bool
	backInside bool
	triage     time.Duration  // after which staff change the priority; 0: never
	becomes    kiosk.Priority // by triage
	moves      time.Duration  // after which staff send the patient to another department

	stage       stage
	entry       kiosk.EntryID
	page        *machine      // where something was last done to the entry
	orderAt     time.Duration // what the rules say counts as the arrival
	priority    kiosk.Priority
	since       time.Duration // when the last screen was read
	told        int           // the upper bound, in minutes; 0: none was told
	least       int           // the lower one
	calls       int
	missedCalls int
	waited      bool // the first wait is in the figures
}

// arrive is a patient before a kiosk, with a code on paper or without.
func (v *visitor) arrive() {
	p := v.machines[v.kiosk].process.Load()
	if p == nil {
		v.after(time.Minute, v.arrive) // the page sends to the desk, and comes back
		return
	}
	if v.start == 0 {
		v.addedBy(p)
		return
	}
	session, at := fmt.Sprint("s", v.n, "-", v.weather.now().Milliseconds()), v.weather.now()
	found := v.identify(p, session)
	switch found.Outcome {
	case checkin.OK:
		v.entry, v.byEntry[found.Entry], v.stage, v.page = found.Entry, v, unfinished, p.machine
		v.orderAt = max(at, v.start-earlyCredit)
		if v.walksAway {
			v.after(time.Minute, func() {
				if err := p.checkin.EndSession(context.Background(), session, "left"); err != nil && p.ctx.Err() == nil {
					v.t.Error(err)
				}
			})
			return
		}
		v.after(v.walks, func() { v.finish(p, session, found.Forms) })
	case checkin.Early:
		v.figures.refused++
		v.at(v.start-earliest+time.Minute, v.arrive)
	case checkin.Late:
		v.figures.refused++
		v.after(2*time.Minute, func() { v.addedBy(v.desk()) }) // at the desk, as one without an appointment
	default:
		v.t.Errorf("patient %d: the kiosk says %q", v.n, found.Outcome)
	}
}

func (v *visitor) identify(p *process, session string) (found checkin.Identified) {
	in := checkin.IdentifyInput{Session: session, Method: roster.Typed, Language: "en", Request: uuid.New(),
		Value: phi.New(roster.TypedCode(refKey, v.appointment(), calendar.Day(v.weather.start)))}
	if err := p.try(func(ctx context.Context) (err error) {
		found, err = p.checkin.Identify(ctx, in)
		return err
	}); err != nil {
		v.t.Errorf("patient %d: %v", v.n, err)
	}
	return found
}

func (v *visitor) appointment() kiosk.AppointmentID {
	return kiosk.AppointmentID(fmt.Sprint("apt-", v.n))
}

// finish presses the last button; where the kiosk died meanwhile, the desk finds
// the visit unfinished.
func (v *visitor) finish(p *process, session string, forms []consent.Form) {
	if p.ctx.Err() != nil {
		return
	}
	in := checkin.FinishInput{Session: session, Entry: v.entry, Request: uuid.New()}
	for i, f := range forms {
		in.Decisions = append(in.Decisions, consent.Decision{FormID: f.ID, Version: f.Version, Language: f.Language, SHA256: f.SHA256,
			Granted: i > 0 || v.n%9 > 0})
	}
	var done checkin.Done
	if err := p.try(func(ctx context.Context) (err error) {
		done, err = p.checkin.Finish(ctx, in)
		return err
	}); err != nil || done.Ticket == "" || !done.CheckedIn {
		v.t.Errorf("patient %d: %+v, %v", v.n, done, err)
	}
	v.least, v.told = 0, 0
	if done.WaitKnown {
		v.least, v.told = done.WaitLow, done.WaitHigh
	}
	v.waits()
}

// waits begins the wait.
func (v *visitor) waits() {
	v.stage, v.since = waiting, v.weather.now()
	if v.patience > 0 {
		v.after(v.patience, v.leave)
	}
	if v.triage > 0 {
		v.after(v.triage, v.isTriaged)
	}
	if v.moves > 0 {
		v.after(v.moves, v.isSentOn)
	}
	v.stir()
}

// addedBy is a patient whom the desk adds: no appointment, or too late for it.
func (v *visitor) addedBy(p *process) {
	if p == nil {
		v.after(time.Minute, func() { v.addedBy(v.desk()) })
		return
	}
	act := kiosk.NewAct(kiosk.Actor{Kind: kiosk.ActorStaff, ID: "ana"})
	e := kiosk.Entry{ID: kiosk.RandomEntryID(), Patient: kiosk.NewPatientRef(refKey, phi.New(fmt.Sprint("patient ", v.n))), Department: v.department,
		Status: kiosk.CheckedIn, Priority: kiosk.Normal, CheckInTime: time.Now()}
	e.Metadata = kiosk.Metadata{Day: p.queue.Today(), OrderAt: e.CheckInTime, Mode: kiosk.InPerson, Language: "en"}
	low, high, known := p.queue.Estimate(e)
	if known {
		e.EstimatedWait, v.least, v.told = time.Duration(high)*time.Minute, low, high
	}
	if err := p.change(act, func(tx *storage.Tx) error {
		ticket, err := p.queue.NextTicket(tx, e.Metadata.Day)
		if err != nil {
			return err
		}
		e.Metadata.Ticket = ticket.String()
		if _, _, err = p.queue.Add(tx, act, e); err != nil {
			return err
		}
		_, err = p.queue.SetStatus(tx, act, e.ID, kiosk.Waiting)
		return err
	}); err != nil {
		v.t.Errorf("patient %d: the desk cannot add: %v", v.n, err)
	}
	v.entry, v.byEntry[e.ID], v.provider, v.orderAt, v.page = e.ID, v, "", v.weather.now(), p.machine
	v.waits()
}

// leave is a patient whose patience has ended, before the kiosk.
func (v *visitor) leave() { v.again(checkin.Leave, left) }

// back is a patient who missed the call, before the kiosk.
func (v *visitor) back() { v.again(checkin.Back, waiting) }

// again is a patient who scans again and takes what the page offers. One without
// an appointment has no code, and asks the desk.
func (v *visitor) again(want checkin.Action, to stage) {
	p := v.machines[v.kiosk].process.Load()
	switch {
	case want == checkin.Leave && v.stage != waiting, want == checkin.Back && v.stage != missed:
		return
	case p == nil:
		v.after(time.Minute, func() { v.again(want, to) })
		return
	}
	session := fmt.Sprint("a", v.n, "-", v.weather.now().Milliseconds())
	found := v.identify(p, session)
	if found.Outcome != checkin.Already || !slices.Contains(found.Actions, want) {
		v.t.Errorf("patient %d scans again: %q, and may %v, want %v", v.n, found.Outcome, found.Actions, want)
		return
	}
	do := p.checkin.Leave
	if want == checkin.Back {
		do = p.checkin.Back
	}
	if err := p.try(func(ctx context.Context) error { return do(ctx, session, found.Entry, uuid.New()) }); err != nil {
		v.t.Errorf("patient %d: %v: %v", v.n, want, err)
	}
	v.stage, v.page = to, p.machine
	v.stir()
}

// isTriaged: staff find the patient more urgent, or less.
func (v *visitor) isTriaged() {
	if v.stage != waiting {
		return
	}
	v.act(v, "priority", func(p *process, tx *storage.Tx, act kiosk.Act) error {
		_, err := p.queue.SetPriority(tx, act, v.entry, v.becomes)
		return err
	}, func() {
		v.priority, v.told = v.becomes, 0
		v.figures.triaged++
		v.stir()
	})
}

// isSentOn: the patient is in the wrong department.
func (v *visitor) isSentOn() {
	if v.stage != waiting {
		return
	}
	to := v.departments[(slices.Index(v.departments, v.department)+1)%len(v.departments)]
	v.act(v, "transfer", func(p *process, tx *storage.Tx, act kiosk.Act) error {
		_, err := p.queue.Transfer(tx, act, v.entry, to)
		return err
	}, func() {
		v.department, v.provider, v.told = to, "", 0
		v.figures.moved++
		v.stir()
	})
}

// state gives the patient's entry as the desk sees it, and on whose page; at is nil
// while that page is not there, or does not know the patient yet.
func (v *visitor) state() (s queue.State, at *process) {
	at = v.page.process.Load()
	if v.together() {
		at = v.desk()
	}
	if at == nil {
		return s, nil
	}
	s, ok := at.queue.State(v.entry)
	if !ok {
		return s, nil
	}
	return s, at
}
