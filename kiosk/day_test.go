package kiosk_test

import (
	"testing"
	"time"
	_ "time/tzdata" // the test must not depend on the machine's zone files

	"clinicgate/kiosk"

	"pgregory.net/rapid"
)

func zone(t interface{ Fatal(...any) }, name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func TestDayOf(t *testing.T) {
	for _, c := range []struct {
		zone   string
		starts time.Duration
		at     string
		want   kiosk.Day
	}{
		{"America/New_York", 0, "2026-11-22T04:59:59Z", "2026-11-21"},
		{"America/New_York", 0, "2026-11-22T05:00:00Z", "2026-11-22"},
		{"America/New_York", 3 * time.Hour, "2026-11-22T07:59:59Z", "2026-11-21"}, // open past midnight
		{"America/New_York", 3 * time.Hour, "2026-11-22T08:00:00Z", "2026-11-22"},
		// 8 March 2026: 02:00 EST is followed by 03:00 EDT.
		{"America/New_York", 150 * time.Minute, "2026-03-08T06:59:59Z", "2026-03-07"},
		{"America/New_York", 150 * time.Minute, "2026-03-08T07:00:00Z", "2026-03-08"}, // 02:30 is never shown: the jump begins the day
		{"America/New_York", 3 * time.Hour, "2026-03-08T07:00:00Z", "2026-03-08"},
		// 1 November 2026: 01:59 EDT is followed by 01:00 EST.
		{"America/New_York", 90 * time.Minute, "2026-11-01T05:29:59Z", "2026-10-31"},
		{"America/New_York", 90 * time.Minute, "2026-11-01T05:30:00Z", "2026-11-01"}, // first 01:30
		{"America/New_York", 90 * time.Minute, "2026-11-01T06:10:00Z", "2026-11-01"}, // second 01:10: the day does not go back
		{"Europe/Madrid", 0, "2026-03-28T23:00:00Z", "2026-03-29"},
		{"Europe/Madrid", 0, "2026-10-24T22:00:00Z", "2026-10-25"},
		{"Europe/Madrid", 0, "2026-10-25T22:59:59Z", "2026-10-25"}, // 25 hours long
		{"Europe/Madrid", 0, "2026-10-25T23:00:00Z", "2026-10-26"},
		// Beirut's clock jumps from 00:00 to 01:00, and back from 00:00 to 23:00.
		{"Asia/Beirut", 0, "2026-03-28T21:59:59Z", "2026-03-28"},
		{"Asia/Beirut", 0, "2026-03-28T22:00:00Z", "2026-03-29"},
		{"Asia/Beirut", 0, "2026-10-24T21:00:00Z", "2026-10-24"},
		{"Asia/Beirut", 0, "2026-10-24T22:00:00Z", "2026-10-25"},
		{"Asia/Kathmandu", 0, "2026-11-21T18:15:00Z", "2026-11-22"},
		{"Pacific/Apia", 0, "2011-12-30T09:59:59Z", "2011-12-29"}, // Samoa had no 30 December 2011
		{"Pacific/Apia", 0, "2011-12-30T10:00:00Z", "2011-12-31"},
		{"UTC", 0, "2026-11-22T00:00:00Z", "2026-11-22"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := kiosk.DayOf(at, zone(t, c.zone), c.starts); got != c.want {
			t.Errorf("DayOf(%s in %s, day starts %v) = %s, want %s", c.at, c.zone, c.starts, got, c.want)
		}
	}
}

// A machine set to another zone gives the same clinic day.
func TestDayIgnoresTheZoneOfTheTime(t *testing.T) {
	c := kiosk.Calendar{Zone: zone(t, "America/New_York"), DayStarts: 3 * time.Hour}
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for _, name := range []string{"UTC", "Asia/Tokyo", "America/Los_Angeles"} {
		if got := c.Day(at.In(zone(t, name))); got != "2026-11-22" {
			t.Errorf("read in %s the day is %s", name, got)
		}
	}
}

// Days follow one another without hole or overlap, and never go back, over both
// clock changes and whatever the hour at which they begin.
func TestPropertyDaysTileTime(t *testing.T) {
	zones := []string{"America/New_York", "Europe/Madrid", "Asia/Beirut", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca", "Asia/Ho_Chi_Minh", "America/St_Johns"}
	rapid.Check(t, func(t *rapid.T) {
		c := kiosk.Calendar{
			Zone:      zone(t, rapid.SampledFrom(zones).Draw(t, "zone")),
			DayStarts: time.Duration(rapid.IntRange(0, 12*60).Draw(t, "starts")) * time.Minute,
		}
		at := time.Unix(rapid.Int64Range(1_577_836_800, 1_893_456_000).Draw(t, "at"), 0)
		d := c.Day(at)
		start, end := c.Start(d), c.End(d)
		if at.Before(start) || !at.Before(end) {
			t.Fatalf("%v is not within its day %s, %v to %v", at, d, start, end)
		}
		if n := end.Sub(start); n < 22*time.Hour || n > 26*time.Hour {
			t.Fatalf("day %s is %v long", d, n)
		}
		if c.Day(start) != d || c.Day(end) != d.Add(1) || c.Day(start.Add(-time.Second)) != d.Add(-1) {
			t.Fatalf("day %s: its edges belong to %s, %s, %s", d, c.Day(start.Add(-time.Second)), c.Day(start), c.Day(end))
		}
		later := at.Add(time.Duration(rapid.IntRange(0, 6*3600).Draw(t, "later")) * time.Second)
		if c.Day(later) < d {
			t.Fatalf("day goes back from %s to %s between %v and %v", d, c.Day(later), at, later)
		}
	})
}

func TestLocalTimeOverClockChanges(t *testing.T) {
	c := kiosk.Calendar{Zone: zone(t, "America/New_York")}
	for wall, want := range map[string]string{
		"2026-11-22T09:30:00Z": "2026-11-22T14:30:00Z",
		"2026-03-08T02:30:00Z": "2026-03-08T07:00:00Z", // not shown: the jump
		"2026-11-01T01:30:00Z": "2026-11-01T05:30:00Z", // shown twice: the first
		"2026-11-01T02:00:00Z": "2026-11-01T07:00:00Z",
	} {
		w, _ := time.Parse(time.RFC3339, wall)
		if got := c.Local(w).Format(time.RFC3339); got != want {
			t.Errorf("Local(%s) = %s, want %s", wall, got, want)
		}
	}
}

func TestParseDay(t *testing.T) {
	for _, bad := range []string{"", "2026-2-3", "2026-02-30", "22.11.2026", "2026-11-22T00:00:00Z"} {
		if d, err := kiosk.ParseDay(bad); err == nil {
			t.Errorf("ParseDay(%q) = %s", bad, d)
		}
	}
	if d := kiosk.Day("2026-12-31").Add(1); d != "2027-01-01" {
		t.Errorf("the day after New Year's Eve is %s", d)
	}
}
