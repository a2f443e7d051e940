package pubnub

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/pubnub/go/v7/crypto"
)

var (
	// ErrNotEncrypted says that a text is not in the current CryptoModule
	// format: plain text, the legacy format, or damaged.
	ErrNotEncrypted = errors.New("not encrypted in the CryptoModule format")
	// ErrNoKey says that no key opens a text to something acceptable.
	ErrNoKey = errors.New("no cipher key opens this")
)

// CipherKey is one of the clinic's shared message keys.
type CipherKey struct {
	ID  string
	Key []byte // as the clinic's other apps give it to their SDK; a secret

	// From is when publishers start to use the key; Until, unless 0, when
	// they stop. Reading is possible with every key at any time.
	From, Until Timetoken
}

// Format prints the id only.
func (k CipherKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "cipher key "+k.ID) }

// LogValue gives the id only.
func (k CipherKey) LogValue() slog.Value { return slog.StringValue("cipher key " + k.ID) }

// Cipher turns messages into the text that is published and back, in the byte
// format of PubNub's CryptoModule (AES-256-CBC, cryptor id ACRH), so that any
// PubNub SDK that holds the key reads it. It hides a message and does not
// authenticate it: that is what the signature inside is for.
//
// The layout, as standard base64:
//
//	"PNED" | version 1 | "ACRH" | length of IV 16 | IV | ciphertext with PKCS #7 padding
//
// A Cipher is safe for concurrent use and never changes: after a rotation of
// keys a new one is made.
type Cipher struct {
	keys []cipherKey // newest first
	now  func() time.Time
}

type cipherKey struct {
	id          string
	from, until Timetoken
	cryptor     crypto.Cryptor
}

const (
	cipherHeader = "PNED\x01ACRH\x10"
	cipherBlock  = 16
)

// NewCipher takes at least one key. now decides which key encrypts; nil means
// the system clock.
func NewCipher(keys []CipherKey, now func() time.Time) (*Cipher, error) {
	if len(keys) == 0 {
		return nil, errors.New("no cipher key")
	}
	if now == nil {
		now = time.Now
	}
	c := &Cipher{now: now}
	for _, k := range keys {
		if len(k.Key) == 0 {
			return nil, fmt.Errorf("%v is empty", k)
		}
		// The SDK hashes the key (SHA-256) and keeps only the AES schedule.
		cryptor, err := crypto.NewAesCbcCryptor(string(k.Key))
		if err != nil {
			return nil, fmt.Errorf("%v cannot be used", k)
		}
		c.keys = append(c.keys, cipherKey{k.ID, k.From, k.Until, cryptor})
	}
	slices.SortStableFunc(c.keys, func(a, b cipherKey) int { return cmp.Compare(b.from, a.from) })
	return c, nil
}

// Encrypt gives the base64 text that holds plain, which must not be empty.
// Equal inputs give different texts: the IV is random.
func (c *Cipher) Encrypt(plain []byte) (string, error) {
	if len(plain) == 0 {
		return "", errors.New("nothing to encrypt")
	}
	// Clip: the SDK's padding appends to its argument, which would write into
	// the spare room of the caller's slice.
	data, err := c.current().cryptor.Encrypt(slices.Clip(plain))
	if err != nil || len(data.Metadata) != cipherBlock {
		return "", errors.New("cannot encrypt")
	}
	raw := slices.Concat([]byte(cipherHeader), data.Metadata, data.Data)
	return base64.StdEncoding.EncodeToString(raw), nil
}

// current is the key to encrypt with: the newest that has begun and not ended.
// A clock that is far off must not stop the clinic, so that without such a key
// it is the newest that has begun, and else the oldest.
func (c *Cipher) current() cipherKey {
	at := TimetokenAt(c.now())
	begun := slices.IndexFunc(c.keys, func(k cipherKey) bool { return k.from <= at })
	if begun < 0 {
		return c.keys[len(c.keys)-1]
	}
	for _, k := range c.keys[begun:] {
		if k.until == 0 || at < k.until {
			return k
		}
	}
	return c.keys[begun]
}

// Decrypt opens text with the newest key for which accept says yes to the
// outcome, and gives that plain text and the key's id. accept must decide by
// content: about one wrong key in 256 yields well-padded noise. No input makes
// it panic.
func (c *Cipher) Decrypt(text string, accept func(plain []byte) bool) (plain []byte, keyID string, err error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, "", ErrNotEncrypted
	}
	iv, ok := bytes.CutPrefix(raw, []byte(cipherHeader))
	if !ok || len(iv) < 2*cipherBlock || len(iv)%cipherBlock != 0 {
		return nil, "", ErrNotEncrypted
	}
	data := crypto.EncryptedData{Metadata: iv[:cipherBlock], Data: iv[cipherBlock:]}
	for _, k := range c.keys {
		if plain, ok := k.open(&data); ok && accept(plain) {
			return plain, k.id, nil
		}
	}
	return nil, "", ErrNoKey
}

// open fences the SDK's decryption, which panics on shapes that Decrypt has
// already refused and perhaps on others.
func (k cipherKey) open(data *crypto.EncryptedData) (plain []byte, ok bool) {
	defer func() {
		if recover() != nil {
			plain, ok = nil, false
		}
	}()
	plain, err := k.cryptor.Decrypt(data)
	return plain, err == nil
}
