package queue

import (
	"clinicgate/kiosk"
	"clinicgate/storage"
)

// Match says which appointment an entry was for that came in without one. It is
// refused with ErrListed for an entry that came in by an appointment. m.Was is
// filled in here. That the appointment has no other entry is the caller's to
// see to, with Arrived; where two kiosks do it at once, both entries are flagged
// for staff. A match to the appointment that the entry has writes nothing.
func (q *Queue) Match(tx *storage.Tx, act kiosk.Act, id kiosk.EntryID, m kiosk.MatchShape) (kiosk.Entry, error) {
	s, r, state, err := q.open(tx, id)
	if err != nil {
		return kiosk.Entry{}, err
	}
	e := state.Entry
	if _, done := tx.Lookup(act.EventID("queue/MATCHED", id.String())); done || e.Appointment == m.AppointmentID {
		return e, nil
	}
	switch {
	case !state.Unlisted:
		err = ErrListed
	case e.Status == kiosk.Cancelled:
		err = ErrTransition
	}
	if err != nil {
		return kiosk.Entry{}, &Refusal{id, e.Status, "match", err}
	}
	m.Was = e.Appointment
	_, now := tx.Now()
	state, err = q.record(s, act, r, kiosk.What{
		Kind:  "queue/MATCHED",
		Body:  kiosk.Matched{Action: "MATCHED", QueueEntryID: id, MatchShape: m, UpdatedBy: act.Actor.String(), Timestamp: kiosk.At(now.Wall)},
		Facts: kiosk.AuditFacts{Action: "match"},
	}, Fact{Kind: Matched, Match: &m, By: act.Actor.String(), Queue: e.Department})
	return state.Entry, err
}

// arrival is an appointment of a day.
type arrival struct {
	day kiosk.Day
	id  kiosk.AppointmentID
}

func arrivalOf(e *kiosk.Entry) arrival { return arrival{e.Metadata.Day, e.Appointment} }

// link and unlink keep what the entries of one appointment are. mu is held.
func (q *Queue) link(h *held) {
	a := arrivalOf(&h.state.Entry)
	if !h.state.Exists || a.id == "" {
		return
	}
	if q.arrivals[a] == nil {
		q.arrivals[a] = map[string]struct{}{}
	}
	q.arrivals[a][h.row.Key] = struct{}{}
}

func (q *Queue) unlink(key string) {
	h := q.entries[key]
	if h == nil {
		return
	}
	a := arrivalOf(&h.state.Entry)
	if delete(q.arrivals[a], key); len(q.arrivals[a]) == 0 {
		delete(q.arrivals, a)
	}
}

// twice reports whether a second entry is for the same appointment; one that was
// cancelled does not count. mu is held.
func (q *Queue) twice(s *State) bool {
	if s.Entry.Appointment == "" || s.Entry.Status == kiosk.Cancelled {
		return false
	}
	n := 0
	for key := range q.arrivals[arrivalOf(&s.Entry)] {
		if q.entries[key].state.Entry.Status != kiosk.Cancelled {
			n++
		}
	}
	return n > 1
}

// Arrived gives the entry by which a patient came for an appointment: its own,
// or one that was matched to it. Where there are several, that is one which was
// not cancelled, and of those the one that came first.
func (q *Queue) Arrived(day kiosk.Day, id kiosk.AppointmentID) (kiosk.Entry, bool) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	var best *held
	for key := range q.arrivals[arrival{day, id}] {
		h := q.entries[key]
		if best == nil || sooner(&h.state.Entry, &best.state.Entry) {
			best = h
		}
	}
	if best == nil {
		return kiosk.Entry{}, false
	}
	return best.state.Entry.Clone(), true
}

func sooner(a, b *kiosk.Entry) bool {
	if gone := a.Status == kiosk.Cancelled; gone != (b.Status == kiosk.Cancelled) {
		return !gone
	}
	if !a.CheckInTime.Equal(b.CheckInTime) {
		return a.CheckInTime.Before(b.CheckInTime)
	}
	return a.ID.String() < b.ID.String()
}

// Provisional lists a day's arrivals that still wait for their appointment to be
// found, in queue order.
func (q *Queue) Provisional(day kiosk.Day) []State {
	var list []State
	for _, s := range q.States(day) {
		if s.Entry.HasFlag(kiosk.FlagProvisional) && s.Entry.Status.Open() {
			list = append(list, s)
		}
	}
	return list
}

// Mine reports whether it is this kiosk's to do what a rule says about an entry:
// it is the entry's own, or that one has not been heard of for a minute.
func (q *Queue) Mine(s State) bool {
	if s.Home == string(q.cfg.Kiosk) {
		return true
	}
	q.mu.RLock()
	defer q.mu.RUnlock()
	return q.cfg.Now().Wall.Sub(q.heard[s.Home]) > takeover
}
