package queue_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/kiosk"
	"clinicgate/storage"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// bubble runs a clinic whose clock is the bubble's.
func bubble(t *testing.T, fn func(t *testing.T, k *kit)) {
	synctest.Test(t, func(t *testing.T) {
		k := bubbleKit(t, "lobby-1", 'A')
		defer k.close()
		fn(t, k)
	})
}

func bubbleKit(t *testing.T, id kiosk.KioskID, letter byte) *kit {
	c := newClock(morning)
	k := &kit{t: t, id: id, dir: t.TempDir(), clock: c, cfg: config(id, letter, c.now)}
	boot, start := uuid.New(), time.Now()
	k.cfg.Now = func() storage.Instant {
		passed := time.Since(start)
		return storage.Instant{Wall: morning.Add(passed), Boot: boot, Mono: passed, Synced: true}
	}
	tmp := newKit(t, k.dir, id, letter, c) // makes the keys
	tmp.close()
	k.keys = tmp.keys
	k.reborn()
	return k
}

// reborn opens the kit's store with the bubble's clock.
func (k *kit) reborn() {
	now := k.cfg.Now
	store, _, err := storage.Open(context.Background(), storage.Options{
		Dir: k.dir, Kiosk: string(k.id), Kinds: kiosk.Kinds(), Keys: k.keys, Now: now, NoSync: true})
	if err != nil {
		k.t.Fatal(err)
	}
	k.store = store
	k.renew()
}

// run starts the queue's timers and gives what ends them.
func (k *kit) run(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

func TestNoShowFollowsACallAndThenTheGracePeriod(t *testing.T) {
	bubble(t, func(t *testing.T, k *kit) {
		defer k.run(t)()
		called, uncalled := k.add(k.visit("apt-1")), k.add(k.visit("apt-2"))
		k.set(ana, called, kiosk.Waiting)
		k.set(ana, uncalled, kiosk.Waiting)
		k.call(ana, called, "")
		before := k.records()
		time.Sleep(5*time.Minute - time.Millisecond)
		synctest.Wait()
		if k.status(called) != kiosk.Waiting {
			t.Error("no-show before its time")
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if k.status(called) != kiosk.NoShow || k.status(uncalled) != kiosk.Waiting {
			t.Errorf("called: %s, not called: %s", k.status(called), k.status(uncalled))
		}
		time.Sleep(15*time.Minute + time.Millisecond)
		synctest.Wait()
		if s := mustState(t, k, called); s.Removed != kiosk.RemovedNoShow {
			t.Errorf("after the grace period it is removed for %q", s.Removed)
		}
		want := []string{"1 audit/QUEUE_ENTRY_REMOVED", "1 audit/QUEUE_STATUS_CHANGED", "1 queue/PATIENT_REMOVED", "1 queue/STATUS_UPDATED"}
		if diff := cmp.Diff(want, kinds(since(before, k.records()))); diff != "" {
			t.Errorf("written (-want +got):\n%s", diff)
		}
		time.Sleep(8 * time.Hour)
		if k.status(uncalled) != kiosk.Waiting {
			t.Error("a patient who was never called became a no-show")
		}
	})
}

func TestNoShowTimerStandsStillWhileNobodyCanCall(t *testing.T) {
	bubble(t, func(t *testing.T, k *kit) {
		defer k.run(t)()
		id := k.add(k.visit("apt-1"))
		k.provider("dr-vega", kiosk.Available)
		k.set(ana, id, kiosk.Waiting)
		k.call(ana, id, "")
		time.Sleep(4 * time.Minute)
		k.provider("dr-vega", kiosk.Away)
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if k.status(id) != kiosk.Waiting {
			t.Fatal("no-show while the provider was away")
		}
		k.provider("dr-vega", kiosk.Available)
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if k.status(id) != kiosk.Waiting {
			t.Error("no-show too early after the provider came back")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if k.status(id) != kiosk.NoShow {
			t.Error("no no-show after five minutes in which somebody could call")
		}
	})
}

func TestCallingAgainStartsTheTimerAnew(t *testing.T) {
	bubble(t, func(t *testing.T, k *kit) {
		defer k.run(t)()
		id := k.add(k.visit("apt-1"))
		k.set(ana, id, kiosk.Waiting)
		k.call(ana, id, "")
		time.Sleep(4 * time.Minute)
		k.call(ana, id, "")
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		if k.status(id) != kiosk.Waiting {
			t.Error("the first call's timer was not stopped")
		}
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		if k.status(id) != kiosk.NoShow {
			t.Error("the second call's timer did not end")
		}
		k.set(patient, id, kiosk.Waiting)
		time.Sleep(time.Hour)
		if k.status(id) != kiosk.Waiting {
			t.Error("a patient who came back became a no-show without a call")
		}
	})
}

// What fell due while the service was down is done once, whenever it starts,
// however often.
func TestTimersSurviveRestarts(t *testing.T) {
	bubble(t, func(t *testing.T, k *kit) {
		id := k.add(k.visit("apt-1"))
		k.set(ana, id, kiosk.Waiting)
		k.call(ana, id, "")
		before := k.records()
		for range 3 {
			k.close()
			time.Sleep(20 * time.Minute)
			k.reborn()
			stop := k.run(t)
			synctest.Wait()
			stop()
		}
		want := []string{"1 audit/QUEUE_ENTRY_REMOVED", "1 audit/QUEUE_STATUS_CHANGED", "1 queue/PATIENT_REMOVED", "1 queue/STATUS_UPDATED"}
		if diff := cmp.Diff(want, kinds(since(before, k.records()))); diff != "" {
			t.Errorf("written (-want +got):\n%s", diff)
		}
	})
}

// A provider's own app says only what the vocabulary has it say; the entry's
// kiosk adds what a gateway owes the readers.
func TestGatewayCompletesWhatAProvidersAppSays(t *testing.T) {
	bubble(t, func(t *testing.T, k *kit) {
		defer k.run(t)()
		id := k.add(k.visit("apt-1"))
		k.set(ana, id, kiosk.Waiting)
		say := func(m any) {
			time.Sleep(time.Second)
			if got := k.apply(unsigned("dr-vega", "cardiology", k.cfg.Now().Wall, m)); got != kiosk.Applied {
				t.Errorf("%T: %s", m, got)
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		before := k.records()
		say(&kiosk.Called{QueueEntryID: id, Room: "Room 4", CalledBy: "dr-vega"})
		say(&kiosk.StatusUpdated{QueueEntryID: id, NewStatus: kiosk.InConsultation, UpdatedBy: "dr-vega"})
		say(&kiosk.StatusUpdated{QueueEntryID: id, NewStatus: kiosk.Completed, UpdatedBy: "dr-vega"})
		want := []string{"1 audit/NOTIFICATION_SENT", "1 audit/QUEUE_ENTRY_REMOVED", "1 notification/PROVIDER_READY", "1 queue/PATIENT_REMOVED"}
		if diff := cmp.Diff(want, kinds(since(before, k.records()))); diff != "" {
			t.Errorf("written (-want +got):\n%s", diff)
		}
	})
}

// The entry's own kiosk runs its timers; another takes over after a minute of
// silence, and what both did in ignorance of each other counts once.
func TestAnotherKioskTakesOver(t *testing.T) {
	bubble(t, func(t *testing.T, a *kit) {
		b := bubbleKit(t, "lobby-2", 'B')
		defer b.close()
		id := a.add(a.visit("apt-1"))
		a.set(ana, id, kiosk.Waiting)
		a.call(ana, id, "")
		give := func(from, to *kit, since []storage.Record) {
			for _, r := range from.records() {
				known := func(o storage.Record) bool { return o.ID == r.ID }
				if c, _ := kiosk.ParseChannel(r.Channel); c.Family == kiosk.QueueFamily && !slices.ContainsFunc(since, known) {
					to.apply(received(t, from.id, r, 1))
				}
			}
		}
		give(a, b, nil)
		stopB := b.run(t)
		defer stopB()
		// a is alive and says so, but its timers do not run.
		for range 10 {
			time.Sleep(55 * time.Second)
			now := a.cfg.Now()
			b.Heard(storage.Origin{Kiosk: "lobby-1", HLC: storage.NewHLC(now.Wall), Synced: true})
			synctest.Wait()
		}
		if b.status(id) != kiosk.Waiting {
			t.Fatal("the other kiosk acted while the first was alive")
		}
		time.Sleep(61 * time.Second)
		synctest.Wait()
		if b.status(id) != kiosk.NoShow {
			t.Fatal("nobody took over")
		}
		// The patient is back. Then the first kiosk, which has heard nothing, acts
		// for the same call: that is over, and changes nothing anywhere.
		time.Sleep(time.Second)
		b.set(patient, id, kiosk.Waiting)
		time.Sleep(time.Second)
		before := a.records()
		stopA := a.run(t)
		synctest.Wait()
		stopA()
		if a.status(id) != kiosk.NoShow || len(since(before, a.records())) == 0 {
			t.Fatal("the first kiosk did not act after all")
		}
		give(a, b, nil)
		give(b, a, nil)
		c := bubbleKit(t, "side-door", 'C')
		defer c.close()
		give(b, c, nil)
		give(a, c, nil)
		for _, k := range []*kit{a, b, c} {
			if s := mustState(t, k, id); s.Entry.Status != kiosk.Waiting || len(s.Conflicts) != 0 {
				t.Errorf("%s: %s, conflicts %v", k.id, s.Entry.Status, s.Conflicts)
			}
		}
	})
}

// Two kiosks that could not hear each other both ran the timer of one call: that
// is one no-show, and no conflict.
func TestTwoKiosksRunOneTimer(t *testing.T) {
	bubble(t, func(t *testing.T, a *kit) {
		b := bubbleKit(t, "lobby-2", 'B')
		defer b.close()
		id := a.add(a.visit("apt-1"))
		a.set(ana, id, kiosk.Waiting)
		a.call(ana, id, "")
		bring := func(from, to *kit) {
			for _, r := range from.records() {
				if c, _ := kiosk.ParseChannel(r.Channel); c.Family == kiosk.QueueFamily {
					to.apply(received(t, from.id, r, 1))
				}
			}
		}
		bring(a, b)
		time.Sleep(10 * time.Minute)
		stopA, stopB := a.run(t), b.run(t)
		time.Sleep(2 * time.Minute)
		stopA()
		stopB()
		bring(a, b)
		bring(b, a)
		for _, k := range []*kit{a, b} {
			if s := mustState(t, k, id); s.Entry.Status != kiosk.NoShow || len(s.Conflicts) != 0 {
				t.Errorf("%s: %s, conflicts %v", k.id, s.Entry.Status, s.Conflicts)
			}
		}
	})
}

func TestDaysThatAreOverAreForgotten(t *testing.T) {
	bubble(t, func(t *testing.T, k *kit) {
		defer k.run(t)()
		old := k.add(k.visit("apt-1"))
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if _, ok := k.Entry(old); !ok || k.Open() != 0 {
			t.Errorf("yesterday's entry: kept %v; %d open today", ok, k.Open())
		}
		if id := k.add(k.visit("apt-2")); mustEntry(t, k, id).Metadata.Ticket != "A-001" {
			t.Error("the numbers do not begin anew with the day")
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if _, ok := k.Entry(old); ok {
			t.Error("an entry of the day before yesterday is still held")
		}
	})
}

// A clock that stands years ahead, and that nobody vouches for, costs nothing.
func TestAnUntrustedClockForgetsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, k *kit) {
		id := k.add(k.visit("apt-1"))
		k.close()
		trusted := k.cfg.Now
		k.cfg.Now = func() storage.Instant {
			now := trusted()
			now.Wall, now.Synced = now.Wall.AddDate(10, 0, 0), false
			return now
		}
		k.reborn()
		stop := k.run(t)
		time.Sleep(time.Hour)
		synctest.Wait()
		stop()
		if _, ok := k.Entry(id); !ok {
			t.Error("the entry is forgotten")
		}
		k.close()
		k.cfg.Now = trusted
		k.reborn()
		if _, ok := k.Entry(id); !ok || k.Open() != 1 {
			t.Error("the entry is not on disk any more")
		}
	})
}
