package archive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"clinicgate/storage"
	"clinicgate/storage/keyring"
)

// Opened is the keyring of a backup.
type Opened = storage.Keys

// Unpack writes a backup's store, blobs and settings into an empty folder, checks
// that the store can be used, and makes all of it durable. unlock opens the keyring
// that the header holds. Unless it returns nil, what is in the folder is to be
// thrown away.
func Unpack(ctx context.Context, file, dir string, unlock func(Header) (Opened, error), step func(done int64)) (h Header, m Manifest, err error) {
	f, err := os.Open(file)
	if err != nil {
		return h, m, fmt.Errorf("cannot open backup: %w", err)
	}
	defer f.Close()
	if err := os.MkdirAll(filepath.Join(dir, blobPrefix), 0o700); err != nil {
		return h, m, fmt.Errorf("cannot unpack backup: %w", err)
	}
	var keys Opened
	done := int64(0)
	h, m, err = Read(f, func(h Header) (Secret, error) {
		if h.StoreFormat > storage.FormatVersion {
			return nil, fmt.Errorf("%w: its store was written by clinicgate %s in format %d; this version reads up to %d", ErrNewer, h.Program, h.StoreFormat, storage.FormatVersion)
		}
		keys, err = unlock(h)
		return keys, err
	}, func(member Member, content io.Reader) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := unpack(filepath.Join(dir, filepath.FromSlash(member.Name)), content)
		done += member.Size
		if step != nil {
			step(done)
		}
		return err
	})
	if err != nil {
		return h, m, err
	}
	path := filepath.Join(dir, StoreFile)
	report, err := storage.Check(ctx, storage.CheckOptions{Path: path, Keys: keys, Full: true})
	switch {
	case err != nil:
		return h, m, err
	case !report.OK:
		return h, m, fmt.Errorf("%w: its store cannot be used: %s", ErrDamaged, report.Explanation)
	case report.Store != m.Snapshot.Store || report.Commits != m.Snapshot.Commit:
		return h, m, fmt.Errorf("%w: its store is another than it says", ErrDamaged)
	}
	// The id lies beside the store, since without it no row opens.
	if err := keyring.ReplaceFile(keyring.Dir(dir), storage.IDFile, []byte(m.Snapshot.Store+"\n")); err != nil {
		return h, m, fmt.Errorf("cannot unpack backup: %w", err)
	}
	return h, m, errors.Join(keyring.Dir(filepath.Join(dir, blobPrefix)).SyncDir(), keyring.Dir(dir).SyncDir())
}

func unpack(path string, content io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("cannot unpack backup: %w", err)
	}
	out := bufio.NewWriterSize(f, 256<<10)
	_, err = io.Copy(out, content)
	if err := errors.Join(err, out.Flush(), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("cannot unpack backup: %w", err)
	}
	return nil
}
