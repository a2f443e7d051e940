package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// A store of an older format is written anew in the present one before it is opened,
// and the old file is kept until nobody can want it back:
//
//	store.db (old) ─▶ store.db.migrate: every row, by the steps between the formats
//	        ─▶ synced, every record checked ─▶ store.db becomes store.db.format1
//	        ─▶ store.db.migrate becomes store.db ─▶ opened, first commit
//	        ─▶ store.db.format1 goes, unless the program is on trial
//
// Up to the first rename the old file is the store; between the two the next start
// puts it back and begins again; after the second the new one is. The old file is
// read as the check reads it, so that damage in it costs no more than it hit: what
// can be read goes into the new file, whose sums then show that something is missing,
// and it is salvaged like any other.
//
// Whoever raises formatVersion adds a step; a test demands it.

const (
	migrateName = "store.db.migrate" // being filled from a file of an older format
	keptPrefix  = storeName + ".format"
)

// step leads from a format to the next one.
type step struct {
	from uint16
	// head reads the head row. Nil: it is as today's.
	head func(row []byte, keys Keys) (head, error)
	// bucket gives today's place of a bucket. Nil: all are called as today. The rows
	// of one that has none go.
	bucket func(name string) (bucket, bool)
	// row gives what becomes of a row other than the head: itself, changed, several
	// or none. One that it cannot read it gives as it is. Nil: all stay.
	row func(h *head, keys Keys, r row) ([]row, error)
}

// steps are the formats that were, oldest first. Format 1 is the first one.
func steps() []step { return nil }

// Migrated says that the file was of an older format.
type Migrated struct {
	From int
	Kept string // path of the old file, relative to the data directory; "" once it is gone
}

func keptName(format uint16) string { return fmt.Sprintf("%s%d", keptPrefix, format) }

// kept lists the files of older formats that are kept.
func (s *Store) kept() (names []string) {
	paths, _ := filepath.Glob(s.path(keptPrefix + "*")) // fails on a bad pattern only
	for _, p := range paths {
		names = append(names, filepath.Base(p))
	}
	return names
}

// forgetOld removes what a migration kept, once a commit of the new file is durable.
func (s *Store) forgetOld() error {
	if s.o.Trial {
		return nil
	}
	names := s.kept()
	for _, name := range names {
		if err := s.dir.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot remove the file of an older format: %w", err)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return s.dir.SyncDir()
}

// stepsFrom gives the steps from a format to the present one, nil where there are none.
func (s *Store) stepsFrom(format uint16) (list []step) {
	all := s.o.steps
	if all == nil {
		all = steps()
	}
	for at := format; at < formatVersion; at++ {
		i := slices.IndexFunc(all, func(st step) bool { return st.from == at })
		if i < 0 {
			return nil
		}
		list = append(list, all[i])
	}
	return list
}

// migrate brings a file of an older format to the present one. Any other file is
// left to whoever opens it.
func (s *Store) migrate(ctx context.Context) (*Migrated, error) {
	f, err := os.Open(s.path(storeName))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	im := newImage(f, info.Size())
	row := headRowOf(im)
	if len(row) < headPrefixSize {
		return nil, nil
	}
	from := binary.BigEndian.Uint16(row)
	list := s.stepsFrom(from)
	if list == nil {
		return nil, nil
	}
	s.o.Logger.Info("the store is of an older format; it is written anew", "from", from, "to", formatVersion, "bytes", info.Size())
	if err := s.rewrite(ctx, im, row, list); err != nil {
		err = errors.Join(err, removeIfThere(s, migrateName))
		return nil, hint("free disk space for a second copy of the store, or install the version before again; nothing was changed",
			"cannot bring the store from format %d to %d: %w", from, formatVersion, err)
	}
	if err := f.Close(); err != nil { // Windows renames no file that is open
		return nil, err
	}
	if err := s.syncDirs(); err != nil {
		return nil, err
	}
	if err := s.dir.Rename(storeName, keptName(from)); err != nil {
		return nil, err
	}
	if err := s.syncDirs(); err != nil {
		return nil, err
	}
	if err := s.dir.Rename(migrateName, storeName); err != nil {
		return nil, err
	}
	return &Migrated{From: int(from), Kept: keptName(from)}, s.syncDirs()
}

func removeIfThere(s *Store, name string) error {
	if err := s.dir.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// headRowOf finds the head row that the newest meta page leads to.
func headRowOf(im *image) (row []byte) {
	metas := im.metas()
	if len(metas) == 0 {
		return nil
	}
	w := newWalk(im, metas[0].high, func(_ string, key, value []byte) {
		if bytes.Equal(key, headKey) {
			row = bytes.Clone(value)
		}
	})
	w.root(metas[0])
	w.bucket(bucketNames[bHead])
	return row
}

// rewrite fills the new file and makes sure of it.
func (s *Store) rewrite(ctx context.Context, im *image, row []byte, list []step) error {
	read := list[0].head
	if read == nil {
		read = openOlderHead
	}
	h, err := read(row, s.o.Keys)
	if err != nil {
		return err
	}
	c, err := s.newCopy(migrateName)
	if err != nil {
		return err
	}
	r := rewriting{s: s, ctx: ctx, to: c, head: h, steps: list}
	err = r.run(im)
	c.close()
	if err != nil {
		return err
	}
	report, err := Check(ctx, CheckOptions{Path: s.path(migrateName), Keys: s.o.Keys, Full: true})
	switch {
	case err != nil:
		return err
	case r.sound && !report.OK:
		return fmt.Errorf("the copy is not sound: %s", report.Explanation)
	case report.Rows[bucketNames[bEvents]] < r.events:
		return fmt.Errorf("the copy holds %d records of %d", report.Rows[bucketNames[bEvents]], r.events)
	}
	return nil
}

// openOlderHead reads a head row that differs from today's in its number only.
func openOlderHead(row []byte, keys Keys) (head, error) {
	row = bytes.Clone(row)
	binary.BigEndian.PutUint16(row, formatVersion)
	return openHead(row, keys)
}

type rewriting struct {
	s     *Store
	ctx   context.Context
	to    *copying
	head  head
	steps []step

	old     [buckets]rowSum // of the rows that were read
	new     [buckets]rowSum // of the rows that were written
	pending []row
	bytes   int
	events  uint64
	sound   bool // the old file was
	err     error
}

func (r *rewriting) run(im *image) error {
	meta := im.metas()[0]
	w := newWalk(im, meta.high, r.row)
	w.root(meta)
	for _, sub := range slices.Clone(w.subs) {
		w.bucket(sub.name)
	}
	r.sound = w.sound()
	for b := range buckets {
		r.sound = r.sound && (!b.summed() || r.old[b] == r.head.sums[b])
	}
	// What the steps changed changes the sums; what is missing must go on missing.
	for b := range buckets {
		if b.summed() {
			r.new[b].xor(r.old[b])
			r.head.sums[b].xor(r.new[b])
		}
	}
	a, err := r.s.o.Keys.Active(ClassStore)
	if err != nil {
		return err
	}
	r.pending = append(r.pending, row{bHead, headKey, sealHead(nil, &r.head, a)})
	r.to.db.NoFreelistSync = false // so that opening it is quick
	r.flush()
	return errors.Join(r.err, r.ctx.Err())
}

// row takes one row of the old file.
func (r *rewriting) row(name string, key, value []byte) {
	if r.err != nil || name == bucketNames[bHead] && bytes.Equal(key, headKey) {
		return
	}
	if r.err = r.ctx.Err(); r.err != nil {
		return
	}
	place := r.steps[0].bucket
	if place == nil {
		place = bucketNamed
	}
	b, ok := place(name)
	if !ok {
		return // a bucket that is no more
	}
	if b == bEvents {
		r.events++
	}
	if b.inSum(key) {
		r.old[b].toggle(value)
	}
	rows := []row{{b, bytes.Clone(key), bytes.Clone(value)}}
	for _, st := range r.steps {
		if st.row == nil {
			continue
		}
		var next []row
		for _, one := range rows {
			made, err := st.row(&r.head, r.s.o.Keys, one)
			if err != nil {
				r.err = err
				return
			}
			next = append(next, made...)
		}
		rows = next
	}
	for _, one := range rows {
		if one.bucket.inSum(one.key) {
			r.new[one.bucket].toggle(one.value)
		}
		r.pending = append(r.pending, one)
		r.bytes += len(one.key) + len(one.value)
	}
	if r.bytes >= compactBatch {
		r.flush()
	}
}

func (r *rewriting) flush() {
	if r.err == nil {
		r.err = r.to.apply(r.pending)
	}
	r.pending, r.bytes = nil, 0
}
