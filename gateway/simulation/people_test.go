package simulation_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"clinicgate/gateway/pubnub"
	"clinicgate/kiosk"
	"clinicgate/kiosk/checkin"
	"clinicgate/kiosk/consent"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/queue"
	"clinicgate/kiosk/roster"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// errNothing: there is nobody to do it to.
var errNothing = errors.New("nothing to do")

// people does a step of a person at a kiosk, or of an app.
func (c *clinic) people(s step) {
	d := die(c.seed, fmt.Sprint("step ", s.n))
	p := c.machines[s.kiosk].process.Load()
	if p == nil && s.what != forge {
		return
	}
	var err error
	switch s.what {
	case checkIn:
		err = p.checkSomebodyIn(d)
	case walkIn:
		err = p.walkIn(d)
	case help:
		_, err = p.checkin.Help(p.ctx, session(d), []checkin.HelpKind{checkin.Ill, checkin.NeedHelp}[d.IntN(2)])
	case answer:
		err = p.answerHelp(d)
	case revoke:
		err = p.revoke(d)
	case setShift:
		err = p.setShift(d)
	case importList:
		err = p.importRoster(d)
	case providerDo:
		err = c.provider(p, d)
	case collide:
		err = c.collide(p, d)
	case forge:
		err = c.forge(d)
	default:
		err = p.desk(d, s.what)
	}
	var refused *queue.Refusal
	c.mu.Lock()
	switch {
	case err == nil:
		c.done[s.what]++
	case errors.As(err, &refused):
		c.refused[s.what]++
	}
	c.mu.Unlock()
	if !errors.Is(err, errNothing) {
		c.tell("kiosk %c: %s: %v", 'a'+s.kiosk, s.what, err)
	}
	c.machines[s.kiosk].record()
}

var staff = []kiosk.Actor{{Kind: kiosk.ActorStaff, ID: "ana"}, {Kind: kiosk.ActorStaff, ID: "ben"}, {Kind: kiosk.ActorProvider, ID: "dr-vega"}}

func pick[T any](d *rand.Rand, list []T) (one T, ok bool) {
	if len(list) == 0 {
		return one, false
	}
	return list[d.IntN(len(list))], true
}

func session(d *rand.Rand) string { return fmt.Sprintf("s%d", d.Uint64()) }

// request is the id that a page or a desk keeps over its retries.
func request(d *rand.Rand) uuid.UUID {
	var id uuid.UUID
	for i := range id {
		id[i] = byte(d.Uint32())
	}
	return id
}

func (p *process) checkSomebodyIn(d *rand.Rand) error {
	n, in, out := d.IntN(appointments), session(d), session(d)
	identify := checkin.IdentifyInput{Session: in, Method: roster.Typed, Language: "en", Request: request(d)}
	finish := checkin.FinishInput{Session: in, Request: request(d)}
	think, leaves, grants := upTo(d, time.Second, time.Minute), d.IntN(10) == 0, d.IntN(7) > 0
	day := p.queue.Today()
	identify.Value = phi.New(roster.TypedCode(refKey, appointmentID(n), day))
	var found checkin.Identified
	err := p.try(func(ctx context.Context) (err error) {
		found, err = p.checkin.Identify(ctx, identify)
		return err
	})
	switch {
	case err != nil:
		return err
	case found.Outcome == checkin.Already && slices.Contains(found.Actions, checkin.Leave) && leaves:
		return p.try(func(ctx context.Context) error { return p.checkin.Leave(ctx, in, found.Entry, finish.Request) })
	case found.Outcome == checkin.Already && slices.Contains(found.Actions, checkin.Back):
		return p.try(func(ctx context.Context) error { return p.checkin.Back(ctx, in, found.Entry, finish.Request) })
	case found.Outcome != checkin.OK:
		return nil
	}
	if !wait(p.ctx, think) {
		return errNothing
	}
	if leaves {
		return p.try(func(ctx context.Context) error { return p.checkin.EndSession(ctx, out, "left") })
	}
	finish.Entry = found.Entry
	for _, f := range found.Forms {
		finish.Decisions = append(finish.Decisions, consent.Decision{FormID: f.ID, Version: f.Version, Language: f.Language, SHA256: f.SHA256, Granted: grants})
	}
	return p.try(func(ctx context.Context) error {
		_, err := p.checkin.Finish(ctx, finish)
		return err
	})
}

// walkIn is a patient whom the desk adds.
func (p *process) walkIn(d *rand.Rand) error {
	id := kiosk.EntryID(request(d))
	act := kiosk.Act{ID: request(d), Actor: staff[d.IntN(len(staff))]}
	ref, dep := kiosk.NewPatientRef(refKey, phi.New(fmt.Sprint("walk-in ", d.Uint64()))), departments[d.IntN(len(departments))]
	prio := kiosk.Priorities()[d.IntN(4)]
	return p.change(act, func(tx *storage.Tx) error {
		_, now := tx.Now()
		day := p.queue.Today()
		ticket, err := p.queue.NextTicket(tx, day)
		if err != nil {
			return err
		}
		_, _, err = p.queue.Add(tx, act, kiosk.Entry{ID: id, Patient: ref, Department: dep, Status: kiosk.CheckedIn, Priority: prio, CheckInTime: now.Wall,
			Metadata: kiosk.Metadata{Ticket: ticket.String(), Day: day, OrderAt: now.Wall, Mode: kiosk.InPerson}})
		return err
	})
}

// change is an act at the desk.
func (p *process) change(act kiosk.Act, fn func(tx *storage.Tx) error) error {
	return p.try(func(ctx context.Context) error { return p.queue.Act(ctx, act, fn) })
}

// desk changes an entry of the day.
func (p *process) desk(d *rand.Rand, what deed) error {
	act := kiosk.Act{ID: request(d), Actor: staff[d.IntN(len(staff))]}
	e, ok := pick(d, p.queue.States(p.queue.Today()))
	if !ok {
		return errNothing
	}
	return p.change(act, p.deskAct(d, act, what, e))
}

func (p *process) deskAct(d *rand.Rand, act kiosk.Act, what deed, s queue.State) func(tx *storage.Tx) error {
	id := s.Entry.ID
	to, prio, dep, room := nextStatus(d, s.Entry.Status), kiosk.Priorities()[d.IntN(4)], departments[d.IntN(len(departments))], []string{"", "Room 4"}[d.IntN(2)]
	return func(tx *storage.Tx) (err error) {
		switch what {
		case call:
			_, err = p.queue.Call(tx, act, id, room)
		case priority:
			_, err = p.queue.SetPriority(tx, act, id, prio)
		case transfer:
			_, err = p.queue.Transfer(tx, act, id, dep)
		case undo:
			_, err = p.queue.Undo(tx, act, id)
		default:
			_, err = p.queue.SetStatus(tx, act, id, to)
		}
		return err
	}
}

// nextStatus draws a status that may follow, and sometimes one that may not.
func nextStatus(d *rand.Rand, from kiosk.Status) kiosk.Status {
	may := slices.DeleteFunc(kiosk.Statuses(), func(to kiosk.Status) bool { return !queue.Allowed(from, to) })
	any, roll := kiosk.Statuses()[d.IntN(6)], d.IntN(8)
	if to, ok := pick(d, may); ok && roll > 0 {
		return to
	}
	return any
}

// collide lets two kiosks do different things to one entry within moments.
func (c *clinic) collide(p *process, d *rand.Rand) error {
	other := c.machines[d.IntN(len(c.machines))].process.Load()
	s, ok := pick(d, p.queue.States(p.queue.Today()))
	if !ok || other == nil {
		return errNothing
	}
	deeds := []deed{setStatus, call, priority, transfer, undo}
	for _, at := range []*process{p, other} {
		act, what := kiosk.Act{ID: request(d), Actor: staff[d.IntN(len(staff))]}, deeds[d.IntN(len(deeds))]
		// What the rules refuse, or the other kiosk does not know yet, is fine here.
		_ = at.change(act, at.deskAct(d, act, what, s))
	}
	return nil
}

func (p *process) setShift(d *rand.Rand) error {
	act := kiosk.Act{ID: request(d), Actor: staff[d.IntN(2)]}
	who, status := providers[d.IntN(len(providers))], availability(d)
	return p.change(act, func(tx *storage.Tx) error { return p.queue.SetProvider(tx, act, who.ID, status, "") })
}

func availability(d *rand.Rand) kiosk.Availability {
	return []kiosk.Availability{kiosk.Available, kiosk.Available, kiosk.Busy, kiosk.Away, kiosk.Offline}[d.IntN(5)]
}

func (p *process) answerHelp(d *rand.Rand) error {
	act := kiosk.Act{ID: request(d), Actor: staff[d.IntN(2)]}
	h, ok := pick(d, p.checkin.ActiveHelp())
	if !ok {
		return errNothing
	}
	return p.try(func(ctx context.Context) (err error) {
		_, err = p.checkin.Acknowledge(ctx, act, h.ID)
		return err
	})
}

func (p *process) revoke(d *rand.Rand) error {
	act := kiosk.Act{ID: request(d), Actor: staff[d.IntN(2)]}
	s, ok := pick(d, p.queue.States(p.queue.Today()))
	if !ok {
		return errNothing
	}
	return p.change(act, func(tx *storage.Tx) error {
		now, err := p.consents.Consents(tx, s.Entry.Patient)
		if err != nil || now.DataSharing.Decision != "granted" {
			return err
		}
		if now, err = p.consents.Revoke(tx, act, s.Entry.Patient, uuid.MustParse(now.DataSharing.Record), consent.PatientAsked); err != nil {
			return err
		}
		return p.queue.Consented(tx, s.Entry.Patient, now)
	})
}

const appointments = 24 // a day and department: see appointmentID

func appointmentID(n int) kiosk.AppointmentID { return kiosk.AppointmentID(fmt.Sprintf("apt-%d", n)) }

// importRoster brings the lists of today and some days to come.
func (p *process) importRoster(d *rand.Rand) error {
	act := kiosk.Act{ID: request(d), Actor: staff[0]}
	today := calendar.Day(time.Now()) // the clinic's file is right, whatever the kiosk's clock says
	var list []roster.Appointment
	days := 1 + d.IntN(4)
	if p.lists > 0 {
		days = p.lists
	}
	for n := range days {
		day := today.Add(n)
		for i := range appointments {
			who := providers[i%len(providers)]
			a := roster.Appointment{ID: appointmentID(i), PatientID: phi.New(fmt.Sprint("patient ", i)), Department: who.Department, Day: day,
				Start: calendar.Start(day).Add(5*time.Hour + time.Duration(i)*20*time.Minute), Mode: kiosk.InPerson, Language: "en"}
			if i%5 == 0 {
				a.Provider = who.ID
			}
			if i%7 == 0 {
				a.Mode = kiosk.Video
			}
			list = append(list, a)
		}
	}
	return p.try(func(ctx context.Context) error {
		_, err := p.roster.Import(ctx, act, list)
		return err
	})
}

// provider is a provider with an app of somebody else's making, which signs
// nothing and sees what a kiosk sees.
func (c *clinic) provider(p *process, d *rand.Rand) error {
	who := providers[d.IntN(len(providers))]
	plain, late := d.IntN(5) == 0, c.cloud.draw("provider").lateHistory
	body, ok := providerSays(d, who, p.queue.States(p.queue.Today(), who.Department))
	if !ok {
		return errNothing
	}
	c.publish(kiosk.QueueChannel(who.Department), string(who.ID), body, !plain, byProvider, late)
	return nil
}

func providerSays(d *rand.Rand, who queue.Provider, list []queue.State) (body any, ok bool) {
	at := kiosk.At(time.Now())
	kind, avail := d.IntN(5), availability(d)
	s, found := pick(d, list)
	to := nextStatus(d, s.Entry.Status)
	switch {
	case kind == 0:
		return kiosk.ProviderStatus{Action: "PROVIDER_STATUS", ProviderID: who.ID, Status: avail, Timestamp: at}, true
	case !found:
		return nil, false
	case kind == 1:
		return kiosk.Called{Action: "CALLED", QueueEntryID: s.Entry.ID, Ticket: s.Entry.Metadata.Ticket, Room: who.Room, CalledBy: string(who.ID), Timestamp: at}, true
	}
	return kiosk.StatusUpdated{Action: "STATUS_UPDATED", QueueEntryID: s.Entry.ID, NewStatus: to, UpdatedBy: string(who.ID), Timestamp: at}, true
}

// publish puts a message of somebody else than a kiosk into PubNub.
func (c *clinic) publish(channel, publisher string, body any, encrypted bool, from sender, late time.Duration) {
	text, isText := body.([]byte)
	if !isText {
		var err error
		if text, err = json.Marshal(body); err != nil {
			c.t.Error(err)
			return
		}
	}
	payload := json.RawMessage(text)
	if encrypted {
		sealed, err := c.cloud.cipher.Encrypt(text)
		if err != nil {
			c.t.Error(err)
			return
		}
		payload, _ = json.Marshal(sealed)
	}
	c.cloud.accept(pubnub.Message{Channel: channel, Payload: payload, Publisher: publisher}, from, late)
}
