//go:build !plantedbugs

// Package planted holds known mistakes, to be made again on purpose.
//
// Each is a constant that is false, so that nothing of it is in a program built
// without the tag plantedbugs. With the tag, the environment variable
// PLANTED_BUG names the one mistake that the process makes, and the crash harness
// must find it: a harness that has never caught these has caught nothing.
//
// The package imports nothing of ours and decides nothing.
package planted

// The mistakes. Every one has been made in some store that people used.
const (
	AckBeforeCommit  = false // answers while the commit is still to come
	NoSync           = false // never syncs the file
	OneSync          = false // one sync for data and meta page together
	NoDirSync        = false // renames without syncing the directory
	RetryOnHandle    = false // tries a failed commit again on the same handle
	ErrorIsFailure   = false // takes a commit error for "not stored"
	TrustPageCache   = false // takes what it reads after a failed sync for durable
	NoSettle         = false // uses pages again that an uncertain meta page freed
	HeadBeforeCommit = false // writes the head file before the commit
	RollbackAccepted = false // opens an older store file as if nothing were wrong
	AdvanceTooFar    = false // moves the outbox cursor past what was delivered
	DedupeByTime     = false // knows an id for a second only
	SeqFromClock     = false // takes sequence numbers from the clock
	KeepRefused      = false // keeps the rows of a function that failed
	KeepRefusedHead  = false // keeps the audit log's end of a function that failed
	NoPlace          = false // does not bind a record to its place
	KeyNotDurable    = false // seals with a key before the keyring is synced
	KeyInPlace       = false // overwrites the keyring instead of replacing it
	PruneUndelivered = false // retention takes what waits in the outbox
	PruneLeaf        = false // retention forgets the leaf hash
	SwapUnsynced     = false // lets a compacted copy take over unsynced
	BlobUnsynced     = false // promises a blob whose file is not synced
)
