// Package crashtest kills, fails and cuts off a store, and holds what is left
// against an outside oracle.
//
// It promises that whatever it reports was found in files that a crash can
// leave. The oracle is another process: it knows what it asked for and what was
// acknowledged, from a pipe, and never asks the store about it. It refuses to
// believe the store's own counters.
//
//	scenario ──▶ driver (a process on a real store and keyring) ──▶ files
//	                │ intent, acknowledgement                        │
//	                ▼                                                ▼
//	             History ──fold──▶ Expect ─────── Check ◀── open what was left
//
// Three ways to crash:
//
//   - A kill point is SIGKILL at one write or sync call of the driver, injected
//     by strace. A scenario runs phase by phase, a process each, so that every
//     call of every phase has its own point.
//   - A fault point is one such call that fails: a sync with EIO, a write with
//     ENOSPC, a rename with EIO; once, for a while, or from then on.
//   - A power-cut state is rebuilt from a recording of all those calls, see disk:
//     at each sync, any part of what was not yet certain, torn at sectors. The
//     recordings include runs with a fault in them and runs that were killed and
//     followed by another process: after a failed sync any part of its pages may
//     have reached the medium, and no later sync makes them certain.
//
// What is checked after each: no acknowledged event lost, none that nobody asked
// for, none twice, none in another place or with other content, no hole in a
// stream, no half transaction; views, cursors and blobs as acknowledged; the loss
// equation; the audit log against the published checkpoints; what was not
// acknowledged is done again and gives its first result or one new; then the
// store is closed, opened and checked once more.
//
// What is not covered: drives that lie about a flush, reordering inside a sector,
// a file system that loses what it had synced, Windows.
//
// "make crash" does all of it; the tests without a build tag replay a recording
// that is kept in testdata, with Go alone.
package crashtest
