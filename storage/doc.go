// Package storage is the durable log of the gateway: streams of sealed events,
// the outbox cursors over them, views, blobs, and an audit log of all of it, in
// one bbolt file. It knows streams, not patients.
//
// It promises:
//
//   - Append returns only after the commit is on disk. Whatever it acknowledged
//     is there after a kill, after a power cut, and after a disk error that the
//     store survived; whatever it refused with a certain error is not.
//   - An id is stored once. Appending it again gives the place it has; other
//     content under it is ErrConflict, never first-wins.
//   - One transaction changes all that must agree: events, their numbers, views,
//     cursors, counts, audit log. Update is all or nothing for each caller.
//   - The loss equation holds at every commit: accepted = delivered + queued +
//     quarantined + expired + dropped + unreadable. What leaves without being
//     delivered leaves a gap record.
//   - Nothing is in clear but numbers, event ids and times: records, names of
//     streams, views and blobs are sealed to their place; keys of views are
//     keyed hashes.
//   - Damage costs what it hit and no more. A damaged file is set aside, never
//     deleted; every record that authenticates goes on in a new file. What is
//     given out is what was stored: a row that is missing or stale in a view is
//     found, said, and never passed off as the present one.
//   - The byte budget is kept, the copy that compaction makes included. A damaged
//     file that was set aside, and the copy that a salvage makes, come on top.
//
// It refuses:
//
//   - To try a failed commit again on the same handle: see fence.go.
//   - To keep a second file in front of bbolt. A ring log would acknowledge with
//     one flush instead of two; it would also be a second truth to recover from,
//     and two flushes of the slowest flash we know are 20 ms.
//   - bbolt.Batch (it waits), a freelist written with each commit (after a large
//     drain it is 1.6 MB a commit), and NoSync outside of simulations.
//   - To put the ids or kinds of its caller's domain into its layout, or to
//     decide what an event means.
//
// The flow:
//
//	Append, Update ─▶ requests ─▶ writer: one goroutine, one transaction for all
//	                              that wait ─▶ bbolt: pages, sync, meta, sync
//	                                │                    │ error: fence
//	     answers, counts, Changed ◀─┘                    ▼
//	     head file (not synced)            close, check, open, write again
//
//	Outbox ─read─▶ uplink ─Advance─▶ cursor moves; the body goes later, by Retain
//	Run: checkpoints, retention, space, scrub, new key epochs
//
// # Places
//
// A stream is a channel and the kiosk whose events it holds. Events of this
// kiosk are numbered (Inc, Seq): Inc is the life of the store, which a salvage, a
// rollback or a lost file raises, so that no number is ever used for two events;
// Seq counts from 1 in each life. Events of others keep the numbers they came
// with. The layout of the file is in layout.go.
//
// # Deviations from the design page
//
// Requests that were in a failed commit are not only looked up after reopening:
// the rows of the group are kept and written again as they are, whether they are
// found or not, so that the answer is certain and functions given to Update run
// once. The check before opening reads pages itself and maps nothing (pages.go),
// so that it cannot die of what it reads; the child is there for what is not
// foreseen. Beside the sealed rows, the head keeps a sum over them per bucket:
// AEAD says that a row is genuine, the sum that it is the present one and that
// none is missing. The id of the store is kept in a file of its own too, since
// without it no row opens.
//
// # After a crash
//
//   - Killed or cut at any point of a commit: the file is at the commit before or
//     at this one. Nobody was told which, and appending the id again tells.
//   - While creating: there is no store yet, or a whole one. Leftovers end in
//     .new, .salvage or .compact and are removed or finished at the next start.
//   - While salvaging or compacting: the old file is the store until the rename,
//     the new one, whole and synced, after it.
//   - What an earlier process left in the page cache only is made durable before
//     anything is built on it: the newest meta page is written again, and each
//     opening begins with a commit of its own.
//   - While a store of an older format is written anew (migrate.go): the old file is
//     the store until the new one, whole and checked, has its name; it is kept until
//     the new one has committed, and while the program is on trial.
//   - The head file may be behind, which is normal. Ahead of the store it means
//     that commits were lost: the store goes on in a new life and Opened says so.
//   - A blob whose event was not committed is swept after a day.
package storage
