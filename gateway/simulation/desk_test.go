package simulation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/queue"
	"clinicgate/kiosk/roster"
	"clinicgate/storage"
)

// The desk has the pages of both kiosks before it. It acts on the first kiosk's as
// long as the two hear each other, and else stays on the page on which something was
// last done to a patient: that of the check-in, or of the last act.

// pages lists the kiosks whose page is there, with the first one first.
func (d *day) pages() (list []*process) {
	for _, m := range d.machines {
		if p := m.process.Load(); p != nil {
			list = append(list, p)
		}
	}
	return list
}

// desk gives the page on which the desk adds a patient; nil: none is there.
func (d *day) desk() *process {
	if list := d.pages(); len(list) > 0 {
		return list[0]
	}
	return nil
}

// together reports whether the kiosks have heard each other for a while.
func (d *day) together() bool {
	for _, s := range d.weather.spells {
		if now := d.weather.now(); s.from <= now && now < s.to+2*time.Minute {
			return false
		}
	}
	return len(d.pages()) == len(d.machines)
}

// list brings the day's appointments.
func (d *day) list() {
	var list []roster.Appointment
	for _, v := range d.visitors {
		if v.start != 0 {
			list = append(list, roster.Appointment{ID: v.appointment(), PatientID: phi.New(fmt.Sprint("patient ", v.n)), Department: v.department, Provider: v.provider,
				Day: calendar.Day(d.weather.start), Start: d.weather.start.Add(v.start), Mode: kiosk.InPerson, Language: "en"})
		}
	}
	p := d.desk()
	if err := p.try(func(ctx context.Context) error {
		_, err := p.roster.Import(ctx, kiosk.NewAct(kiosk.Actor{Kind: kiosk.ActorStaff, ID: "ana"}), list)
		return err
	}); err != nil {
		d.t.Error(err)
	}
}

// round is what the desk does every few minutes: it looks after whoever began at a
// kiosk and walked away.
func (d *day) round() {
	for _, p := range d.pages() {
		for _, e := range p.checkin.Unfinished() {
			v := d.byEntry[e.ID]
			if v == nil {
				d.t.Errorf("%s lists an unfinished check-in of nobody", p.id)
				continue
			}
			if v.stage != unfinished || d.weather.now()-v.orderAt < 3*time.Minute && !v.walksAway {
				continue
			}
			d.figures.unfinished++
			d.act(v, "bring in", func(p *process, tx *storage.Tx, act kiosk.Act) error {
				_, err := p.queue.SetStatus(tx, act, v.entry, kiosk.Waiting)
				return err
			}, v.waits)
		}
	}
}

// act lets the desk, or a doctor there, do something to a patient's entry, on the
// page that knows it best; when no page is there, in a moment.
func (d *day) act(v *visitor, what string, do func(*process, *storage.Tx, kiosk.Act) error, then func()) {
	d.actAs(v, kiosk.Actor{Kind: kiosk.ActorStaff, ID: "ana"}, what, do, then)
}

func (d *day) actAs(v *visitor, who kiosk.Actor, what string, do func(*process, *storage.Tx, kiosk.Act) error, then func()) {
	_, p := v.state()
	if p == nil {
		d.after(20*time.Second, func() { d.actAs(v, who, what, do, then) })
		return
	}
	act := kiosk.NewAct(who)
	if err := p.change(act, func(tx *storage.Tx) error { return do(p, tx, act) }); err != nil {
		d.t.Errorf("%v: patient %d, %s at %s: %v", d.clock(), v.n, what, p.id, err)
		return
	}
	v.page = p.machine
	then()
}

// clock is the time of the day, to tell a person.
func (d *day) clock() string { return time.Now().In(calendar.Zone).Format("15:04:05") }

// next gives who is to be called: the first in queue order who waits in the
// department and is the doctor's own, or anyone's.
func (d *day) next(doc *doctor) *visitor {
	var list []queue.State
	seen := map[kiosk.EntryID]bool{}
	for _, p := range d.pages() {
		for _, s := range p.queue.States(p.queue.Today(), doc.Department) {
			if seen[s.Entry.ID] {
				continue
			}
			seen[s.Entry.ID] = true
			v := d.byEntry[s.Entry.ID]
			if v == nil {
				d.t.Errorf("%s lists %v, who is nobody", p.id, s.Entry.ID)
				continue
			}
			if s, at := v.state(); at != nil && s.Entry.Department == doc.Department && s.Entry.Status == kiosk.Waiting && s.Call.Times == 0 &&
				(s.Entry.Provider == "" || s.Entry.Provider == doc.ID) {
				list = append(list, s)
			}
		}
	}
	if len(list) == 0 {
		return nil
	}
	first := slices.MinFunc(list, func(a, b queue.State) int { return queue.Compare(a.Entry, b.Entry) })
	v := d.byEntry[first.Entry.ID]
	for _, other := range list {
		d.figures.overtakes(d, v, d.byEntry[other.Entry.ID])
	}
	return v
}

// stir lets doctors who have nobody look at the list again, in a moment.
func (d *day) stir() {
	for i, doc := range d.doctors {
		d.after(time.Duration(2+i)*time.Second+time.Duration(i)*37*time.Millisecond, doc.look)
	}
}

// doctor calls and sees one patient after the other.
type doctor struct {
	*day
	queue.Provider
	working bool
	with    *visitor
}

func (doc *doctor) actor() kiosk.Actor {
	return kiosk.Actor{Kind: kiosk.ActorProvider, ID: string(doc.ID)}
}

// set says at the desk whether the doctor sees patients.
func (doc *doctor) set(a kiosk.Availability) {
	p := doc.desk()
	if p == nil {
		doc.after(20*time.Second, func() { doc.set(a) })
		return
	}
	act := kiosk.NewAct(kiosk.Actor{Kind: kiosk.ActorStaff, ID: "ana"})
	if err := p.change(act, func(tx *storage.Tx) error { return p.queue.SetProvider(tx, act, doc.ID, a, "") }); err != nil && !errors.Is(err, context.Canceled) {
		doc.t.Error(err)
	}
	doc.working = a == kiosk.Available
	doc.look()
}

// look calls the next patient, if the doctor is free.
func (doc *doctor) look() {
	if !doc.working || doc.with != nil {
		return
	}
	v := doc.next(doc)
	if v == nil {
		return
	}
	if v.stage != waiting {
		doc.t.Errorf("%s: %s is shown patient %d as waiting, who is %q", doc.clock(), doc.ID, v.n, v.stage)
		return
	}
	doc.with = v
	doc.call(v, func() {
		v.stage = called
		doc.figures.wait(v)
		if v.deaf > 0 {
			v.deaf--
			doc.after(150*time.Second, func() { doc.callAgain(v) })
			return
		}
		doc.after(v.walks, func() { doc.see(v) })
	})
}

func (doc *doctor) call(v *visitor, then func()) {
	doc.actAs(v, doc.actor(), "call", func(p *process, tx *storage.Tx, act kiosk.Act) error {
		_, err := p.queue.Call(tx, act, v.entry, "")
		return err
	}, func() {
		v.calls++
		then()
	})
}

// callAgain is for who did not come. Who does not come then either is a no-show:
// the kiosk says so, five minutes after the call.
func (doc *doctor) callAgain(v *visitor) {
	doc.call(v, func() {
		if v.deaf == 0 {
			doc.after(v.walks, func() { doc.see(v) })
			return
		}
		v.deaf--
		doc.after(time.Minute, func() { doc.isGone(v) })
	})
}

// isGone waits until a page says that the patient did not come.
func (doc *doctor) isGone(v *visitor) {
	s, p := v.state()
	if p == nil || s.Entry.Status != kiosk.NoShow {
		if p != nil && s.Call.Times > 0 && time.Since(s.Call.At) > 40*time.Minute {
			doc.t.Errorf("patient %d was called at %v and is still %q", v.n, s.Call.At, s.Entry.Status)
			return
		}
		doc.after(30*time.Second, func() { doc.isGone(v) })
		return
	}
	v.stage = missed
	v.missedCalls++
	if v.returns {
		v.returns = false
		doc.after(4*time.Minute, v.back)
	}
	doc.with = nil
	doc.look()
}

func (doc *doctor) see(v *visitor) {
	doc.actAs(v, doc.actor(), "begin", func(p *process, tx *storage.Tx, act kiosk.Act) error {
		_, err := p.queue.SetStatus(tx, act, v.entry, kiosk.InConsultation)
		return err
	}, func() {
		v.stage = inside
		if v.backInside {
			v.backInside = false
			doc.after(5*time.Minute, func() { doc.sendOut(v) })
			return
		}
		doc.after(v.takes, func() { doc.ends(v, kiosk.Completed, served) })
	})
}

// sendOut lets the patient wait again, for a result.
func (doc *doctor) sendOut(v *visitor) { doc.ends(v, kiosk.Waiting, waiting) }

func (doc *doctor) ends(v *visitor, to kiosk.Status, as stage) {
	doc.actAs(v, doc.actor(), "end", func(p *process, tx *storage.Tx, act kiosk.Act) error {
		_, err := p.queue.SetStatus(tx, act, v.entry, to)
		return err
	}, func() {
		v.stage, doc.with = as, nil
		doc.look()
	})
}
