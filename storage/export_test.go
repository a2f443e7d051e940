package storage

import (
	"context"
	"encoding/binary"
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
