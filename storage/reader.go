package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"clinicgate/storage/seal"
)

// Reader reads one snapshot of the store. It is not for use after the function
// that got it has returned, nor by other goroutines.
type Reader struct {
	s    *Store
	ctx  context.Context
	bolt *bolt.Tx
	mac  *macs
	id   [16]byte
}

// View runs fn on a snapshot. It is ended after 5 seconds, since an old
// snapshot keeps the file from using space again: then fn's reads fail.
func (s *Store) View(ctx context.Context, fn func(r *Reader) error) error {
	s.mu.Lock()
	f, id := s.file, s.head.store
	s.mu.Unlock()
	if f == nil {
		return ErrFenced
	}
	leave, err := f.enter()
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, viewTimeout)
	defer cancel()
	defer context.AfterFunc(f.ctx, cancel)()
	tx, err := f.db.Begin(false)
	if err != nil {
		return fmt.Errorf("cannot begin reading: %w", err)
	}
	defer tx.Rollback()
	return fn(&Reader{s: s, ctx: ctx, bolt: tx, id: id})
}

func (r *Reader) bucket(b bucket) (*bolt.Bucket, error) {
	if err := r.ctx.Err(); err != nil {
		return nil, fmt.Errorf("snapshot ended: %w", err)
	}
	return r.bolt.Bucket([]byte(bucketNames[b])), nil
}

func (r *Reader) macs() (*macs, error) {
	if r.mac == nil {
		var err error
		if r.mac, err = newMACs(r.s.o.Keys); err != nil {
			return nil, err
		}
	}
	return r.mac, nil
}

// Get returns the value of a key of a view; nil if there is none.
func (r *Reader) Get(view string, key []byte) ([]byte, error) { return r.GetIn(view, nil, key) }

// GetIn is Get for a key that was put into a group.
func (r *Reader) GetIn(view string, group, key []byte) ([]byte, error) {
	m, err := r.macs()
	if err != nil {
		return nil, err
	}
	k, err := m.viewKey(nil, view, group, key)
	if err != nil {
		return nil, err
	}
	b, err := r.bucket(bViews)
	if err != nil {
		return nil, err
	}
	return openView(r.s.o.Keys, r.id, k, b.Get(k))
}

// Walk calls fn for each row of a group, or of the whole view if group is nil,
// in the order of the hashed keys.
func (r *Reader) Walk(view string, group []byte, fn func(key, value []byte) error) error {
	prefix, err := viewPrefix(nil, view, group)
	if err != nil {
		return err
	}
	b, err := r.bucket(bViews)
	if err != nil {
		return err
	}
	c := b.Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		if err := r.ctx.Err(); err != nil {
			return fmt.Errorf("snapshot ended: %w", err)
		}
		plain, err := openView(r.s.o.Keys, r.id, k, v)
		if err != nil {
			return err
		}
		if err := fn(bytes.Clone(k[len(k)-viewHash:]), plain); err != nil {
			return err
		}
	}
	return nil
}

// Lookup tells where the event of an id is.
func (r *Reader) Lookup(id uuid.UUID) (Receipt, bool) {
	b, err := r.bucket(bIDs)
	if err != nil {
		return Receipt{}, false
	}
	row, ok := parseIDRow(b.Get(id[:]))
	if !ok {
		return Receipt{}, false
	}
	r.s.mu.Lock()
	st, ok := r.s.streams[row.stream]
	r.s.mu.Unlock()
	return st.receiptOf(row), ok
}

// Cursor reads a cursor of the downlink; 0 if it was never set.
func (r *Reader) Cursor(name string) (uint64, error) {
	b, err := r.bucket(bHead)
	if err != nil {
		return 0, err
	}
	return openCursor(r.s.o.Keys, r.id, name, b.Get(cursorKey(name)))
}

// Read returns records of a stream after a position, in order, at most max. The
// kiosk is empty for this one.
func (s *Store) Read(ctx context.Context, channel, kiosk string, after Cursor, max int) ([]Record, error) {
	num, ok := s.streamNumber(streamID{kiosk, channel})
	if !ok {
		return nil, nil
	}
	return s.read(ctx, num, after, max, 0)
}

func (s *Store) streamNumber(id streamID) (uint32, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	num, ok := s.byName[id]
	return num, ok
}

// read returns records of a stream, at most max and, beyond the first, at most
// maxBytes of bodies; 0 means no such limit.
func (s *Store) read(ctx context.Context, num uint32, after Cursor, max, maxBytes int) (out []Record, err error) {
	err = s.View(ctx, func(r *Reader) error {
		b, err := r.bucket(bEvents)
		if err != nil {
			return err
		}
		prefix := streamKey(num)
		c := b.Cursor()
		bytesRead := 0
		after.Seq++
		for k, v := c.Seek(appendEventKey(nil, num, after)); bytes.HasPrefix(k, prefix) && len(out) < max; k, v = c.Next() {
			if err := r.ctx.Err(); err != nil {
				return fmt.Errorf("snapshot ended: %w", err)
			}
			plain, err := seal.Open(nil, s.o.Keys, v, place(r.id, bEvents, k))
			if err != nil {
				return fmt.Errorf("%w: stream %d, %x", ErrUnreadable, num, k[4:])
			}
			rec, _, err := parseRecord(plain)
			if err != nil {
				return fmt.Errorf("%w: stream %d, %x", ErrUnreadable, num, k[4:])
			}
			bytesRead += len(rec.Body)
			if maxBytes > 0 && len(out) > 0 && bytesRead > maxBytes {
				return nil
			}
			out = append(out, rec)
		}
		return nil
	})
	return out, err
}

func logKey(life uint32, kind byte, size uint64) []byte {
	b := binary.BigEndian.AppendUint32(nil, life)
	return binary.BigEndian.AppendUint64(append(b, kind), size)
}
