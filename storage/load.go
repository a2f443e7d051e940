package storage

import (
	"fmt"

	"clinicgate/storage/seal"
)

// load reads the state of the writer from the file.
func (s *Store) load(f *file) (*writer, error) {
	mac, err := newMACs(s.o.Keys)
	if err != nil {
		return nil, err
	}
	w := &writer{s: s, file: f, mac: mac, byID: make(map[streamID]*stream), dirty: make(map[uint32]struct{})}
	tx, err := f.db.Begin(false)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	for b := range buckets {
		if tx.Bucket([]byte(bucketNames[b])) == nil {
			return nil, fmt.Errorf("%w: bucket %s is missing", errHead, bucketNames[b])
		}
	}
	hot := tx.Bucket([]byte(bucketNames[bHead]))
	if w.head, err = openHead(hot.Get(headKey), s.o.Keys); err != nil {
		return nil, err
	}
	cold := tx.Bucket([]byte(bucketNames[bStreams]))
	for num := uint32(1); num <= w.head.streams; num++ {
		st := &stream{num: num}
		key := streamKey(num)
		_, plain, err := openRow(s.o.Keys, w.head.store, bStreams, key, cold.Get(key))
		if err != nil {
			return nil, fmt.Errorf("name of stream %d: %w", num, err)
		}
		if err := st.parseCold(plain); err != nil {
			return nil, err
		}
		key = hotKey(num)
		_, plain, err = openRow(s.o.Keys, w.head.store, bHead, key, hot.Get(key))
		if err != nil {
			return nil, fmt.Errorf("place of stream %d: %w", num, err)
		}
		if err := st.parseHot(plain); err != nil {
			return nil, err
		}
		w.streams = append(w.streams, st)
		w.byID[st.id] = st
	}
	return w, nil
}

// openEvent opens a record. plain is what its leaf hash covers.
func openEvent(keys seal.Keys, store [16]byte, key, value []byte) (r Record, plain []byte, err error) {
	plain, err = seal.Open(nil, keys, value, place(store, bEvents, key))
	if err != nil {
		return Record{}, nil, fmt.Errorf("%w: %x: %w", ErrUnreadable, key, err)
	}
	if r, _, err = parseRecord(plain); err != nil {
		return Record{}, nil, fmt.Errorf("%w: %x: %w", ErrUnreadable, key, err)
	}
	return r, plain, nil
}
