package keyring

import (
	"crypto/ecdh"
	"crypto/hpke"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"clinicgate/storage/seal"
)

const (
	recoveryPublicPrefix  = "clinicgate-recovery-public-1:"
	recoveryPrivatePrefix = "clinicgate-recovery-private-1:"
)

// RecoveryPublic is the clinic's offline recovery key, the half that kiosks
// hold: each keyring keeps its root key wrapped to it (HPKE of RFC 9180 with
// X25519, HKDF-SHA-256 and AES-256-GCM, bound to the installation), so that a
// lost passphrase or a dead TPM does not take the data with it.
type RecoveryPublic struct{ b [32]byte }

// RecoveryPrivate is the half that the clinic keeps in a safe. It prints as
// "redacted"; Text discloses it.
type RecoveryPrivate struct{ key seal.Key }

// NewRecoveryKey makes a pair.
func NewRecoveryKey() (RecoveryPrivate, error) {
	k, err := hpke.DHKEM(ecdh.X25519()).GenerateKey()
	if err != nil {
		return RecoveryPrivate{}, fmt.Errorf("cannot make recovery key: %w", err)
	}
	b, err := k.Bytes()
	if err != nil {
		return RecoveryPrivate{}, fmt.Errorf("cannot make recovery key: %w", err)
	}
	defer clear(b)
	key, err := seal.KeyFrom(b)
	return RecoveryPrivate{key}, err
}

// Public gives the half for the kiosks.
func (p RecoveryPrivate) Public() (RecoveryPublic, error) {
	k, err := hpke.DHKEM(ecdh.X25519()).NewPrivateKey(p.key.Reveal())
	if err != nil {
		return RecoveryPublic{}, fmt.Errorf("cannot use recovery key: %w", err)
	}
	return RecoveryPublic{[32]byte(k.PublicKey().Bytes())}, nil
}

// String gives "redacted".
func (p RecoveryPrivate) String() string { return p.key.String() }

// Text discloses the key, to be printed once and kept offline.
func (p RecoveryPrivate) Text() string {
	return recoveryPrivatePrefix + base64.StdEncoding.EncodeToString(p.key.Reveal())
}

// ParseRecoveryPrivate reads the form of Text.
func ParseRecoveryPrivate(text string) (RecoveryPrivate, error) {
	b, err := parseRecovery(text, recoveryPrivatePrefix)
	if err != nil {
		return RecoveryPrivate{}, err
	}
	defer clear(b)
	key, err := seal.KeyFrom(b)
	return RecoveryPrivate{key}, err
}

// String gives the text form, which is not secret.
func (p RecoveryPublic) String() string {
	return recoveryPublicPrefix + base64.StdEncoding.EncodeToString(p.b[:])
}

// ParseRecoveryPublic reads the form of String.
func ParseRecoveryPublic(text string) (RecoveryPublic, error) {
	b, err := parseRecovery(text, recoveryPublicPrefix)
	if err != nil {
		return RecoveryPublic{}, err
	}
	return RecoveryPublic{[32]byte(b)}, nil
}

func parseRecovery(text, prefix string) ([]byte, error) {
	value, ok := strings.CutPrefix(strings.TrimSpace(text), prefix)
	if !ok {
		return nil, fmt.Errorf("recovery key does not begin with %q", prefix)
	}
	b, err := base64.StdEncoding.Strict().DecodeString(value)
	if err != nil || len(b) != 32 {
		return nil, errors.New("recovery key is not 32 bytes of base64")
	}
	return b, nil
}

// recoveryWrap is the root key as the header of the keyring holds it.
type recoveryWrap struct {
	Public []byte `json:"public"`
	Root   []byte `json:"root"` // HPKE: encapsulated key, then ciphertext
}

func recoveryInfo(install uuid.UUID) []byte {
	return append([]byte("clinicgate/keyring/recovery/1\n"), install[:]...)
}

func (p RecoveryPublic) wrap(root seal.Key, install uuid.UUID) (*recoveryWrap, error) {
	pub, err := hpke.DHKEM(ecdh.X25519()).NewPublicKey(p.b[:])
	if err != nil {
		return nil, fmt.Errorf("cannot use recovery key: %w", err)
	}
	ct, err := hpke.Seal(pub, hpke.HKDFSHA256(), hpke.AES256GCM(), recoveryInfo(install), root.Reveal())
	if err != nil {
		return nil, fmt.Errorf("cannot wrap root key for recovery: %w", err)
	}
	return &recoveryWrap{Public: p.b[:], Root: ct}, nil
}

// RecoverRoot unwraps the root key of the keyring in fsys, for Open with Root.
// It tries both copies. ErrNoKey means that no recovery key was ever set,
// ErrWrongKey that it was another one, ErrLost that neither copy can be read.
func RecoverRoot(fsys FS, private RecoveryPrivate) (seal.Key, error) {
	priv, err := hpke.DHKEM(ecdh.X25519()).NewPrivateKey(private.key.Reveal())
	if err != nil {
		return seal.Key{}, fmt.Errorf("cannot use recovery key: %w", err)
	}
	copies := readCopies(fsys)
	err = lost(copies)
	for _, c := range newestFirst(copies) {
		if c.header.Recovery == nil {
			err = hint(fmt.Errorf("keyring has no recovery key: %w", ErrNoKey), "only its own key source opens it")
			continue
		}
		b, openErr := hpke.Open(priv, hpke.HKDFSHA256(), hpke.AES256GCM(), recoveryInfo(c.header.Install), c.header.Recovery.Root)
		if openErr != nil {
			err = hint(fmt.Errorf("recovery key does not fit: %w", ErrWrongKey),
				"the keyring names the public key "+c.header.recoveryPublic())
			continue
		}
		root, keyErr := seal.KeyFrom(b)
		clear(b)
		return root, keyErr
	}
	return seal.Key{}, err
}
