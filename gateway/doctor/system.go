package doctor

import (
	"context"
	"fmt"
	"time"
)

// Cuts is how often the machine stopped without the service being told, or the system
// killed the service.
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

// Killed looks whether the system killed the service for lack of memory. counted says
// that the system counts what it kills.
func Killed(kills func() Cuts, counted bool) Check {
	return Check{ID: "sys-kill", Run: func(context.Context) Result {
		switch k := kills(); {
		case !k.Known || !counted:
			return Result{State: Skipped, Detail: "this system does not count what it kills"}
		case k.Recent > 0:
			return Result{Warn, fmt.Sprintf("times that the service was gone when the system killed programs for lack of memory, in 7 days: %d, the last before %s", k.Recent, k.Last.UTC().Format(time.RFC3339)),
				"`journalctl -k --grep \"Out of memory\"` names who took the memory; give the machine more, or run less on it"}
		}
		return Result{State: OK, Detail: "the system did not kill the service for lack of memory in 7 days"}
	}}
}

// Throttling is what slows a machine down that is well otherwise.
type Throttling struct {
	Known      bool
	Heat       uint64 // times that a processor was slowed down because it was hot, since the boot
	LowVoltage bool   // the power supply gives too little
}

// Throttle looks whether heat or a weak power supply slows the machine down.
func Throttle(look func() Throttling) Check {
	began := look()
	return Check{ID: "sys-throttle", Run: func(context.Context) Result {
		switch now := look(); {
		case !now.Known:
			return Result{State: Skipped, Detail: "this machine does not tell"}
		case now.LowVoltage:
			return Result{Warn, "the power supply gives too little: the machine becomes slow, and its disk is in danger", "use the maker's power supply and a short cable; take the scanner and the printer to a hub with its own power"}
		case now.Heat > began.Heat:
			return Result{Warn, fmt.Sprintf("times that the processor was slowed down because it was hot, since the service started: %d", now.Heat-began.Heat), "free the machine's vents from dust, and give the housing air"}
		}
		return Result{State: OK, Detail: "neither heat nor the power supply slows the machine down"}
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
