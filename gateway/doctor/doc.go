// Package doctor holds the checks that tell what is wrong with a kiosk.
//
// It promises that one run of all checks ends in bounded time, also when a check
// hangs or panics; that a cause is shown once: a check that depends on a failed
// one is not run, and names it; and that a failure says since when and what to
// do next.
//
// It refuses to repair, to change anything, and to show anything about a person
// or a secret. It refuses a list of checks that is collected at init: the
// composition makes the [Registry] with the checks that this kiosk has the thing
// for, so the same registry feeds status, start-up log and health.
//
//	store-open ──ok──▶ store-space, loss-equation
//	    └──fail──▶ both skipped, "because store-open"
//
//	New(checks...) ──Run(ctx)──▶ []Report{id, state, detail, hint, because, since}
//
// Each check is a function over the smallest interface that answers its
// question; the file is named for the thing it looks at.
//
// Nothing is kept over a restart: "since" counts from the first failing run of
// this process.
package doctor
