package storage

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"clinicgate/storage/auditlog"
	"clinicgate/storage/seal"
)

// Snapshot is the store at one commit.
type Snapshot struct {
	Store  string // its id, in hex
	Format int    // of its layout
	Life   uint32
	Commit uint64
	Audit  auditlog.Head // what the audit log had come to
	Counts Counts        // the loss equation
	Bytes  int64         // of the file
}

// IDFile is the name of the file that holds the id of the store, in hex.
const IDFile = idName

// FormatVersion is the newest layout of the file that this program reads, and the
// one that it writes.
const FormatVersion = formatVersion

// errCopying: a compaction and a copy would each need the other's file to stay.
var errCopying = errors.New("the store's file is being rewritten or copied already")

// Snapshot gives fn the file of the store as the last commit left it, byte for
// byte, while appends go on. What is committed meanwhile makes the file grow,
// since no page is used again before fn returns. fn ends with an error when ctx
// ends or the store is fenced, and what it has read is then to be thrown away.
func (s *Store) Snapshot(ctx context.Context, fn func(Snapshot, io.Reader) error) error {
	if !s.compacting.TryLock() {
		return hint("try again in a minute", "cannot copy store: %w", errCopying)
	}
	defer s.compacting.Unlock()
	var snap Snapshot
	var in *copied
	err := s.inWriter(ctx, func(w *writer) (err error) {
		snap, in, err = w.hold(ctx)
		return err
	})
	if err == nil {
		defer in.release()
		err = fn(snap, in)
	}
	if err != nil {
		return fmt.Errorf("cannot copy store: %w", err)
	}
	return nil
}

// hold keeps the pages of the present commit. No commit is under way: the writer
// does this itself.
func (w *writer) hold(ctx context.Context) (snap Snapshot, c *copied, err error) {
	if w.file == nil {
		return snap, nil, ErrFenced
	}
	leave, err := w.file.enter()
	if err != nil {
		return snap, nil, err
	}
	tx, err := w.file.db.Begin(false)
	if err != nil {
		leave()
		return snap, nil, err
	}
	c = &copied{ctx: ctx, of: w.file.ctx, size: tx.Size(), release: func() { _ = tx.Rollback(); leave() }}
	// A handle of its own: bbolt's may be closed by a fence. The meta pages are the
	// only ones that the next commits overwrite.
	if c.file, err = os.Open(w.s.path(storeName)); err == nil {
		held := c.release
		c.release = func() { held(); _ = c.file.Close() }
		_, err = io.ReadFull(c.file, c.metas[:])
	}
	if err != nil {
		c.release()
		return snap, nil, err
	}
	return Snapshot{
		Store: hex.EncodeToString(w.head.store[:]), Format: formatVersion, Life: w.head.life, Commit: w.head.commit,
		Audit: w.head.side(), Counts: w.total(), Bytes: c.size,
	}, c, nil
}

// total adds up the loss equation over all streams.
func (w *writer) total() (all Counts) {
	for _, st := range w.streams {
		if st.published() {
			all.add(st.counts)
		}
	}
	return all
}

// copied reads the pages that a transaction holds.
type copied struct {
	ctx     context.Context
	of      context.Context // ends with the opening of the file, and with it the transaction's hold
	file    *os.File
	metas   [2 * pageSize]byte
	at      int64
	size    int64
	release func()
}

func (c *copied) Read(p []byte) (n int, err error) {
	p = p[:min(int64(len(p)), c.size-c.at)]
	switch {
	case c.ctx.Err() != nil:
		return 0, c.ctx.Err()
	case c.at >= c.size:
		n, err = 0, io.EOF
	case c.at < int64(len(c.metas)):
		n = copy(p, c.metas[c.at:])
	default:
		n, err = c.file.ReadAt(p, c.at)
	}
	c.at += int64(n)
	// Asked after reading: what was read before the hold ended is good.
	if c.of.Err() != nil {
		return 0, ErrFenced
	}
	return n, err
}

// MaxSealedBlob bounds the file of a blob.
const MaxSealedBlob = maxBlob + seal.Overhead

// SealedBlobs gives the blobs' files as they are. One that is swept away meanwhile
// is left out. A copy of the store is whole with the blobs that were there after it
// was begun.
func (s *Store) SealedBlobs(ctx context.Context, fn func(name string, sealed []byte) error) error {
	entries, err := os.ReadDir(s.path(blobDir))
	if err != nil {
		return fmt.Errorf("cannot copy blobs: %w", err)
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !isBlobName(e.Name()) {
			continue
		}
		sealed, err := s.blobs.ReadFile(e.Name(), int64(MaxSealedBlob))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("cannot copy blob: %w", err)
		}
		if err := fn(e.Name(), sealed); err != nil {
			return err
		}
	}
	return nil
}

func isBlobName(name string) bool {
	key, err := hex.DecodeString(name)
	return err == nil && len(key) == 16 && name == hex.EncodeToString(key)
}

// restoredAhead is how many lives are left out where nobody knows how many the
// store had after the copy was made.
const restoredAhead = 16

// BeginNewLife makes the next opening of the restored store in dir begin a new
// life, as it does after a rollback: what the store numbered after the copy was
// made is never numbered again. snap is the copy's. The store must not be open.
func BeginNewLife(dir string, keys Keys, snap Snapshot) error {
	o := Options{Dir: dir, Keys: keys}
	s := &Store{o: o}
	side, err := s.openSide()
	if err != nil {
		return fmt.Errorf("cannot mark the store as restored: %w", err)
	}
	defer side.close()
	unknown := func(uint64) (h auditlog.Hash, ok bool) { return h, false }
	if side.found != nil {
		if v := auditlog.Compare(*side.found, snap.Audit, unknown); v == auditlog.DBBehind || v == auditlog.Fork {
			return nil // it shows that more was written after the copy
		}
	}
	ahead := snap.Audit
	ahead.Commit++
	if side.found == nil {
		ahead.Inc += restoredAhead - 1
	}
	if err := side.write(ahead); err != nil {
		return fmt.Errorf("cannot mark the store as restored: %w", err)
	}
	return side.f.Sync()
}
