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
