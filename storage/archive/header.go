package archive

import (
	"bufio"
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"clinicgate/storage/keyring"
)

const (
	magic       = "CGBK"
	formVersion = 1
	maxHeader   = 8 << 20 // a keyring of 4 MiB in base64, and the rest
	partSize    = 64 << 10
	purpose     = "backup"
)

// The errors a caller decides on.
var (
	// ErrDamaged means that the file is not whole or not what was written.
	ErrDamaged = errors.New("backup is damaged or cut short")
	// ErrNewer means that a newer version wrote it.
	ErrNewer = errors.New("backup was written by a newer version")
)

// Header is what can be read without a key.
type Header struct {
	Kiosk        string    `json:"kiosk"`
	Organization string    `json:"organization"`
	Program      string    `json:"program"` // version that wrote it
	StoreFormat  int       `json:"storeFormat"`
	Store        string    `json:"store"` // id, in hex
	Made         time.Time `json:"made"`
	Salt         []byte    `json:"salt"`
	Keyring      []byte    `json:"keyring"` // as it lies on the disk
}

// Secret is what the keyring gives for the key of its backups.
type Secret interface {
	Secret(purpose string) ([]byte, error)
}

// OpenRing opens the keyring that the backup holds, read-only.
func (h Header) OpenRing(ctx context.Context, src keyring.Source) (*keyring.Ring, error) {
	return keyring.Open(ctx, keyring.Held(h.Keyring), src, keyring.Options{ReadOnly: true})
}

// encode writes the header as the file begins with it.
func (h Header) encode() ([]byte, error) {
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	if len(text) > maxHeader {
		return nil, fmt.Errorf("header of %d bytes", len(text))
	}
	b := append([]byte(magic), formVersion)
	b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
	return append(b, text...), nil
}

// ReadHeader reads what can be read without a key.
func ReadHeader(r io.Reader) (Header, error) {
	h, _, err := readHeader(bufio.NewReaderSize(r, partSize))
	return h, err
}

func readHeader(r *bufio.Reader) (h Header, raw []byte, err error) {
	raw = make([]byte, len(magic)+1+4)
	if _, err := io.ReadFull(r, raw); err != nil || string(raw[:len(magic)]) != magic {
		return h, nil, fmt.Errorf("%w: it does not begin like one", ErrDamaged)
	}
	if v := raw[len(magic)]; v > formVersion {
		return h, nil, fmt.Errorf("%w: form %d, this version reads up to %d", ErrNewer, v, formVersion)
	}
	n := binary.BigEndian.Uint32(raw[len(magic)+1:])
	if raw[len(magic)] == 0 || n > maxHeader {
		return h, nil, fmt.Errorf("%w: header", ErrDamaged)
	}
	var text bytes.Buffer // grows with what is there, not with what is claimed
	if got, err := io.CopyN(&text, r, int64(n)); err != nil || got != int64(n) {
		return h, nil, fmt.Errorf("%w: header", ErrDamaged)
	}
	d := json.NewDecoder(bytes.NewReader(text.Bytes()))
	if d.Decode(&h) != nil || len(h.Salt) != saltSize || len(h.Keyring) == 0 {
		return h, nil, fmt.Errorf("%w: header", ErrDamaged)
	}
	return h, append(raw, text.Bytes()...), nil
}

const saltSize = 32

func newSalt() []byte {
	b := make([]byte, saltSize)
	_, _ = rand.Read(b) // never fails
	return b
}

// sealer derives the archive's key.
func sealer(from Secret, salt, raw []byte) (cipher.AEAD, error) {
	secret, err := from.Secret(purpose)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	sum := sha256.Sum256(raw)
	key, err := hkdf.Key(sha256.New, secret, salt, "clinicgate/backup/1\n"+string(sum[:]), 32)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// nonce numbers the parts and marks the last one. The key is one file's alone.
func nonce(n uint64, last bool) []byte {
	b := make([]byte, 12)
	binary.BigEndian.PutUint64(b[3:], n)
	if last {
		b[11] = 1
	}
	return b
}
