package keyring

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"clinicgate/storage/seal"
)

// Credential is a Source that reads the root key from a credential which the service
// manager unseals for this service only (systemd.exec(5), LoadCredentialEncrypted).
// The credential's content has the form of a key file.
type Credential struct {
	// Read gives the unsealed credential. The slice is overwritten.
	Read func(context.Context) ([]byte, error)
	// Sealed gives the sealed credential, for Strength; nil or an error counts as one
	// that is bound to the machine's system.
	Sealed func() ([]byte, error)
}

// Name gives "credential".
func (Credential) Name() string { return "credential" }

// Strength says what seals the credential: a TPM, a key of the system, or nothing.
func (c Credential) Strength() Strength {
	if c.Sealed == nil {
		return StrengthOS
	}
	text, err := c.Sealed()
	if err != nil {
		return StrengthOS
	}
	return sealedBy(text)
}

// Setup reads the credential, which must be there already.
func (c Credential) Setup(ctx context.Context) (seal.Key, []byte, error) {
	key, err := c.Unseal(ctx, nil)
	return key, nil, err
}

// Unseal reads the credential.
func (c Credential) Unseal(ctx context.Context, _ []byte) (seal.Key, error) {
	text, err := c.Read(ctx)
	if err != nil {
		return seal.Key{}, err
	}
	defer clear(text)
	key, err := parseKeyFile(text)
	if err != nil {
		return seal.Key{}, fmt.Errorf("cannot use credential: %w", err)
	}
	return key, nil
}

// NewCredential gives the content of a new credential, to be sealed and then wiped.
func NewCredential() []byte {
	key := seal.NewKey()
	defer key.Wipe()
	text := base64.StdEncoding.AppendEncode([]byte(keyFilePrefix), key.Reveal())
	return append(text, '\n')
}

// The first 16 bytes of a sealed credential say what seals it. These are the ids
// of systemd's src/shared/creds-util.h; those of later versions, of which nothing
// better is known, count as bound to the system.
var (
	byTPM = [][]byte{
		{0x0c, 0x7c, 0xc0, 0x7b, 0x11, 0x76, 0x45, 0x91, 0x9c, 0x4b, 0x0b, 0xea, 0x08, 0xbc, 0x20, 0xfe}, // TPM
		{0xfa, 0xf7, 0xeb, 0x93, 0x41, 0xe3, 0x41, 0x2c, 0xa1, 0xa4, 0x36, 0xf9, 0x5a, 0x29, 0x36, 0x2f}, // TPM with a public key
		{0x93, 0xa8, 0x94, 0x09, 0x48, 0x74, 0x44, 0x90, 0x90, 0xca, 0xf2, 0xfc, 0x93, 0xca, 0xb5, 0x53}, // host key and TPM
		{0xef, 0x4a, 0xc1, 0x36, 0x79, 0xa9, 0x48, 0x0e, 0xa7, 0xdb, 0x68, 0x89, 0x7f, 0x9f, 0x16, 0x5d}, // the same, of one user
		{0xaf, 0x49, 0x50, 0xa8, 0x49, 0x13, 0x4e, 0xb1, 0xa7, 0x38, 0x46, 0x30, 0x4f, 0xf3, 0x0c, 0x05}, // host key and TPM with a public key
		{0xad, 0xbc, 0x4c, 0xa3, 0xef, 0xb6, 0x42, 0x01, 0xba, 0x88, 0x1b, 0x6f, 0x2e, 0x40, 0x95, 0xea}, // the same, of one user
	}
	byNothing = []byte{0x05, 0x84, 0x69, 0xda, 0xf6, 0xf5, 0x43, 0x24, 0x80, 0x05, 0x49, 0xda, 0x0f, 0x8e, 0xa2, 0xfb}
)

const sealedIDSize = 16

func sealedBy(text []byte) Strength {
	id, err := sealedID(text)
	if err != nil {
		return StrengthOS
	}
	for _, known := range byTPM {
		if bytes.Equal(id, known) {
			return StrengthHardware
		}
	}
	if bytes.Equal(id, byNothing) {
		return StrengthFile
	}
	return StrengthOS
}

// sealedID reads the id of a sealed credential, which is base64 in lines.
func sealedID(text []byte) ([]byte, error) {
	const enough = 24 // base64 digits, a multiple of 4, for 16 bytes
	digits := make([]byte, 0, enough)
	for _, b := range text[:min(len(text), 256)] {
		if b == '\n' || b == '\r' || b == ' ' || b == '\t' {
			continue
		}
		if digits = append(digits, b); len(digits) == enough {
			break
		}
	}
	raw, err := base64.StdEncoding.AppendDecode(nil, digits)
	if err != nil {
		return nil, err
	}
	if len(raw) < sealedIDSize {
		return nil, errors.New("too short for a sealed credential")
	}
	return raw[:sealedIDSize], nil
}
