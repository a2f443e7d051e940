package storage_test

import (
	"context"
	"testing"
	"time"

	"clinicgate/storage"
)

// The clock never goes back, whatever the machine's does, but where it ran ahead
// untold: once the time is known, what is new must not bear next year's date.
func TestClockRunsAheadOnlyUntilTheTimeIsKnown(t *testing.T) {
	ctx := context.Background()
	truth := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	var now storage.Instant
	o := options(t.TempDir())
	o.Now = func() storage.Instant { return now }
	s := open(t, o)
	reading := func(wall time.Time, synced bool) storage.HLC {
		t.Helper()
		now = storage.Instant{Wall: wall, Synced: synced}
		r, err := s.Append(ctx, event("queue.er", "queue/PATIENT_ADDED", `{}`))
		if err != nil {
			t.Fatal(err)
		}
		return r[0].HLC
	}
	first := reading(truth.AddDate(1, 0, 0), false)
	if second := reading(truth.AddDate(0, 6, 0), false); second <= first {
		t.Errorf("an untold clock went back from %v to %v", first, second)
	}
	known := reading(truth, true)
	if !known.Time().Equal(truth) {
		t.Errorf("the time is %v and the event bears %v", truth, known.Time())
	}
	if next := reading(truth.Add(-time.Second), true); next <= known {
		t.Errorf("a corrected clock went back from %v to %v", known, next)
	}
	if next := reading(time.Unix(0, 0), false); next <= known {
		t.Errorf("after a boot in 1970 the clock went back from %v to %v", known, next)
	}
	// Another kiosk's event drags the clock along by five minutes at most.
	e := event("queue.er", "queue/PATIENT_ADDED", `{}`)
	e.Origin = &storage.Origin{Kiosk: "lobby-2", Inc: 1, Seq: 1, HLC: storage.NewHLC(truth.Add(time.Hour)), Synced: true}
	now = storage.Instant{Wall: truth, Synced: true}
	if _, err := s.Append(ctx, e); err != nil {
		t.Fatal(err)
	}
	if next := reading(truth.Add(time.Second), true); !next.Time().Equal(truth.Add(time.Second)) {
		t.Errorf("another kiosk dragged the clock to %v", next.Time())
	}
}

// A record of a clock that nobody had set is as old as what follows it, not as
// its date says: one of 1970 must not be gone the moment it was delivered.
func TestRetentionOfUndatedRecords(t *testing.T) {
	ctx := context.Background()
	truth := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	now := storage.Instant{Wall: time.Unix(60, 0)}
	o := options(t.TempDir())
	o.Kinds, o.Now = retained(), func() storage.Instant { return now }
	s := open(t, o)
	const undated = 700
	fill(t, s, "queue.er", "queue", undated)
	foreign := func(seq, timetoken uint64) {
		t.Helper()
		e := event("queue.er", "queue", `{}`)
		e.Origin = &storage.Origin{Kiosk: "lobby-2", Inc: 1, Seq: seq, HLC: storage.NewHLC(time.Unix(60, 0)), Timetoken: timetoken}
		if _, err := s.Append(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	retain := func(own, others int) {
		t.Helper()
		if err := s.Retain(ctx, nil); err != nil {
			t.Fatal(err)
		}
		theirs, err := s.Read(ctx, "queue.er", "lobby-2", storage.Cursor{}, 10)
		if got := stored(t, s, "queue.er"); err != nil || got != own || len(theirs) != others {
			t.Fatalf("%d of our own and %d of another's are left, want %d and %d (%v)", got, len(theirs), own, others, err)
		}
	}
	foreign(1, uint64(truth.UnixNano()/100))
	now = storage.Instant{Wall: truth, Synced: true}
	if err := s.Advance(ctx, "queue.er", storage.Cursor{Inc: 1, Seq: undated}, storage.Delivered, "", 1); err != nil {
		t.Fatal(err)
	}
	retain(undated, 1)
	now.Wall = truth.Add(20 * time.Hour)
	fill(t, s, "queue.er", "queue", 1) // the first of a trusted clock
	if err := s.Advance(ctx, "queue.er", storage.Cursor{Inc: 1, Seq: undated + 1}, storage.Delivered, "", 1); err != nil {
		t.Fatal(err)
	}
	now.Wall = truth.Add(25 * time.Hour)
	retain(undated+1, 0) // another's goes by the time of its publication
	now.Wall = truth.Add(45 * time.Hour)
	retain(0, 0)
}
