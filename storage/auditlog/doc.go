// Package auditlog makes a log that shows when it was tampered with.
//
// It promises that an edited, deleted, inserted, moved or cut record is found by
// Verify, which names the first bad one, without a network and without any key
// but the kiosk's public one. A record is vouched for three times:
//
//   - by the next record, which carries its leaf hash (chain);
//   - by each later checkpoint, a signed note over the root of an RFC 6962 tree
//     (C2SP tlog-checkpoint, Ed25519), which others keep as witnesses;
//   - the newest one by the head, which the store holds in its own transaction
//     and, authenticated with a key of the keyring, in a small file beside it.
//
// It refuses to store leaf hashes beside records: they are computed from the
// records, and only a pruned body leaves its leaf hash behind. So the writer
// keeps just the right edge of the tree (Log, less than 2.2 KB, 32 bytes for
// each set bit of the size), and proofs, which few ask for, read the whole log.
// It refuses to sign or to look at the clock by itself: the owner does, after
// the commit is durable. It knows nothing of what a body means.
//
//	body ─▶ Log.Append ─▶ record ─┐                 ┌─▶ Checkpoint.Sign ─▶ PubNub (witness)
//	            └─▶ Log state ────┼─▶ one commit ───┤
//	            └─▶ Head ─────────┘                 └─▶ HeadFile.Write (not synced)
//
//	records + checkpoints + head ─▶ Verify ─▶ Report
//
// What each attack meets:
//
//	edit, delete, insert, swap      chain, then the next checkpoint
//	rewrite all that follows, too   the next checkpoint
//	cut the end                     head in the store, head file, any later checkpoint
//	put an old store back           head file (Compare: DBBehind)
//	put store and head file back    a checkpoint that somebody else kept
//	two histories                   a checkpoint of the other one (Contradicted), Compare: Fork
//	whoever has all the keys lies   not found, for records after the last witnessed checkpoint
//
// After a crash: Log state, records and the store's head change in one
// transaction, so they agree. The head file may be older than the store (normal)
// or torn in one slot (the other one holds). After a salvage the log closes at
// its last checkpoint and a new one begins, under an origin of its own, with an
// Opening that names the old log and what was unreadable; both verify, each by
// itself.
package auditlog
