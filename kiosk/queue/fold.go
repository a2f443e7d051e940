package queue

import (
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"clinicgate/kiosk"

	"github.com/google/uuid"
)

// State is what the facts about one entry amount to.
type State struct {
	core
	Exists    bool     // the entry's PATIENT_ADDED is among the facts
	Home      string   // kiosk whose PATIENT_ADDED counts; its timers act first
	Unlisted  bool     // it came in without an appointment: a walk-in or a provisional arrival
	Tickets   []string // every number given for the entry; Entry has the first
	Conflicts []Conflict
	Last      Action // the last change, which its actor may undo
}

// core is what an undo brings back.
type core struct {
	Entry   kiosk.Entry
	Since   time.Time // when the status was reached
	Call    Call      // the present call; zero when there is none
	Removed kiosk.Removal
	Seen    time.Duration // length of the consultation, once completed; 0 where it is known from paper only
	Promise Promise
	Missed  int       // times the patient was called and did not come
	by      uuid.UUID // fact that brought the status
	late    bool      // which was recorded later than it happened
}

// Call is a call of a waiting patient to a room.
type Call struct {
	Fact   uuid.UUID
	At     time.Time // of the latest call
	First  time.Time
	Room   string
	By     string
	Times  int
	signed bool
	late   bool // recorded later than it happened
}

// Action names a change by its event and actor.
type Action struct {
	Fact uuid.UUID
	By   string
}

// Conflict is a change that somebody asked for and that the rules forbid.
type Conflict struct {
	Fact uuid.UUID
	At   time.Time
	By   string
	Kind FactKind
	From kiosk.Status
	Want string // as in "to waiting"
}

// Fold gives the state that a set of facts amounts to. It depends on nothing
// but the set: not on the order of the slice, not on settings, not on the time.
//
// PATIENT_ADDED comes first whatever its clock says, since nothing can happen
// to an entry before there is one. Of several (two kiosks that could not hear
// each other) the earliest counts; the others add their ticket.
//
// What staff recorded later than it happened is folded where it was recorded, since
// what they saw then is what they changed, with the times at which it happened.
func Fold(facts []Fact, c Corrections) State {
	var s State
	var undo []undoable
	for _, f := range inOrder(facts, c) {
		if f.Kind == Added {
			s.added(f)
			continue
		}
		if !s.Exists {
			break
		}
		saved := s.core
		saved.Entry = s.Entry.Clone()
		ok, stale := true, false
		switch {
		case f.unsigned() && f.Queue != s.Entry.Department:
			ok = false // a provider speaks for its own departments only
		case f.Kind == Corrected:
			stale = true
			n := len(undo) - 1
			if ok = n >= 0 && undo[n].Fact == f.Undoes && undo[n].By == f.By; ok {
				s.core, undo = undo[n].before, undo[:n]
			}
		default:
			ok, stale = s.apply(f, c)
		}
		switch {
		case !ok:
			s.core = saved
			s.Conflicts = append(s.Conflicts, Conflict{f.ID, f.time(c), f.By, f.Kind, s.Entry.Status, f.want()})
		case !stale:
			undo = append(undo, undoable{Action{f.ID, f.By}, saved})
		}
	}
	if n := len(undo); n > 0 {
		s.Last = undo[n-1].Action
	}
	if len(s.Conflicts) > 0 {
		s.Entry.Metadata.Flags = with(s.Entry.Metadata.Flags, kiosk.FlagConflict)
	}
	return s
}

// apply changes the state as one fact says. ok is false when the rules forbid
// it; stale is true when it was no action that could be undone.
func (s *State) apply(f *Fact, c Corrections) (ok, stale bool) {
	switch f.Kind {
	case Status:
		return s.status(f, c)
	case Called:
		return s.called(f, c), false
	case Priority:
		if !f.Priority.Valid() || s.Entry.Status == kiosk.Completed {
			return false, false
		}
		if f.Priority != s.Entry.Priority {
			s.Entry.Priority = f.Priority
			s.Promise.void()
		}
		return true, false
	case Transferred:
		return s.transferred(f), false
	case Matched:
		return s.matched(f)
	case Removed:
		return s.removed(f), true
	}
	return false, false
}

type undoable struct {
	Action
	before core
}

// inOrder gives the facts as they are folded: one of each id, PATIENT_ADDED
// first.
func inOrder(facts []Fact, c Corrections) []*Fact {
	list := make([]*Fact, len(facts))
	for i := range facts {
		list[i] = &facts[i]
	}
	slices.SortFunc(list, func(a, b *Fact) int {
		if (a.Kind == Added) != (b.Kind == Added) {
			if a.Kind == Added {
				return -1
			}
			return 1
		}
		if a.Kind == Added && (a.Entry.Status == kiosk.CheckedIn) != (b.Entry.Status == kiosk.CheckedIn) {
			// An entry that came back to the lists was announced again as it stood then.
			if a.Entry.Status == kiosk.CheckedIn {
				return -1
			}
			return 1
		}
		if a.Kind == Added && (a.late() || b.late()) {
			// Who came first did, whenever it was written down.
			if n := a.happened(c).Compare(b.happened(c)); n != 0 {
				return n
			}
		}
		return before(a, b, c)
	})
	seen := make(map[uuid.UUID]struct{}, len(list))
	return slices.DeleteFunc(list, func(f *Fact) bool {
		_, again := seen[f.ID]
		seen[f.ID] = struct{}{}
		return again
	})
}

func (s *State) added(f *Fact) {
	e, err := f.Entry.Entry()
	if err != nil {
		return // checked when the fact was taken in
	}
	if t := e.Metadata.Ticket; t != "" && !slices.Contains(s.Tickets, t) {
		s.Tickets = append(s.Tickets, t)
	}
	if s.Exists {
		s.Entry.Metadata.InterpreterNeeded = s.Entry.Metadata.InterpreterNeeded || e.Metadata.InterpreterNeeded
		s.Entry.Metadata.DeviceReady = s.Entry.Metadata.DeviceReady || e.Metadata.DeviceReady
		s.Entry.Metadata.Require(e.Metadata.Needs...)
		for _, flag := range e.Metadata.Flags {
			s.Entry.Metadata.Flags = with(s.Entry.Metadata.Flags, flag)
		}
		return
	}
	s.Exists, s.Home, s.Entry, s.Since, s.by, s.late = true, f.Source, e.Clone(), e.CheckInTime, f.ID, f.late()
	s.Unlisted = e.Appointment == ""
	s.Promise = Promise{Wait: e.EstimatedWait}
}

// status applies a STATUS_UPDATED. stale: it changes nothing and nobody needs
// to know.
func (s *State) status(f *Fact, c Corrections) (ok, stale bool) {
	from, to, now := s.Entry.Status, f.Status, s.when(f, c)
	if call, isRule := noShowCall(f.By); isRule && call != s.Call.Fact {
		return true, true // a timer of a call that is over
	}
	if from == to {
		return true, true // two people, or two kiosks, said the same
	}
	if !Allowed(from, to) || to == kiosk.NoShow && s.Call.Times == 0 { // who was not called did not miss it
		return false, false
	}
	if from == kiosk.InConsultation && to == kiosk.Completed && !s.late && !f.late() {
		s.Seen = max(0, now.Sub(s.Since))
	}
	if from == kiosk.Cancelled && now.After(s.Entry.Metadata.OrderAt) {
		s.Entry.Metadata.OrderAt = now // who left and came back does not overtake who stayed
	}
	if from == kiosk.Waiting || to == kiosk.Waiting {
		s.Call = Call{}
	}
	switch to {
	case kiosk.NoShow:
		s.Missed++
	case kiosk.InConsultation:
		s.Promise.turn(now.Sub(s.Entry.CheckInTime))
	case kiosk.Cancelled:
		s.Promise.void()
	}
	if to == kiosk.InConsultation && s.Entry.Provider == "" {
		if a, err := kiosk.ParseActor(f.By); err == nil && a.Kind == kiosk.ActorProvider {
			s.Entry.Provider = kiosk.ProviderID(a.ID)
		}
	}
	s.Entry.Status, s.Since, s.Removed, s.by, s.late = to, now, "", f.ID, f.late()
	return true, false
}

func (s *State) called(f *Fact, c Corrections) bool {
	if s.Entry.Status != kiosk.Waiting {
		return false
	}
	at := s.when(f, c)
	first := s.Call.First
	if s.Call.Times == 0 {
		first = at
	}
	s.Call = Call{Fact: f.ID, At: at, First: first, Room: f.Room, By: f.By, Times: s.Call.Times + 1, signed: !f.unsigned(), late: f.late()}
	s.Entry.Metadata.Room = f.Room
	s.Promise.turn(at.Sub(s.Entry.CheckInTime))
	return true
}

func (s *State) transferred(f *Fact) bool {
	if f.To.Validate() != nil || s.Entry.Status != kiosk.CheckedIn && s.Entry.Status != kiosk.Waiting {
		return false
	}
	if s.Entry.Department != f.To {
		s.Entry.Department, s.Entry.Provider, s.Entry.Metadata.Room, s.Call = f.To, "", "", Call{}
		s.Promise.void()
	}
	return true
}

// matched gives an entry the appointment that it was for. Who matched must have
// seen what there is: of two who match one entry to different appointments the
// later finds that out, and staff decide. stale: it has this one already.
func (s *State) matched(f *Fact) (ok, stale bool) {
	e, m := &s.Entry, f.Match
	same := e.Appointment == m.AppointmentID
	if !same && (!s.Unlisted || e.Appointment != m.Was) {
		return false, false
	}
	e.Metadata.Flags = without(e.Metadata.Flags, kiosk.FlagProvisional, kiosk.FlagArrived)
	if same {
		return true, true
	}
	e.Appointment, e.Patient = m.AppointmentID, m.PatientID
	e.Metadata.AppointmentTime, e.Metadata.OrderAt, e.Metadata.Mode = m.AppointmentTime.Time, m.OrderAt.Time, m.Mode
	if e.Status == kiosk.CheckedIn || e.Status == kiosk.Waiting { // else somebody sees the patient, or has
		e.Provider = m.ProviderID
	}
	s.Promise.void()
	return true, false
}

// removed takes the entry off the lists. A removal that finds the patient back
// in the queue is too late and changes nothing; so does a second one, since who
// removed first knew why.
func (s *State) removed(f *Fact) bool {
	switch {
	case !f.Reason.Valid():
		return false
	case s.Removed != "":
	case f.Reason == kiosk.RemovedCompleted && s.Entry.Status == kiosk.Completed,
		f.Reason == kiosk.RemovedNoShow && s.Entry.Status == kiosk.NoShow,
		f.Reason == kiosk.RemovedCancelled && s.Entry.Status == kiosk.Cancelled,
		f.Reason == kiosk.RemovedRescheduled && s.Entry.Status == kiosk.Cancelled:
		s.Removed = f.Reason
	}
	return true
}

func (f *Fact) want() string {
	switch f.Kind {
	case Status:
		return "to " + string(f.Status)
	case Priority:
		return "priority " + string(f.Priority)
	case Corrected:
		return "undo"
	case Removed:
		return "remove"
	case Transferred:
		return "transfer"
	case Matched:
		return "match"
	}
	return "call"
}

const noShowRule = "no-show-"

// noShowActor is the actor of the no-show timer of one call. The call is named,
// so that a timer that another kiosk ran for an earlier call does nothing.
func noShowActor(call uuid.UUID) kiosk.Actor {
	return kiosk.Actor{Kind: kiosk.ActorSystem, ID: noShowRule + hex.EncodeToString(call[:])}
}

func noShowCall(by string) (uuid.UUID, bool) {
	text, ok := strings.CutPrefix(by, string(kiosk.ActorSystem)+":"+noShowRule)
	if !ok {
		return uuid.Nil, false
	}
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != 16 {
		return uuid.Nil, true
	}
	return uuid.UUID(b), true
}

func with(flags []kiosk.Flag, f kiosk.Flag) []kiosk.Flag {
	if slices.Contains(flags, f) {
		return flags
	}
	return append(slices.Clip(flags), f)
}

func without(flags []kiosk.Flag, gone ...kiosk.Flag) []kiosk.Flag {
	return slices.DeleteFunc(slices.Clone(flags), func(f kiosk.Flag) bool { return slices.Contains(gone, f) })
}
