package keyring

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"clinicgate/storage/seal"
)

// KeySet is what a child of ours needs to check a store: the data keys, to open
// records with, and the secrets of chosen purposes. It cannot seal anything, nor
// change the keyring.
type KeySet struct {
	byID    map[seal.KeyID]*seal.AEAD
	secrets map[string][]byte
}

// AEAD makes a KeySet a seal.Keys.
func (s *KeySet) AEAD(id seal.KeyID) *seal.AEAD { return s.byID[id] }

// Active always refuses: a KeySet does not seal.
func (s *KeySet) Active(class string) (*seal.AEAD, error) {
	return nil, fmt.Errorf("class %q, in a set of keys that only opens: %w", class, ErrNoKey)
}

// Secret is Ring.Secret, for the purposes that were exported.
func (s *KeySet) Secret(purpose string) ([]byte, error) {
	b, ok := s.secrets[purpose]
	if !ok {
		return nil, fmt.Errorf("secret %.40q was not handed over: %w", purpose, ErrNoKey)
	}
	return bytes.Clone(b), nil
}

// Len is the number of data keys.
func (s *KeySet) Len() int { return len(s.byID) }

const (
	keySetMagic = "CGKS1"
	secretSize  = 32
	maxPurposes = 32
	// maxKeySet is more keys than a keyring file can hold.
	maxKeySet = 1 << 16
)

var errKeySet = errors.New("key set is damaged")

// ExportKeys writes the data keys that open records, and the secrets of the
// given purposes, in clear:
//
//	magic(5) | count(4) | key(32)... | count(4) | { len(1) | purpose | secret(32) }... | SHA-256 of all before
//
// It is for a pipe to a child of our own, never for a file.
func (r *Ring) ExportKeys(w io.Writer, purposes ...string) error {
	if len(purposes) > maxPurposes {
		return fmt.Errorf("cannot hand over keys: %d purposes", len(purposes))
	}
	r.mu.Lock() // so that Destroy and Close do not clear a key meanwhile
	s := r.current.Load()
	if s == nil {
		r.mu.Unlock()
		return ErrClosed
	}
	size := len(keySetMagic) + 4 + len(s.byID)*seal.KeySize + 4 + len(purposes)*(1+maxName+secretSize) + sha256.Size
	buf := append(make([]byte, 0, size), keySetMagic...) // of one piece, to be cleared as one
	defer clear(buf[:cap(buf)])
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(s.byID)))
	for _, k := range s.body.Keys {
		buf = append(buf, k.Key...) // destroyed keys have none
	}
	r.mu.Unlock()
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(purposes)))
	for _, p := range purposes {
		secret, err := r.Secret(p)
		if err != nil {
			return err
		}
		if len(p) > maxName {
			return fmt.Errorf("cannot hand over keys: purpose of %d bytes", len(p))
		}
		buf = append(append(append(buf, byte(len(p))), p...), secret...)
		clear(secret)
	}
	sum := sha256.Sum256(buf)
	if _, err := w.Write(append(buf, sum[:]...)); err != nil {
		return fmt.Errorf("cannot hand over keys: %w", err)
	}
	return nil
}

// ReadKeys reads what ExportKeys wrote, and no byte further.
func ReadKeys(r io.Reader) (*KeySet, error) {
	in := keySetReader{r: r, h: sha256.New()}
	s := &KeySet{byID: map[seal.KeyID]*seal.AEAD{}, secrets: map[string][]byte{}}
	if string(in.next(len(keySetMagic))) != keySetMagic {
		return nil, errKeySet
	}
	for range in.count(maxKeySet) {
		raw := in.next(seal.KeySize)
		k, err := seal.KeyFrom(raw)
		if err != nil {
			return nil, errKeySet
		}
		clear(raw)
		s.byID[k.ID()] = seal.NewAEAD(k)
		k.Wipe()
	}
	for range in.count(maxPurposes) {
		n := in.next(1)
		if n == nil {
			return nil, errKeySet
		}
		purpose := string(in.next(int(n[0])))
		s.secrets[purpose] = in.next(secretSize)
	}
	sum := in.h.Sum(nil)
	if got := in.next(sha256.Size); in.err != nil || !bytes.Equal(got, sum) {
		return nil, errKeySet
	}
	return s, nil
}

// keySetReader reads small pieces and hashes them; after an error it gives nil.
type keySetReader struct {
	r   io.Reader
	h   hash.Hash
	err error
}

func (in *keySetReader) next(n int) []byte {
	if in.err != nil {
		return nil
	}
	b := make([]byte, n)
	if _, in.err = io.ReadFull(in.r, b); in.err != nil {
		return nil
	}
	in.h.Write(b)
	return b
}

func (in *keySetReader) count(limit uint32) uint32 {
	b := in.next(4)
	if b == nil {
		return 0
	}
	n := binary.BigEndian.Uint32(b)
	if n > limit {
		in.err = errKeySet
		return 0
	}
	return n
}
