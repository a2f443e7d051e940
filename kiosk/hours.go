package kiosk

import "time"

// Hours is when the clinic is open, by its own clock. None at all: always.
type Hours []Opening

// Opening is one stretch of time on some days of the week. With To at or before
// From it ends on the day after: a clinic may be open past midnight.
type Opening struct {
	Days     [7]bool       // by time.Weekday, of the day on which it begins
	From, To time.Duration // what the clock shows, since midnight
}

// Open reports whether the clinic is open at an instant; its end is not included. On
// a day on which the clock changes an opening begins and ends when the clock first
// shows its times, or would have.
func (h Hours) Open(t time.Time, zone *time.Location) bool {
	if len(h) == 0 {
		return true
	}
	clinic := t.In(zone)
	today := time.Date(clinic.Year(), clinic.Month(), clinic.Day(), 0, 0, 0, 0, time.UTC)
	for _, o := range h {
		for _, day := range []time.Time{today.AddDate(0, 0, -1), today} {
			if !o.Days[day.Weekday()] {
				continue
			}
			to := o.To
			if to <= o.From {
				to += 24 * time.Hour
			}
			if !t.Before(firstShown(day.Add(o.From), zone)) && t.Before(firstShown(day.Add(to), zone)) {
				return true
			}
		}
	}
	return false
}
