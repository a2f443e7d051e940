package doctor

import (
	"context"
	"fmt"

	"clinicgate/storage"
	"clinicgate/storage/auditlog"
)

// StoreOpen looks whether the store takes events.
func StoreOpen(status func() storage.Status) Check {
	return Check{ID: "store-open", DependsOn: []string{"disk-mount", "disk-write"}, Run: func(context.Context) Result {
		if status().Fenced {
			return Result{Fail, "the store checks its file after a disk error and takes no event meanwhile", "wait a minute; if it stays so, look for disk errors in the system's log"}
		}
		return Result{State: OK, Detail: "the store is open"}
	}}
}

// Space is how full the store is, in bytes.
type Space struct{ Used, Budget int64 }

// StoreSpace looks how close the store is to its budget.
func StoreSpace(space func() Space) Check {
	return Check{ID: "store-space", DependsOn: []string{"store-open"}, Run: func(context.Context) Result {
		s := space()
		if s.Budget <= 0 {
			return Result{State: Skipped, Detail: "the store has no budget"}
		}
		percent := s.Used * 100 / s.Budget
		detail := fmt.Sprintf("%d %% of the budget of %d MiB is used", percent, s.Budget>>20)
		const hint = "unsent events fill it: see `clinicgate sync status`; or raise storage.budget in the config"
		switch {
		case percent >= 97:
			return Result{Fail, detail + "; the page sends people to the desk", hint}
		case percent >= 70:
			return Result{Warn, detail, hint}
		}
		return Result{State: OK, Detail: detail}
	}}
}

// LossEquation looks whether every accepted event is accounted for.
func LossEquation(status func() storage.Status) Check {
	return Check{ID: "loss-equation", DependsOn: []string{"store-open"}, Run: func(context.Context) Result {
		c := status().Counts
		if !c.Balanced() {
			return Result{Fail, fmt.Sprintf("%d events were accepted, %d are accounted for", c.Accepted, c.Delivered+c.Queued+c.Quarantined+c.Expired+c.Dropped+c.Unreadable),
				"keep a copy of the data folder and report this with `clinicgate sync status --json`"}
		}
		return Result{State: OK, Detail: fmt.Sprintf("all %d accepted events are accounted for", c.Accepted)}
	}}
}

// StoreLosses looks whether events were lost to damage or lack of space.
func StoreLosses(status func() storage.Status) Check {
	return Check{ID: "store-losses", DependsOn: []string{"store-open", "store-recovered"}, Run: func(context.Context) Result {
		c := status().Counts
		switch {
		case c.Unreadable > 0:
			return Result{Fail, fmt.Sprintf("%d unsent events became unreadable through damage of the disk", c.Unreadable), "replace the disk; `clinicgate audit verify` names what is missing"}
		case c.Quarantined > 0:
			return Result{Warn, fmt.Sprintf("PubNub refused %d events for good; they are kept here", c.Quarantined), "`clinicgate sync status` names their channels; the keyset or the token may lack a right"}
		case c.Dropped+c.Expired > 0:
			return Result{Warn, fmt.Sprintf("%d telemetry events were dropped and %d expired unsent", c.Dropped, c.Expired), "the network was away for long, or storage.budget is small"}
		}
		return Result{State: OK, Detail: "nothing was lost, refused or dropped"}
	}}
}

// StoreRecovered looks whether this start found the store other than it was left.
// found says it in words, empty for as it was left.
func StoreRecovered(found func() string) Check {
	return Check{ID: "store-recovered", DependsOn: []string{"store-open"}, Run: func(context.Context) Result {
		if what := found(); what != "" {
			return Result{Warn, "at the start " + what, "`clinicgate audit verify` names what is missing; look for disk errors in the system's log; the next start without repair ends this"}
		}
		return Result{State: OK, Detail: "the store was as it had been left"}
	}}
}

// AuditChain verifies the newest part of the audit log against its checkpoints.
func AuditChain(tail func(context.Context) (auditlog.Report, error)) Check {
	return Check{ID: "audit-chain", DependsOn: []string{"store-open", "store-recovered"}, Run: func(ctx context.Context) Result {
		report, err := tail(ctx)
		if err != nil {
			return Result{State: Skipped, Detail: "there was no time to read the newest part of the audit log: `clinicgate audit verify` does"}
		}
		if p, bad := report.First(); bad {
			return Result{Fail, "the audit log is not whole: " + p.String(), "keep a copy of the data folder before anything else; `clinicgate audit verify` names every record"}
		}
		if !report.OK() {
			return Result{Fail, fmt.Sprintf("%d checkpoints of the audit log are not signed by this kiosk", report.BadCheckpoints), "keep a copy of the data folder before anything else; `clinicgate audit verify` names them"}
		}
		return Result{State: OK, Detail: fmt.Sprintf("the newest %d records of the audit log are whole", report.Records)}
	}}
}

// AuditSink says whether the audit log leaves the kiosk by a second way. Without
// one, delivered and age suffice to let it go here, and there is nothing that
// would have to be repaired: so it is said, and is no alarm.
func AuditSink(configured bool) Check {
	return Check{ID: "audit-sink", Run: func(context.Context) Result {
		if !configured {
			return Result{State: Info, Detail: "the audit log is kept here and on PubNub only; HIPAA wants six years of it: export PubNub's history, or keep the store's backups"}
		}
		return Result{State: OK, Detail: "the audit log has an outside sink"}
	}}
}

// Roster looks whether the appointments are today's. newest gives the newest
// clinic day held and today's, both as "2026-11-22"; newest is "" for none.
func Roster(days func() (newest, today string)) Check {
	return Check{ID: "roster-age", DependsOn: []string{"store-open", "key-clinic", "store-recovered"}, Run: func(context.Context) Result {
		newest, today := days()
		switch {
		case newest == "":
			return Result{Warn, "there are no appointments: nobody can check in by code", "`clinicgate roster import FILE`"}
		case newest < today:
			return Result{Warn, "the newest appointments are those of " + newest, "`clinicgate roster import FILE`"}
		}
		return Result{State: OK, Detail: "appointments are held up to " + newest}
	}}
}

// RosterHeld looks whether lists of the watched folder wait for a person. held
// gives how many files, and in constant words why; no files and a reason: the
// folder itself has something wrong.
func RosterHeld(held func() (files int, why string)) Check {
	return Check{ID: "roster-held", Run: func(context.Context) Result {
		switch files, why := held(); {
		case files > 0:
			return Result{Warn, fmt.Sprintf("lists of the watched folder that were not imported: %d (%s)", files, why),
				"`clinicgate roster held` names them, `clinicgate roster accept ID` imports one, `clinicgate roster refuse ID` throws it away"}
		case why != "":
			return Result{Fail, "no list can be imported: " + why, "see that roster.folder is there and this account may read and write it"}
		}
		return Result{State: OK, Detail: "no list of a watched folder waits"}
	}}
}
