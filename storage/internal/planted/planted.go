//go:build plantedbugs

package planted

import "os"

var (
	AckBeforeCommit  = is("ack-before-commit")
	NoSync           = is("no-sync")
	OneSync          = is("one-sync")
	NoDirSync        = is("no-dir-sync")
	RetryOnHandle    = is("retry-on-handle")
	ErrorIsFailure   = is("error-is-failure")
	TrustPageCache   = is("trust-page-cache")
	NoSettle         = is("no-settle")
	HeadBeforeCommit = is("head-before-commit")
	RollbackAccepted = is("rollback-accepted")
	AdvanceTooFar    = is("advance-too-far")
	DedupeByTime     = is("dedupe-by-time")
	SeqFromClock     = is("seq-from-clock")
	KeepRefused      = is("keep-refused")
	KeepRefusedHead  = is("keep-refused-head")
	NoPlace          = is("no-place")
	KeyNotDurable    = is("key-not-durable")
	KeyInPlace       = is("key-in-place")
	PruneUndelivered = is("prune-undelivered")
	PruneLeaf        = is("prune-leaf")
	SwapUnsynced     = is("swap-unsynced")
	BlobUnsynced     = is("blob-unsynced")
)

func is(name string) bool { return os.Getenv("PLANTED_BUG") == name }
