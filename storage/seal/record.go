package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

const (
	version  = 1
	suiteGCM = 1

	headerSize = 2 + len(KeyID{})
	nonceSize  = 12
	tagSize    = 16

	// Overhead is what a record is longer than its plaintext, in bytes.
	Overhead = headerSize + nonceSize + tagSize
)

const (
	// MaxUses is the number of records after which an owner starts a new key.
	// With 2^28 random nonces the chance that any two are equal is 2^-41.
	MaxUses = 1 << 28
	// HardMaxUses is where an owner stops sealing with a key altogether: the
	// limit of NIST SP 800-38D for random nonces.
	HardMaxUses = 1 << 32
)

var (
	// ErrOpen means that a record does not open here: it was damaged, moved or
	// sealed for another place. It never says which.
	ErrOpen = errors.New("record does not open")

	// ErrKeyUnknown means that the record names a key that the caller does not
	// hold. It is an ErrOpen too.
	ErrKeyUnknown = fmt.Errorf("%w: its key is unknown", ErrOpen)
)

// Place says where a record lives. A record opens only in the place it was
// sealed for.
type Place struct {
	Store  [16]byte // id of the store; survives compaction and restore
	Bucket string   // name or path of the bucket, at most 65535 bytes
	Key    []byte   // the record's key in the bucket
}

// Keys finds the cipher of a key id. *AEAD, keyring.Ring and keyring.KeySet are
// Keys. Implementations are safe for concurrent use.
type Keys interface {
	// AEAD returns the cipher of the key, or nil where the key is not held.
	AEAD(KeyID) *AEAD
}

// AEAD is a key made ready for use. It is safe for concurrent use and holds its
// own copy of the key's schedule, so the Key may be wiped after NewAEAD.
type AEAD struct {
	id      KeyID
	gcm     cipher.AEAD
	uses    atomic.Int64
	scratch sync.Pool // *[]byte: associated data, so that sealing does not allocate
}

// NewAEAD makes the key ready. It panics on the zero Key.
func NewAEAD(k Key) *AEAD {
	block, err := aes.NewCipher(k.Reveal())
	if err != nil {
		panic(fmt.Sprintf("seal: key of %d bytes", len(k.Reveal())))
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("seal: no AES-256-GCM: " + err.Error())
	}
	a := &AEAD{id: k.ID(), gcm: gcm}
	a.scratch.New = func() any { b := make([]byte, 0, 160); return &b }
	return a
}

// ID names the key.
func (a *AEAD) ID() KeyID { return a.id }

// AEAD returns a itself if id is its own, so that one AEAD serves as Keys.
func (a *AEAD) AEAD(id KeyID) *AEAD {
	if a == nil || a.id != id {
		return nil
	}
	return a
}

// Uses is the number of records sealed since NewAEAD or the last SetUses.
func (a *AEAD) Uses() int64 { return a.uses.Load() }

// SetUses sets the count to one that was persisted earlier.
func (a *AEAD) SetUses(n int64) { a.uses.Store(n) }

// Seal appends the sealed plain to dst, Overhead bytes longer than plain, and
// returns the result. dst and plain must not overlap.
func Seal(dst []byte, a *AEAD, plain []byte, place Place) []byte {
	a.uses.Add(1)
	dst = append(dst, version, suiteGCM)
	dst = append(dst, a.id[:]...)
	aad := a.scratch.Get().(*[]byte)
	*aad = place.appendAAD((*aad)[:0], a.id)
	dst = a.gcm.Seal(dst, nil, plain, *aad)
	a.scratch.Put(aad)
	return dst
}

// Open appends the record's plaintext to dst and returns the result. Its error
// is ErrOpen or ErrKeyUnknown; then dst's spare capacity may have been
// overwritten, but never with plaintext. dst and record must not overlap.
func Open(dst []byte, keys Keys, record []byte, place Place) ([]byte, error) {
	id, err := KeyIDOf(record)
	if err != nil {
		return nil, err
	}
	a := keys.AEAD(id)
	if a == nil {
		return nil, ErrKeyUnknown
	}
	aad := a.scratch.Get().(*[]byte)
	*aad = place.appendAAD((*aad)[:0], id)
	plain, err := a.gcm.Open(dst, nil, record[headerSize:], *aad)
	a.scratch.Put(aad)
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}

// KeyIDOf reads which key a record was sealed with. It returns ErrOpen if the
// bytes cannot be a record.
func KeyIDOf(record []byte) (KeyID, error) {
	if len(record) < Overhead || record[0] != version || record[1] != suiteGCM {
		return KeyID{}, ErrOpen
	}
	return KeyID(record[2:headerSize]), nil
}

// appendAAD frames the place: see the package comment. It panics if a part does
// not fit its length field, which no store's layout comes near.
func (p Place) appendAAD(b []byte, id KeyID) []byte {
	if len(p.Bucket) > 1<<16-1 || uint64(len(p.Key)) > 1<<32-1 {
		panic(fmt.Sprintf("seal: place of %d and %d bytes", len(p.Bucket), len(p.Key)))
	}
	b = append(b, "clinicgate/record/1"...)
	b = append(b, version, suiteGCM)
	b = append(b, id[:]...)
	b = append(b, p.Store[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(p.Bucket)))
	b = append(b, p.Bucket...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.Key)))
	return append(b, p.Key...)
}
