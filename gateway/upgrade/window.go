package upgrade

import (
	"fmt"
	"time"
)

// A Window is when a kiosk may be upgraded: every day, by the clock on the clinic's
// wall. With To before From it ends on the day after.
type Window struct {
	From time.Duration `json:"from"` // since midnight
	To   time.Duration `json:"to"`
	Zone string        `json:"zone"`
}

// open reports whether the window is open.
func (w Window) open(now time.Time) bool {
	zone, err := time.LoadLocation(w.Zone)
	if err != nil {
		zone = time.UTC
	}
	local := now.In(zone)
	at := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute + time.Duration(local.Second())*time.Second
	if w.From < w.To {
		return at >= w.From && at < w.To
	}
	return at >= w.From || at < w.To
}

// String is "02:00-04:00 Europe/Madrid".
func (w Window) String() string {
	wall := func(d time.Duration) string { return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60) }
	return wall(w.From) + "-" + wall(w.To) + " " + w.Zone
}
