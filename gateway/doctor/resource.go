package doctor

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// Memory compares what the process has in memory with what it may have ([Resident]).
func Memory(resident func() (used, limit uint64, ok bool)) Check {
	return Check{ID: "res-memory", Run: func(context.Context) Result {
		used, limit, ok := resident()
		if !ok || limit == 0 {
			return Result{State: Skipped, Detail: "this system does not tell"}
		}
		percent := used * 100 / limit
		detail := fmt.Sprintf("%d MiB in memory, of %d MiB", used>>20, limit>>20)
		const hint = "restart the service; if it grows again, send a bundle to support"
		switch {
		case percent >= 90:
			return Result{Fail, detail, hint}
		case percent >= 70:
			return Result{Warn, detail, hint}
		}
		return Result{State: OK, Detail: detail}
	}}
}

// Files counts the open files against the limit ([OpenFiles]).
func Files(files func() (open, limit uint64, ok bool)) Check {
	return Check{ID: "res-files", Run: func(context.Context) Result {
		open, limit, ok := files()
		if !ok || limit == 0 {
			return Result{State: Skipped, Detail: "this system does not tell"}
		}
		detail := fmt.Sprintf("%d files and connections are open, of %d", open, limit)
		const hint = "restart the service; if they grow again, send a bundle to support; LimitNOFILE= of the unit raises the limit"
		switch percent := open * 100 / limit; {
		case percent >= 90:
			return Result{Fail, detail, hint}
		case percent >= 70:
			return Result{Warn, detail, hint}
		}
		return Result{State: OK, Detail: detail}
	}}
}

// workNoticed is far above what a kiosk with 200 MQTT devices and 32 browsers does.
const workNoticed = 5000

// Work counts what runs at the same time in this process.
func Work() Check {
	return Check{ID: "res-work", Run: func(context.Context) Result {
		n := runtime.NumGoroutine()
		detail := fmt.Sprintf("%d things run at the same time", n)
		if n > workNoticed {
			return Result{Warn, detail, "restart the service; if they grow again, send a bundle to support"}
		}
		return Result{State: OK, Detail: detail}
	}}
}

const (
	// busySpan is how long the processor is watched: a large list of appointments is
	// read in less.
	busySpan = 10 * time.Minute
	// busyNoticed, in percent of one processor, is far above what a kiosk does in the
	// rush of a morning.
	busyNoticed = 70
	// waitsNoticed is the share of the time, in percent, that something of the service
	// waits for a processor.
	waitsNoticed = 50
)

// Busy looks whether the service needs the processor for itself, or does not get it.
// used is its processor time until now, waits how much of the last minutes it waited.
func Busy(used func() (time.Duration, bool), waits func() (percent float64, known bool)) Check {
	var mu sync.Mutex
	from := time.Now() // guarded by mu: the span that is watched
	at, known := used()
	percent := -1 // guarded by mu: of one processor, in the span before; -1: not known yet
	return Check{ID: "res-cpu", Run: func(context.Context) Result {
		mu.Lock()
		defer mu.Unlock()
		now, _ := used()
		if span := time.Since(from); known && span >= busySpan {
			percent = int(100 * (now - at) / span)
			from, at = time.Now(), now
		}
		wait, waiting := waits()
		switch {
		case !known:
			return Result{State: Skipped, Detail: "this system does not tell"}
		case percent >= busyNoticed:
			return Result{Warn, fmt.Sprintf("the service takes %d %% of a processor all the time", percent), "send a bundle to support, then restart the service"}
		case waiting && wait >= waitsNoticed:
			return Result{Warn, fmt.Sprintf("the service waits for the processor %.0f %% of the time: other programs have it", wait), "look what else runs on this machine (`top`), and take it off the kiosk"}
		case percent < 0:
			return Result{State: Skipped, Detail: "the service runs for less than ten minutes"}
		}
		return Result{State: OK, Detail: fmt.Sprintf("the service takes %d %% of a processor", percent)}
	}}
}
