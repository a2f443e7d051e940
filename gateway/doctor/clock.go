package doctor

import (
	"context"
	"time"

	"clinicgate/storage"
)

// Clock tells the time and how well it is known.
type Clock interface {
	Now() storage.Instant
	Offset() (machineWasOffBy time.Duration, known bool)
}

const (
	offsetNoticed = 2 * time.Second
	offsetWrong   = time.Minute
)

// ClockTrust looks whether a trusted source told the time since the start.
func ClockTrust(c Clock) Check {
	return Check{ID: "clock-trust", Run: func(context.Context) Result {
		if !c.Now().Synced {
			return Result{Warn, "no trusted time since the start: events are marked unsynced and corrected later", "the time comes from PubNub; see the check sync-link"}
		}
		return Result{State: OK, Detail: "the time is PubNub's"}
	}}
}

// ClockOffset looks how wrong the machine's own clock is. Events carry the
// trusted time, so this harms other programs first.
func ClockOffset(c Clock) Check {
	return Check{ID: "clock-offset", DependsOn: []string{"clock-trust"}, Run: func(context.Context) Result {
		off, known := c.Offset()
		detail := "the machine's clock was off by " + off.Abs().Round(time.Millisecond).String() + " at the start"
		const hint = "set up time synchronisation on this machine, and replace the clock's battery if it forgets the time when switched off"
		switch {
		case !known:
			return Result{State: Skipped, Detail: "no trusted time yet"}
		case off.Abs() >= offsetWrong:
			return Result{Fail, detail, hint}
		case off.Abs() >= offsetNoticed:
			return Result{Warn, detail, hint}
		}
		return Result{State: OK, Detail: detail}
	}}
}
