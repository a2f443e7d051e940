package gateway

import (
	"crypto/ed25519"
	"errors"
	"sync/atomic"
	"time"

	"clinicgate/gateway/downlink"
	"clinicgate/gateway/pubnub"
	"clinicgate/kiosk/wire"
	"clinicgate/storage/keyring"
)

// keys gives the parts what they need of the keyring: the cipher of PubNub
// messages, this kiosk's signature, and who signs with which key. It follows
// imports and rotations.
type keys struct {
	ring   *keyring.Ring
	kiosk  string
	now    func() time.Time
	cipher atomic.Pointer[pubnub.Cipher]
}

func newKeys(ring *keyring.Ring, kiosk string, now func() time.Time) (*keys, error) {
	k := &keys{ring: ring, kiosk: kiosk, now: now}
	return k, k.refresh()
}

// refresh takes the cipher keys from the keyring, after a change of it.
func (k *keys) refresh() error {
	var list []pubnub.CipherKey
	for _, s := range k.ring.Secrets(keyring.PubNubCipher) {
		list = append(list, pubnub.CipherKey{ID: s.ID, Key: s.Value.Reveal(), From: pubnub.Timetoken(s.From), Until: pubnub.Timetoken(s.Until)})
	}
	if len(list) == 0 {
		k.cipher.Store(nil)
		return nil
	}
	c, err := pubnub.NewCipher(list, k.now)
	if err != nil {
		return err
	}
	k.cipher.Store(c)
	return nil
}

// errNoCipherKey: nothing goes to PubNub in the clear.
var errNoCipherKey = errors.New("no PubNub cipher key in the keyring")

// Encrypt seals with the newest cipher key.
func (k *keys) Encrypt(plain []byte) (string, error) {
	c := k.cipher.Load()
	if c == nil {
		return "", errNoCipherKey
	}
	return c.Encrypt(plain)
}

// Decrypt opens with the newest key whose text accept likes.
func (k *keys) Decrypt(text string, accept func(plain []byte) bool) ([]byte, string, error) {
	c := k.cipher.Load()
	if c == nil {
		return nil, "", errNoCipherKey
	}
	return c.Decrypt(text, accept)
}

// signer signs as this kiosk.
func (k *keys) signer() (wire.Signer, error) {
	key := k.ring.SigningKey()
	if key == nil {
		return wire.Signer{}, keyring.ErrClosed
	}
	return wire.Signer{Kiosk: k.kiosk, Key: key}, nil
}

// SigningKey finds the public key that kid names for a kiosk or the authority,
// and the timetokens between which it is believed.
func (k *keys) SigningKey(kioskID, kid string) (pub ed25519.PublicKey, from, until uint64, ok bool) {
	if kioskID == k.kiosk {
		for _, pub := range k.ring.OwnPublicKeys() {
			if wire.KeyID(pub) == kid {
				return pub, 0, 0, true
			}
		}
	}
	for _, s := range k.ring.Secrets(keyring.KioskPublic) {
		if s.Owner == kioskID && s.ID == kid {
			return ed25519.PublicKey(s.Value.Reveal()), uint64(s.From), uint64(s.Until), true
		}
	}
	return nil, 0, 0, false
}

// others lists the kiosks whose keys are known, without this one and the
// authority.
func (k *keys) others() (list []string) {
	seen := map[string]bool{k.kiosk: true, downlink.Authority: true}
	for _, s := range k.ring.Secrets(keyring.KioskPublic) {
		if !seen[s.Owner] {
			seen[s.Owner] = true
			list = append(list, s.Owner)
		}
	}
	return list
}

// first gives the newest secret of a kind, or nil.
func (k *keys) first(kind keyring.Kind) []byte {
	for _, s := range k.ring.Secrets(kind) {
		return s.Value.Reveal()
	}
	return nil
}
