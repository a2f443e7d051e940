package keyring

import (
	"bytes"
	"cmp"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/google/uuid"

	"clinicgate/storage/seal"
)

// The two copies of the keyring.
const (
	fileA = "keyring.a"
	fileB = "keyring.b"

	maxFile = 4 << 20
	// maxHeader also bounds a source's parameters.
	maxHeader = 32 << 10
)

// fileMagic begins each copy; the byte after it is the version of the form:
//
//	magic(4) | version(1) | len(header)(4) | header | len(body)(4) | body | SHA-256 of all before
//
// The hash tells a damaged copy from one under another key without any key. The
// header is JSON in clear, the body sealed JSON that is bound to the header, so
// that neither can be exchanged.
const (
	fileMagic   = "CGKR"
	fileVersion = 1
)

// header is what must be readable before the root key is there.
type header struct {
	Install    uuid.UUID     `json:"install"`
	Generation uint64        `json:"generation"`
	Source     string        `json:"source"`
	Params     []byte        `json:"params,omitempty"`
	KEK        []byte        `json:"kek"` // sealed under a key derived from the root
	Recovery   *recoveryWrap `json:"recovery,omitempty"`
}

func (h header) recoveryPublic() string {
	return RecoveryPublic{[32]byte(h.Recovery.Public)}.String() // parse checked the length
}

// fileCopy is one of the two files as it was found.
type fileCopy struct {
	name   string
	raw    []byte
	header header
	head   []byte // the header's bytes, to which the body is bound
	body   []byte // sealed
	err    error  // why it cannot be used; fs.ErrNotExist where it is missing
}

func readCopies(fsys FS) []fileCopy {
	out := make([]fileCopy, 0, 2)
	for _, name := range []string{fileA, fileB} {
		c := fileCopy{name: name}
		c.raw, c.err = fsys.ReadFile(name, maxFile)
		if c.err == nil {
			c.err = c.parse()
		}
		out = append(out, c)
	}
	return out
}

var (
	errCopy  = errors.New("keyring copy is damaged")
	errNewer = errors.New("keyring was written by a newer version of this program")
)

func (c *fileCopy) parse() error {
	b := c.raw
	if len(b) < len(fileMagic)+1+4+4+sha256.Size || string(b[:len(fileMagic)]) != fileMagic {
		return errCopy
	}
	end := len(b) - sha256.Size
	if sum := sha256.Sum256(b[:end]); !bytes.Equal(sum[:], b[end:]) {
		return errCopy
	}
	switch v := b[len(fileMagic)]; {
	case v > fileVersion:
		return errNewer
	case v != fileVersion:
		return errCopy
	}
	rest := b[len(fileMagic)+1 : end]
	var ok bool
	if c.head, rest, ok = cutFrame(rest); !ok || len(c.head) > maxHeader {
		return errCopy
	}
	if c.body, rest, ok = cutFrame(rest); !ok || len(rest) != 0 {
		return errCopy
	}
	d := json.NewDecoder(bytes.NewReader(c.head))
	d.DisallowUnknownFields()
	if err := d.Decode(&c.header); err != nil {
		return errCopy
	}
	if w := c.header.Recovery; w != nil && len(w.Public) != len(RecoveryPublic{}.b) {
		return errCopy
	}
	return nil
}

func cutFrame(b []byte) (frame, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	b = b[4:]
	if uint64(n) > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// encodeCopy writes the file of one generation.
func encodeCopy(h header, b body, kek *seal.AEAD) ([]byte, error) {
	head, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("cannot encode keyring: %w", err)
	}
	if len(head) > maxHeader {
		return nil, fmt.Errorf("keyring header of %d bytes", len(head))
	}
	plain, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("cannot encode keyring: %w", err)
	}
	defer clear(plain)
	out := append([]byte(fileMagic), fileVersion)
	out = binary.BigEndian.AppendUint32(out, uint32(len(head)))
	out = append(out, head...)
	out = binary.BigEndian.AppendUint32(out, uint32(len(plain)+seal.Overhead))
	out = seal.Seal(out, kek, plain, bodyPlace(h.Install, head))
	sum := sha256.Sum256(out)
	out = append(out, sum[:]...)
	if len(out) > maxFile {
		return nil, fmt.Errorf("keyring of %d bytes: limit is %d", len(out), maxFile)
	}
	return out, nil
}

func (c *fileCopy) openBody(kek *seal.AEAD) (body, error) {
	plain, err := seal.Open(nil, kek, c.body, bodyPlace(c.header.Install, c.head))
	if err != nil {
		return body{}, errCopy
	}
	defer clear(plain)
	var b body
	d := json.NewDecoder(bytes.NewReader(plain))
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil || b.validate() != nil {
		return body{}, errCopy
	}
	return b, nil
}

func bodyPlace(install uuid.UUID, head []byte) seal.Place {
	sum := sha256.Sum256(head)
	return seal.Place{Store: install, Bucket: "keyring/body", Key: sum[:]}
}

// wrapKey derives the key that wraps the KEK, so that the root key itself
// encrypts nothing, and one root under two installations wraps differently.
func wrapKey(root seal.Key, install uuid.UUID) (*seal.AEAD, error) {
	b, err := hkdf.Key(sha256.New, root.Reveal(), install[:], "clinicgate/keyring/wrap/1", seal.KeySize)
	if err != nil {
		return nil, fmt.Errorf("cannot derive wrapping key: %w", err)
	}
	defer clear(b)
	k, err := seal.KeyFrom(b)
	if err != nil {
		return nil, err
	}
	defer k.Wipe()
	return seal.NewAEAD(k), nil
}

func kekPlace(install uuid.UUID) seal.Place {
	return seal.Place{Store: install, Bucket: "keyring/kek"}
}

// newestFirst leaves out the copies that cannot be read.
func newestFirst(copies []fileCopy) []fileCopy {
	var out []fileCopy
	for _, c := range copies {
		if c.err == nil {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b fileCopy) int { return cmp.Compare(b.header.Generation, a.header.Generation) })
	return out
}

// lost is the error for copies that must not be opened: none can be read, or one
// is newer than this program. It is nil otherwise.
func lost(copies []fileCopy) error {
	missing := 0
	for _, c := range copies {
		if errors.Is(c.err, errNewer) {
			return hint(fmt.Errorf("%s: %w", c.name, errNewer), "install the newer version again; nothing was changed")
		}
	}
	for _, c := range copies {
		switch {
		case c.err == nil:
			return nil
		case errors.Is(c.err, fs.ErrNotExist):
			missing++
		}
	}
	if missing == len(copies) {
		return hint(fmt.Errorf("%w: %w", ErrLost, fs.ErrNotExist),
			"if this store ever held data, put keyring.a or keyring.b back from a backup")
	}
	return hint(fmt.Errorf("%w: %s: %w; %s: %w", ErrLost, copies[0].name, copies[0].err, copies[1].name, copies[1].err),
		"put keyring.a or keyring.b back from a backup; without one the data cannot be read")
}
