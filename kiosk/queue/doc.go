// Package queue keeps the departments' queues.
//
// It promises that
//   - an entry moves only along the nine transitions of the vocabulary; an act
//     that would do otherwise is refused here, and a message from elsewhere that
//     asks for it is kept as a conflict for staff, never applied and never lost;
//   - every kiosk that has the same messages shows the same entries in the same
//     order, whatever the order in which they arrived: an entry is a fold over
//     the set of facts about it (fold.go), and the place in the queue is a sort
//     key that was fixed when the patient arrived (order.go);
//   - an act and its audit event are one commit, and an act done twice is done
//     once;
//   - what staff enter from paper after an outage has the time at which it happened,
//     and counts for nothing that only what was seen live may (late.go);
//   - a ticket number is given once in a clinic day, over restarts too;
//   - the wait that a patient is told is met for most (see Accuracy), and what came
//     of each is in the fold, so a restart forgets neither the figure nor what was
//     learned from it;
//   - what readers see is what is on disk: the copy in memory changes, and Watch
//     rings, only after the commit;
//   - two entries for one appointment, which kiosks that could not hear each other
//     may make, are both flagged for staff, and never merged.
//
// It refuses to hold a name, to use local settings or the roster in a fold, and
// to guess: an unknown wait is unknown. The fold's unit is the entry: no rule
// needs two, which is why a late message costs one small fold and not the day's.
//
//	acts (Add, Call, SetStatus, ...) --Journal--> event + audit --+
//	                                                              +--> facts of the entry --> view row
//	Apply(message of another kiosk) ------------------------------+          |
//	                                              after the commit: Fold --> memory --> Entries, Board, Watch
//
// All changes go through Update, which wraps the store's: it learns what a
// transaction changed and shows it once it is durable.
//
// After a crash the rows hold the facts of every committed act. Load folds them
// again; timers are computed from the facts, so a no-show that fell due while
// the service was down is recorded at the next start, under the same id.
package queue
