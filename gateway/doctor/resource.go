package doctor

import (
	"context"
	"fmt"
	"runtime"
)

// Memory compares what the process has in memory with what it may have.
func Memory() Check {
	return Check{ID: "res-memory", Run: func(context.Context) Result {
		used, limit, ok := residentMemory()
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

// Files counts the open files against the limit.
func Files() Check {
	return Check{ID: "res-files", Run: func(context.Context) Result {
		open, limit, ok := openFiles()
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
