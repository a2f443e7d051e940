package auditlog

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	maxOrigin = 128
	maxNote   = 64 << 10
)

// ErrCheckpoint means that bytes are not a checkpoint of the expected log,
// signed by an expected key.
var ErrCheckpoint = errors.New("checkpoint does not verify")

// Checkpoint is a statement about a log: its first Size records have this root.
type Checkpoint struct {
	Origin string
	Size   uint64
	Root   Hash
}

// Text is the C2SP tlog-checkpoint body: origin, decimal size and standard
// base64 root, each with a newline.
func (c Checkpoint) Text() string {
	return c.Origin + "\n" + strconv.FormatUint(c.Size, 10) + "\n" + c.Root.String() + "\n"
}

// ParseCheckpoint reads the body of a checkpoint. Extension lines, which the
// format discourages and we never write, are ignored.
func ParseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.SplitN(text, "\n", 4)
	if len(lines) != 4 || !strings.HasSuffix(text, "\n") {
		return Checkpoint{}, ErrCheckpoint
	}
	size, err := strconv.ParseUint(lines[1], 10, 62)
	if err != nil || strconv.FormatUint(size, 10) != lines[1] {
		return Checkpoint{}, ErrCheckpoint
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize || checkOrigin(lines[0]) != nil {
		return Checkpoint{}, ErrCheckpoint
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: Hash(root)}, nil
}

// Sign writes the checkpoint as a signed note. The signature line names the
// origin, as tlog-checkpoint asks. Each size of a log is signed at most once
// with different roots only by a broken owner: sign after the commit is durable.
func (c Checkpoint) Sign(key ed25519.PrivateKey) ([]byte, error) {
	if err := checkOrigin(c.Origin); err != nil {
		return nil, err
	}
	v, err := noteVerifier(c.Origin, key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	b, err := note.Sign(&note.Note{Text: c.Text()}, signer{v, key})
	if err != nil {
		return nil, fmt.Errorf("cannot sign checkpoint: %w", err)
	}
	return b, nil
}

// SignText signs any text that ends with a newline as a note under an origin of its
// own, such as the certificate of a kiosk that is retired.
func SignText(origin, text string, key ed25519.PrivateKey) ([]byte, error) {
	v, err := noteVerifier(origin, key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	b, err := note.Sign(&note.Note{Text: text}, signer{v, key})
	if err != nil {
		return nil, fmt.Errorf("cannot sign text: %w", err)
	}
	return b, nil
}

// OpenCheckpoint reads a signed checkpoint of the named log. One valid signature
// by one of the keys is enough; signatures by others (witnesses) are ignored.
func OpenCheckpoint(signed []byte, origin string, keys ...ed25519.PublicKey) (Checkpoint, error) {
	if len(signed) > maxNote {
		return Checkpoint{}, ErrCheckpoint
	}
	vs := make([]note.Verifier, 0, len(keys))
	for _, k := range keys {
		v, err := noteVerifier(origin, k)
		if err != nil {
			return Checkpoint{}, err
		}
		vs = append(vs, v)
	}
	n, err := note.Open(signed, note.VerifierList(vs...))
	if err != nil {
		return Checkpoint{}, ErrCheckpoint
	}
	c, err := ParseCheckpoint(n.Text)
	if err != nil || c.Origin != origin {
		return Checkpoint{}, ErrCheckpoint
	}
	return c, nil
}

// VerifierKey is the public key of a log in the text form of x/mod/sumdb/note,
// for other tools that read checkpoints.
func VerifierKey(origin string, key ed25519.PublicKey) (string, error) {
	if err := checkOrigin(origin); err != nil {
		return "", err
	}
	s, err := note.NewEd25519VerifierKey(origin, key)
	if err != nil {
		return "", fmt.Errorf("cannot encode verifier key: %w", err)
	}
	return s, nil
}

func noteVerifier(origin string, key ed25519.PublicKey) (note.Verifier, error) {
	text, err := VerifierKey(origin, key)
	if err != nil {
		return nil, err
	}
	v, err := note.NewVerifier(text)
	if err != nil {
		return nil, fmt.Errorf("cannot use verifier key: %w", err)
	}
	return v, nil
}

// signer is a note.Signer over a key that we hold as Go holds it, without the
// secret passing through note's text form.
type signer struct {
	note.Verifier
	key ed25519.PrivateKey
}

func (s signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }

// checkOrigin keeps to what a note's signature line can carry, and away from
// the first line of our message signatures ("clinicgate/1"), which the same key
// makes.
func checkOrigin(origin string) error {
	bad := func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == '+' }
	if origin == "" || len(origin) > maxOrigin || !utf8.ValidString(origin) ||
		strings.ContainsFunc(origin, bad) || origin == "clinicgate/1" {
		return fmt.Errorf("audit log origin %q: want 1 to %d bytes without spaces or plus signs", origin, maxOrigin)
	}
	return nil
}
