package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"clinicgate/storage/keyring"
	"clinicgate/storage/seal"
)

// WithCommit makes the store commit by another function than bbolt's.
func (o Options) WithCommit(commit func(*bolt.Tx) error) Options {
	o.commit = commit
	return o
}

// WithDirs makes the store use other directories than the system's.
func (o Options) WithDirs(dirs func(path string) keyring.FS) Options {
	o.dirs = dirs
	return o
}

// PageRecords lists the ids of the records that each page of the file holds, an
// overflowing page by each page it takes. used is how many pages are in use.
func PageRecords(path string, keys seal.Keys) (pages map[uint64][]uuid.UUID, used uint64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	im := newImage(f, info.Size())
	m := im.metas()[0]
	var store [16]byte
	w := newWalk(im, m.high, func(_ string, key, value []byte) {
		if string(key) == string(headKey) {
			store, _ = headStore(value)
		}
	})
	w.root(m)
	w.bucket(bucketNames[bHead])
	pages = make(map[uint64][]uuid.UUID)
	var buf []byte
	var root func(id uint64) error
	root = func(id uint64) error {
		p, err := im.read(id, m.high, &buf)
		if err != nil {
			return err
		}
		var children []uint64
		for i := range p.count {
			if p.flags == pageBranch {
				children = append(children, p.child(i))
				continue
			}
			k, v, _ := p.element(i)
			r, _, err := openEvent(keys, store, k, v)
			if err != nil {
				return err
			}
			for j := range p.span {
				pages[p.id+j] = append(pages[p.id+j], r.ID)
			}
		}
		for _, c := range children {
			if err := root(c); err != nil {
				return err
			}
		}
		return nil
	}
	for _, s := range w.subs {
		if s.name == bucketNames[bEvents] {
			err = root(binary.LittleEndian.Uint64(s.header))
		}
	}
	return pages, m.high, err
}

// Sweep is what Run does about blobs.
func (s *Store) Sweep(ctx context.Context) error { return s.sweep(ctx) }

// FormatBefore makes the store know a format 0: its gaps were in a bucket "holes",
// and its cursors were under 'C'.
func (o Options) FormatBefore() Options {
	o.steps = []step{{from: 0, bucket: func(name string) (bucket, bool) {
		if name == "holes" {
			return bGaps, true
		}
		return bucketNamed(name)
	}, row: func(h *head, keys Keys, r row) ([]row, error) {
		if r.bucket == bHead && r.key[0] == 'C' {
			a, err := keys.Active(ClassStore)
			if err != nil {
				return nil, err
			}
			stamp, plain, err := openRow(keys, h.store, bHead, r.key, r.value)
			if err != nil {
				return []row{r}, nil
			}
			r.key[0] = 'c'
			r.value = sealRow(nil, a, h.store, bHead, r.key, stamp, plain)
		}
		return []row{r}, nil
	}}}
	return o
}

// MakeFormatBefore turns the file of a closed store into one of format 0.
func MakeFormatBefore(path string, keys Keys) error {
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		heads := tx.Bucket([]byte(bucketNames[bHead]))
		h, err := openHead(heads.Get(headKey), keys)
		if err != nil {
			return err
		}
		a, err := keys.Active(ClassStore)
		if err != nil {
			return err
		}
		var cursors []row
		if err := heads.ForEach(func(k, v []byte) error {
			if k[0] == 'c' {
				cursors = append(cursors, row{bHead, bytes.Clone(k), bytes.Clone(v)})
			}
			return nil
		}); err != nil {
			return err
		}
		for _, r := range cursors {
			stamp, plain, err := openRow(keys, h.store, bHead, r.key, r.value)
			if err != nil {
				return err
			}
			old := append([]byte{'C'}, r.key[1:]...)
			value := sealRow(nil, a, h.store, bHead, old, stamp, plain)
			h.sums[bHead].toggle(r.value)
			h.sums[bHead].toggle(value)
			if err := errors.Join(heads.Delete(r.key), heads.Put(old, value)); err != nil {
				return err
			}
		}
		holes, err := tx.CreateBucket([]byte("holes"))
		if err != nil {
			return err
		}
		if err := tx.Bucket([]byte(bucketNames[bGaps])).ForEach(holes.Put); err != nil {
			return err
		}
		if err := tx.DeleteBucket([]byte(bucketNames[bGaps])); err != nil {
			return err
		}
		head := sealHead(nil, &h, a)
		binary.BigEndian.PutUint16(head, 0)
		return heads.Put(headKey, head)
	})
	return errors.Join(err, db.Close())
}

// FormatsWithoutStep lists the formats from which no step leads on.
func FormatsWithoutStep() (list []int) {
	s := &Store{}
	for f := uint16(1); f < formatVersion; f++ {
		if s.stepsFrom(f) == nil {
			list = append(list, int(f))
		}
	}
	return list
}

// BadStep makes the step from format 0 lose every record.
func (o Options) BadStep() Options {
	o.steps = []step{{from: 0, row: func(_ *head, _ Keys, r row) ([]row, error) {
		if r.bucket == bEvents {
			return nil, nil
		}
		return []row{r}, nil
	}}}
	return o
}
