package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	bolt "go.etcd.io/bbolt"

	"clinicgate/storage/internal/planted"
)

// bbolt uses free pages again but never gives them back. Compaction copies what
// is in use into a new file, while the store works on, and lets the new file
// take the old one's place:
//
//	snapshot ─▶ copy ─▶ check every record ─▶ add what was committed meanwhile ─┐
//	                                          (in rounds, the last in the writer)│
//	old file ◀── takes its place: close, rename, sync directory, open ◀──────────┘
//
// Up to the rename the old file is the store and the copy is a leftover that the
// next start removes; after it the copy is the store, whole and durable.

const (
	compactMin    = 16 << 20 // not worth it below
	compactBatch  = 4 << 20  // bytes copied in one transaction, then synced
	compactLast   = 256 << 10
	compactRounds = 16
	maxDelta      = 64 << 20
)

// errNoRoom means that the copy would not fit into the budget beside the file.
var errNoRoom = errors.New("no room for the copy")

// delta is what was committed since the snapshot of a compaction.
type delta struct {
	rows  []row
	bytes int
	stale bool // some of it was lost, to a fence or to its own size
}

func (d *delta) add(rows []row) {
	if d == nil || d.stale {
		return
	}
	for _, r := range rows {
		d.bytes += len(r.key) + len(r.value)
		d.rows = append(d.rows, row{r.bucket, bytes.Clone(r.key), bytes.Clone(r.value)})
	}
	if d.bytes > maxDelta {
		*d = delta{stale: true}
	}
}

// inWriter runs fn in the writer, between two commits.
func (s *Store) inWriter(ctx context.Context, fn func(w *writer) error) error {
	done := make(chan error, 1)
	select {
	case s.control <- func(w *writer) { done <- fn(w) }:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ended:
		return ErrClosed
	}
	select {
	case err := <-done:
		return err
	case <-s.ended:
		return ErrClosed
	}
}

// compactable reports whether compaction would give enough back.
func (s *Store) compactable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	free := s.length - s.used
	return free >= compactMin && free >= s.length/2 && s.fits()
}

// fits reports whether the copy fits into the budget. s.mu is held.
func (s *Store) fits() bool {
	return s.length+s.used+s.used/8+s.blobBytes.Load() <= s.o.Budget
}

// Compact gives the space of free pages back. Appends go on meanwhile, but for a
// moment at the end. It needs room in the budget for a copy of what is in use.
// progress, which may be nil, is told the bytes copied, and of about how many.
func (s *Store) Compact(ctx context.Context, progress func(done, total int64)) error {
	if !s.compacting.TryLock() {
		return errors.New("cannot compact: it is being done already")
	}
	defer s.compacting.Unlock()
	s.mu.Lock()
	fits, before := s.fits(), s.length
	s.mu.Unlock()
	if !fits {
		return hint("clinicgate retention, or a larger storage.budget", "cannot compact: %w", errNoRoom)
	}
	begin := time.Now()
	if err := s.compact(ctx, progress); err != nil {
		err = errors.Join(err, s.inWriter(context.WithoutCancel(ctx), func(w *writer) error {
			w.delta = nil
			return nil
		}))
		if rerr := s.dir.Remove(compactName); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
		return fmt.Errorf("cannot compact: %w", err)
	}
	s.mu.Lock()
	after := s.length
	s.mu.Unlock()
	s.o.Logger.Info("store compacted", "before", before, "after", after, "took", time.Since(begin))
	return nil
}

func (s *Store) compact(ctx context.Context, progress func(done, total int64)) error {
	if err := s.dir.Remove(compactName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var snapshot *bolt.Tx
	var leave func()
	err := s.inWriter(ctx, func(w *writer) (err error) {
		if w.file == nil {
			return ErrFenced
		}
		if leave, err = w.file.enter(); err != nil {
			return err
		}
		if snapshot, err = w.file.db.Begin(false); err != nil {
			leave()
			return err
		}
		w.delta = new(delta)
		return nil
	})
	if err != nil {
		return err
	}
	copied, err := func() (c *copying, err error) {
		defer leave()
		defer func() { _ = snapshot.Rollback() }()
		return s.copyRows(ctx, snapshot, progress)
	}()
	if err != nil {
		return err
	}
	defer copied.close()
	report, err := Check(ctx, CheckOptions{Path: s.path(compactName), Keys: s.o.Keys, Full: true})
	if err != nil {
		return err
	}
	if !report.OK {
		return fmt.Errorf("the copy is not sound: %s", report.Explanation)
	}
	for range compactRounds {
		var d *delta
		err := s.inWriter(ctx, func(w *writer) error {
			if w.delta == nil || w.delta.stale {
				return errors.New("too much was written meanwhile")
			}
			if w.delta.bytes <= compactLast {
				return nil
			}
			d, w.delta = w.delta, new(delta)
			return nil
		})
		if err != nil {
			return err
		}
		if d == nil {
			break
		}
		if err := copied.apply(d.rows); err != nil {
			return err
		}
	}
	return s.inWriter(ctx, func(w *writer) error { return w.takeOver(copied) })
}

// copying is the file that a compaction fills.
type copying struct {
	db   *bolt.DB
	sync bool
}

// newCopy makes a file with every bucket, to be filled.
func (s *Store) newCopy(name string) (*copying, error) {
	db, err := bolt.Open(s.path(name), 0o600, &bolt.Options{
		PageSize: pageSize, NoSync: true, NoGrowSync: true, NoFreelistSync: true,
		FreelistType: bolt.FreelistMapType, Timeout: lockTimeout,
	})
	if err != nil {
		return nil, err
	}
	c := &copying{db, !s.o.NoSync}
	err = c.update(func(tx *bolt.Tx) (err error) {
		for b := range buckets {
			if _, err = tx.CreateBucketIfNotExists([]byte(bucketNames[b])); err != nil {
				break
			}
		}
		return err
	})
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (s *Store) copyRows(ctx context.Context, from *bolt.Tx, progress func(done, total int64)) (c *copying, err error) {
	if c, err = s.newCopy(compactName); err != nil {
		return nil, err
	}
	defer func() {
		if p := recover(); p != nil {
			d := damage{p}
			s.doubt(fmt.Errorf("%w: %v", errDamage, d.cause))
			err = errDamage
		}
		if err != nil {
			c.close()
		}
	}()
	done, total := int64(0), s.Status().Used
	copied := func(n int) {
		if done += int64(n); progress != nil {
			progress(done, max(done, total))
		}
	}
	for b := range buckets {
		if err := c.copyBucket(ctx, from, b, copied); err != nil {
			return c, err
		}
	}
	return c, nil
}

// copyBucket copies rows as they are: same key, same sealed bytes, same place.
func (c *copying) copyBucket(ctx context.Context, from *bolt.Tx, b bucket, copied func(bytes int)) error {
	name := []byte(bucketNames[b])
	cursor := from.Bucket(name).Cursor()
	k, v := cursor.First()
	for {
		size := 0
		err := c.update(func(tx *bolt.Tx) error {
			to := tx.Bucket(name)
			to.FillPercent = b.fill()
			for ; k != nil && size < compactBatch; k, v = cursor.Next() {
				size += len(k) + len(v)
				if err := to.Put(k, v); err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil {
			err = ctx.Err()
		}
		copied(size)
		if err != nil || k == nil {
			return err
		}
	}
}

func (c *copying) update(fn func(tx *bolt.Tx) error) error {
	if err := c.db.Update(fn); err != nil {
		return err
	}
	if c.sync && !planted.SwapUnsynced {
		return c.db.Sync()
	}
	return nil
}

func (c *copying) apply(rows []row) error {
	return c.update(func(tx *bolt.Tx) error {
		for _, r := range rows {
			b := tx.Bucket([]byte(bucketNames[r.bucket]))
			b.FillPercent = r.bucket.fill()
			var err error
			if r.value == nil {
				err = b.Delete(r.key)
			} else {
				err = b.Put(r.key, r.value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *copying) close() { _ = c.db.Close() }

// takeOver adds the last rows to the copy and puts it in the place of the file.
func (w *writer) takeOver(c *copying) error {
	s := w.s
	d := w.delta
	w.delta = nil
	if d == nil || d.stale || w.file == nil {
		return errors.New("too much was written meanwhile")
	}
	c.db.NoFreelistSync = false // so that opening it is quick
	if err := c.apply(d.rows); err != nil {
		return err
	}
	if err := w.sameHead(c); err != nil {
		return err
	}
	if err := c.db.Close(); err != nil {
		return err
	}
	// Windows renames neither onto nor from a file that is mapped.
	w.file.retire()
	w.file.close()
	err := s.dir.Rename(compactName, storeName)
	if err == nil {
		err = s.syncDirs()
	}
	if err == nil {
		var f *file
		if f, err = openFile(s.path(storeName), &s.o); err == nil {
			old := w.file
			w.file = f
			s.mu.Lock()
			s.file = f
			s.mu.Unlock()
			old.release()
			w.high = f.used()
			w.publish(false)
			return nil
		}
	}
	// Whichever file is there now, it is checked before it is used.
	w.fence(fmt.Errorf("compaction was interrupted: %w", err), false)
	return err
}

// sameHead makes sure that the copy ends where the file does.
func (w *writer) sameHead(c *copying) error {
	read := func(db *bolt.DB) (head []byte, err error) {
		err = db.View(func(tx *bolt.Tx) error {
			head = bytes.Clone(tx.Bucket([]byte(bucketNames[bHead])).Get(headKey))
			return nil
		})
		return head, err
	}
	have, err := read(c.db)
	if err != nil {
		return err
	}
	want, err := read(w.file.db)
	if err != nil {
		return err
	}
	if !bytes.Equal(have, want) {
		return errors.New("the copy does not end where the file does")
	}
	return nil
}
