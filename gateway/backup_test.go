package gateway

import (
	"testing"
	"time"
)

// A night's copy is due at the clinic's hour, also on the day that has no such
// hour, and until it is made.
func TestOverdue(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	const at = 2*time.Hour + 30*time.Minute
	local := func(day, hour, minute int) time.Time { return time.Date(2031, 3, day, hour, minute, 0, 0, zone) }
	for _, c := range []struct {
		name      string
		now, last time.Time
		share     time.Duration
		due       bool
	}{
		{"before the hour, last night's is there", local(5, 2, 29), local(4, 2, 31), 0, false},
		{"at the hour", local(5, 2, 30), local(4, 2, 31), 0, true},
		{"a kiosk with a later minute", local(5, 2, 40), local(4, 2, 50), 11 * time.Minute, false},
		{"made", local(5, 9, 0), local(5, 2, 35), 0, false},
		{"made late last night, before midnight", local(5, 2, 31), local(4, 23, 0), 0, true},
		{"the kiosk was off at night", local(5, 9, 0), local(4, 2, 31), 0, true},
		{"never", local(5, 1, 0), time.Time{}, 0, true},
		{"the night without half past two", local(9, 3, 31), local(8, 2, 31), 0, true},
	} {
		if got := overdue(c.now, c.last, zone, at, c.share) > 0 || c.now.Equal(local(5, 2, 30)) && overdue(c.now.Add(time.Second), c.last, zone, at, c.share) > 0; got != c.due {
			t.Errorf("%s: due %v", c.name, got)
		}
	}
	if a, b := spread("lobby-1"), spread("lobby-2"); a == b || a >= backupSpread || b >= backupSpread {
		t.Errorf("spread %v and %v", a, b)
	}
}
