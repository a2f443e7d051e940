package doctor

import (
	"context"
	"fmt"
	"os"

	"clinicgate/gateway/upgrade"
)

// Upgrade looks how the last upgrade by `clinicgate upgrade` went, in the journal of
// its folder.
func Upgrade(dir string) Check {
	return Check{ID: "upd-state", Run: func(context.Context) Result {
		s, err := upgrade.Load(dir)
		if err != nil {
			return Result{Warn, "the journal of upgrades cannot be read", "`clinicgate upgrade status` says why"}
		}
		switch s.Stage {
		case upgrade.None:
		case upgrade.Planned:
			return Result{State: Info, Detail: "an upgrade to " + s.To.Version + " waits: `clinicgate upgrade status`"}
		default:
			return Result{State: Info, Detail: "an upgrade to " + s.To.Version + " goes on: `clinicgate upgrade status`"}
		}
		if s.Last == nil {
			return Result{State: OK, Detail: "none was made with `clinicgate upgrade`"}
		}
		switch l := s.Last; l.Result {
		case upgrade.RolledBack:
			return Result{Warn, fmt.Sprintf("clinicgate %s was taken back: %s", l.To.Version, l.Reason), "get a later version; `clinicgate upgrade status` and the log of that time say more"}
		case upgrade.NotDone:
			return Result{Warn, fmt.Sprintf("the upgrade to clinicgate %s was not done: %s", l.To.Version, l.Reason), "try again: `clinicgate upgrade FILE`, or `clinicgate upgrade FILE --now` when nobody is there"}
		}
		if _, err := os.Stat(upgrade.Old(s.Program)); os.IsNotExist(err) {
			return Result{State: Info, Detail: "the last one was confirmed; the program before is not kept any more"}
		}
		return Result{State: OK, Detail: fmt.Sprintf("clinicgate %s was confirmed, and %s is kept", s.Last.To.Version, s.Last.From.Version)}
	}}
}
