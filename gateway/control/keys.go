package control

import (
	"context"
	"time"
)

// KeyList is the keyring without its keys.
type KeyList struct {
	Source   string `json:"source"`   // key source: "passphrase"
	Strength string `json:"strength"` // what it protects against
	Recovery bool   `json:"recovery"` // a recovery key is set
	// RecoveryPublic is its public half, as `clinicgate keys recovery init` prints it.
	RecoveryPublic string     `json:"recoveryPublic,omitempty"`
	Sound          bool       `json:"sound"`  // both copies hold the current keys
	Public         []byte     `json:"public"` // the kiosk's present public key (Ed25519), for the other kiosks
	Secrets        []KeyInfo  `json:"secrets"`
	Epochs         []KeyEpoch `json:"epochs"`
}

// KeyInfo is a secret of the clinic, or the kiosk's own signing key.
type KeyInfo struct {
	Kind    string    `json:"kind"`
	ID      string    `json:"id"`
	Owner   string    `json:"owner,omitempty"`
	From    time.Time `json:"from,omitzero"`
	Until   time.Time `json:"until,omitzero"`
	Created time.Time `json:"created"`
}

// KeyEpoch is one data key of a class.
type KeyEpoch struct {
	Class   string    `json:"class"`
	Epoch   uint32    `json:"epoch"`
	State   string    `json:"state"`
	Created time.Time `json:"created"`
	Uses    int64     `json:"uses"`
}

// KeyImport brings secrets of the clinic, in the form that
// storage/keyring.ParseSecrets reads.
type KeyImport struct {
	Secrets []byte `json:"secrets"`
}

// KeyRotate begins a new key. Class is a data key class, or "signing" for the
// kiosk's signing key, or "all" for every data key class.
type KeyRotate struct {
	Class string `json:"class"`
}

// KeyErase destroys a secret (Kind, ID) or a data key that no longer seals
// (Class, Epoch), and with it whatever only it opens.
type KeyErase struct {
	Kind  string `json:"kind,omitempty"`
	ID    string `json:"id,omitempty"`
	Class string `json:"class,omitempty"`
	Epoch uint32 `json:"epoch,omitempty"`
}

// KeyRecovery sets the clinic's recovery key.
type KeyRecovery struct {
	Public string `json:"public"` // as `clinicgate keys recovery init` prints it
}

// KeyList asks what the keyring holds.
func (c *Client) KeyList(ctx context.Context) (KeyList, error) {
	return call[KeyList](ctx, c, "keys/list", nil)
}

// KeyImport imports secrets.
func (c *Client) KeyImport(ctx context.Context, in KeyImport) (KeyList, error) {
	return call[KeyList](ctx, c, "keys/import", in)
}

// KeyRotate begins a new key.
func (c *Client) KeyRotate(ctx context.Context, in KeyRotate) (KeyList, error) {
	return call[KeyList](ctx, c, "keys/rotate", in)
}

// KeyErase destroys a key.
func (c *Client) KeyErase(ctx context.Context, in KeyErase) (KeyList, error) {
	return call[KeyList](ctx, c, "keys/erase", in)
}

// SetRecovery sets the recovery key.
func (c *Client) SetRecovery(ctx context.Context, in KeyRecovery) (KeyList, error) {
	return call[KeyList](ctx, c, "keys/recovery", in)
}
