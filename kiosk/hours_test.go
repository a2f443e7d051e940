package kiosk_test

import (
	"testing"
	"time"

	"clinicgate/kiosk"
)

func hours(t *testing.T, list ...string) (h kiosk.Hours) {
	t.Helper()
	for _, s := range list {
		o, err := kiosk.ParseOpening(s)
		if err != nil {
			t.Fatal(s, err)
		}
		h = append(h, o)
	}
	return h
}

func TestOpeningHours(t *testing.T) {
	ny, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		hours []string
		at    string // in New York
		open  bool
	}{
		{nil, "2026-11-22 03:00", true}, // a Sunday
		{[]string{"mon-fri 08:00-18:00"}, "2026-11-23 07:59", false},
		{[]string{"mon-fri 08:00-18:00"}, "2026-11-23 08:00", true},
		{[]string{"mon-fri 08:00-18:00"}, "2026-11-23 17:59", true},
		{[]string{"mon-fri 08:00-18:00"}, "2026-11-23 18:00", false},
		{[]string{"mon-fri 08:00-18:00"}, "2026-11-22 12:00", false},
		{[]string{"mon-fri 08:00-12:00", "mon-fri 13:00-18:00"}, "2026-11-24 12:30", false},
		{[]string{"mon-fri 08:00-12:00", "mon-fri 13:00-18:00"}, "2026-11-24 13:00", true},
		{[]string{"sat 20:00-02:00"}, "2026-11-22 01:59", true}, // Sunday, still Saturday's
		{[]string{"sat 20:00-02:00"}, "2026-11-22 02:00", false},
		{[]string{"sat 20:00-02:00"}, "2026-11-21 01:00", false},
		{[]string{"Sat-Mon 09:00-10:00"}, "2026-11-22 09:30", true},
		{[]string{"mon,wed 00:00-24:00"}, "2026-11-25 23:59", true},
		{[]string{"mon,wed 00:00-24:00"}, "2026-11-26 00:00", false},
		{[]string{"sun 00:00-00:00"}, "2026-11-22 15:00", true}, // the whole day
	} {
		at, err := time.ParseInLocation("2006-01-02 15:04", c.at, ny)
		if err != nil {
			t.Fatal(err)
		}
		if got := hours(t, c.hours...).Open(at.UTC(), ny); got != c.open {
			t.Errorf("%v at %s: open is %v", c.hours, c.at, got)
		}
	}
}

// On 2026-03-08 clocks in New York go from 02:00 to 03:00, on 2026-11-01 back.
func TestOpeningHoursWhereTheClockChanges(t *testing.T) {
	ny, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		hours string
		at    time.Time
		open  bool
	}{
		{"sat 22:00-02:30", time.Date(2026, 3, 8, 6, 59, 0, 0, time.UTC), true},   // 01:59
		{"sat 22:00-02:30", time.Date(2026, 3, 8, 7, 0, 0, 0, time.UTC), false},   // 03:00: 02:30 is never shown
		{"sun 02:30-12:00", time.Date(2026, 3, 8, 7, 0, 0, 0, time.UTC), true},    // begins at the jump
		{"sat 22:00-01:30", time.Date(2026, 11, 1, 5, 29, 0, 0, time.UTC), true},  // 01:29, the first time
		{"sat 22:00-01:30", time.Date(2026, 11, 1, 6, 29, 0, 0, time.UTC), false}, // 01:29, the second time
		{"sun 08:00-18:00", time.Date(2026, 11, 1, 22, 59, 0, 0, time.UTC), true}, // 17:59 by the new offset
		{"sun 08:00-18:00", time.Date(2026, 11, 1, 23, 0, 0, 0, time.UTC), false},
	} {
		if got := hours(t, c.hours).Open(c.at, ny); got != c.open {
			t.Errorf("%s at %s: open is %v", c.hours, c.at.In(ny), got)
		}
	}
}

func TestOpeningHoursRefused(t *testing.T) {
	for _, s := range []string{"", "mon", "08:00-18:00", "mon 8:00-18:00", "mon 08:00", "monday 08:00-18:00", "mon- 08:00-18:00",
		"mon 08:00-25:00", "mon 24:00-25:00", "mon 24:00-02:00", "mon 08:60-09:00", "mon,,tue 08:00-18:00", "mon 08:00-18:00 x"} {
		if o, err := kiosk.ParseOpening(s); err == nil {
			t.Errorf("%q was read as %+v", s, o)
		}
	}
}

func FuzzParseOpening(f *testing.F) {
	f.Add("mon-fri 08:00-18:00")
	f.Add("sat,sun 20:00-02:00")
	f.Add("sat-mon 00:00-24:00")
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		o, err := kiosk.ParseOpening(s)
		if err != nil {
			return
		}
		if o.Days == [7]bool{} || o.From < 0 || o.From >= 24*time.Hour || o.To < 0 || o.To > 24*time.Hour {
			t.Fatalf("%q: %+v", s, o)
		}
		_ = kiosk.Hours{o}.Open(at, time.UTC)
	})
}
