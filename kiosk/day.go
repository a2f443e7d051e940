package kiosk

import (
	"errors"
	"time"
)

// Day is a clinic day, as in "2026-11-22". It begins when the clinic's clock
// first shows day_starts on that date and lasts until the next one begins, so a
// day on which the clock changes is an hour shorter or longer and no instant
// belongs to two days or to none.
type Day string

const dayLayout = "2006-01-02"

// ParseDay reads the ten-character form.
func ParseDay(s string) (Day, error) {
	if _, err := time.Parse(dayLayout, s); err != nil {
		return "", errors.New("day is not of the form 2026-11-22")
	}
	return Day(s), nil
}

// DayOf gives the clinic day of an instant. loc is the clinic's zone, never the
// machine's; dayStarts is what the clock shows when the day begins, as the time
// since midnight.
func DayOf(t time.Time, loc *time.Location, dayStarts time.Duration) Day {
	c := Calendar{Zone: loc, DayStarts: dayStarts}
	return c.Day(t)
}

// Add gives the day n days later.
func (d Day) Add(n int) Day {
	t, err := time.Parse(dayLayout, string(d))
	if err != nil {
		return d
	}
	return Day(t.AddDate(0, 0, n).Format(dayLayout))
}

// Valid reports whether d has the form of a date that exists.
func (d Day) Valid() bool {
	_, err := ParseDay(string(d))
	return err == nil
}

// Calendar is the clinic's idea of a day.
type Calendar struct {
	Zone      *time.Location
	DayStarts time.Duration
}

// Day gives the clinic day of an instant.
func (c Calendar) Day(t time.Time) Day {
	d := Day(t.In(c.Zone).Format(dayLayout))
	// Where the clock goes back over the day's beginning, or over midnight, the
	// date on the wall goes back too. The clinic day does not.
	if t.Before(c.Start(d)) {
		return d.Add(-1)
	}
	if next := d.Add(1); !t.Before(c.Start(next)) {
		return next
	}
	return d
}

// Start gives the instant at which a day begins. The zero time is returned for
// a day that is not Valid.
func (c Calendar) Start(d Day) time.Time {
	t, err := time.Parse(dayLayout, string(d))
	if err != nil {
		return time.Time{}
	}
	return firstShown(t.Add(c.DayStarts), c.Zone)
}

// End gives the first instant after a day.
func (c Calendar) End(d Day) time.Time { return c.Start(d.Add(1)) }

// Local gives the instant at which the clinic's clock shows a date and a time
// of day, both read from a UTC time. Shown twice, it is the first; never shown
// (the clock jumped over it), it is the instant of the jump.
func (c Calendar) Local(wall time.Time) time.Time { return firstShown(wall, c.Zone) }

// ErrMoment says that a text is no time of a clinic day.
var ErrMoment = errors.New("time is not of the form 09:40 or 2026-11-22T09:40:00-05:00, or the clinic's clock does not show it that day")

// Moment reads when something happened on a day as people write it: what the
// clinic's clock showed, as in "09:40" (shown twice, it is the first), or an instant
// of RFC 3339, of any day. It fails with ErrMoment.
func (c Calendar) Moment(text string, d Day) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UTC(), nil
	}
	wall, err := time.Parse("15:04", text)
	if err != nil || !d.Valid() {
		return time.Time{}, ErrMoment
	}
	// The small hours of a day that goes on past midnight have the next day's date.
	for _, date := range []Day{d, d.Add(1)} {
		midnight, err := time.Parse(dayLayout, string(date))
		if err != nil {
			break
		}
		t := c.Local(midnight.Add(time.Duration(wall.Hour())*time.Hour + time.Duration(wall.Minute())*time.Minute))
		if c.Day(t) == d && t.In(c.Zone).Format("15:04") == wall.Format("15:04") {
			return t, nil
		}
	}
	return time.Time{}, ErrMoment
}

// firstShown finds the first instant at which clocks in loc show wall's date and
// time or later. time.Date does not promise which of two it gives, nor what it
// gives for a time that the clock jumps over.
func firstShown(wall time.Time, loc *time.Location) time.Time {
	const farther = 26 * time.Hour // than any change of offset, date line included
	_, before := wall.Add(-farther).In(loc).Zone()
	_, after := wall.Add(farther).In(loc).Zone()
	first := time.Time{}
	for _, offset := range []int{before, after} {
		t := wall.Add(-time.Duration(offset) * time.Second)
		if _, shown := t.In(loc).Zone(); shown == offset && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if first.IsZero() {
		// Read with the offset from before the jump, the time lies after it.
		jump, _ := wall.Add(-time.Duration(before) * time.Second).In(loc).ZoneBounds()
		first = jump
	}
	return first.UTC()
}
