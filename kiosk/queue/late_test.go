package queue_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/queue"
	"clinicgate/storage"

	"github.com/google/go-cmp/cmp"
)

// late is an act of ana's that happened some minutes after the morning began.
func late(minute int) kiosk.Act {
	act := kiosk.NewAct(ana)
	act.Happened = morning.Add(time.Duration(minute) * time.Minute)
	return act
}

// addLate enters a visit of somebody who came at a minute of the morning.
func (k *kit) addLate(appointment string, minute int) (kiosk.EntryID, error) {
	act := late(minute)
	e := k.visit(appointment)
	e.CheckInTime, e.Metadata.OrderAt = act.Happened, act.Happened
	return e.ID, k.Act(context.Background(), act, func(tx *storage.Tx) error {
		ticket, err := k.NextTicket(tx, e.Metadata.Day)
		if err != nil {
			return err
		}
		e.Metadata.Ticket = ticket.String()
		_, _, err = k.Add(tx, act, e)
		return err
	})
}

func (k *kit) mustAddLate(appointment string, minute int) kiosk.EntryID {
	k.t.Helper()
	id, err := k.addLate(appointment, minute)
	if err != nil {
		k.t.Fatal(err)
	}
	return id
}

func (k *kit) setLate(id kiosk.EntryID, to kiosk.Status, minute int) error {
	act := late(minute)
	return k.Act(context.Background(), act, func(tx *storage.Tx) error { _, err := k.SetStatus(tx, act, id, to); return err })
}

func (k *kit) callLate(id kiosk.EntryID, minute int) error {
	act := late(minute)
	return k.Act(context.Background(), act, func(tx *storage.Tx) error { _, err := k.Call(tx, act, id, "Room 4"); return err })
}

// seenLate enters a whole visit from paper.
func (k *kit) seenLate(appointment string, came, called, began, ended int) kiosk.EntryID {
	k.t.Helper()
	id := k.mustAddLate(appointment, came)
	for _, err := range []error{k.setLate(id, kiosk.Waiting, came), k.callLate(id, called),
		k.setLate(id, kiosk.InConsultation, began), k.setLate(id, kiosk.Completed, ended)} {
		if err != nil {
			k.t.Fatal(err)
		}
	}
	return id
}

// messages gives the bodies of some kind, and the audit events, of records.
func messages[T any](t *testing.T, records []storage.Record, kind string) (list []T) {
	t.Helper()
	d, _ := kiosk.Defined(kind)
	for _, r := range records {
		if r.Kind != kind {
			continue
		}
		m, err := kiosk.Decode(d, r.Body)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, *m.(*T))
	}
	return list
}

// What was on paper is on record with both times, under the name of who entered it,
// and the patient stands where she stood by her arrival.
func TestLateEntrySaysWhenItHappenedAndWhenItWasRecorded(t *testing.T) {
	k := openClinic(t)
	k.clock.pass(2 * time.Hour)
	first := k.add(k.visit("apt-1")) // came by the page, after the outage
	k.set(ana, first, kiosk.Waiting)
	now := k.clock.now().Wall
	before := k.records()
	second := k.mustAddLate("apt-2", 10)
	if err := k.setLate(second, kiosk.Waiting, 10); err != nil {
		t.Fatal(err)
	}
	var order []kiosk.EntryID
	for _, e := range k.Entries("cardiology", k.Today()) {
		order = append(order, e.ID)
	}
	if !slices.Equal(order, []kiosk.EntryID{second, first}) || k.Ahead(first) != 1 {
		t.Errorf("who came first is not first: %v", order)
	}
	if err := k.callLate(second, 30); err != nil {
		t.Fatal(err)
	}
	wrote := since(before, k.records())
	want := []string{"1 audit/QUEUE_ENTRY_ADDED", "1 audit/QUEUE_PATIENT_CALLED", "1 audit/QUEUE_STATUS_CHANGED", "1 queue/CALLED", "1 queue/PATIENT_ADDED", "1 queue/STATUS_UPDATED"}
	if diff := cmp.Diff(want, kinds(wrote)); diff != "" { // nobody's phone rings
		t.Errorf("wrote (-want +got):\n%s", diff)
	}
	call := messages[kiosk.Called](t, wrote, "queue/CALLED")[0]
	if !call.HappenedAt.Equal(morning.Add(30*time.Minute)) || !call.Timestamp.Equal(now) {
		t.Errorf("the call happened %v and was recorded %v", call.HappenedAt, call.Timestamp)
	}
	for _, a := range messages[kiosk.AuditEvent](t, wrote, "audit/EVENT") {
		if a.Actor.UserID != "ana" || !strings.HasSuffix(a.Action, ", late entry") || a.Metadata.HappenedAt.IsZero() || !a.Timestamp.Equal(now) {
			t.Errorf("audit event %+v", a)
		}
	}
	s := mustState(t, k, second)
	if !s.Call.At.Equal(morning.Add(30*time.Minute)) || !s.Since.Equal(morning.Add(10*time.Minute)) || !s.Entry.CheckInTime.Equal(morning.Add(10*time.Minute)) {
		t.Errorf("state %+v", s)
	}
	// The waiting room is not told of a call of an hour ago.
	if b := k.Board(); len(b.Called) != 0 || len(b.Next) != 1 || b.Next[0].String() != "A-001" {
		t.Errorf("the board shows %v, next %v", b.Called, b.Next)
	}
	k.reopen()
	if diff := cmp.Diff(s, mustState(t, k, second), cmp.AllowUnexported(queue.State{}, queue.Call{}), exported); diff != "" {
		t.Errorf("a restart changed it:\n%s", diff)
	}
	// An act that is done now is what it was.
	before = k.records()
	k.set(ana, second, kiosk.InConsultation)
	if m := messages[kiosk.StatusUpdated](t, since(before, k.records()), "queue/STATUS_UPDATED")[0]; !m.HappenedAt.IsZero() {
		t.Errorf("an act of now says it happened %v", m.HappenedAt)
	}
}

// A time that cannot be is refused with a next step, leaves its audit event, and
// changes nothing.
func TestLateEntryKeepsTheOrderOfThings(t *testing.T) {
	k := openClinic(t) // the day began at 03:00, 6 hours before the morning
	k.clock.pass(2*time.Hour + 20*time.Second)
	for minute, want := range map[int]error{121: queue.ErrFuture, 24 * 60: queue.ErrFuture, -6*60 - 1: queue.ErrDayBegan, -48 * 60: queue.ErrDayBegan} {
		_, err := k.addLate("apt-0", minute)
		var te *queue.TimeError
		if !errors.Is(err, want) || !errors.As(err, &te) || te.Hint() == "" {
			t.Errorf("came at %d: %v, want %v", minute, err, want)
		}
	}
	if n := len(k.States(k.Today())); n != 0 {
		t.Fatalf("%d entries", n)
	}
	k.mustAddLate("apt-9", -6*60) // as the day begins
	id := k.mustAddLate("apt-1", 10)
	refused := func(what string, err, want error) {
		t.Helper()
		if !refusedBy(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	before := k.records()
	refused("waits before it came", k.setLate(id, kiosk.Waiting, 9), queue.ErrEarlier)
	refused("waits tomorrow", k.setLate(id, kiosk.Waiting, 180), queue.ErrFuture)
	refused("waited yesterday", k.setLate(id, kiosk.Waiting, -10*60), queue.ErrDayBegan)
	if diff := cmp.Diff([]string{"3 audit/QUEUE_ACT_REFUSED"}, kinds(since(before, k.records()))); diff != "" {
		t.Errorf("wrote (-want +got):\n%s", diff)
	}
	if err := k.setLate(id, kiosk.Waiting, 10); err != nil {
		t.Fatal(err)
	}
	refused("called before it came", k.callLate(id, 5), queue.ErrEarlier)
	refused("did not come, uncalled", k.setLate(id, kiosk.NoShow, 40), queue.ErrNotCalled)
	if err := k.callLate(id, 30); err != nil {
		t.Fatal(err)
	}
	refused("seen before it was called", k.setLate(id, kiosk.InConsultation, 29), queue.ErrEarlier)
	if err := k.setLate(id, kiosk.InConsultation, 30); err != nil { // paper has minutes
		t.Fatal(err)
	}
	refused("done before it began", k.setLate(id, kiosk.Completed, 20), queue.ErrEarlier)
	if err := k.setLate(id, kiosk.Completed, 50); err != nil {
		t.Fatal(err)
	}
	if s := mustState(t, k, id); s.Removed != kiosk.RemovedCompleted || !s.Since.Equal(morning.Add(50*time.Minute)) || len(s.Conflicts) != 0 {
		t.Errorf("ended as %+v", s)
	}
	// A patient of the page, who came at 20 seconds past, was called in that minute.
	live := k.add(k.visit("apt-2"))
	k.set(ana, live, kiosk.Waiting)
	k.clock.pass(time.Minute)
	if err := k.callLate(live, 120); err != nil {
		t.Errorf("called in the minute of the arrival: %v", err)
	}
	if s := mustState(t, k, live); s.Call.At.Before(s.Since) {
		t.Errorf("called %v, came %v", s.Call.At, s.Since)
	}
}

// A kiosk that starts after an outage and has no way to ask the time takes what
// people know of it.
func TestLateEntryByAnUntrustedClock(t *testing.T) {
	k := openClinic(t)
	k.clock.synced, k.clock.skew = false, -300*24*time.Hour
	k.cfg.Today = func(storage.Instant) kiosk.Day { return "2026-11-23" } // of the newest list
	k.renew()
	if id, err := k.addLate("apt-1", 10); err != nil || k.setLate(id, kiosk.Waiting, 10) != nil {
		t.Errorf("by a clock of January: %v", err)
	}
	if _, err := k.addLate("apt-2", 24*60); !errors.Is(err, queue.ErrFuture) {
		t.Errorf("tomorrow: %v", err)
	}
	k.clock.skew = 0 // plausible: then it counts
	if _, err := k.addLate("apt-3", 5); !errors.Is(err, queue.ErrFuture) {
		t.Errorf("by a clock that shows today: %v", err)
	}
}

// No timer runs from a call on paper, and a no-show on paper has had its grace.
func TestLateCallStartsNoTimer(t *testing.T) {
	bubble(t, func(t *testing.T, k *kit) {
		stop := k.run(t)
		defer stop()
		k.provider("dr-vega", kiosk.Available)
		time.Sleep(2 * time.Hour)
		base := k.clock.now().Wall
		at := func(ago time.Duration) kiosk.Act {
			act := kiosk.NewAct(ana)
			act.Happened = base.Add(-ago)
			return act
		}
		id := k.add(func() kiosk.Entry { e := k.visit("apt-1"); e.CheckInTime = base.Add(-time.Hour); return e }())
		set := func(act kiosk.Act, to kiosk.Status) {
			t.Helper()
			if err := k.Act(t.Context(), act, func(tx *storage.Tx) error { _, err := k.SetStatus(tx, act, id, to); return err }); err != nil {
				t.Fatal(err)
			}
		}
		set(at(time.Hour), kiosk.Waiting)
		call := at(50 * time.Minute)
		if err := k.Act(t.Context(), call, func(tx *storage.Tx) error { _, err := k.Call(tx, call, id, "Room 4"); return err }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if s := mustState(t, k, id); s.Entry.Status != kiosk.Waiting {
			t.Fatalf("a call on paper made it %s", s.Entry.Status)
		}
		set(at(40*time.Minute), kiosk.NoShow)
		time.Sleep(time.Minute)
		if s := mustState(t, k, id); s.Removed != kiosk.RemovedNoShow {
			t.Errorf("a no-show of an hour ago still waits for its grace: %+v", s)
		}
	})
}

// The estimator learns from what it saw, not from paper; promises are judged by when
// the patient's turn really came.
func TestWaitDoesNotLearnFromPaper(t *testing.T) {
	k := openClinic(t)
	k.provider("dr-vega", kiosk.Available)
	e := k.visit("apt-0")
	e.EstimatedWait = 20 * time.Minute
	promised := k.add(e)
	k.set(ana, promised, kiosk.Waiting)
	k.clock.pass(5 * time.Hour)
	range_ := func() [2]int {
		next := k.visit("apt-x")
		next.Metadata.OrderAt = k.clock.now().Wall
		low, high, known := k.Estimate(next)
		if !known {
			t.Fatal("no estimate")
		}
		return [2]int{low, high}
	}
	if err := k.callLate(promised, 15); err != nil {
		t.Fatal(err)
	}
	if err := k.setLate(promised, kiosk.InConsultation, 16); err != nil {
		t.Fatal(err)
	}
	if a := k.Accuracy(k.Today()); a != (queue.Accuracy{Promised: 1, Met: 1}) {
		t.Errorf("a promise that was kept counts as %+v", a)
	}
	k.set(ana, promised, kiosk.Completed) // begun on paper, ended by a click hours later
	if s := mustState(t, k, promised); s.Seen != 0 {
		t.Errorf("the visit is taken to have lasted %v", s.Seen)
	}
	waiting := k.add(k.visit("apt-w"))
	k.set(ana, waiting, kiosk.Waiting)
	before := range_()
	for i := range 8 {
		id := k.seenLate("apt-l"+string(rune('a'+i)), 10*i, 10*i, 10*i+1, 10*i+120)
		if s := mustState(t, k, id); s.Seen != 0 || s.Promise.Wait != 0 {
			t.Errorf("from paper: seen %v, promised %v", s.Seen, s.Promise.Wait)
		}
	}
	if after := range_(); after != before {
		t.Errorf("visits of two hours on paper changed the wait from %v to %v", before, after)
	}
	if a := k.Accuracy(k.Today()); a.Promised != 1 {
		t.Errorf("who was told nothing counts: %+v", a)
	}
}

// Of two kiosks that could not hear each other, who came first did, whenever it was
// written down.
func TestEarliestArrivalCountsOverPaper(t *testing.T) {
	a, b := openClinic(t), newKit(t, t.TempDir(), "lobby-2", 'B', newClock(morning.Add(2*time.Hour)))
	defer b.close()
	a.clock.pass(time.Hour)
	id := a.add(a.visit("apt-1")) // scanned again at the other kiosk
	b.mustAddLate("apt-1", 10)
	for _, r := range b.records() {
		if r.Kind == "queue/PATIENT_ADDED" {
			a.apply(received(t, "lobby-2", r, 1))
		}
	}
	for _, r := range a.records() {
		if r.Kind == "queue/PATIENT_ADDED" {
			b.apply(received(t, "lobby-1", r, 2))
		}
	}
	for _, k := range []*kit{a, b} {
		if s := mustState(t, k, id); !s.Entry.CheckInTime.Equal(morning.Add(10*time.Minute)) || s.Home != "lobby-2" || len(s.Tickets) != 2 {
			t.Errorf("%s: came %v by %s, numbers %v", k.id, s.Entry.CheckInTime, s.Home, s.Tickets)
		}
	}
}

// A provider's own app speaks of now: it cannot say that something happened before.
func TestAppsCannotEnterLater(t *testing.T) {
	k := openClinic(t)
	id := k.add(k.visit("apt-1"))
	k.set(ana, id, kiosk.Waiting)
	k.clock.pass(time.Hour)
	at := k.clock.now().Wall
	m := unsigned("dr-vega", "cardiology", at, &kiosk.Called{QueueEntryID: id, Room: "Room 4", CalledBy: "dr-vega", HappenedAt: kiosk.At(morning)})
	if got := k.apply(m); got != kiosk.Applied {
		t.Fatal(got)
	}
	if s := mustState(t, k, id); !s.Call.At.Equal(at) {
		t.Errorf("called %v, want %v", s.Call.At, at)
	}
	if len(k.Board().Called) != 1 {
		t.Error("the board does not show the call")
	}
}
