package config

import (
	"errors"
	"strings"
	"time"
)

// Opening is one stretch of opening hours on some days of the week. With To at or
// before From it ends on the day after: a clinic may be open past midnight.
type Opening struct {
	Days     [7]bool       // by time.Weekday, of the day on which it begins
	From, To time.Duration // what the clock shows, since midnight
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

var errOpening = errors.New(`opening hours are not of the form "mon-fri 08:00-18:00" or "mon,wed 18:00-02:00"`)

// parseOpening reads the form "mon-fri 08:00-18:00" or "sat,sun 20:00-02:00": days as
// a list of single ones and ranges, then from when to when. 24:00 is midnight.
func parseOpening(s string) (Opening, error) {
	days, times, ok := strings.Cut(strings.TrimSpace(s), " ")
	from, to, span := strings.Cut(strings.TrimSpace(times), "-")
	if !ok || !span || len(s) > 80 {
		return Opening{}, errOpening
	}
	o := Opening{}
	for part := range strings.SplitSeq(strings.ToLower(days), ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		a, b := weekday(first), weekday(last)
		if a < 0 || b < 0 {
			return Opening{}, errOpening
		}
		for d := a; ; d = (d + 1) % 7 { // "sat-mon" goes over Sunday
			o.Days[d] = true
			if d == b {
				break
			}
		}
	}
	var okFrom, okTo bool
	o.From, okFrom = timeOfDay(from)
	o.To, okTo = timeOfDay(to)
	if !okFrom || !okTo || o.From == 24*time.Hour {
		return Opening{}, errOpening
	}
	return o, nil
}

func weekday(s string) int {
	for i, name := range weekdays {
		if s == name {
			return i
		}
	}
	return -1
}

func timeOfDay(s string) (time.Duration, bool) {
	if s == "24:00" {
		return 24 * time.Hour, true
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		return 0, false
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, true
}
