package auditlog

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// Hash is a SHA-256 hash of a leaf, a node or a root.
type Hash = tlog.Hash

// LeafHash is the RFC 6962 hash of a record: SHA-256(0x00 | record).
func LeafHash(record []byte) Hash { return tlog.RecordHash(record) }

const (
	maxEdge     = 63
	treeVersion = 1
	treeHeader  = 1 + 8

	// MaxTreeBytes bounds what AppendBinary of a Tree adds.
	MaxTreeBytes = treeHeader + maxEdge*tlog.HashSize
)

var errTree = errors.New("tree state is damaged")

// Tree is the right edge of an RFC 6962 tree: enough to append and to name the
// root, in one hash per set bit of the size. It is a value: a copy taken before
// a transaction is the state to return to if the transaction fails. The zero
// Tree is empty.
type Tree struct {
	size uint64
	// edge holds the roots of the complete subtrees that make up the tree, the
	// largest first; bits.OnesCount64(size) of them are in use.
	edge [maxEdge]Hash
}

// Size is the number of leaves.
func (t *Tree) Size() uint64 { return t.size }

// Append adds a leaf.
func (t *Tree) Append(leaf Hash) {
	n := bits.OnesCount64(t.size)
	// Each trailing one bit of the size is a complete subtree that this leaf's
	// subtree joins, smallest first, as in binary addition.
	for s := t.size; s&1 == 1; s >>= 1 {
		n--
		leaf = tlog.NodeHash(t.edge[n], leaf)
	}
	t.edge[n] = leaf
	t.size++
}

// Root is the RFC 6962 tree hash; of an empty tree the hash of no bytes.
func (t *Tree) Root() Hash {
	n := bits.OnesCount64(t.size)
	if n == 0 {
		empty, _ := tlog.TreeHash(0, nil)
		return empty
	}
	root := t.edge[n-1]
	for i := n - 2; i >= 0; i-- {
		root = tlog.NodeHash(t.edge[i], root)
	}
	return root
}

// AppendBinary appends version(1) | size(8) | edge hashes, at most MaxTreeBytes.
func (t *Tree) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, treeVersion)
	b = binary.BigEndian.AppendUint64(b, t.size)
	for i := range bits.OnesCount64(t.size) {
		b = append(b, t.edge[i][:]...)
	}
	return b, nil
}

// MarshalBinary is AppendBinary to a new slice.
func (t *Tree) MarshalBinary() ([]byte, error) { return t.AppendBinary(nil) }

// UnmarshalBinary reads the form of AppendBinary. It cannot tell a false edge
// from a true one: compare Root with a checkpoint, or keep the bytes sealed.
func (t *Tree) UnmarshalBinary(b []byte) error {
	if len(b) < treeHeader || b[0] != treeVersion {
		return errTree
	}
	size := binary.BigEndian.Uint64(b[1:])
	n := bits.OnesCount64(size)
	if size > 1<<62 || len(b) != treeHeader+n*tlog.HashSize {
		return errTree
	}
	*t = Tree{size: size}
	for i := range n {
		copy(t.edge[i][:], b[treeHeader+i*tlog.HashSize:])
	}
	return nil
}
