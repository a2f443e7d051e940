package seal

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// KeySize is the length of a key in bytes (AES-256).
const KeySize = 32

const redacted = "redacted"

// Key is a secret key of 32 bytes that never prints itself: formatting, logging
// and encoding it give "redacted". The bytes come out only by Reveal. Copies of
// a Key share their bytes, so Wipe reaches all of them. The zero Key holds
// nothing.
type Key struct {
	// A pointer to a pointer, since fmt cannot call our methods on a Key in an
	// unexported field of a struct: there %s and other wrong verbs print the
	// array behind a single pointer in full.
	b **[KeySize]byte
}

func newKey() Key {
	b := new([KeySize]byte)
	return Key{&b}
}

// NewKey makes a random key.
func NewKey() Key {
	k := newKey()
	_, _ = rand.Read(k.Reveal()) // never fails: crypto/rand ends the process instead
	return k
}

// KeyFrom copies 32 bytes into a key.
func KeyFrom(b []byte) (Key, error) {
	if len(b) != KeySize {
		return Key{}, fmt.Errorf("key has %d bytes, want %d", len(b), KeySize)
	}
	k := newKey()
	copy(k.Reveal(), b)
	return k, nil
}

// IsZero reports whether the key holds nothing.
func (k Key) IsZero() bool { return k.b == nil }

// Reveal returns the key's own bytes, not a copy; nil for the zero Key.
func (k Key) Reveal() []byte {
	if k.b == nil {
		return nil
	}
	return (*k.b)[:]
}

// Equal compares two keys in constant time.
func (k Key) Equal(o Key) bool {
	return subtle.ConstantTimeCompare(k.Reveal(), o.Reveal()) == 1
}

// Wipe overwrites the bytes, in this and every other copy of the key. It cannot
// reach what the runtime may have copied, nor the schedule inside an AEAD.
func (k Key) Wipe() {
	clear(k.Reveal())
}

// ID derives the key's public id: the first 8 bytes of
// SHA-256("clinicgate/key-id/1" | key).
func (k Key) ID() KeyID {
	h := sha256.New()
	_, _ = io.WriteString(h, "clinicgate/key-id/1")
	h.Write(k.Reveal())
	return KeyID(h.Sum(nil)[:len(KeyID{})])
}

// String gives "redacted".
func (k Key) String() string { return redacted }

// GoString gives "redacted".
func (k Key) GoString() string { return redacted }

// Format gives "redacted" for every verb and flag.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue gives "redacted".
func (k Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText gives "redacted", so that encoding a struct that holds a Key
// cannot disclose it.
func (k Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText refuses: a key is never read back from a printed form.
func (k *Key) UnmarshalText([]byte) error { return errors.New("a key has no text form") }

// KeyID names a key in public: in each record, in lists and in logs.
type KeyID [8]byte

// String gives 16 hex digits.
func (id KeyID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText gives the form of String.
func (id KeyID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the form of String.
func (id *KeyID) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(id) {
		return fmt.Errorf("key id has %d characters, want %d", len(text), hex.EncodedLen(len(id)))
	}
	_, err := hex.Decode(id[:], text)
	return err
}
