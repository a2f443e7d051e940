package identity

import "time"

const oldest = 130 // years

// PossibleBirth reports whether somebody alive can have been born on a date of the form
// 2006-01-02; the day is that of the time zone that is farthest ahead.
func PossibleBirth(date string, now time.Time) bool {
	t, err := time.Parse(time.DateOnly, date)
	return err == nil && !t.After(now.UTC().Add(14*time.Hour)) && t.Year() >= now.Year()-oldest
}
