package queue_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/queue"
	"clinicgate/storage"

	"github.com/google/go-cmp/cmp"
)

// nine is the vocabulary's table, written a second time.
var nine = map[[2]kiosk.Status]bool{
	{"checked-in", "waiting"}:        true,
	{"checked-in", "cancelled"}:      true,
	{"waiting", "in-consultation"}:   true,
	{"waiting", "no-show"}:           true,
	{"waiting", "cancelled"}:         true,
	{"in-consultation", "completed"}: true,
	{"in-consultation", "waiting"}:   true,
	{"no-show", "waiting"}:           true,
	{"cancelled", "checked-in"}:      true,
}

func TestAllowedIsExactlyTheNine(t *testing.T) {
	n := 0
	for _, from := range kiosk.Statuses() {
		for _, to := range kiosk.Statuses() {
			if got := queue.Allowed(from, to); got != nine[[2]kiosk.Status{from, to}] {
				t.Errorf("Allowed(%s, %s) = %v", from, to, got)
			} else if got {
				n++
			}
		}
	}
	if n != 9 || queue.Allowed("", kiosk.CheckedIn) || queue.Allowed(kiosk.Waiting, "gone") {
		t.Errorf("%d transitions", n)
	}
}

// way leads an entry into each status.
var way = map[kiosk.Status][]kiosk.Status{
	kiosk.CheckedIn:      {},
	kiosk.Waiting:        {kiosk.Waiting},
	kiosk.InConsultation: {kiosk.Waiting, kiosk.InConsultation},
	kiosk.Completed:      {kiosk.Waiting, kiosk.InConsultation, kiosk.Completed},
	kiosk.NoShow:         {kiosk.Waiting, kiosk.NoShow},
	kiosk.Cancelled:      {kiosk.Cancelled},
}

// All 36 pairs through the store: what is allowed is written with its audit
// event, what is not leaves one audit event of the refusal and nothing else.
func TestAll36PairsThroughTheStore(t *testing.T) {
	k := openClinic(t)
	for _, from := range kiosk.Statuses() {
		for _, to := range kiosk.Statuses() {
			id := k.add(k.visit(string(from + "-" + to)))
			for _, step := range way[from] {
				if step == kiosk.NoShow {
					k.call(ana, id, "Room 4")
				}
				k.set(ana, id, step)
			}
			if from == kiosk.Waiting && to == kiosk.NoShow {
				k.call(ana, id, "Room 4")
			}
			before, entry := k.records(), mustEntry(t, k, id)
			err := k.trySet(ana, id, to)
			written := kinds(since(before, k.records()))
			if nine[[2]kiosk.Status{from, to}] {
				if err != nil || k.status(id) != to {
					t.Errorf("%s to %s: %v, status %s", from, to, err, k.status(id))
				}
				continue
			}
			if !refusedBy(err, queue.ErrTransition) {
				t.Errorf("%s to %s: error %v, want a refusal", from, to, err)
			}
			if diff := cmp.Diff([]string{"1 audit/QUEUE_ACT_REFUSED"}, written); diff != "" {
				t.Errorf("%s to %s wrote (-want +got):\n%s", from, to, diff)
			}
			if diff := cmp.Diff(entry, mustEntry(t, k, id)); diff != "" {
				t.Errorf("%s to %s changed the entry:\n%s", from, to, diff)
			}
		}
	}
}

func mustEntry(t *testing.T, k *kit, id kiosk.EntryID) kiosk.Entry {
	t.Helper()
	e, ok := k.Entry(id)
	if !ok {
		t.Fatalf("no entry %s", id)
	}
	return e
}

// One act, exactly its events.
func TestActsWriteExactlyTheirEvents(t *testing.T) {
	k := openClinic(t)
	id := k.visit("apt-1").ID
	other := kiosk.Actor{Kind: kiosk.ActorStaff, ID: "ben"}
	act := func(name string, fn func(tx *storage.Tx, a kiosk.Act) error, want ...string) {
		t.Helper()
		a := kiosk.NewAct(ana)
		if name == "other's undo" {
			a.Actor = other
		}
		run := func(tx *storage.Tx) error { return fn(tx, a) }
		before := k.records()
		err := k.Act(context.Background(), a, run)
		if diff := cmp.Diff(want, kinds(since(before, k.records()))); diff != "" {
			t.Errorf("%s (%v) wrote (-want +got):\n%s", name, err, diff)
		}
		if name == "other's undo" && !refusedBy(err, queue.ErrNotLast) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			return
		}
		// The same act once more, as after a lost answer.
		before, state := k.records(), mustState(t, k, id)
		if err := k.Act(context.Background(), a, run); err != nil {
			t.Errorf("%s, repeated: %v", name, err)
		}
		if diff := cmp.Diff([]string(nil), kinds(since(before, k.records()))); diff != "" {
			t.Errorf("%s, repeated, wrote:\n%s", name, diff)
		}
		if diff := cmp.Diff(state, mustState(t, k, id), cmp.AllowUnexported(queue.State{}, queue.Call{}), exported); diff != "" {
			t.Errorf("%s, repeated, changed the entry:\n%s", name, diff)
		}
	}
	status := func(to kiosk.Status) func(*storage.Tx, kiosk.Act) error {
		return func(tx *storage.Tx, a kiosk.Act) error { _, err := k.SetStatus(tx, a, id, to); return err }
	}
	act("add", func(tx *storage.Tx, a kiosk.Act) error {
		e := k.visit("apt-1")
		e.Metadata.Ticket = "A-001"
		_, _, err := k.Add(tx, a, e)
		return err
	}, "1 audit/QUEUE_ENTRY_ADDED", "1 queue/PATIENT_ADDED")
	act("wait", status(kiosk.Waiting), "1 audit/QUEUE_STATUS_CHANGED", "1 queue/STATUS_UPDATED")
	act("no-show without a call", status(kiosk.NoShow), "1 audit/QUEUE_ACT_REFUSED")
	act("call", func(tx *storage.Tx, a kiosk.Act) error { _, err := k.Call(tx, a, id, ""); return err },
		"1 audit/NOTIFICATION_SENT", "1 audit/QUEUE_PATIENT_CALLED", "1 notification/PROVIDER_READY", "1 queue/CALLED")
	act("no-show", status(kiosk.NoShow), "1 audit/QUEUE_STATUS_CHANGED", "1 queue/STATUS_UPDATED")
	act("return", status(kiosk.Waiting), "1 audit/QUEUE_STATUS_CHANGED", "1 queue/STATUS_UPDATED")
	act("priority", func(tx *storage.Tx, a kiosk.Act) error {
		_, err := k.SetPriority(tx, a, id, kiosk.Urgent)
		return err
	}, "1 audit/QUEUE_PRIORITY_CHANGED", "1 queue/PRIORITY_CHANGED")
	act("other's undo", func(tx *storage.Tx, a kiosk.Act) error { _, err := k.Undo(tx, a, id); return err }, "1 audit/QUEUE_ACT_REFUSED")
	act("undo", func(tx *storage.Tx, a kiosk.Act) error { _, err := k.Undo(tx, a, id); return err },
		"1 audit/QUEUE_ENTRY_CORRECTED", "1 queue/CORRECTED")
	if p := mustEntry(t, k, id).Priority; p != kiosk.Normal {
		t.Errorf("priority after undo is %s", p)
	}
	act("transfer", func(tx *storage.Tx, a kiosk.Act) error {
		_, err := k.Transfer(tx, a, id, "radiology")
		return err
	}, "1 audit/QUEUE_ENTRY_TRANSFERRED", "1 queue/TRANSFERRED")
	act("transfer to nowhere", func(tx *storage.Tx, a kiosk.Act) error {
		_, err := k.Transfer(tx, a, id, "oncology")
		return err
	}, "1 audit/QUEUE_ACT_REFUSED")
	act("provider", func(tx *storage.Tx, a kiosk.Act) error {
		return k.SetProvider(tx, a, "dr-okafor", kiosk.Available, "")
	}, "1 audit/PROVIDER_STATUS_CHANGED", "1 queue/PROVIDER_STATUS")
	act("cancel", status(kiosk.Cancelled),
		"1 audit/QUEUE_ENTRY_REMOVED", "1 audit/QUEUE_STATUS_CHANGED", "1 queue/PATIENT_REMOVED", "1 queue/STATUS_UPDATED")
	act("come back", status(kiosk.CheckedIn),
		"1 audit/QUEUE_ENTRY_ADDED", "1 audit/QUEUE_STATUS_CHANGED", "1 queue/PATIENT_ADDED", "1 queue/STATUS_UPDATED")
	act("wait again", status(kiosk.Waiting), "1 audit/QUEUE_STATUS_CHANGED", "1 queue/STATUS_UPDATED")
	act("see", status(kiosk.InConsultation), "1 audit/QUEUE_STATUS_CHANGED", "1 queue/STATUS_UPDATED")
	act("complete", status(kiosk.Completed),
		"1 audit/QUEUE_ENTRY_REMOVED", "1 audit/QUEUE_STATUS_CHANGED", "1 queue/PATIENT_REMOVED", "1 queue/STATUS_UPDATED")
	act("undo complete", func(tx *storage.Tx, a kiosk.Act) error { _, err := k.Undo(tx, a, id); return err },
		"1 audit/QUEUE_ENTRY_ADDED", "1 audit/QUEUE_ENTRY_CORRECTED", "1 queue/CORRECTED", "1 queue/PATIENT_ADDED")
	if s := mustState(t, k, id); s.Entry.Status != kiosk.InConsultation || s.Removed != "" || len(s.Conflicts) > 0 {
		t.Errorf("after undo of completing: %s, removed %q, conflicts %v", s.Entry.Status, s.Removed, s.Conflicts)
	}
	// Every event of the entry's queue says what the entry says.
	for _, r := range k.records() {
		if r.Channel == "queue.radiology" && r.Kind == "queue/TRANSFERRED" {
			t.Error("the transfer was announced on the new department's channel, not the old one's")
		}
	}
}

var exported = cmp.FilterPath(func(p cmp.Path) bool {
	f, ok := p.Last().(cmp.StructField)
	return ok && (f.Name() == "core" || f.Name() == "signed")
}, cmp.Ignore())

func mustState(t *testing.T, k *kit, id kiosk.EntryID) queue.State {
	t.Helper()
	s, ok := k.State(id)
	if !ok {
		t.Fatalf("no entry %s", id)
	}
	return s
}

func TestActsOutsideUpdateAreRefused(t *testing.T) {
	k := openClinic(t)
	err := k.store.Update(context.Background(), func(tx *storage.Tx) error {
		_, _, err := k.Add(tx, kiosk.NewAct(ana), k.visit("apt-1"))
		return err
	})
	if err == nil || k.Open() != 0 {
		t.Errorf("an act outside Queue.Update: %v, %d open", err, k.Open())
	}
}

// A transaction that fails leaves nothing behind: no entry, no ticket number, no
// ring of the watch.
func TestFailedUpdateLeavesNothing(t *testing.T) {
	k := openClinic(t)
	changed, cancel := k.Watch()
	defer cancel()
	boom := errors.New("boom")
	err := k.Update(context.Background(), func(tx *storage.Tx) error {
		ticket, err := k.NextTicket(tx, k.Today())
		if err != nil {
			return err
		}
		e := k.visit("apt-1")
		e.Metadata.Ticket = ticket.String()
		if _, _, err := k.Add(tx, kiosk.NewAct(ana), e); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) || k.Open() != 0 || len(k.records()) != 0 {
		t.Errorf("error %v, %d open, %d records", err, k.Open(), len(k.records()))
	}
	select {
	case <-changed:
		t.Error("the watch rang for a transaction that failed")
	default:
	}
	id := k.add(k.visit("apt-2"))
	if got := mustEntry(t, k, id).Metadata.Ticket; got != "A-001" {
		t.Errorf("the first ticket is %s", got)
	}
	select {
	case <-changed:
	case <-time.After(10 * time.Second):
		t.Error("the watch did not ring")
	}
}

func TestRestartKeepsEverything(t *testing.T) {
	k := newKit(t, t.TempDir(), "lobby-1", 'A', newClock(morning))
	id := k.add(k.visit("apt-1"))
	k.set(ana, id, kiosk.Waiting)
	k.call(vega, id, "")
	k.provider("dr-lee", kiosk.Away)
	second := k.add(k.visit("apt-2"))
	before := []any{mustState(t, k, id), mustState(t, k, second), k.Availability("dr-lee")}
	k.reopen()
	defer k.close()
	after := []any{mustState(t, k, id), mustState(t, k, second), k.Availability("dr-lee")}
	if diff := cmp.Diff(before, after, cmp.AllowUnexported(queue.Call{}), exported); diff != "" {
		t.Errorf("a restart changed (-before +after):\n%s", diff)
	}
	if s := mustState(t, k, id); s.Call.Room != "Room 4" || s.Call.Times != 1 {
		t.Errorf("call after restart: %+v", s.Call)
	}
	if e := k.add(k.visit("apt-3")); mustEntry(t, k, e).Metadata.Ticket != "A-003" {
		t.Errorf("ticket after restart is %s", mustEntry(t, k, e).Metadata.Ticket)
	}
}

// behind lets something happen between a reading of the store and what becomes of it.
type behind struct {
	*storage.Store
	after func()
}

func (b *behind) View(ctx context.Context, fn func(r *storage.Reader) error) error {
	err := b.Store.View(ctx, fn)
	if after := b.after; after != nil {
		b.after = nil
		after()
	}
	return err
}

// Reading everything again, after a commit whose outcome was unknown, does not undo
// in memory what was committed while it read.
func TestReadingAgainKeepsWhatIsNewer(t *testing.T) {
	k := openClinic(t)
	late := &behind{Store: k.store}
	var err error
	if k.Queue, err = queue.New(k.cfg, late, nil); err != nil {
		t.Fatal(err)
	}
	if err := k.Load(context.Background()); err != nil {
		t.Fatal(err)
	}
	id := k.add(k.visit("apt-1"))
	k.set(ana, id, kiosk.Waiting)
	var next kiosk.EntryID
	late.after = func() {
		k.call(ana, id, "")
		next = k.add(k.visit("apt-2"))
		k.provider("dr-vega", kiosk.Available)
	}
	if err := k.Load(context.Background()); err != nil {
		t.Fatal(err)
	}
	if s, _ := k.State(id); s.Call.Times != 1 {
		t.Errorf("the call is forgotten: %+v", s)
	}
	if _, ok := k.Entry(next); !ok {
		t.Error("a new entry is forgotten")
	}
	if b := k.Board(); b.Providers[0].Status != kiosk.Available.PatientView() {
		t.Errorf("the provider is %s", b.Providers[0].Status)
	}
}

func TestAddTwiceIsOneEntry(t *testing.T) {
	k := openClinic(t)
	e := k.visit("apt-1")
	k.add(e)
	before := k.records()
	k.do(func(tx *storage.Tx) error {
		_, added, err := k.Add(tx, kiosk.NewAct(patient), e)
		if added {
			t.Error("the same entry was added twice")
		}
		return err
	})
	if n := len(since(before, k.records())); n != 0 {
		t.Errorf("%d events were written", n)
	}
}

func TestPatientReturnsWithinTheGracePeriodOnly(t *testing.T) {
	k := openClinic(t)
	for _, c := range []struct {
		who   kiosk.Actor
		after time.Duration
		want  error
	}{{patient, 15 * time.Minute, nil}, {patient, 16 * time.Minute, queue.ErrGrace}, {ana, 2 * time.Hour, nil}} {
		id := k.add(k.visit(fmt.Sprint(c.who.ID, c.after)))
		k.set(ana, id, kiosk.Waiting)
		k.call(ana, id, "")
		k.set(ana, id, kiosk.NoShow)
		k.clock.pass(c.after)
		err := k.trySet(c.who, id, kiosk.Waiting)
		if c.want == nil && err != nil || c.want != nil && !refusedBy(err, c.want) {
			t.Errorf("%s after %v: %v, want %v", c.who.Kind, c.after, err, c.want)
		}
	}
}

// The grace is for once; after that a person decides.
func TestPatientReturnsAloneOnce(t *testing.T) {
	k := openClinic(t)
	id := k.add(k.visit("apt-1"))
	k.set(ana, id, kiosk.Waiting)
	for i, may := range []bool{true, false} {
		k.call(ana, id, "")
		k.set(ana, id, kiosk.NoShow)
		s, _ := k.State(id)
		if k.MayReturn(s) != may {
			t.Errorf("after call %d a return is offered: %v", i+1, !may)
		}
		if err := k.trySet(patient, id, kiosk.Waiting); may != (err == nil) || !may && !refusedBy(err, queue.ErrGrace) {
			t.Errorf("return after call %d: %v", i+1, err)
		}
	}
	k.reopen()
	if err := k.trySet(patient, id, kiosk.Waiting); !refusedBy(err, queue.ErrGrace) {
		t.Errorf("return after a restart: %v", err)
	}
	k.set(ana, id, kiosk.Waiting)
}

func TestCancelledComesBackTheSameDayOnlyAndBehindThoseWhoStayed(t *testing.T) {
	k := openClinic(t)
	gone := k.add(k.visit("apt-1"))
	k.clock.pass(10 * time.Minute)
	stayed := k.add(k.visit("apt-2"))
	k.set(ana, stayed, kiosk.Waiting)
	k.set(patient, gone, kiosk.Cancelled)
	k.clock.pass(10 * time.Minute)
	k.set(patient, gone, kiosk.CheckedIn)
	k.set(patient, gone, kiosk.Waiting)
	list := k.Entries("cardiology", k.Today())
	if len(list) != 2 || list[0].ID != stayed || list[1].ID != gone {
		t.Errorf("order is %v", list)
	}
	k.set(patient, gone, kiosk.Cancelled)
	k.clock.pass(24 * time.Hour)
	if err := k.trySet(ana, gone, kiosk.CheckedIn); !refusedBy(err, queue.ErrOtherDay) {
		t.Errorf("coming back the next day: %v", err)
	}
}

// Coming back from the room keeps the credit for the time waited.
func TestReturnFromTheRoomKeepsThePlace(t *testing.T) {
	k := openClinic(t)
	first := k.add(k.visit("apt-1"))
	k.clock.pass(time.Minute)
	second := k.add(k.visit("apt-2"))
	for _, id := range []kiosk.EntryID{first, second} {
		k.set(ana, id, kiosk.Waiting)
	}
	k.set(vega, first, kiosk.InConsultation)
	k.set(vega, first, kiosk.Waiting)
	if list := k.Entries("cardiology", k.Today()); list[0].ID != first {
		t.Error("the patient lost the place")
	}
}

func TestConsentsShowOnTheEntry(t *testing.T) {
	k := openClinic(t)
	e := k.visit("apt-1")
	id := k.add(e)
	v := k.visit("apt-2")
	v.Metadata.Mode = kiosk.Video
	video := k.add(v)
	tell := func(p kiosk.PatientRef, c kiosk.Consents) {
		k.do(func(tx *storage.Tx) error { return k.Consented(tx, p, c) })
	}
	tell(e.Patient, kiosk.Consents{Records: 1, DataSharing: kiosk.ConsentState{Granted: true, At: morning}})
	tell(v.Patient, kiosk.Consents{Records: 1, DataSharing: kiosk.ConsentState{Declined: true, At: morning}})
	if got := mustEntry(t, k, id).Metadata; !got.ConsentGiven || !got.ConsentTimestamp.Equal(morning) {
		t.Errorf("in person, granted: %+v", got)
	}
	if got := mustEntry(t, k, video); got.Metadata.ConsentGiven || !got.HasFlag(kiosk.FlagConsentMissing) || !got.HasFlag(kiosk.FlagConsentDeclined) {
		t.Errorf("video without telehealth consent: %+v", got.Metadata)
	}
	tell(e.Patient, kiosk.Consents{Records: 2, DataSharing: kiosk.ConsentState{Granted: true, At: morning, Until: morning.Add(time.Minute)}})
	k.clock.pass(time.Minute)
	if mustEntry(t, k, id).Metadata.ConsentGiven {
		t.Error("an expired consent still counts")
	}
}

func TestNewRefusesAnUnusableConfig(t *testing.T) {
	good := config("lobby-1", 'A', newClock(morning).now)
	k := openClinic(t)
	for name, spoil := range map[string]func(*queue.Config){
		"kiosk":        func(c *queue.Config) { c.Kiosk = "a b" },
		"organization": func(c *queue.Config) { c.Organization = "" },
		"letter":       func(c *queue.Config) { c.Letter = 'a' },
		"zone":         func(c *queue.Config) { c.Calendar.Zone = nil },
		"clock":        func(c *queue.Config) { c.Now = nil },
	} {
		c := good
		spoil(&c)
		if _, err := queue.New(c, k.store, nil); err == nil {
			t.Errorf("a bad %s was accepted", name)
		}
	}
}

// This kiosk's clock is far behind: what it does would sort before what it has
// seen, and have no effect. Then it says so instead of pretending.
func TestActThatWouldHaveNoEffectIsRefused(t *testing.T) {
	k := openClinic(t)
	id := k.add(k.visit("apt-1"))
	k.set(ana, id, kiosk.Waiting)
	ahead := k.clock.now().Wall.Add(20 * time.Minute)
	if got := k.apply(unsigned("dr-vega", "cardiology", ahead, &kiosk.StatusUpdated{QueueEntryID: id, NewStatus: kiosk.InConsultation, UpdatedBy: "dr-vega"})); got != kiosk.Applied {
		t.Fatal(got)
	}
	before := k.records()
	if err := k.trySet(ana, id, kiosk.Completed); !refusedBy(err, queue.ErrTransition) {
		t.Errorf("an act that has no effect: %v", err)
	}
	if diff := cmp.Diff([]string{"1 audit/QUEUE_ACT_REFUSED"}, kinds(since(before, k.records()))); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	if s := mustState(t, k, id); s.Entry.Status != kiosk.InConsultation || len(s.Conflicts) != 0 {
		t.Errorf("entry: %s, %v", s.Entry.Status, s.Conflicts)
	}
}
