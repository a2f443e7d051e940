package queue

import (
	"cmp"
	"slices"
	"time"

	"clinicgate/kiosk"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// shift is a provider's availability in memory.
type shift struct {
	row     *row
	changes []change // oldest first
}

type change struct {
	at     time.Time
	status kiosk.Availability
	room   string
	queue  kiosk.DepartmentID
}

func newShift(r *row, c Corrections) *shift {
	facts := slices.Clone(r.Facts)
	slices.SortFunc(facts, func(a, b Fact) int { return before(&a, &b, c) })
	s := &shift{row: r}
	for i := range facts {
		f := &facts[i]
		s.changes = append(s.changes, change{f.time(c), f.Avail, f.Room, f.Queue})
	}
	return s
}

// now gives the latest change; of desk and presence the later one counts.
func (s *shift) now() (change, bool) {
	if s == nil || len(s.changes) == 0 {
		return change{}, false
	}
	return s.changes[len(s.changes)-1], true
}

// SetProvider sets a provider's availability and room at the desk. With no room
// the one in use stays.
func (q *Queue) SetProvider(tx *storage.Tx, act kiosk.Act, id kiosk.ProviderID, status kiosk.Availability, room string) error {
	s, err := q.staged(tx)
	if err != nil {
		return err
	}
	p, known := q.provider(id)
	if !known || !status.Valid() || len(room) > maxRoom {
		return ErrNotFound
	}
	if room == "" {
		room = q.Room(id)
	}
	_, now := tx.Now()
	receipt, err := q.journal.Record(tx, act, kiosk.What{
		Kind: "queue/PROVIDER_STATUS", Channel: kiosk.QueueChannel(p.Department),
		Body: kiosk.ProviderStatus{Action: "PROVIDER_STATUS", ProviderID: id, Status: status, Room: room,
			UpdatedBy: act.Actor.String(), Timestamp: kiosk.At(now.Wall)},
		Facts: kiosk.AuditFacts{Action: "to " + string(status), Resource: string(id)},
	})
	if err != nil || receipt.Duplicate {
		return err
	}
	f := Fact{ID: act.EventID("queue/PROVIDER_STATUS", string(id)), Kind: Availability, By: act.Actor.String(), Queue: p.Department, Avail: status, Room: room}
	q.place(tx, receipt, &f)
	_, err = q.applyChange(s, id, f)
	return err
}

// Present takes a provider's availability from the presence channel, where it
// is state and not an event. timetoken is the time of the change.
func (q *Queue) Present(tx *storage.Tx, d kiosk.DepartmentID, id kiosk.ProviderID, status kiosk.Availability, timetoken uint64) (kiosk.Result, error) {
	s, err := q.staged(tx)
	if err != nil {
		return kiosk.Ignored, err
	}
	if id.Validate() != nil || !status.Valid() || timetoken == 0 {
		return kiosk.Ignored, nil
	}
	f := Fact{ID: kiosk.DeriveID(uuid.Nil, "presence", string(d), string(id), string(status), timetokenHLC(timetoken).String()),
		Kind: Availability, By: string(id), Source: "@" + string(id), Queue: d, Timetoken: timetoken, Synced: true, Avail: status}
	return q.applyChange(s, id, f)
}

func (q *Queue) applyAvailability(s *staged, f Fact, msg kiosk.ProviderStatus) (kiosk.Result, error) {
	if msg.ProviderID.Validate() != nil || !msg.Status.Valid() || len(msg.Room) > maxRoom {
		return kiosk.Ignored, nil
	}
	f.Kind, f.Avail, f.Room = Availability, msg.Status, msg.Room
	return q.applyChange(s, msg.ProviderID, f)
}

func (q *Queue) applyChange(s *staged, id kiosk.ProviderID, f Fact) (kiosk.Result, error) {
	r, err := s.row(providerView, string(id))
	if err != nil {
		return kiosk.Ignored, err
	}
	if old := r.find(f.ID); old != nil {
		if old.learn(f.Timetoken) {
			return kiosk.Known, s.put(providerView, r)
		}
		return kiosk.Known, nil
	}
	if r.Rev == 0 && q.providersFull() {
		return kiosk.Ignored, nil
	}
	c := q.corrections(s)
	r.Facts = append(r.Facts, f)
	if len(r.Facts) > maxProviderFacts {
		slices.SortFunc(r.Facts, func(a, b Fact) int { return before(&a, &b, c) })
		r.Facts = r.Facts[len(r.Facts)-maxProviderFacts:]
	}
	return kiosk.Applied, s.put(providerView, r)
}

const maxProviders = 2000

func (q *Queue) providersFull() bool {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return len(q.provided) >= maxProviders
}

func (q *Queue) provider(id kiosk.ProviderID) (Provider, bool) {
	i := slices.IndexFunc(q.cfg.Providers, func(p Provider) bool { return p.ID == id })
	if i < 0 {
		return Provider{}, false
	}
	return q.cfg.Providers[i], true
}

// Room gives the room that a provider is in, empty when not known.
func (q *Queue) Room(id kiosk.ProviderID) string {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return q.roomHeld(id)
}

// RoomOf gives the room that a provider is in today as far as it is one of the
// clinic's, for a terminal or a display: what an app sent is free text.
func (q *Queue) RoomOf(id kiosk.ProviderID) Room {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return q.room(q.roomHeld(id))
}

// roomHeld is Room with mu held.
func (q *Queue) roomHeld(id kiosk.ProviderID) string {
	now := ""
	if s := q.provided[string(id)]; s != nil {
		for _, c := range slices.Backward(s.changes) {
			if c.room != "" {
				now = c.room
				break
			}
		}
	}
	p, _ := q.provider(id)
	return cmp.Or(now, p.Room)
}

// availability gives a provider's status and whether anybody ever set it. Who
// has a patient in consultation is busy, whatever was set before that began. mu
// is held.
func (q *Queue) availability(id kiosk.ProviderID) (kiosk.Availability, bool) {
	c, known := q.provided[string(id)].now()
	if known && c.status != kiosk.Available {
		return c.status, true
	}
	for _, h := range q.entries {
		e := &h.state.Entry
		if h.state.Exists && e.Status == kiosk.InConsultation && e.Provider == id && (!known || h.state.Since.After(c.at)) {
			return kiosk.Busy, true
		}
	}
	return c.status, known
}

// Availability gives a provider's status; Offline when nobody ever set it.
func (q *Queue) Availability(id kiosk.ProviderID) kiosk.Availability {
	q.mu.RLock()
	defer q.mu.RUnlock()
	a, known := q.availability(id)
	if !known {
		return kiosk.Offline
	}
	return a
}

// callers lists who may see an entry: its provider, else those of its
// department.
func (q *Queue) callers(e *kiosk.Entry) []kiosk.ProviderID {
	if e.Provider != "" {
		return []kiosk.ProviderID{e.Provider}
	}
	var list []kiosk.ProviderID
	for _, p := range q.cfg.Providers {
		if p.Department == e.Department {
			list = append(list, p.ID)
		}
	}
	return list
}

// callable gives how much of the time between two instants somebody could call
// the patient. A provider whose status nobody had set yet counts as there. mu is
// held.
func (q *Queue) callable(e *kiosk.Entry, from, to time.Time) time.Duration {
	if !from.Before(to) {
		return 0
	}
	callers := q.callers(e)
	edges := []time.Time{from, to}
	for _, id := range callers {
		if s := q.provided[string(id)]; s != nil {
			for _, c := range s.changes {
				if c.at.After(from) && c.at.Before(to) {
					edges = append(edges, c.at)
				}
			}
		}
	}
	slices.SortFunc(edges, time.Time.Compare)
	total := time.Duration(0)
	for i, start := range edges[:len(edges)-1] {
		there := func(id kiosk.ProviderID) bool { return q.provided[string(id)].workingAt(start) }
		if len(callers) == 0 || slices.ContainsFunc(callers, there) {
			total += edges[i+1].Sub(start)
		}
	}
	return total
}

func (s *shift) workingAt(t time.Time) bool {
	if s == nil {
		return true
	}
	working := true
	for _, c := range s.changes {
		if c.at.After(t) {
			break
		}
		working = c.status.Working()
	}
	return working
}
