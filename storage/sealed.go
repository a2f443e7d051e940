package storage

import (
	"encoding/binary"
	"fmt"

	"clinicgate/storage/seal"
)

// The rows of the store itself, all but events, hold their stamp: the number of
// the commit that wrote them. A salvage that finds several versions of a row on
// old pages takes the newest.

// sealRow appends the sealed row to dst.
func sealRow(dst []byte, a *seal.AEAD, store [16]byte, b bucket, key []byte, stamp uint64, plain []byte) []byte {
	body := make([]byte, 0, binary.MaxVarintLen64+len(plain))
	body = append(binary.AppendUvarint(body, stamp), plain...)
	return seal.Seal(dst, a, body, place(store, b, key))
}

// openRow opens a sealed row. The plaintext is not nil.
func openRow(keys seal.Keys, store [16]byte, b bucket, key, value []byte) (stamp uint64, plain []byte, err error) {
	body, err := seal.Open(make([]byte, 0, max(0, len(value)-seal.Overhead)), keys, value, place(store, b, key))
	if err != nil {
		return 0, nil, fmt.Errorf("%w: a row of bucket %s: %w", ErrUnreadable, bucketNames[b], err)
	}
	d := decoder{b: body}
	stamp = d.uint64()
	if d.bad {
		return 0, nil, fmt.Errorf("%w: a row of bucket %s has no stamp", ErrUnreadable, bucketNames[b])
	}
	return stamp, d.b, nil
}

// put seals a row of the store itself and writes it.
func (tx *Tx) putRow(class string, b bucket, key, plain []byte) error {
	w := tx.w
	a, err := w.s.o.Keys.Active(class)
	if err != nil {
		return fmt.Errorf("cannot get key of class %q: %w", class, err)
	}
	dst := w.alloc(len(plain) + binary.MaxVarintLen64 + seal.Overhead)
	return tx.put(b, key, sealRow(dst, a, w.head.store, b, key, w.head.commit+1, plain))
}
