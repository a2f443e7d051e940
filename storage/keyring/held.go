package keyring

import (
	"errors"
	"fmt"
	"io/fs"
)

// Sealed gives a durable copy of the keyring as it lies on the disk: under its key
// source and, where one is set, under the clinic's recovery key. A backup holds it.
func (r *Ring) Sealed() ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.current.Load()
	if s == nil {
		return nil, ErrClosed
	}
	for _, c := range readCopies(r.fsys) {
		if c.err == nil && c.header.Generation == s.generation && c.header.Install == s.install {
			return c.raw, nil
		}
	}
	return nil, hint(fmt.Errorf("cannot copy keyring: %w", ErrLost), "check the disk of the data directory: neither copy holds the current keys")
}

// Held is a keyring that a backup holds, as an FS to open it from, read-only.
type Held []byte

// ReadFile implements FS.
func (h Held) ReadFile(name string, limit int64) ([]byte, error) {
	if name != fileA {
		return nil, fs.ErrNotExist
	}
	if int64(len(h)) > limit {
		return nil, errCopy
	}
	return h, nil
}

var errHeld = fmt.Errorf("%w: the keyring of a backup", ErrReadOnly)

// Create implements FS; it refuses.
func (Held) Create(string) (File, error) { return nil, errHeld }

// Rename implements FS; it refuses.
func (Held) Rename(string, string) error { return errHeld }

// Remove implements FS; it refuses.
func (Held) Remove(string) error { return errHeld }

// SyncDir implements FS; it refuses.
func (Held) SyncDir() error { return errHeld }

// Place writes the keyring of a backup into a directory that has none, both copies.
func (h Held) Place(fsys FS) error {
	c := fileCopy{name: fileA, raw: h}
	if c.err = c.parse(); c.err != nil {
		return fmt.Errorf("cannot restore keyring: %w", c.err)
	}
	if err := errors.Join(ReplaceFile(fsys, fileA, h), ReplaceFile(fsys, fileB, h)); err != nil {
		return fmt.Errorf("cannot restore keyring: %w", err)
	}
	return nil
}

// RetireSigning destroys the private half of the signing key: the keyring signs
// nothing any more, and the public halves stay, so that what was signed verifies.
// It is for the keyring of a kiosk that no longer exists.
func (r *Ring) RetireSigning(t Timetoken) error {
	var old []byte
	err := r.change(func(m *material, b *body) error {
		for i, v := range b.Secrets {
			if v.Kind == Signing {
				old = v.Value
				v.Kind, v.Value, v.Until = RetiredSigning, publicOf(old), max(t, v.From)
				b.Secrets[i] = v
			}
		}
		return m.newKEK()
	})
	if err != nil {
		return fmt.Errorf("cannot retire signing key: %w", err)
	}
	r.wipe(old)
	return nil
}

// Signs reports whether the keyring can still sign.
func (r *Ring) Signs() bool { return len(r.Secrets(Signing)) > 0 }
