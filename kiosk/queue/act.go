package queue

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"clinicgate/kiosk"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// Add puts an entry into the queue. An entry that is there already, put there
// by this act or by another kiosk, is left as it is and false is returned with
// it.
func (q *Queue) Add(tx *storage.Tx, act kiosk.Act, e kiosk.Entry) (kiosk.Entry, bool, error) {
	s, r, state, err := q.open(tx, e.ID)
	if err == nil {
		return state.Entry, false, nil
	}
	if !errors.Is(err, ErrNotFound) {
		return kiosk.Entry{}, false, err
	}
	if q.full() {
		return kiosk.Entry{}, false, fmt.Errorf("%w: %d entries", ErrBusy, maxEntries)
	}
	if err := q.Possible(tx, act, State{}); err != nil {
		return kiosk.Entry{}, false, err
	}
	shape := e.Shape()
	if _, err := shape.Entry(); err != nil {
		return kiosk.Entry{}, false, err
	}
	state, err = q.announce(s, act, r, shape, "")
	return state.Entry, true, err
}

// Flag tells staff that an entry needs a person's attention: the entry is
// announced again with the flag. Where it has it, nothing is written.
func (q *Queue) Flag(tx *storage.Tx, act kiosk.Act, id kiosk.EntryID, f kiosk.Flag) (kiosk.Entry, error) {
	s, r, state, err := q.open(tx, id)
	if err != nil || state.Entry.HasFlag(f) {
		return state.Entry, err
	}
	e := state.Entry.Clone()
	e.Metadata.Flags = append(e.Metadata.Flags, f)
	state, err = q.announce(s, act, r, e.Shape(), "flag "+string(f))
	return state.Entry, err
}

// Ready notes that the devices which a visit by video needs were tried and work: the
// entry is announced again. Where that is known, nothing is written.
func (q *Queue) Ready(tx *storage.Tx, act kiosk.Act, id kiosk.EntryID) (kiosk.Entry, error) {
	s, r, state, err := q.open(tx, id)
	if err != nil || state.Entry.Metadata.DeviceReady {
		return state.Entry, err
	}
	e := state.Entry.Clone()
	e.Metadata.DeviceReady = true
	state, err = q.announce(s, act, r, e.Shape(), "devices ready")
	return state.Entry, err
}

// Require notes what help a patient asked for: the entry is announced again with
// it. Where it has all of it, nothing is written.
func (q *Queue) Require(tx *storage.Tx, act kiosk.Act, id kiosk.EntryID, needs ...kiosk.Need) (State, error) {
	s, r, state, err := q.open(tx, id)
	if err != nil {
		return state, err
	}
	e := state.Entry.Clone()
	e.Metadata.Require(needs...)
	if len(e.Metadata.Needs) == len(state.Entry.Metadata.Needs) {
		return state, nil
	}
	return q.announce(s, act, r, e.Shape(), "needs")
}

// SetStatus makes one of the nine transitions. Cancelling and completing also
// take the entry off the lists.
func (q *Queue) SetStatus(tx *storage.Tx, act kiosk.Act, id kiosk.EntryID, to kiosk.Status) (kiosk.Entry, error) {
	return q.setStatus(tx, act, id, to, kiosk.RemovedCancelled)
}

// Remove takes a patient who will not be seen today off the lists, as staff are told
// why: cancelled or rescheduled. The other two reasons follow from a status; for them
// it is refused with ErrRemoval.
func (q *Queue) Remove(tx *storage.Tx, act kiosk.Act, id kiosk.EntryID, why kiosk.Removal) (kiosk.Entry, error) {
	if why == kiosk.RemovedCancelled || why == kiosk.RemovedRescheduled {
		return q.setStatus(tx, act, id, kiosk.Cancelled, why)
	}
	_, _, state, err := q.open(tx, id)
	if err == nil {
		err = &Refusal{id, state.Entry.Status, "remove", ErrRemoval}
	}
	return kiosk.Entry{}, err
}

// setStatus is SetStatus; cancelled says why a cancelled entry leaves.
func (q *Queue) setStatus(tx *storage.Tx, act kiosk.Act, id kiosk.EntryID, to kiosk.Status, cancelled kiosk.Removal) (kiosk.Entry, error) {
	s, r, state, err := q.open(tx, id)
	if err != nil {
		return kiosk.Entry{}, err
	}
	if _, done := tx.Lookup(act.EventID("queue/STATUS_UPDATED", id.String())); done {
		return state.Entry, nil
	}
	from, removed := state.Entry.Status, state.Removed
	_, now := tx.Now()
	switch {
	case !Allowed(from, to):
		err = ErrTransition
	case to == kiosk.NoShow && state.Call.Times == 0:
		err = ErrNotCalled
	case from == kiosk.NoShow && act.Actor.Kind == kiosk.ActorPatient && (state.Missed > 1 || !q.inGrace(state, now)):
		err = ErrGrace
	case from == kiosk.Cancelled && state.Entry.Metadata.Day != q.cfg.Today(now):
		err = ErrOtherDay
	default:
		err = q.Possible(tx, act, state)
	}
	if err != nil {
		return kiosk.Entry{}, &Refusal{id, from, "change to " + string(to), err}
	}
	state, err = q.record(s, act, r, kiosk.What{
		Kind: "queue/STATUS_UPDATED",
		Body: kiosk.StatusUpdated{Action: "STATUS_UPDATED", QueueEntryID: id, NewStatus: to,
			UpdatedBy: act.Actor.String(), HappenedAt: kiosk.At(act.Happened), Timestamp: kiosk.At(now.Wall)},
		Facts: kiosk.AuditFacts{Action: string(from) + " to " + string(to)},
	}, Fact{Kind: Status, Status: to, By: act.Actor.String(), Queue: state.Entry.Department})
	if err != nil {
		return kiosk.Entry{}, err
	}
	switch {
	case to == kiosk.Completed:
		state, err = q.remove(s, act, r, state, kiosk.RemovedCompleted)
	case to == kiosk.Cancelled:
		state, err = q.remove(s, act, r, state, cancelled)
	case removed != "":
		act.Happened = time.Time{} // the patient came when she came
		state, err = q.announce(s, act, r, state.Entry.Shape(), "")
	}
	return state.Entry, err
}

// announce publishes the whole entry: a new one, or one that comes back after
// its removal, for readers that had dropped it, or one of which more is known, as
// action says. One act may do several of the last kind.
func (q *Queue) announce(s *staged, act kiosk.Act, r *row, shape kiosk.EntryShape, action string) (State, error) {
	if action != "" {
		act.ID = kiosk.DeriveID(act.ID, "announce", action)
	}
	_, now := s.tx.Now()
	return q.record(s, act, r, kiosk.What{
		Kind:  "queue/PATIENT_ADDED",
		Body:  kiosk.PatientAdded{Action: "PATIENT_ADDED", Entry: shape, HappenedAt: kiosk.At(act.Happened), Timestamp: kiosk.At(now.Wall)},
		Facts: kiosk.AuditFacts{Action: action},
	}, Fact{Kind: Added, Entry: &shape, Queue: shape.DepartmentID, By: act.Actor.String()})
}

func (q *Queue) inGrace(s State, now storage.Instant) bool {
	return !now.Wall.After(s.Since.Add(q.cfg.Grace))
}

// MayReturn reports whether a patient who did not come when called may still
// come back alone, which is once. Staff may put the patient back at any time.
func (q *Queue) MayReturn(s State) bool {
	return s.Entry.Status == kiosk.NoShow && s.Missed <= 1 && q.inGrace(s, q.cfg.Now())
}

func (q *Queue) remove(s *staged, act kiosk.Act, r *row, state State, why kiosk.Removal) (State, error) {
	_, now := s.tx.Now()
	return q.record(s, act, r, kiosk.What{
		Kind: "queue/PATIENT_REMOVED",
		Body: kiosk.PatientRemoved{Action: "PATIENT_REMOVED", QueueEntryID: state.Entry.ID, Reason: why,
			HappenedAt: kiosk.At(act.Happened), Timestamp: kiosk.At(now.Wall)},
		Facts: kiosk.AuditFacts{Action: string(why)},
	}, Fact{Kind: Removed, Reason: why, Queue: state.Entry.Department, By: act.Actor.String()})
}

// Call asks a waiting patient to a room and tells the patient's own devices; a late
// entry tells nobody.
// Calling again counts as a new call. With no room it is the provider's: that
// of the actor, or of the entry.
func (q *Queue) Call(tx *storage.Tx, act kiosk.Act, id kiosk.EntryID, room string) (kiosk.Entry, error) {
	s, r, state, err := q.open(tx, id)
	if err != nil {
		return kiosk.Entry{}, err
	}
	if _, done := tx.Lookup(act.EventID("queue/CALLED", id.String())); done {
		return state.Entry, nil
	}
	if state.Entry.Status != kiosk.Waiting {
		return kiosk.Entry{}, &Refusal{id, state.Entry.Status, "call", ErrTransition}
	}
	if err := q.Possible(tx, act, state); err != nil {
		return kiosk.Entry{}, &Refusal{id, state.Entry.Status, "call", err}
	}
	if room == "" && act.Actor.Kind == kiosk.ActorProvider {
		room = q.Room(kiosk.ProviderID(act.Actor.ID))
	}
	if room == "" {
		room = q.Room(state.Entry.Provider)
	}
	_, now := tx.Now()
	state, err = q.record(s, act, r, kiosk.What{
		Kind: "queue/CALLED",
		Body: kiosk.Called{Action: "CALLED", QueueEntryID: id, Ticket: state.Entry.Metadata.Ticket, Room: room,
			CalledBy: act.Actor.String(), HappenedAt: kiosk.At(act.Happened), Timestamp: kiosk.At(now.Wall)},
		Facts: kiosk.AuditFacts{Action: "call"},
	}, Fact{Kind: Called, Room: room, By: act.Actor.String(), Queue: state.Entry.Department})
	if err != nil || act.Late() {
		return state.Entry, err
	}
	return state.Entry, q.tellPatient(tx, act, state.Entry)
}

// tellPatient sends PROVIDER_READY to the patient's own devices. It says no
// more than that it is the patient's turn.
func (q *Queue) tellPatient(tx *storage.Tx, act kiosk.Act, e kiosk.Entry) error {
	id := act.EventID("notification/PROVIDER_READY", e.ID.String())
	_, now := tx.Now()
	_, err := q.journal.Record(tx, act, kiosk.What{
		Kind: "notification/PROVIDER_READY", ID: id, Channel: kiosk.PatientNotificationChannel(e.Patient),
		Body: kiosk.Notification{ID: id, Type: "PROVIDER_READY", Title: "It is your turn", Body: "Please look at the screen in the waiting room.",
			Priority: "high", Timestamp: kiosk.At(now.Wall),
			Metadata: kiosk.NotificationMetadata{AppointmentID: e.Appointment, SenderID: string(q.cfg.Kiosk)}},
		Facts: kiosk.AuditFacts{Action: "notify PROVIDER_READY", Resource: id.String()},
	})
	return err
}

// SetPriority changes an entry's priority.
func (q *Queue) SetPriority(tx *storage.Tx, act kiosk.Act, id kiosk.EntryID, p kiosk.Priority) (kiosk.Entry, error) {
	s, r, state, err := q.open(tx, id)
	if err != nil {
		return kiosk.Entry{}, err
	}
	if _, done := tx.Lookup(act.EventID("queue/PRIORITY_CHANGED", id.String())); done {
		return state.Entry, nil
	}
	if !p.Valid() || !state.Entry.Status.Open() {
		return kiosk.Entry{}, &Refusal{id, state.Entry.Status, "change priority", ErrTransition}
	}
	_, now := tx.Now()
	state, err = q.record(s, act, r, kiosk.What{
		Kind: "queue/PRIORITY_CHANGED",
		Body: kiosk.PriorityChanged{Action: "PRIORITY_CHANGED", QueueEntryID: id, NewPriority: p,
			UpdatedBy: act.Actor.String(), Timestamp: kiosk.At(now.Wall)},
		Facts: kiosk.AuditFacts{Action: string(state.Entry.Priority) + " to " + string(p)},
	}, Fact{Kind: Priority, Priority: p, By: act.Actor.String(), Queue: state.Entry.Department})
	return state.Entry, err
}

// Transfer moves an entry that has not been seen to another department.
func (q *Queue) Transfer(tx *storage.Tx, act kiosk.Act, id kiosk.EntryID, to kiosk.DepartmentID) (kiosk.Entry, error) {
	s, r, state, err := q.open(tx, id)
	if err != nil {
		return kiosk.Entry{}, err
	}
	if _, done := tx.Lookup(act.EventID("queue/TRANSFERRED", id.String())); done {
		return state.Entry, nil
	}
	from := state.Entry.Department
	if from == to || !slices.Contains(q.cfg.Departments, to) || state.Entry.Status != kiosk.CheckedIn && state.Entry.Status != kiosk.Waiting {
		return kiosk.Entry{}, &Refusal{id, state.Entry.Status, "transfer", ErrTransition}
	}
	_, now := tx.Now()
	state, err = q.record(s, act, r, kiosk.What{
		Kind: "queue/TRANSFERRED",
		Body: kiosk.Transferred{Action: "TRANSFERRED", QueueEntryID: id, ToDepartmentID: to,
			UpdatedBy: act.Actor.String(), Timestamp: kiosk.At(now.Wall)},
		Facts: kiosk.AuditFacts{Action: "to " + string(to)},
	}, Fact{Kind: Transferred, To: to, By: act.Actor.String(), Queue: from})
	return state.Entry, err
}

// Undo takes back the entry's last change, which must be the actor's own.
// Arriving cannot be undone; cancel instead.
func (q *Queue) Undo(tx *storage.Tx, act kiosk.Act, id kiosk.EntryID) (kiosk.Entry, error) {
	s, r, state, err := q.open(tx, id)
	if err != nil {
		return kiosk.Entry{}, err
	}
	if _, done := tx.Lookup(act.EventID("queue/CORRECTED", id.String())); done {
		return state.Entry, nil
	}
	if state.Last.Fact == uuid.Nil || state.Last.By != act.Actor.String() {
		return kiosk.Entry{}, &Refusal{id, state.Entry.Status, "undo", ErrNotLast}
	}
	from, removed := state.Entry.Status, state.Removed
	_, now := tx.Now()
	state, err = q.record(s, act, r, kiosk.What{
		Kind: "queue/CORRECTED",
		Body: kiosk.Corrected{Action: "CORRECTED", QueueEntryID: id, Undoes: state.Last.Fact,
			UpdatedBy: act.Actor.String(), Timestamp: kiosk.At(now.Wall)},
		Facts: kiosk.AuditFacts{Action: "undo in " + string(from)},
	}, Fact{Kind: Corrected, Undoes: state.Last.Fact, By: act.Actor.String(), Queue: state.Entry.Department})
	if err == nil && removed != "" && state.Removed == "" {
		state, err = q.announce(s, act, r, state.Entry.Shape(), "")
	}
	return state.Entry, err
}

// Get gives an entry inside a transaction, with all that came before it. It
// fails with ErrNotFound.
func (q *Queue) Get(tx *storage.Tx, id kiosk.EntryID) (State, error) {
	_, _, state, err := q.open(tx, id)
	return state, err
}

// open reads an entry for change. The row is returned with ErrNotFound too.
func (q *Queue) open(tx *storage.Tx, id kiosk.EntryID) (*staged, *row, State, error) {
	s, err := q.staged(tx)
	if err != nil {
		return nil, nil, State{}, err
	}
	r, err := s.row(entryView, id.String())
	if err != nil {
		return nil, nil, State{}, err
	}
	state := Fold(r.Facts, q.corrections(s))
	if !state.Exists {
		return s, r, state, ErrNotFound
	}
	return s, r, state, nil
}

// record writes one event of an act with its audit event, and the fact that it
// is into the entry's row. It gives the state that follows.
func (q *Queue) record(s *staged, act kiosk.Act, r *row, w kiosk.What, f Fact) (State, error) {
	if len(r.Facts) >= maxFacts {
		return State{}, fmt.Errorf("%w: %d on one entry", ErrBusy, maxFacts)
	}
	w.Channel, w.Facts.Resource = kiosk.QueueChannel(f.Queue), r.Key
	f.ID, f.Happened = act.EventID(w.Kind, r.Key), kiosk.At(act.Happened)
	w.ID = f.ID
	receipt, err := q.journal.Record(s.tx, act, w)
	if err != nil {
		return State{}, err
	}
	q.place(s.tx, receipt, &f)
	if r.find(f.ID) == nil {
		r.Facts = append(r.Facts, f)
		if err := s.put(entryView, r); err != nil {
			return State{}, err
		}
	}
	state := Fold(r.Facts, q.corrections(s))
	for _, c := range state.Conflicts {
		if c.Fact == f.ID {
			// It sorts before something that this kiosk has seen already, because its
			// clock is far behind; then it would have no effect.
			return State{}, &Refusal{state.Entry.ID, c.From, c.Want, ErrTransition}
		}
	}
	return state, nil
}

// place fills in where one of our own events stands.
func (q *Queue) place(tx *storage.Tx, receipt storage.Receipt, f *Fact) {
	_, now := tx.Now()
	f.Source, f.Inc, f.Seq, f.HLC, f.Synced = string(q.cfg.Kiosk), receipt.Inc, receipt.Seq, receipt.HLC, now.Synced
	if !now.Synced {
		f.Boot, f.Mono = now.Boot, now.Mono
	}
}

func (q *Queue) full() bool {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return len(q.entries) >= maxEntries
}
