package keyring

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"clinicgate/storage/seal"
)

// KeySet is the data keys alone, to open records with: what the verify child
// gets over a pipe. It cannot seal, change or write anything of the keyring.
type KeySet struct{ byID map[seal.KeyID]*seal.AEAD }

// AEAD makes a KeySet a seal.Keys.
func (s *KeySet) AEAD(id seal.KeyID) *seal.AEAD { return s.byID[id] }

// Len is the number of keys.
func (s *KeySet) Len() int { return len(s.byID) }

const (
	keySetMagic = "CGKS1"
	// maxKeySet is more keys than a keyring file can hold.
	maxKeySet = 1 << 16
)

var errKeySet = errors.New("key set is damaged")

// ExportKeys writes all data keys that open records, in clear, as
//
//	magic(5) | count(4) | key(32)... | SHA-256 of all before
//
// It is for a pipe to a child of our own, never for a file.
func (r *Ring) ExportKeys(w io.Writer) error {
	r.mu.Lock() // so that Destroy and Close do not clear a key meanwhile
	s := r.current.Load()
	if s == nil {
		r.mu.Unlock()
		return ErrClosed
	}
	buf := append(make([]byte, 0, len(keySetMagic)+4+len(s.byID)*seal.KeySize+sha256.Size), keySetMagic...)
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(s.byID)))
	for _, k := range s.body.Keys {
		buf = append(buf, k.Key...) // destroyed keys have none
	}
	r.mu.Unlock()
	defer clear(buf[:cap(buf)])
	sum := sha256.Sum256(buf)
	if _, err := w.Write(append(buf, sum[:]...)); err != nil {
		return fmt.Errorf("cannot hand over keys: %w", err)
	}
	return nil
}

// ReadKeys reads what ExportKeys wrote.
func ReadKeys(r io.Reader) (*KeySet, error) {
	h := sha256.New()
	head := make([]byte, len(keySetMagic)+4)
	if _, err := io.ReadFull(r, head); err != nil || string(head[:len(keySetMagic)]) != keySetMagic {
		return nil, errKeySet
	}
	h.Write(head)
	n := binary.BigEndian.Uint32(head[len(keySetMagic):])
	if n > maxKeySet {
		return nil, errKeySet
	}
	s := &KeySet{byID: make(map[seal.KeyID]*seal.AEAD)}
	raw := make([]byte, seal.KeySize)
	defer clear(raw)
	for range n {
		if _, err := io.ReadFull(r, raw); err != nil {
			return nil, errKeySet
		}
		h.Write(raw)
		k, err := seal.KeyFrom(raw)
		if err != nil {
			return nil, err
		}
		s.byID[k.ID()] = seal.NewAEAD(k)
		k.Wipe()
	}
	sum := make([]byte, sha256.Size)
	if _, err := io.ReadFull(r, sum); err != nil || !bytes.Equal(sum, h.Sum(nil)) {
		return nil, errKeySet
	}
	return s, nil
}
