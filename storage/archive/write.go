package archive

import (
	"context"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"clinicgate/storage"
	"clinicgate/storage/keyring"
)

// Source is what is backed up.
type Source struct {
	Kiosk, Organization, Program string
	Made                         time.Time
	Store                        *storage.Store
	Ring                         *keyring.Ring
	Config                       []byte // the settings, which hold no secret
}

// Write writes a backup of a running store: the store as the last commit left it,
// and a keyring that opens it.
func (s Source) Write(ctx context.Context, w io.Writer) (m Manifest, err error) {
	err = s.Store.Snapshot(ctx, func(snap storage.Snapshot, file io.Reader) error {
		// The keyring comes after the snapshot was taken: a key is durable before its
		// first use, so it has all that the snapshot needs.
		sealed, err := s.Ring.Sealed()
		if err != nil {
			return err
		}
		a, err := begin(w, Header{Kiosk: s.Kiosk, Organization: s.Organization, Program: s.Program, StoreFormat: snap.Format,
			Store: snap.Store, Made: s.Made.UTC().Truncate(time.Second), Salt: newSalt(), Keyring: sealed}, s.Ring)
		if err != nil {
			return err
		}
		a.m.Snapshot = snap
		if err := a.add(ConfigFile, int64(len(s.Config)), s.Config, nil); err != nil {
			return err
		}
		if err := a.add(StoreFile, snap.Bytes, nil, file); err != nil {
			return err
		}
		if err := s.Store.SealedBlobs(ctx, func(name string, sealed []byte) error {
			return a.add(blobPrefix+name, int64(len(sealed)), sealed, nil)
		}); err != nil {
			return err
		}
		m = a.m
		return a.end()
	})
	if err != nil {
		return m, fmt.Errorf("cannot write backup: %w", err)
	}
	return m, nil
}

// writer seals what it is given, part by part.
type writer struct {
	w    io.Writer
	aead cipher.AEAD
	n    uint64
	part []byte // not yet sealed
	out  []byte
	m    Manifest
}

func begin(w io.Writer, h Header, from Secret) (*writer, error) {
	raw, err := h.encode()
	if err != nil {
		return nil, err
	}
	aead, err := sealer(from, h.Salt, raw)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(raw); err != nil {
		return nil, err
	}
	return &writer{w: w, aead: aead, part: make([]byte, 0, partSize)}, nil
}

// Write implements io.Writer. A full part is sealed when more follows, so that the
// last one is known.
func (a *writer) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		if len(a.part) == partSize {
			if err := a.seal(false); err != nil {
				return 0, err
			}
		}
		n := min(partSize-len(a.part), len(p))
		a.part = append(a.part, p[:n]...)
		p = p[n:]
	}
	return written, nil
}

func (a *writer) seal(last bool) error {
	a.out = a.aead.Seal(a.out[:0], nonce(a.n, last), a.part, nil)
	a.n++
	a.part = a.part[:0]
	_, err := a.w.Write(a.out)
	return err
}

// add writes a member, from a slice or from a reader.
func (a *writer) add(name string, size int64, content []byte, from io.Reader) error {
	if !memberName.MatchString(name) || !fits(name, size) {
		return fmt.Errorf("no member %.40q of %d bytes", name, size)
	}
	head := append([]byte{byte(len(name))}, name...)
	if _, err := a.Write(binary.BigEndian.AppendUint64(head, uint64(size))); err != nil {
		return err
	}
	sum := sha256.New()
	to := io.MultiWriter(a, sum)
	var n int64
	var err error
	if from == nil {
		var k int
		k, err = to.Write(content)
		n = int64(k)
	} else {
		n, err = io.CopyBuffer(struct{ io.Writer }{to}, from, make([]byte, partSize))
	}
	if err == nil && n != size {
		err = errors.New("file has another size than was said")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	a.m.Members = append(a.m.Members, Member{name, size, hexSum(sum)})
	return nil
}

func (a *writer) end() error {
	text, err := json.Marshal(a.m)
	if err != nil {
		return err
	}
	if len(text) > maxManifest || len(a.m.Members) > maxMembers {
		return fmt.Errorf("%d files are more than a backup may hold", len(a.m.Members))
	}
	if _, err := a.Write(append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(text))), text...)); err != nil {
		return err
	}
	return a.seal(true)
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
