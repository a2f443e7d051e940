package bridge

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
)

// NewCredential makes a credential of 130 random bits, to be typed into a device.
func NewCredential() string { return rand.Text() }

// CredentialSum is what is kept of a client's credential. A plain hash is enough:
// what it is of cannot be guessed.
func CredentialSum(id, credential string) []byte {
	sum := sha256.Sum256([]byte("clinicgate mqtt credential\x00" + id + "\x00" + credential))
	return sum[:]
}

// knows reports whether the credential is the client's. Unknown clients take as
// long as known ones.
func (b *Broker) knows(ctx context.Context, id, user, credential string) bool {
	var held []byte
	if b.cfg.Credential != nil {
		held, _ = b.cfg.Credential(ctx, id)
	}
	given := CredentialSum(id, credential)
	if len(held) != len(given) {
		held = make([]byte, len(given))
	}
	same := subtle.ConstantTimeCompare(held, given) == 1
	return subtle.ConstantTimeCompare([]byte(user), []byte(id)) == 1 && same
}
