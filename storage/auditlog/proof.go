package auditlog

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Leaves gives the leaf hash of record i, for proofs made offline.
type Leaves func(i uint64) (Hash, error)

var errProofRange = errors.New("proof is asked outside the log")

// ProveInclusion proves that record i is in the tree of the given size. It
// reads every leaf once: leaf hashes are computed from records, not stored.
func ProveInclusion(size, i uint64, leaves Leaves) ([]Hash, error) {
	if size > 1<<62 || i >= size {
		return nil, errProofRange
	}
	p, err := tlog.ProveRecord(int64(size), int64(i), leaves.reader())
	if err != nil {
		return nil, fmt.Errorf("cannot prove record %d: %w", i, err)
	}
	return p, nil
}

// CheckInclusion reports whether the proof shows the leaf at index i under c.
func CheckInclusion(proof []Hash, c Checkpoint, i uint64, leaf Hash) bool {
	return c.Size <= 1<<62 && i < c.Size &&
		tlog.CheckRecord(proof, int64(c.Size), c.Root, int64(i), leaf) == nil
}

// ProveConsistency proves that the tree of size old is a prefix of that of size
// size. It reads every leaf once.
func ProveConsistency(size, old uint64, leaves Leaves) ([]Hash, error) {
	if size > 1<<62 || old == 0 || old > size {
		return nil, errProofRange
	}
	p, err := tlog.ProveTree(int64(size), int64(old), leaves.reader())
	if err != nil {
		return nil, fmt.Errorf("cannot prove %d to be a prefix: %w", old, err)
	}
	return p, nil
}

// CheckConsistency reports whether the proof shows old to be a prefix of c.
func CheckConsistency(proof []Hash, c, old Checkpoint) bool {
	return c.Size <= 1<<62 && old.Size > 0 && old.Size <= c.Size && c.Origin == old.Origin &&
		tlog.CheckTree(proof, int64(c.Size), c.Root, int64(old.Size), old.Root) == nil
}

// reader computes the complete subtrees that tlog asks for. Those of one
// request do not overlap, so each leaf is read once.
func (l Leaves) reader() tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for j, index := range indexes {
			level, n := tlog.SplitStoredHashIndex(index)
			var t Tree
			for i := uint64(n) << level; i < uint64(n+1)<<level; i++ {
				leaf, err := l(i)
				if err != nil {
					return nil, err
				}
				t.Append(leaf)
			}
			out[j] = t.Root()
		}
		return out, nil
	})
}
