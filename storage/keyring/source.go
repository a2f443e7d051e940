package keyring

import (
	"context"
	"errors"

	"clinicgate/storage/seal"
)

// Source unseals the root key, which wraps the key that encrypts the keyring.
// The ring can therefore rotate everything below the root by itself, also where
// the source is read-only.
//
// Passphrase, KeyFile, Credential (systemd) and DPAPI (Windows) are Sources.
type Source interface {
	// Name is what the keyring remembers its source by: "passphrase".
	Name() string
	// Strength is what the key is protected by.
	Strength() Strength
	// Setup gives the root key for a new keyring, and what the source needs to
	// unseal it again. Params are kept beside the keyring in clear, at most
	// 16 KiB.
	Setup(ctx context.Context) (root seal.Key, params []byte, err error)
	// Unseal gives the root key that Setup gave. A source that cannot tell a
	// wrong secret from a right one gives a wrong key.
	Unseal(ctx context.Context, params []byte) (seal.Key, error)
}

// Strength says what protects a root key from someone who holds the disk.
type Strength string

// The strengths, best first.
const (
	StrengthHardware   Strength = "hardware"   // sealed by a TPM
	StrengthOS         Strength = "os"         // bound to this machine's system
	StrengthPassphrase Strength = "passphrase" // in a person's keeping
	StrengthFile       Strength = "file"       // beside the data: no protection
	StrengthRecovery   Strength = "recovery"   // opened by hand, with the clinic's recovery key
)

const sourceRecovery = "recovery"

// Root is a Source that opens any keyring whose root key is known: that which
// RecoverRoot returned. Change the source after opening.
type Root struct{ Key seal.Key }

// Name gives "recovery".
func (Root) Name() string { return sourceRecovery }

// Strength gives StrengthRecovery.
func (Root) Strength() Strength { return StrengthRecovery }

// Setup refuses: a keyring is never made or kept with a bare root key.
func (Root) Setup(context.Context) (seal.Key, []byte, error) {
	return seal.Key{}, nil, errors.New("a recovered root key is no source for a keyring")
}

// Unseal gives a copy of the key.
func (r Root) Unseal(context.Context, []byte) (seal.Key, error) {
	return seal.KeyFrom(r.Key.Reveal())
}
