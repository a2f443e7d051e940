package kiosk_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk"
)

// opening reads "mon-fri 08:00-18:00", days as a range or one by one.
func opening(t *testing.T, s string) (o kiosk.Opening) {
	t.Helper()
	names := "sunmontuewedthufrisat"
	day := func(name string) int { return strings.Index(names, name) / 3 }
	days, times, _ := strings.Cut(s, " ")
	for part := range strings.SplitSeq(days, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		for d := day(first); ; d = (d + 1) % 7 {
			o.Days[d] = true
			if d == day(last) {
				break
			}
		}
	}
	var h1, m1, h2, m2 int
	if _, err := fmt.Sscanf(times, "%d:%d-%d:%d", &h1, &m1, &h2, &m2); err != nil {
		t.Fatal(s, err)
	}
	clock := func(h, m int) time.Duration { return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute }
	o.From, o.To = clock(h1, m1), clock(h2, m2)
	return o
}

func hours(t *testing.T, list ...string) (h kiosk.Hours) {
	t.Helper()
	for _, s := range list {
		h = append(h, opening(t, s))
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
		{[]string{"sat-mon 09:00-10:00"}, "2026-11-22 09:30", true},
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
