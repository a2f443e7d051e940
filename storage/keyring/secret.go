package keyring

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"
	"unicode/utf8"

	"clinicgate/storage/seal"
)

// Kind is the class of a named secret.
type Kind string

// The kinds. The first five come from the clinic and are imported; the others
// are this kiosk's own and never leave the keyring.
const (
	PubNubCipher     Kind = "pubnub-cipher"     // text: cipher key of the CryptoModule
	PatientReference Kind = "patient-reference" // 32 to 64 bytes: HMAC key of patient references
	Ticket           Kind = "ticket"            // 16 to 64 bytes: HMAC key of printed ticket codes
	AppointmentCode  Kind = "appointment-code"  // Ed25519 public key of the roster's maker
	KioskPublic      Kind = "kiosk-public"      // Ed25519 public key of another kiosk or the authority

	Signing        Kind = "kiosk-signing"         // Ed25519 seed of this kiosk
	RetiredSigning Kind = "kiosk-signing-retired" // Ed25519 public key of this kiosk, earlier
	Local          Kind = "local"                 // 32 bytes: what Secret derives from
)

// kindRule is what a value of a kind must look like.
type kindRule struct {
	min, max int  // bytes
	text     bool // UTF-8 as it is; otherwise bytes, base64 outside
	public   bool // an Ed25519 public key: its id is its fingerprint
	owned    bool // needs an owner
	imported bool
}

func (k Kind) rule() (kindRule, bool) {
	switch k {
	case PubNubCipher:
		return kindRule{min: 1, max: 512, text: true, imported: true}, true
	case PatientReference:
		return kindRule{min: 32, max: 64, imported: true}, true
	case Ticket:
		return kindRule{min: 16, max: 64, imported: true}, true
	case AppointmentCode:
		return kindRule{min: ed25519.PublicKeySize, max: ed25519.PublicKeySize, public: true, imported: true}, true
	case KioskPublic:
		return kindRule{min: ed25519.PublicKeySize, max: ed25519.PublicKeySize, public: true, owned: true, imported: true}, true
	case Signing:
		return kindRule{min: ed25519.SeedSize, max: ed25519.SeedSize}, true
	case RetiredSigning:
		return kindRule{min: ed25519.PublicKeySize, max: ed25519.PublicKeySize, public: true}, true
	case Local:
		return kindRule{min: 32, max: 32}, true
	}
	return kindRule{}, false
}

// Value is the bytes of a secret. It prints as "redacted"; the bytes come out
// only by Reveal. The zero Value is empty.
type Value struct{ v *string }

// NewValue copies b.
func NewValue(b []byte) Value { s := string(b); return Value{&s} }

// Reveal returns a copy of the bytes.
func (v Value) Reveal() []byte {
	if v.v == nil {
		return nil
	}
	return []byte(*v.v)
}

// String gives "redacted".
func (v Value) String() string { return "redacted" }

// Format gives "redacted" for every verb and flag.
func (v Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "redacted") }

// LogValue gives "redacted".
func (v Value) LogValue() slog.Value { return slog.StringValue("redacted") }

// MarshalText gives "redacted".
func (v Value) MarshalText() ([]byte, error) { return []byte("redacted"), nil }

// Named is a secret with a name: its kind and id.
type Named struct {
	Kind Kind   `json:"kind"`
	ID   string `json:"id"`
	// Owner is whose key it is: a kiosk id or "authority". KioskPublic only.
	Owner string `json:"owner,omitempty"`
	Value Value  `json:"value"`
	// From and Until bound when it holds, both included; 0 leaves a side open.
	From    Timetoken `json:"from,omitzero"`
	Until   Timetoken `json:"until,omitzero"`
	Created time.Time `json:"created"` // when it came into this keyring
}

// HoldsAt reports whether the secret was in force at t.
func (s Named) HoldsAt(t Timetoken) bool {
	return s.From <= t && (s.Until == 0 || t <= s.Until)
}

// Fingerprint names an Ed25519 public key: the first 16 hex digits of its
// SHA-256, as in the "kid" of a signed message.
func Fingerprint(pub ed25519.PublicKey) string {
	sum := sha256.Sum256(pub)
	return hex.EncodeToString(sum[:8])
}

func (s stored) validate() error {
	rule, ok := s.Kind.rule()
	if !ok {
		return fmt.Errorf("%w: unknown kind %.40q", ErrSecret, s.Kind)
	}
	if err := checkName("id", s.ID); err != nil {
		return fmt.Errorf("%w: %w", ErrSecret, err)
	}
	if rule.owned != (s.Owner != "") {
		return fmt.Errorf("%w: kind %s and owner %.70q do not go together", ErrSecret, s.Kind, s.Owner)
	}
	if rule.owned {
		if err := checkName("owner", s.Owner); err != nil {
			return fmt.Errorf("%w: %w", ErrSecret, err)
		}
	}
	if n := len(s.Value); n < rule.min || n > rule.max {
		return fmt.Errorf("%w: value of kind %s has %d bytes, want %d to %d", ErrSecret, s.Kind, n, rule.min, rule.max)
	}
	if rule.text && !utf8.Valid(s.Value) {
		return fmt.Errorf("%w: value of kind %s is not UTF-8", ErrSecret, s.Kind)
	}
	if rule.public && s.ID != Fingerprint(s.Value) {
		return fmt.Errorf("%w: id of a public key is its fingerprint %s", ErrSecret, Fingerprint(s.Value))
	}
	if s.Until != 0 && s.Until < s.From {
		return fmt.Errorf("%w: it ends before it begins", ErrSecret)
	}
	return nil
}

func (s stored) secret() Named {
	return Named{Kind: s.Kind, ID: s.ID, Owner: s.Owner, Value: NewValue(s.Value), From: s.From, Until: s.Until, Created: s.Created}
}

// newest orders secrets of one kind: the one to try first comes first.
func newest(a, b Named) int {
	return cmp.Or(cmp.Compare(b.From, a.From), b.Created.Compare(a.Created))
}

// Secrets returns the secrets of a kind, newest first.
func (r *Ring) Secrets(kind Kind) []Named {
	r.values.RLock()
	defer r.values.RUnlock()
	s := r.current.Load()
	if s == nil {
		return nil
	}
	var out []Named
	// From the back, so that of two alike the one imported later comes first.
	for _, v := range slices.Backward(s.body.Secrets) {
		if v.Kind == kind {
			out = append(out, v.secret())
		}
	}
	slices.SortStableFunc(out, newest)
	return out
}

// Current returns the newest secret of a kind that holds at t; with t 0, when no
// trusted time is known, simply the newest.
func (r *Ring) Current(kind Kind, t Timetoken) (Named, bool) {
	for _, s := range r.Secrets(kind) {
		if t == 0 || s.HoldsAt(t) {
			return s, true
		}
	}
	return Named{}, false
}

// List returns all secrets without their values, by kind, newest first.
func (r *Ring) List() []Named {
	s := r.current.Load()
	if s == nil {
		return nil
	}
	out := make([]Named, 0, len(s.body.Secrets))
	for _, v := range slices.Backward(s.body.Secrets) {
		v.Value = nil
		out = append(out, v.secret())
	}
	slices.SortStableFunc(out, func(a, b Named) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), newest(a, b)) })
	return out
}

// maxSecrets bounds the clinic's secrets in one keyring.
const maxSecrets = 4096

// Import adds secrets from the clinic, all or none, in one durable change. The
// id of a public key may be left empty. A secret that is there already, with the
// same value, takes the new From and Until; with another value it is
// ErrConflict. ErrSecret: one is malformed or of a kind that is not imported.
func (r *Ring) Import(secrets ...Named) error {
	err := r.change(func(_ *material, b *body) error {
		for _, s := range secrets {
			if err := b.put(s, r.now()); err != nil {
				return err
			}
		}
		if len(b.Secrets) > maxSecrets {
			return fmt.Errorf("%w: more than %d secrets", ErrSecret, maxSecrets)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("cannot import keys: %w", err)
	}
	return nil
}

func (b *body) put(s Named, now time.Time) error {
	v := stored{
		Kind: s.Kind, ID: s.ID, Owner: s.Owner, Value: s.Value.Reveal(),
		From: s.From, Until: s.Until, Created: now.UTC().Truncate(time.Second),
	}
	rule, _ := v.Kind.rule()
	if rule.public && v.ID == "" {
		v.ID = Fingerprint(v.Value)
	}
	if err := v.validate(); err != nil {
		return err
	}
	if !rule.imported {
		return fmt.Errorf("%w: kind %s is made by the kiosk itself", ErrSecret, v.Kind)
	}
	i := b.secret(v.Kind, v.ID)
	if i < 0 {
		b.Secrets = append(b.Secrets, v)
		return nil
	}
	if old := b.Secrets[i]; !bytes.Equal(old.Value, v.Value) || old.Owner != v.Owner {
		return hint(fmt.Errorf("%s %s: %w", v.Kind, v.ID, ErrConflict), "import it under another id, or erase the old one first")
	}
	v.Created = b.Secrets[i].Created
	b.Secrets[i] = v
	return nil
}

func (b *body) secret(kind Kind, id string) int {
	return slices.IndexFunc(b.Secrets, func(s stored) bool { return s.Kind == kind && s.ID == id })
}

// Generate makes a random secret of a kind that the clinic's first kiosk may
// make itself (PubNubCipher, PatientReference, Ticket) and returns it.
func (r *Ring) Generate(kind Kind, id string) (Named, error) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	switch kind {
	case PubNubCipher:
		raw = hex.AppendEncode(nil, raw)
	case PatientReference, Ticket:
	default:
		return Named{}, fmt.Errorf("%w: kind %.40q is not generated", ErrSecret, kind)
	}
	defer clear(raw)
	s := Named{Kind: kind, ID: id, Value: NewValue(raw)}
	if err := r.Import(s); err != nil {
		return Named{}, err
	}
	return s, nil
}

// Erase forgets a secret and changes the KEK. The kiosk's own secrets cannot be
// erased (ErrInUse): rotate the signing key, or destroy the keyring.
func (r *Ring) Erase(kind Kind, id string) error {
	var old []byte
	err := r.change(func(m *material, b *body) error {
		i := b.secret(kind, id)
		if i < 0 {
			return fmt.Errorf("%s %.70s: %w", kind, id, ErrNoKey)
		}
		if kind == Signing || kind == Local {
			return fmt.Errorf("%s: %w", kind, ErrInUse)
		}
		old = b.Secrets[i].Value
		b.Secrets = slices.Delete(b.Secrets, i, i+1)
		return m.newKEK()
	})
	if err != nil {
		return fmt.Errorf("cannot erase key: %w", err)
	}
	r.wipe(old)
	return nil
}

func newLocal(now time.Time) stored {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	return stored{Kind: Local, ID: "local", Value: raw, Created: now.UTC().Truncate(time.Second)}
}

func newSigning(now time.Time, from Timetoken) stored {
	seed := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(seed) // never fails
	return stored{Kind: Signing, ID: Fingerprint(publicOf(seed)), Value: seed, From: from, Created: now.UTC().Truncate(time.Second)}
}

// SigningKey is the key that this kiosk signs its messages and checkpoints with;
// Fingerprint of its public half is the "kid". It is nil once the ring is
// closed.
func (r *Ring) SigningKey() ed25519.PrivateKey {
	for _, s := range r.Secrets(Signing) {
		return ed25519.NewKeyFromSeed(s.Value.Reveal())
	}
	return nil
}

// OwnPublicKeys are the public keys that this kiosk has ever signed with, the
// present one first.
func (r *Ring) OwnPublicKeys() []ed25519.PublicKey {
	var out []ed25519.PublicKey
	for _, s := range r.Secrets(Signing) {
		out = append(out, publicOf(s.Value.Reveal()))
	}
	for _, s := range r.Secrets(RetiredSigning) {
		out = append(out, s.Value.Reveal())
	}
	return out
}

// RotateSigning makes a new signing key pair that holds from t on. Of the one
// before only the public half stays, valid until t. The other kiosks must get
// the new public key before they meet it.
func (r *Ring) RotateSigning(t Timetoken) (ed25519.PublicKey, error) {
	fresh := newSigning(r.now(), t)
	pub := publicOf(fresh.Value)
	var old []byte
	err := r.change(func(m *material, b *body) error {
		for i, v := range b.Secrets {
			if v.Kind == Signing {
				old = v.Value
				v.Kind, v.Value, v.Until = RetiredSigning, publicOf(old), max(t, v.From)
				b.Secrets[i] = v
			}
		}
		b.Secrets = append(b.Secrets, fresh)
		return m.newKEK()
	})
	if err != nil {
		return nil, fmt.Errorf("cannot rotate signing key: %w", err)
	}
	r.wipe(old)
	return pub, nil
}

func publicOf(seed []byte) ed25519.PublicKey {
	return ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
}

// Secret derives 32 bytes for a purpose of this installation's own, such as a
// blind index or the head file. They never change, whatever else is rotated.
func (r *Ring) Secret(purpose string) ([]byte, error) {
	for _, s := range r.Secrets(Local) {
		b, err := hkdf.Key(sha256.New, s.Value.Reveal(), nil, "clinicgate/local/1/"+purpose, seal.KeySize)
		if err != nil {
			return nil, fmt.Errorf("cannot derive secret: %w", err)
		}
		return b, nil
	}
	return nil, ErrClosed
}
