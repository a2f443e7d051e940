package doctor

import (
	"context"
	"fmt"
	"time"
)

// Cuts is how often the machine stopped without the service being told.
type Cuts struct {
	Known  bool
	Recent int       // in the last week
	Last   time.Time // zero for none
}

// Reboots looks whether the machine lost its power while the service ran.
func Reboots(cuts func() Cuts) Check {
	return Check{ID: "sys-reboots", Run: func(context.Context) Result {
		c := cuts()
		switch {
		case !c.Known:
			return Result{State: Skipped, Detail: "this system names no boot"}
		case c.Recent > 0:
			return Result{Warn, fmt.Sprintf("times that the machine stopped without shutting down, in 7 days: %d, the last before %s", c.Recent, c.Last.UTC().Format(time.RFC3339)),
				"check the power supply and who switches the kiosk off at the wall; shut it down properly"}
		}
		return Result{State: OK, Detail: "the machine was always shut down properly in the last 7 days"}
	}}
}

// Pending looks whether the system waits for a restart.
func Pending(look func() (pending, known bool)) Check {
	return Check{ID: "sys-pending", Run: func(context.Context) Result {
		switch pending, known := look(); {
		case !known:
			return Result{State: Skipped, Detail: "this system does not tell"}
		case pending:
			return Result{State: Info, Detail: "updates of the system wait for a restart of the machine"}
		}
		return Result{State: OK, Detail: "no restart of the machine is due"}
	}}
}

// Sleep looks whether the machine goes to sleep by itself.
func Sleep(look func() (may, known bool)) Check {
	return Check{ID: "sys-sleep", Run: func(context.Context) Result {
		switch may, known := look(); {
		case !known:
			return Result{State: Skipped, Detail: "this system does not tell"}
		case may:
			return Result{Warn, "the machine goes to sleep when nobody touches it", "set IdleAction=ignore in /etc/systemd/logind.conf, and turn sleep off in the desktop"}
		}
		return Result{State: OK, Detail: "the machine does not go to sleep by itself"}
	}}
}
