package keyring

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"clinicgate/storage/seal"
)

// Argon2 is the cost of turning a passphrase into a key (Argon2id, RFC 9106).
// It is stored with the keyring.
type Argon2 struct {
	Time      uint32 `json:"time"`   // passes
	MemoryKiB uint32 `json:"memory"` // KiB
	Threads   uint8  `json:"threads"`
}

// DefaultArgon2 is the second recommended option of RFC 9106: 64 MiB, which a
// small kiosk can spare once at start.
func DefaultArgon2() Argon2 { return Argon2{Time: 3, MemoryKiB: 64 << 10, Threads: 4} }

const (
	// The minimums are the lowest setting that OWASP lists for Argon2id. The
	// maximums keep a tampered file from asking for the whole machine.
	minArgonTime, maxArgonTime       = 2, 16
	minArgonMemory, maxArgonMemory   = 19 << 10, 256 << 10
	minArgonThreads, maxArgonThreads = 1, 16

	minSalt, maxSalt = 16, 64

	// MinPassphrase is the least number of characters of a new passphrase.
	MinPassphrase = 12
	maxPassphrase = 1024 // bytes
)

// Validate reports a cost outside the allowed range.
func (a Argon2) Validate() error {
	if a.Time < minArgonTime || a.Time > maxArgonTime ||
		a.MemoryKiB < minArgonMemory || a.MemoryKiB > maxArgonMemory ||
		a.Threads < minArgonThreads || a.Threads > maxArgonThreads {
		return fmt.Errorf("argon2id with %d passes, %d KiB, %d threads: want %d to %d, %d to %d, %d to %d",
			a.Time, a.MemoryKiB, a.Threads, minArgonTime, maxArgonTime,
			minArgonMemory, maxArgonMemory, minArgonThreads, maxArgonThreads)
	}
	return nil
}

// Passphrase is a Source in a person's keeping. Argon2id is not among the
// algorithms that FIPS 140-3 approves; a site that needs those uses another
// source.
type Passphrase struct {
	// Read gives the passphrase: from a terminal or an inherited file
	// descriptor, never from the environment or the command line. One newline
	// at the end is dropped; the rest is brought to Unicode NFC, so that it
	// does not matter which keyboard typed it. The slice is overwritten.
	Read func(context.Context) ([]byte, error)
	// Cost is used for new keyrings; the zero Cost means DefaultArgon2.
	Cost Argon2
}

type passphraseParams struct {
	Argon2
	Salt []byte `json:"salt"`
}

// Name gives "passphrase".
func (Passphrase) Name() string { return "passphrase" }

// Strength gives StrengthPassphrase.
func (Passphrase) Strength() Strength { return StrengthPassphrase }

// Setup derives a root key with a new salt. The passphrase must have at least
// MinPassphrase characters.
func (p Passphrase) Setup(ctx context.Context) (seal.Key, []byte, error) {
	params := passphraseParams{Argon2: p.Cost, Salt: make([]byte, minSalt)}
	if params.Argon2 == (Argon2{}) {
		params.Argon2 = DefaultArgon2()
	}
	if err := params.Validate(); err != nil {
		return seal.Key{}, nil, err
	}
	_, _ = rand.Read(params.Salt) // never fails
	secret, err := p.read(ctx)
	if err != nil {
		return seal.Key{}, nil, err
	}
	defer clear(secret)
	if n := utf8.RuneCount(secret); n < MinPassphrase {
		return seal.Key{}, nil, hint(fmt.Errorf("passphrase has %d characters", n),
			fmt.Sprintf("choose one of at least %d, for example five random words", MinPassphrase))
	}
	text, err := json.Marshal(params)
	if err != nil {
		return seal.Key{}, nil, err
	}
	root, err := params.derive(secret)
	return root, text, err
}

// Unseal derives the root key. A wrong passphrase gives a wrong key.
func (p Passphrase) Unseal(ctx context.Context, text []byte) (seal.Key, error) {
	var params passphraseParams
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&params); err != nil {
		return seal.Key{}, fmt.Errorf("cannot read passphrase parameters: %w", err)
	}
	if err := params.Validate(); err != nil {
		return seal.Key{}, err
	}
	if len(params.Salt) < minSalt || len(params.Salt) > maxSalt {
		return seal.Key{}, fmt.Errorf("passphrase salt of %d bytes", len(params.Salt))
	}
	secret, err := p.read(ctx)
	if err != nil {
		return seal.Key{}, err
	}
	defer clear(secret)
	return params.derive(secret)
}

func (p passphraseParams) derive(secret []byte) (seal.Key, error) {
	b := argon2.IDKey(secret, p.Salt, p.Time, p.MemoryKiB, p.Threads, seal.KeySize)
	defer clear(b)
	// Once per start: hand back the working memory, which would otherwise count
	// against an idle kiosk for minutes.
	debug.FreeOSMemory()
	return seal.KeyFrom(b)
}

func (p Passphrase) read(ctx context.Context) ([]byte, error) {
	raw, err := p.Read(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot read passphrase: %w", err)
	}
	defer clear(raw)
	text := bytes.TrimSuffix(bytes.TrimSuffix(raw, []byte("\n")), []byte("\r"))
	if len(text) == 0 || len(text) > maxPassphrase || !utf8.Valid(text) {
		return nil, fmt.Errorf("passphrase of %d bytes: want 1 to %d of UTF-8", len(text), maxPassphrase)
	}
	return norm.NFC.Append(nil, text...), nil
}
