// Package storagetest helps tests of what stores things: keys without a
// keyring, a clock that a test moves, and the contract that every store keeps.
package storagetest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"sync"

	"clinicgate/storage/seal"
)

// Keys are data keys in memory, one per class, made when first asked for.
type Keys struct {
	mu     sync.Mutex
	root   [32]byte
	byID   map[seal.KeyID]*seal.AEAD
	active map[string]*seal.AEAD
}

// NewKeys derives all keys from a seed, so that the same seed opens the same
// store again.
func NewKeys(seed string) *Keys {
	return &Keys{root: sha256.Sum256([]byte(seed)), byID: map[seal.KeyID]*seal.AEAD{}, active: map[string]*seal.AEAD{}}
}

// Preload makes the keys of the classes, so that a reader finds them.
func (k *Keys) Preload(classes ...string) *Keys {
	for _, c := range classes {
		_, _ = k.Active(c)
	}
	return k
}

// AEAD implements seal.Keys.
func (k *Keys) AEAD(id seal.KeyID) *seal.AEAD {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.byID[id]
}

// Active implements storage.Keys.
func (k *Keys) Active(class string) (*seal.AEAD, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if a := k.active[class]; a != nil {
		return a, nil
	}
	key, err := seal.KeyFrom(k.derive("class/" + class))
	if err != nil {
		return nil, err
	}
	a := seal.NewAEAD(key)
	k.active[class], k.byID[a.ID()] = a, a
	return a, nil
}

// Secret implements storage.Keys.
func (k *Keys) Secret(purpose string) ([]byte, error) { return k.derive("secret/" + purpose), nil }

// Ensure implements storage.Keys.
func (k *Keys) Ensure(classes ...string) error {
	k.Preload(classes...)
	return nil
}

// SigningKey implements storage.Keys.
func (k *Keys) SigningKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(k.derive("signing")) }

// OwnPublicKeys implements storage.Keys.
func (k *Keys) OwnPublicKeys() []ed25519.PublicKey {
	return []ed25519.PublicKey{k.SigningKey().Public().(ed25519.PublicKey)}
}

func (k *Keys) derive(what string) []byte {
	sum := sha256.Sum256(append(k.root[:], what...))
	return sum[:]
}
