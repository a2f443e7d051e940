package door

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
)

const secretBytes = 32

// SecretHash is the SHA-256 of a launch token or of a browser's pass. The
// secrets themselves are never kept.
type SecretHash [sha256.Size]byte

// NewSecret mints 256 random bits as a cookie or an address can carry them.
func NewSecret() (string, SecretHash) {
	b := make([]byte, secretBytes)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	s := base64.RawURLEncoding.EncodeToString(b)
	return s, HashOf(s)
}

// HashOf gives the hash of what somebody presents as a secret.
func HashOf(secret string) SecretHash { return sha256.Sum256([]byte(secret)) }

// Equal compares in constant time.
func (h SecretHash) Equal(other SecretHash) bool {
	return subtle.ConstantTimeCompare(h[:], other[:]) == 1
}
