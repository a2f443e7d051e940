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
	return Check{ID: "clock-trust", DependsOn: []string{"sync-link"}, Run: func(context.Context) Result {
		if !c.Now().Synced {
			return Result{Warn, "no trusted time since the start: events are marked unsynced and corrected later", "the time comes from PubNub; `clinicgate doctor` looks why it does not answer"}
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

// jumpNoticed is more than time synchronisation slews away in a service's life.
const jumpNoticed = 5 * time.Second

// ClockJump looks whether the machine's clock was set while the service ran. machine
// gives what it says now.
func ClockJump(c Clock, machine func() time.Time) Check {
	return Check{ID: "clock-jump", DependsOn: []string{"clock-offset"}, Run: func(context.Context) Result {
		off, _ := c.Offset()
		by := machine().Round(0).Sub(c.Now().Wall.Add(-off))
		detail := "the machine's clock was set by " + by.Round(time.Second).String() + " since the service started"
		if by.Abs() >= jumpNoticed {
			return Result{Warn, detail, "nothing is lost by it; if it happens again, find out what sets the clock: two programs may"}
		}
		return Result{State: OK, Detail: "nobody has set the machine's clock since the service started"}
	}}
}

// ClockZone compares the machine's time zone with the clinic's: staff read the
// machine's clock. A machine that keeps UTC has none to be wrong about.
func ClockZone(clinic, machine *time.Location, now func() time.Time) Check {
	return Check{ID: "clock-zone", Run: func(context.Context) Result {
		t := now()
		name, is := t.In(machine).Zone()
		_, wanted := t.In(clinic).Zone()
		if is != wanted && is != 0 {
			return Result{Warn, "the machine's time zone is " + name + ", the clinic's is " + clinic.String(), "set the machine's time zone to the clinic's (`timedatectl set-timezone " + clinic.String() + "`); this product uses the clinic's anyway"}
		}
		return Result{State: OK, Detail: "the machine's time zone is the clinic's, or UTC"}
	}}
}
