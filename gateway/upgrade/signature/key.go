package signature

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Public is a key that releases are verified with.
type Public struct {
	id  [8]byte
	key ed25519.PublicKey
}

// Private is a key that releases are signed with.
type Private struct {
	id  [8]byte
	key ed25519.PrivateKey
}

// limit bounds every text that is read: keys and signatures are a few hundred bytes.
const limit = 4 << 10

const (
	privateSize = 2 + 2 + 2 + 32 + 8 + 8 + 8 + ed25519.PrivateKeySize + 32
	secretFrom  = 2 + 2 + 2 + 32 + 8 + 8
)

// NewPrivate makes a key.
func NewPrivate() (Private, error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return Private{}, err
	}
	p := Private{key: key}
	_, err = rand.Read(p.id[:])
	return p, err
}

// ParsePublic reads a public key: minisign's file, or its line of base64 alone.
func ParsePublic(text string) (Public, error) {
	b, err := decode(text)
	if err != nil {
		return Public{}, fmt.Errorf("public key: %w", err)
	}
	if len(b) != 2+8+ed25519.PublicKeySize || string(b[:2]) != "Ed" {
		return Public{}, errors.New("public key: it is not one of minisign's")
	}
	return Public{[8]byte(b[2:10]), ed25519.PublicKey(b[10:])}, nil
}

// String gives the key as ParsePublic reads it.
func (p Public) String() string {
	return base64.StdEncoding.EncodeToString(append(append([]byte("Ed"), p.id[:]...), p.key...))
}

// ID gives the key's id as minisign prints it.
func (p Public) ID() string { return fmt.Sprintf("%016X", binary.LittleEndian.Uint64(p.id[:])) }

// ParsePrivate reads a private key's file. One with a password is refused.
func ParsePrivate(text string) (Private, error) {
	b, err := decode(text)
	if err != nil {
		return Private{}, fmt.Errorf("signing key: %w", err)
	}
	if len(b) != privateSize || string(b[:2]) != "Ed" || string(b[4:6]) != "B2" {
		return Private{}, errors.New("signing key: it is not a file of minisign's")
	}
	if b[2] != 0 || b[3] != 0 {
		return Private{}, errors.New("signing key: it has a password; make one without (minisign -G -W) and guard its file")
	}
	p := Private{[8]byte(b[secretFrom : secretFrom+8]), ed25519.PrivateKey(b[secretFrom+8 : secretFrom+8+ed25519.PrivateKeySize])}
	if !bytes.Equal(p.key, ed25519.NewKeyFromSeed(p.key.Seed())) { // a key without a password has no checksum
		return Private{}, errors.New("signing key: its halves do not fit; the file is damaged")
	}
	return p, nil
}

// Text gives the key as a file, as minisign -W writes it.
func (p Private) Text() string {
	b := append([]byte("Ed\x00\x00B2"), make([]byte, 32+8+8)...)
	b = append(append(append(b, p.id[:]...), p.key...), make([]byte, 32)...)
	return "untrusted comment: minisign secret key of clinicgate's releases\n" + base64.StdEncoding.EncodeToString(b) + "\n"
}

// Public gives the half that may be known.
func (p Private) Public() Public { return Public{p.id, p.key.Public().(ed25519.PublicKey)} }

// decode finds the base64 in a text of an optional comment and one line.
func decode(text string) ([]byte, error) {
	if len(text) > limit {
		return nil, errors.New("it is longer than 4 KiB")
	}
	var line string
	for l := range strings.Lines(text) {
		l = strings.TrimSpace(l)
		if l == "" || strings.HasPrefix(l, "untrusted comment:") {
			continue
		}
		if line != "" {
			return nil, errors.New("it has more than one line")
		}
		line = l
	}
	return base64.StdEncoding.DecodeString(line)
}
