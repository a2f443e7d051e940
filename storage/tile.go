package storage

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"clinicgate/storage/auditlog"
)

// tile holds the leaf hashes of pruned records: those of 64 positions of a log
// that lie together. It is what is left of a record when its body is gone.
//
//	bitmap(8) | leaf hash(32) for each bit set, lowest first
type tile struct {
	life   uint32
	number uint64 // position / 64
	set    uint64
	leaves []auditlog.Hash
}

const tileSize = 64

var errTile = errors.New("not a tile of leaf hashes")

func tileKey(life uint32, pos uint64) []byte {
	b := binary.BigEndian.AppendUint32(nil, life)
	return binary.BigEndian.AppendUint64(b, pos/tileSize)
}

func parseTile(key, plain []byte) (tile, error) {
	if len(key) != 12 || len(plain) < 8 {
		return tile{}, errTile
	}
	t := tile{
		life: binary.BigEndian.Uint32(key), number: binary.BigEndian.Uint64(key[4:]),
		set: binary.BigEndian.Uint64(plain),
	}
	plain = plain[8:]
	n := bits.OnesCount64(t.set)
	if len(plain) != n*len(auditlog.Hash{}) {
		return tile{}, errTile
	}
	t.leaves = make([]auditlog.Hash, n)
	for i := range t.leaves {
		copy(t.leaves[i][:], plain[i*len(auditlog.Hash{}):])
	}
	return t, nil
}

func (t *tile) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, t.set)
	for _, l := range t.leaves {
		b = append(b, l[:]...)
	}
	return b
}

// position is that of the i-th leaf held.
func (t *tile) position(i int) uint64 {
	set := t.set
	for range i {
		set &= set - 1
	}
	return t.number*tileSize + uint64(bits.TrailingZeros64(set))
}

// add puts in a leaf. One that is there already stays.
func (t *tile) add(pos uint64, leaf auditlog.Hash) {
	bit := uint64(1) << (pos % tileSize)
	if t.set&bit != 0 {
		return
	}
	i := bits.OnesCount64(t.set & (bit - 1))
	t.leaves = append(t.leaves, auditlog.Hash{})
	copy(t.leaves[i+1:], t.leaves[i:])
	t.leaves[i] = leaf
	t.set |= bit
}
