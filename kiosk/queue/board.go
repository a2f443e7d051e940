package queue

import (
	"slices"
	"strings"
	"time"

	"clinicgate/kiosk"
)

// BoardView is what the waiting room sees: numbers and rooms. No member can
// hold a name: numbers are Ticket values, rooms are Room values, which come from
// the config alone, and provider names are the clinic's own.
type BoardView struct {
	Day       kiosk.Day
	Called    []BoardCall     // latest call first
	Next      []Ticket        // in the order in which they will be called
	Waits     []BoardWait     // by department, in the order asked
	Providers []BoardProvider // in the order of the config
	UpdatedAt time.Time       // when something last changed
}

// BoardCall is a number that is asked to a room.
type BoardCall struct {
	Ticket Ticket
	Room   Room
	At     time.Time
	Times  int // how often it was called
}

// BoardWait is the range that someone who arrives now would wait, in minutes.
type BoardWait struct {
	Department kiosk.DepartmentID
	Low, High  int
	Known      bool
	Waiting    int // how many wait
}

// BoardProvider is a provider as patients may see it.
type BoardProvider struct {
	Name       string
	Department kiosk.DepartmentID
	Room       Room
	Status     string // English; the page translates it
}

// Room is the name of a room that the clinic has. It cannot hold another text.
type Room struct{ name string }

// String gives the name, empty for an unknown room.
func (r Room) String() string { return r.name }

// MarshalText gives the name.
func (r Room) MarshalText() ([]byte, error) { return []byte(r.name), nil }

// room accepts a text that is one of the clinic's rooms. A message may carry any
// text as a room, a patient's name for one.
func (q *Queue) room(text string) Room {
	for _, p := range q.cfg.Providers {
		if p.Room != "" && strings.EqualFold(p.Room, strings.TrimSpace(text)) {
			return Room{p.Room}
		}
	}
	return Room{}
}

// RoomNamed gives the room of the clinic that a text names; the empty one if none.
func (q *Queue) RoomNamed(text string) Room { return q.room(text) }

// CallRoom gives the room that a called patient is asked to, as far as it is one
// of the clinic's: that of the call, else the provider's.
func (q *Queue) CallRoom(s State) Room {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return q.callRoom(s)
}

// callRoom is CallRoom with mu held.
func (q *Queue) callRoom(s State) Room {
	if room := q.room(s.Call.Room); room != (Room{}) || s.Entry.Provider == "" {
		return room
	}
	return q.room(q.roomHeld(s.Entry.Provider))
}

const boardRows = 12

// numbers gives every number of an entry, the entry's own first: two kiosks that
// could not hear each other gave one each, and the patient knows one of them.
func (s State) numbers() (list []Ticket) {
	for _, text := range append([]string{s.Entry.Metadata.Ticket}, s.Tickets...) {
		if t, err := ParseTicket(text); err == nil && !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	return list
}

// Number gives the number that this kiosk tells the patient of an entry: the one
// that it gave itself, if it did, else the entry's.
func (q *Queue) Number(s State) string {
	list := s.numbers()
	if i := slices.IndexFunc(list, func(t Ticket) bool { return t.Letter == q.cfg.Letter }); i >= 0 {
		return list[i].String()
	}
	return s.Entry.Metadata.Ticket
}

// Board gives the view of some departments (none: of all).
func (q *Queue) Board(departments ...kiosk.DepartmentID) BoardView {
	if len(departments) == 0 {
		departments = q.cfg.Departments
	}
	now := q.cfg.Now()
	day := q.cfg.Today(now)
	states := q.States(day, departments...)
	q.mu.RLock()
	defer q.mu.RUnlock()
	b := BoardView{Day: day, UpdatedAt: q.changed}
	for _, s := range states {
		if s.Entry.Status != kiosk.Waiting {
			continue
		}
		for _, t := range s.numbers() {
			if s.Call.late {
				break // called from paper, long ago
			}
			if s.Call.Times > 0 {
				b.Called = append(b.Called, BoardCall{t, q.callRoom(s), s.Call.At, s.Call.Times})
			} else if len(b.Next) < boardRows {
				b.Next = append(b.Next, t)
			}
		}
	}
	slices.SortStableFunc(b.Called, func(x, y BoardCall) int { return y.At.Compare(x.At) })
	b.Called = b.Called[:min(len(b.Called), boardRows)]
	for _, d := range departments {
		w := BoardWait{Department: d}
		for _, s := range states {
			if s.Entry.Department == d && s.Entry.Status == kiosk.Waiting {
				w.Waiting++
			}
		}
		w.Low, w.High, w.Known = q.estimate(kiosk.Entry{Department: d, Priority: kiosk.Normal, Metadata: kiosk.Metadata{Day: day, OrderAt: now.Wall}}, now.Wall)
		b.Waits = append(b.Waits, w)
	}
	for _, p := range q.cfg.Providers {
		if !slices.Contains(departments, p.Department) {
			continue
		}
		status, known := q.availability(p.ID)
		if !known {
			status = kiosk.Offline
		}
		b.Providers = append(b.Providers, BoardProvider{p.Name, p.Department, q.room(q.roomHeld(p.ID)), status.PatientView()})
	}
	return b
}
