package storage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"

	"clinicgate/storage/internal/planted"
	"clinicgate/storage/keyring"
	"clinicgate/storage/seal"
)

const (
	blobDir    = "blobs"
	blobBucket = "blob" // of the place that a blob is sealed for
	maxBlob    = 8 << 20
	maxRefs    = 256
	// keepUnnamed is how long a blob waits for the event that names it, and how
	// long a file waits for its row.
	keepUnnamed = 24 * time.Hour
)

// BlobRef names a blob by its content.
type BlobRef struct {
	Hash [32]byte // SHA-256
	Size int64
}

// blobRow is what the store knows of a blob:
//
//	uvarint size | time | ids of the events that name it(16 each)
type blobRow struct {
	size    int64
	created time.Time
	refs    []uuid.UUID
}

func (r *blobRow) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(r.size))
	b = appendTime(b, r.created)
	for _, id := range r.refs {
		b = append(b, id[:]...)
	}
	return b
}

func parseBlobRow(b []byte) (r blobRow, err error) {
	d := decoder{b: b}
	r.size = int64(d.uint64() & (1<<62 - 1))
	r.created = d.time()
	if d.bad || len(d.b)%16 != 0 {
		return blobRow{}, fmt.Errorf("%w: row of a blob", ErrUnreadable)
	}
	for ; len(d.b) > 0; d.b = d.b[16:] {
		r.refs = append(r.refs, uuid.UUID(d.b[:16]))
	}
	return r, nil
}

// blobKey is the name of a blob's row and file. It is a keyed hash: the hash of
// a small document could be guessed back.
func (m *macs) blobKey(hash [32]byte) []byte {
	m.h.Reset()
	m.frame('B', hash[:])
	return bytes.Clone(m.h.Sum(m.buf[:0])[:16])
}

// PutBlob seals data into a file of its own, durable on return. The same content
// gives the same blob. Unless an event names it within 24 hours, by Tx.Refer, it
// goes again.
func (s *Store) PutBlob(ctx context.Context, keyClass string, data []byte) (BlobRef, error) {
	ref := BlobRef{Hash: sha256.Sum256(data), Size: int64(len(data))}
	if len(data) > maxBlob {
		return BlobRef{}, fmt.Errorf("cannot put blob: %w: %d bytes, want at most %d", ErrTooLarge, len(data), maxBlob)
	}
	if s.Status().Mark >= MarkPriority {
		return BlobRef{}, fmt.Errorf("cannot put blob: %w", ErrFull)
	}
	m, err := newMACs(s.o.Keys)
	if err != nil {
		return BlobRef{}, fmt.Errorf("cannot put blob: %w", err)
	}
	key := m.blobKey(ref.Hash)
	s.putting.Lock() // two of the same content would share a temporary file
	defer s.putting.Unlock()
	// A row is written only after its file is durable; a file without one may be
	// what a failed attempt left in the page cache.
	known := false
	err = s.View(ctx, func(r *Reader) error {
		row, err := r.get(bBlobs, key)
		known = row != nil
		return err
	})
	if err == nil && known {
		if _, err := s.Blob(ctx, ref); err == nil {
			return ref, nil
		}
	}
	a, err := s.o.Keys.Active(keyClass)
	if err != nil {
		return BlobRef{}, fmt.Errorf("cannot put blob: %w", err)
	}
	sealed := seal.Seal(make([]byte, 0, len(data)+seal.Overhead), a, data, s.blobPlace(key))
	if planted.BlobUnsynced {
		err = os.WriteFile(s.path(blobDir+"/"+hex.EncodeToString(key)), sealed, 0o600)
	} else {
		err = keyring.ReplaceFile(s.blobs, hex.EncodeToString(key), sealed)
	}
	if err != nil {
		return BlobRef{}, fmt.Errorf("cannot put blob: %w", err)
	}
	err = s.Update(ctx, func(tx *Tx) error {
		if row, err := tx.blobRow(key); err != nil || row != nil {
			return err
		}
		row := blobRow{size: ref.Size, created: tx.now.Wall}
		return tx.putRow(ClassStore, bBlobs, key, row.append(nil))
	})
	if err != nil {
		return BlobRef{}, fmt.Errorf("cannot put blob: %w", err)
	}
	s.blobBytes.Add(int64(len(sealed)))
	return ref, nil
}

func (s *Store) blobPlace(key []byte) seal.Place {
	s.mu.Lock()
	defer s.mu.Unlock()
	return seal.Place{Store: s.head.store, Bucket: blobBucket, Key: key}
}

// Blob reads a blob. The error is fs.ErrNotExist if there is none, and
// ErrUnreadable if it is damaged.
func (s *Store) Blob(ctx context.Context, ref BlobRef) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m, err := newMACs(s.o.Keys)
	if err != nil {
		return nil, fmt.Errorf("cannot read blob: %w", err)
	}
	key := m.blobKey(ref.Hash)
	sealed, err := s.blobs.ReadFile(hex.EncodeToString(key), int64(maxBlob+seal.Overhead))
	if err != nil {
		return nil, fmt.Errorf("cannot read blob: %w", err)
	}
	data, err := seal.Open(nil, s.o.Keys, sealed, s.blobPlace(key))
	if err != nil || sha256.Sum256(data) != ref.Hash {
		return nil, fmt.Errorf("cannot read blob: %w", ErrUnreadable)
	}
	return data, nil
}

func (tx *Tx) blobRow(key []byte) (*blobRow, error) {
	v := tx.w.get(bBlobs, key)
	if v == nil {
		return nil, nil
	}
	_, plain, err := openRow(tx.w.s.o.Keys, tx.w.head.store, bBlobs, key, v)
	if err != nil {
		return nil, err
	}
	r, err := parseBlobRow(plain)
	return &r, err
}

// Refer keeps the blob for as long as the event is kept that names it. Both the
// blob and the event must be there.
func (tx *Tx) Refer(ref BlobRef, event uuid.UUID) error {
	key := tx.w.mac.blobKey(ref.Hash)
	row, err := tx.blobRow(key)
	switch {
	case err != nil:
		return err
	case row == nil || row.size != ref.Size:
		return fmt.Errorf("cannot refer to blob: %w", fs.ErrNotExist)
	case tx.w.get(bIDs, event[:]) == nil:
		return fmt.Errorf("cannot refer to blob: no event %s", event)
	case slices.Contains(row.refs, event):
		return nil
	case len(row.refs) >= maxRefs:
		return fmt.Errorf("cannot refer to blob: %d events do", len(row.refs))
	}
	row.refs = append(row.refs, event)
	return tx.putRow(ClassStore, bBlobs, key, row.append(nil))
}

// sweep takes away the blobs that no event names any longer. The row goes first:
// a file without a row is found again, a row without a file would be a promise.
func (s *Store) sweep(ctx context.Context) error {
	now := s.o.Now()
	entries, err := os.ReadDir(s.path(blobDir))
	if err != nil {
		return fmt.Errorf("cannot sweep blobs: %w", err)
	}
	total := int64(0)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		key, err := hex.DecodeString(e.Name())
		gone := err != nil || len(key) != 16 // left over from a replacement
		if gone {
			gone = now.Wall.Sub(info.ModTime()) > keepUnnamed
		} else if now.Synced {
			if gone, err = s.dropBlob(ctx, key, now.Wall, now.Wall.Sub(info.ModTime()) > keepUnnamed); err != nil {
				return err
			}
		}
		if !gone {
			total += info.Size()
			continue
		}
		if err := s.blobs.Remove(e.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot sweep blobs: %w", err)
		}
	}
	s.blobBytes.Store(total)
	return nil
}

// dropBlob takes the row of a blob away if nothing needs it. aged says that a
// file without a row has waited long enough for one.
func (s *Store) dropBlob(ctx context.Context, key []byte, now time.Time, aged bool) (gone bool, err error) {
	err = s.Update(ctx, func(tx *Tx) error {
		row, err := tx.blobRow(key)
		if err != nil {
			return err
		}
		if row == nil {
			gone = aged
			return nil
		}
		if gone = now.Sub(row.created) > keepUnnamed && !tx.anyStored(row.refs); gone {
			return tx.put(bBlobs, key, nil)
		}
		return nil
	})
	return gone, err
}

// anyStored reports whether the body of any of the events is still there.
func (tx *Tx) anyStored(ids []uuid.UUID) bool {
	for _, id := range ids {
		row, ok := parseIDRow(tx.w.get(bIDs, id[:]))
		if ok && tx.w.get(bEvents, appendEventKey(nil, row.stream, row.at)) != nil {
			return true
		}
	}
	return false
}

// measureBlobs adds up the files when the store is opened.
func (s *Store) measureBlobs() error {
	entries, err := os.ReadDir(s.path(blobDir))
	if err != nil {
		return err
	}
	total := int64(0)
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			total += info.Size()
		}
	}
	s.blobBytes.Store(total)
	return nil
}
