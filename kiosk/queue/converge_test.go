package queue_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/queue"
	"clinicgate/storage"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// published is a message as PubNub keeps it.
type published struct {
	from kiosk.KioskID // empty: a provider's app
	msg  kiosk.Received
	rec  storage.Record
}

// site is a clinic of three kiosks and the network between them.
type site struct {
	t     *rapid.T
	kits  []*kit
	true_ time.Time
	sent  []published
	tt    uint64
	got   []map[int]bool // by kiosk: which of sent it has
	next  []int          // by kiosk: how many of its own records were published
}

// Whatever the order in which messages arrive, how often, and when a kiosk
// learns the time or restarts: once all have everything, all show the same
// entries in the same order.
func TestPropertyKiosksConverge(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := &site{t: t, true_: morning, tt: uint64(morning.UnixNano() / 100)}
		for i, id := range []kiosk.KioskID{"lobby-1", "lobby-2", "side-door"} {
			dir, err := os.MkdirTemp("", "converge")
			if err != nil {
				t.Fatal(err)
			}
			c := newClock(morning)
			c.synced = rapid.Bool().Draw(t, "synced")
			if c.synced {
				c.skew = time.Duration(rapid.IntRange(-400, 400).Draw(t, "skew ms")) * time.Millisecond
			} else {
				c.skew = time.Duration(rapid.IntRange(-3*24*60, 60).Draw(t, "skew min")) * time.Minute
			}
			k := newKit(t, dir, id, byte('A'+i), c)
			s.kits = append(s.kits, k)
			s.got, s.next = append(s.got, map[int]bool{}), append(s.next, 0)
		}
		defer func() {
			for _, k := range s.kits {
				k.close()
				_ = os.RemoveAll(k.dir)
			}
		}()
		for range rapid.IntRange(5, 30).Draw(t, "steps") {
			s.step()
		}
		s.settle()
		want := s.picture(0)
		for i := range s.kits[1:] {
			if diff := cmp.Diff(want, s.picture(i+1)); diff != "" {
				t.Fatalf("%s and %s differ:\n%s", s.kits[0].id, s.kits[i+1].id, diff)
			}
		}
		// A restart shows the same.
		s.kits[0].reopen()
		if diff := cmp.Diff(want, s.picture(0)); diff != "" {
			t.Fatalf("a restart changed the queue:\n%s", diff)
		}
	})
}

// The clinic day of the entries is fixed, since the kiosks' clocks are not.
const theDay kiosk.Day = "2026-11-23"

func (s *site) pass() {
	d := time.Duration(rapid.IntRange(1, 5*60*1000).Draw(s.t, "pass ms")) * time.Millisecond
	s.true_ = s.true_.Add(d)
	for _, k := range s.kits {
		k.clock.pass(d)
	}
	s.tt += uint64(d / 100)
}

func (s *site) visit(k *kit, n int) kiosk.Entry {
	e := k.visit(fmt.Sprint("apt-", n))
	e.ID = kiosk.NewEntryID(refKey, e.Appointment, theDay)
	e.Metadata.Day = theDay
	return e
}

func (s *site) step() {
	s.pass()
	n := rapid.IntRange(0, 2).Draw(s.t, "entry")
	k := s.kits[rapid.IntRange(0, len(s.kits)-1).Draw(s.t, "kiosk")]
	e := s.visit(k, n)
	actor := rapid.SampledFrom([]kiosk.Actor{ana, patient, vega, {Kind: kiosk.ActorStaff, ID: "ben"}}).Draw(s.t, "actor")
	act := kiosk.NewAct(actor)
	if rapid.IntRange(0, 3).Draw(s.t, "late") == 0 { // from paper
		act.Happened = s.true_.Add(-time.Duration(rapid.IntRange(-10, 3*60).Draw(s.t, "minutes ago")) * time.Minute).Truncate(time.Minute)
	}
	switch rapid.IntRange(0, 14).Draw(s.t, "what") {
	case 0, 1:
		k.add(e)
	case 12:
		if act.Late() {
			e.CheckInTime, e.Metadata.OrderAt = act.Happened, act.Happened
			_ = k.Act(s.t.Context(), act, func(tx *storage.Tx) error { _, _, err := k.Add(tx, act, e); return err })
		}
	case 14:
		_ = k.Act(s.t.Context(), act, func(tx *storage.Tx) error {
			_, err := k.Remove(tx, act, e.ID, rapid.SampledFrom([]kiosk.Removal{kiosk.RemovedCancelled, kiosk.RemovedRescheduled, kiosk.RemovedNoShow}).Draw(s.t, "why"))
			return err
		})
	case 13:
		_ = k.Act(s.t.Context(), act, func(tx *storage.Tx) error {
			_, err := k.SetStatus(tx, act, e.ID, rapid.SampledFrom(kiosk.Statuses()).Draw(s.t, "status"))
			return err
		})
	case 2, 3, 4:
		_ = k.trySet(actor, e.ID, rapid.SampledFrom(kiosk.Statuses()).Draw(s.t, "status"))
	case 5:
		_ = k.Update(s.t.Context(), func(tx *storage.Tx) error { _, err := k.Call(tx, act, e.ID, "Room 4"); return err })
	case 6:
		_ = k.Update(s.t.Context(), func(tx *storage.Tx) error {
			_, err := k.SetPriority(tx, act, e.ID, rapid.SampledFrom(kiosk.Priorities()).Draw(s.t, "priority"))
			return err
		})
	case 7:
		_ = k.Update(s.t.Context(), func(tx *storage.Tx) error {
			_, err := k.Transfer(tx, act, e.ID, rapid.SampledFrom(k.cfg.Departments).Draw(s.t, "to"))
			return err
		})
	case 8:
		_ = k.Update(s.t.Context(), func(tx *storage.Tx) error { _, err := k.Undo(tx, act, e.ID); return err })
	case 9: // a provider's own app
		d := rapid.SampledFrom(k.cfg.Departments).Draw(s.t, "department")
		var m any
		switch status := rapid.SampledFrom(kiosk.Statuses()).Draw(s.t, "status"); rapid.IntRange(0, 2).Draw(s.t, "says") {
		case 0:
			m = &kiosk.StatusUpdated{QueueEntryID: e.ID, NewStatus: status, UpdatedBy: "dr-vega"}
		case 1:
			m = &kiosk.Called{QueueEntryID: e.ID, Room: "Room 4", CalledBy: "dr-vega", HappenedAt: kiosk.At(act.Happened)}
		case 2:
			m = &kiosk.ProviderStatus{ProviderID: "dr-vega", Status: rapid.SampledFrom([]kiosk.Availability{kiosk.Available, kiosk.Busy, kiosk.Away, kiosk.Offline}).Draw(s.t, "availability")}
		}
		msg := unsigned("dr-vega", d, s.true_, m)
		msg.Origin.Timetoken = s.tt
		s.sent = append(s.sent, published{msg: msg})
		s.tt++
	case 10: // publish some, deliver some
		s.publish(k)
		for i := range s.kits {
			s.deliver(i, rapid.IntRange(0, 5).Draw(s.t, "deliveries"))
		}
	case 11:
		if rapid.Bool().Draw(s.t, "restart") {
			k.reopen()
		} else if !k.clock.synced {
			s.learnTime(k)
		}
	}
}

// learnTime ends a kiosk's ignorance, and announces the correction.
func (s *site) learnTime(k *kit) {
	k.clock.mu.Lock()
	k.clock.synced, k.clock.skew = true, 0
	boot, offset := k.clock.boot, k.clock.booted.UnixNano()
	k.clock.mu.Unlock()
	d, _ := kiosk.Defined("device/CLOCK_CORRECTED")
	e, err := kiosk.NewEvent(d, kiosk.DeviceChannel(k.id), kiosk.ClockCorrected{Type: "CLOCK_CORRECTED", Boot: boot, Offset: offset})
	if err != nil {
		s.t.Fatal(err)
	}
	k.do(func(tx *storage.Tx) error {
		receipt, err := tx.Append(e)
		if err != nil {
			return err
		}
		return k.Corrected(tx, queue.Clock{Kiosk: string(k.id), Boot: boot}, offset, receipt.HLC)
	})
}

// publish puts what a kiosk wrote since the last time on the channel, some of it
// twice.
func (s *site) publish(k *kit) {
	i := slices.Index(s.kits, k)
	var own []storage.Record
	for _, r := range k.records() {
		if c, _ := kiosk.ParseChannel(r.Channel); c.Family == kiosk.QueueFamily || r.Kind == "device/CLOCK_CORRECTED" {
			own = append(own, r)
		}
	}
	slices.SortFunc(own, func(a, b storage.Record) int { return int(a.Pos) - int(b.Pos) })
	for _, r := range own[s.next[i]:] {
		for range 1 + rapid.IntRange(0, 3).Draw(s.t, "again")/3 {
			s.tt += 1 + uint64(rapid.IntRange(0, 120).Draw(s.t, "later s"))*1e7 // a second attempt may be accepted much later
			s.sent = append(s.sent, published{from: k.id, rec: r, msg: received(s.t, k.id, r, s.tt)})
		}
		if err := k.Learned(s.t.Context(), r.Channel, storage.Cursor{Inc: r.Inc, Seq: r.Seq}, s.tt); err != nil {
			s.t.Fatal(err)
		}
	}
	s.next[i] = len(own)
}

// deliver brings n messages, old or new, to a kiosk.
func (s *site) deliver(i, n int) {
	for range min(n, len(s.sent)) {
		s.hand(i, rapid.IntRange(0, len(s.sent)-1).Draw(s.t, "message"))
	}
}

func (s *site) hand(i, j int) {
	s.got[i][j] = true
	k, m := s.kits[i], s.sent[j]
	k.do(func(tx *storage.Tx) error {
		if c, ok := m.msg.Message.(*kiosk.ClockCorrected); ok {
			return k.Corrected(tx, queue.Clock{Kiosk: string(m.from), Boot: c.Boot}, c.Offset, m.rec.HLC)
		}
		if m.from != k.id && m.from != "" {
			// As the downlink does: the foreign event is stored beside its effect.
			o := m.msg.Origin
			if _, known := tx.Lookup(m.msg.ID); !known {
				if _, err := tx.Append(storage.Event{ID: m.msg.ID, Channel: m.msg.Channel, Kind: m.rec.Kind, Body: m.rec.Body, Origin: &o}); err != nil {
					return err
				}
			}
		}
		_, err := k.Apply(tx, m.msg)
		return err
	})
}

// settle lets everything arrive everywhere, in an order of its own for each.
func (s *site) settle() {
	for _, k := range s.kits {
		s.publish(k)
	}
	for i := range s.kits {
		var rest []int
		for j := range s.sent {
			if !s.got[i][j] {
				rest = append(rest, j)
			}
		}
		for _, j := range rapid.Permutation(rest).Draw(s.t, "order") {
			s.hand(i, j)
		}
	}
}

// picture is what a kiosk shows.
func (s *site) picture(i int) any {
	k := s.kits[i]
	var states []any
	for n := range 4 {
		e := s.visit(k, n)
		if st, ok := k.State(e.ID); ok {
			states = append(states, []any{st.Entry, st.Since.UnixMilli(), st.Call.Fact, st.Call.Room, st.Removed, st.Tickets, st.Conflicts, st.Last, st.Home})
		}
	}
	var order []kiosk.EntryID
	for _, d := range k.cfg.Departments {
		for _, e := range k.Entries(d, theDay) {
			order = append(order, e.ID)
		}
	}
	var providers []kiosk.Availability
	for _, p := range k.cfg.Providers {
		providers = append(providers, k.Availability(p.ID))
	}
	return []any{states, order, providers}
}

// The fold of a set does not depend on the order of the slice, on repeats, or
// on what was folded before.
func TestPropertyFoldIsOfTheSet(t *testing.T) {
	kit := &kit{id: "lobby-1", clock: newClock(morning), cfg: config("lobby-1", 'A', newClock(morning).now)}
	kit.Queue, _ = queue.New(kit.cfg, (*storage.Store)(nil), nil)
	base := kit.visit("apt-1").Shape()
	boots := []uuid.UUID{uuid.New(), uuid.New()}
	rapid.Check(t, func(t *rapid.T) {
		var facts []queue.Fact
		for i := range rapid.IntRange(1, 14).Draw(t, "facts") {
			f := queue.Fact{
				ID:   kiosk.DeriveID(uuid.Nil, fmt.Sprint(i)),
				Kind: rapid.SampledFrom([]queue.FactKind{queue.Added, queue.Status, queue.Status, queue.Status, queue.Removed, queue.Called, queue.Priority, queue.Transferred, queue.Corrected}).Draw(t, "kind"),
				By:   rapid.SampledFrom([]string{"staff:ana", "dr-vega", "patient-session:s1"}).Draw(t, "by"), Queue: "cardiology",
				Source: rapid.SampledFrom([]string{"lobby-1", "lobby-2", "@dr-vega"}).Draw(t, "source"),
				Inc:    1, Seq: uint64(i), HLC: storage.HLC(rapid.Uint64Range(1<<40, 1<<40+20).Draw(t, "hlc")),
				Boot: rapid.SampledFrom(boots).Draw(t, "boot"), Mono: time.Duration(rapid.IntRange(0, 20).Draw(t, "mono")) * time.Millisecond,
				Synced: rapid.Bool().Draw(t, "synced"), Timetoken: rapid.Uint64Range(0, 20).Draw(t, "tt") * 167772160000,
			}
			if rapid.IntRange(0, 2).Draw(t, "late") == 0 && f.Source[0] != '@' {
				f.Happened = kiosk.At(time.Unix(16777216, 0).Add(time.Duration(rapid.IntRange(-20, 20).Draw(t, "happened")) * time.Second))
			}
			switch f.Kind {
			case queue.Added:
				e := base
				e.Metadata.Ticket = fmt.Sprintf("A-%03d", i+1)
				f.Entry = &e
			case queue.Status:
				f.Status = rapid.SampledFrom(kiosk.Statuses()).Draw(t, "status")
			case queue.Removed:
				f.Reason = rapid.SampledFrom([]kiosk.Removal{kiosk.RemovedCompleted, kiosk.RemovedNoShow, kiosk.RemovedCancelled, kiosk.RemovedRescheduled}).Draw(t, "reason")
			case queue.Priority:
				f.Priority = rapid.SampledFrom(kiosk.Priorities()).Draw(t, "priority")
			case queue.Transferred:
				f.To = rapid.SampledFrom([]kiosk.DepartmentID{"cardiology", "radiology"}).Draw(t, "to")
			case queue.Corrected:
				f.Undoes = kiosk.DeriveID(uuid.Nil, fmt.Sprint(rapid.IntRange(0, 14).Draw(t, "undoes")))
			}
			facts = append(facts, f)
		}
		clocks := queue.Corrections{}
		if rapid.Bool().Draw(t, "corrected") {
			clocks[queue.Clock{Kiosk: "lobby-1", Boot: boots[0]}] = queue.Correction{Offset: 16777216 * 1e6, HLC: 1}
		}
		want := queue.Fold(facts, clocks)
		shuffled := rapid.Permutation(facts).Draw(t, "shuffled")
		shuffled = append(shuffled, shuffled[:rapid.IntRange(0, len(shuffled)).Draw(t, "repeats")]...)
		queue.Fold(shuffled[:len(shuffled)/2], clocks) // must not change what it is given
		if diff := cmp.Diff(want, queue.Fold(shuffled, clocks), cmp.AllowUnexported(queue.Call{}), exported); diff != "" {
			t.Fatalf("another order gave another state:\n%s", diff)
		}
		// Nothing is lost: what did not change the entry is a conflict, a repeat of
		// its state, or too late.
		if !want.Exists && len(want.Conflicts) > 0 {
			t.Fatal("an entry that does not exist has conflicts")
		}
	})
}

// What a kiosk did before it knew the time sorts by the earliest time at which
// PubNub had it, and by its true time once that is known.
func TestUntrustedClockSortsByPublishTimeUntilCorrected(t *testing.T) {
	kit := &kit{id: "lobby-1", clock: newClock(morning), cfg: config("lobby-1", 'A', newClock(morning).now)}
	kit.Queue, _ = queue.New(kit.cfg, (*storage.Store)(nil), nil)
	shape := kit.visit("apt-1").Shape()
	at := func(minute int) time.Time { return morning.Add(time.Duration(minute) * time.Minute) }
	tt := func(minute int) uint64 { return uint64(at(minute).UnixNano() / 100) }
	boot := uuid.New()
	ids := []uuid.UUID{kiosk.DeriveID(uuid.Nil, "0"), kiosk.DeriveID(uuid.Nil, "1"), kiosk.DeriveID(uuid.Nil, "2")}
	facts := []queue.Fact{
		{ID: ids[0], Kind: queue.Added, Entry: &shape, Source: "lobby-1", Queue: "cardiology", HLC: storage.NewHLC(at(0)), Synced: true},
		// Done at minute 5 by a clock that stood in the year before.
		{ID: ids[1], Kind: queue.Status, Status: kiosk.Waiting, By: "staff:ana", Source: "lobby-1", Queue: "cardiology",
			HLC: storage.NewHLC(at(-500_000)), Boot: boot, Mono: 5 * time.Minute},
		{ID: ids[2], Kind: queue.Status, Status: kiosk.Cancelled, By: "staff:ben", Source: "lobby-2", Queue: "cardiology", HLC: storage.NewHLC(at(20)), Synced: true},
	}
	order := func(c queue.Corrections) string {
		s := queue.Fold(facts, c)
		return fmt.Sprintf("%s %d %v", s.Entry.Status, len(s.Conflicts), s.Since.Equal(at(20)))
	}
	if got := order(nil); got != "cancelled 0 true" {
		t.Errorf("by its own clock: %s", got)
	}
	facts[1].Timetoken = tt(30) // published after the other's cancelling: cancelled to waiting is forbidden
	if got := order(nil); got != "cancelled 1 true" {
		t.Errorf("by a late publish time: %s", got)
	}
	facts[1].Timetoken = tt(10)
	if got := order(nil); got != "cancelled 0 true" {
		t.Errorf("by an early publish time: %s", got)
	}
	facts[1].Timetoken = tt(30)
	clocks := queue.Corrections{{Kiosk: "lobby-1", Boot: boot}: {Offset: at(0).UnixNano(), HLC: 1}}
	if got := order(clocks); got != "cancelled 0 true" {
		t.Errorf("by its corrected clock: %s", got)
	}
	clocks = queue.Corrections{{Kiosk: "lobby-2", Boot: boot}: {Offset: at(0).UnixNano(), HLC: 1}}
	if got := order(clocks); got != "cancelled 1 true" {
		t.Errorf("by another kiosk's correction: %s", got)
	}
}

// A provider speaks for its own departments only, also about an entry whose id
// it knows from elsewhere.
func TestProviderCannotMoveAnotherDepartmentsEntry(t *testing.T) {
	k := openClinic(t)
	id := k.add(k.visit("apt-1"))
	k.set(ana, id, kiosk.Waiting)
	k.clock.pass(time.Second)
	m := unsigned("dr-okafor", "radiology", k.clock.now().Wall, &kiosk.StatusUpdated{QueueEntryID: id, NewStatus: kiosk.InConsultation, UpdatedBy: "dr-okafor"})
	before := k.records()
	if got := k.apply(m); got != kiosk.Conflicted || k.status(id) != kiosk.Waiting {
		t.Errorf("result %s, status %s", got, k.status(id))
	}
	if diff := cmp.Diff([]string{"1 audit/QUEUE_CONFLICT"}, kinds(since(before, k.records()))); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	if e, _ := k.Entry(id); !e.HasFlag(kiosk.FlagConflict) {
		t.Error("staff are not told")
	}
	if got := k.apply(m); got != kiosk.Known || len(since(before, k.records())) != 1 {
		t.Errorf("the same message again: %s", got)
	}
}

// An old copy of the store was put back: what this kiosk had published comes
// home by its own channel.
func TestOwnMessagesRestoreALostRow(t *testing.T) {
	k := openClinic(t)
	id := k.add(k.visit("apt-1"))
	k.set(ana, id, kiosk.Waiting)
	records := k.records()
	fresh := newKit(t, t.TempDir(), "lobby-1", 'A', k.clock)
	defer fresh.close()
	for i, r := range records {
		if c, _ := kiosk.ParseChannel(r.Channel); c.Family == kiosk.QueueFamily {
			fresh.apply(received(t, "lobby-1", r, uint64(i+1)))
		}
	}
	if fresh.status(id) != kiosk.Waiting {
		t.Errorf("restored entry is %s", fresh.status(id))
	}
	// The numbers of the day go on where they were.
	if e := fresh.add(fresh.visit("apt-2")); mustEntry(t, fresh, e).Metadata.Ticket != "A-002" {
		t.Errorf("next ticket is %s", mustEntry(t, fresh, e).Metadata.Ticket)
	}
}

// Messages that make no sense are ignored, whoever signed them.
func TestApplyIgnoresNonsense(t *testing.T) {
	k := openClinic(t)
	id := k.add(k.visit("apt-1"))
	bad := k.visit("apt-2").Shape()
	bad.PatientID = "Jane"
	moved := k.visit("apt-3").Shape()
	moved.DepartmentID = "radiology"
	for name, m := range map[string]any{
		"malformed entry":     &kiosk.PatientAdded{Entry: bad},
		"other department":    &kiosk.PatientAdded{Entry: moved},
		"unknown status":      &kiosk.StatusUpdated{QueueEntryID: id, NewStatus: "asleep"},
		"no entry":            &kiosk.StatusUpdated{NewStatus: kiosk.Waiting},
		"long room":           &kiosk.Called{QueueEntryID: id, Room: string(make([]byte, 41))},
		"unknown reason":      &kiosk.PatientRemoved{QueueEntryID: id, Reason: "vanished"},
		"unknown priority":    &kiosk.PriorityChanged{QueueEntryID: id, NewPriority: "huge"},
		"bad department":      &kiosk.Transferred{QueueEntryID: id, ToDepartmentID: "a b"},
		"unknown provider":    &kiosk.ProviderStatus{ProviderID: "a b", Status: kiosk.Away},
		"unknown status word": &kiosk.ProviderStatus{ProviderID: "dr-vega", Status: "asleep"},
		"other family":        &kiosk.Heartbeat{},
	} {
		msg := received(t, "lobby-2", k.records()[0], 1)
		msg.ID, msg.Message, msg.Channel = uuid.New(), m, "queue.cardiology"
		if got := k.apply(msg); got != kiosk.Ignored {
			t.Errorf("%s: %s", name, got)
		}
	}
	if s := mustState(t, k, id); len(s.Conflicts) != 0 || s.Entry.Status != kiosk.CheckedIn {
		t.Errorf("the entry changed: %+v", s)
	}
}

// Messages that come before their entry wait for it.
func TestMessagesMayComeBeforeTheirEntry(t *testing.T) {
	a, b := openClinic(t), newKit(t, t.TempDir(), "lobby-2", 'B', newClock(morning))
	defer b.close()
	id := a.add(a.visit("apt-1"))
	a.set(ana, id, kiosk.Waiting)
	a.set(vega, id, kiosk.InConsultation)
	records := a.records()
	slices.Reverse(records)
	for _, r := range records {
		if c, _ := kiosk.ParseChannel(r.Channel); c.Family == kiosk.QueueFamily {
			if _, ok := b.Entry(id); ok {
				t.Error("there is an entry before its PATIENT_ADDED")
			}
			b.apply(received(t, "lobby-1", r, 1))
		}
	}
	if b.status(id) != kiosk.InConsultation {
		t.Errorf("status is %s", b.status(id))
	}
}

// Two kiosks with one letter would give one number twice: it is noticed, and the
// numbers seen are not given again.
func TestAnotherKioskWithOurLetterIsNoticed(t *testing.T) {
	a, b := openClinic(t), newKit(t, t.TempDir(), "lobby-2", 'A', newClock(morning))
	defer b.close()
	var log bytes.Buffer
	a.Queue, _ = queue.New(a.cfg, a.store, slog.New(slog.NewTextHandler(&log, nil)))
	for i := range 3 {
		b.add(b.visit(fmt.Sprint("apt-", i)))
	}
	for _, r := range b.records() {
		if r.Kind == "queue/PATIENT_ADDED" {
			a.apply(received(t, "lobby-2", r, 1))
		}
	}
	if got := a.LetterClash(); got != "lobby-2" || strings.Count(log.String(), "letter") != 3 { // message, key, hint: one line
		t.Errorf("clash with %q; log: %s", got, log.String())
	}
	if id := a.add(a.visit("apt-9")); mustEntry(t, a, id).Metadata.Ticket != "A-004" {
		t.Errorf("the next number is %s", mustEntry(t, a, id).Metadata.Ticket)
	}
}

// A provider's app cannot make somebody miss a call that there was not.
func TestNoShowWithoutACallIsAConflict(t *testing.T) {
	k := openClinic(t)
	id := k.add(k.visit("apt-1"))
	k.set(ana, id, kiosk.Waiting)
	for _, called := range []bool{false, true} {
		k.clock.pass(time.Second)
		want := kiosk.Conflicted
		if called {
			k.call(ana, id, "")
			k.clock.pass(time.Second)
			want = kiosk.Applied
		}
		m := unsigned("dr-vega", "cardiology", k.clock.now().Wall, &kiosk.StatusUpdated{QueueEntryID: id, NewStatus: kiosk.NoShow, UpdatedBy: "dr-vega"})
		if got := k.apply(m); got != want {
			t.Errorf("called %v: %s, want %s", called, got, want)
		}
	}
}
