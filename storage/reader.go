package storage

import (
	"bytes"
	"context"
	"fmt"
	"runtime/debug"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"
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
// snapshot keeps the file from using space again: then fn's reads fail. Where
// the file is damaged, the store is fenced and the error is ErrFenced.
func (s *Store) View(ctx context.Context, fn func(r *Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, viewTimeout)
	defer cancel()
	return s.view(ctx, fn)
}

// view is View with only the caller's own limit.
func (s *Store) view(ctx context.Context, fn func(r *Reader) error) (err error) {
	f, id, leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(f.ctx, cancel)()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			d, ok := p.(damage)
			if !ok {
				panic(p)
			}
			err = fmt.Errorf("%w: %w: %v", ErrFenced, errDamage, d.cause)
			s.doubt(err)
		}
	}()
	tx, err := f.db.Begin(false)
	if err != nil {
		return fmt.Errorf("cannot begin reading: %w", err)
	}
	defer tx.Rollback()
	return fn(&Reader{s: s, ctx: ctx, bolt: tx, id: id})
}

// enter lets a reader into the present file, or into the next one where that is
// just about to take over.
func (s *Store) enter(ctx context.Context) (f *file, id [16]byte, leave func(), err error) {
	for {
		s.mu.Lock()
		f, id = s.file, s.head.store
		s.mu.Unlock()
		if s.ctx.Err() != nil {
			return nil, id, nil, ErrClosed
		}
		if f == nil {
			return nil, id, nil, ErrFenced
		}
		if leave, err = f.enter(); err == nil {
			return f, id, leave, nil
		}
		select {
		case <-f.next:
		case <-ctx.Done():
			return nil, id, nil, ctx.Err()
		case <-s.ended:
			return nil, id, nil, ErrClosed
		}
	}
}

// doubt has the writer fence the store and check the file.
func (s *Store) doubt(err error) {
	select {
	case s.suspect <- err:
	default: // it is about to
	}
}

func (r *Reader) bucket(b bucket) (*bolt.Bucket, error) {
	if err := r.ctx.Err(); err != nil {
		return nil, fmt.Errorf("snapshot ended: %w", err)
	}
	defer guard()
	return r.bolt.Bucket([]byte(bucketNames[b])), nil
}

func (r *Reader) get(b bucket, key []byte) ([]byte, error) {
	bucket, err := r.bucket(b)
	if err != nil {
		return nil, err
	}
	defer guard()
	return bucket.Get(key), nil
}

// scan calls fn for the rows from a key on that have the prefix, until fn
// returns false. What fn gets is bbolt's.
func (r *Reader) scan(b bucket, from, prefix []byte, fn func(k, v []byte) (bool, error)) error {
	bucket, err := r.bucket(b)
	if err != nil {
		return err
	}
	c := bucket.Cursor()
	next := func(first bool) (k, v []byte) {
		defer guard()
		if first {
			return c.Seek(from)
		}
		return c.Next()
	}
	for k, v := next(true); bytes.HasPrefix(k, prefix) && k != nil; k, v = next(false) {
		if err := r.ctx.Err(); err != nil {
			return fmt.Errorf("snapshot ended: %w", err)
		}
		if more, err := fn(k, v); err != nil || !more {
			return err
		}
	}
	return nil
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
	v, err := r.get(bViews, k)
	if err != nil {
		return nil, err
	}
	return openView(r.s.o.Keys, r.id, k, v)
}

// Walk calls fn for each row of a group, or of the whole view if group is nil,
// in the order of the hashed keys.
func (r *Reader) Walk(view string, group []byte, fn func(key, value []byte) error) error {
	prefix, err := viewPrefix(nil, view, group)
	if err != nil {
		return err
	}
	return r.scan(bViews, prefix, prefix, func(k, v []byte) (bool, error) {
		plain, err := openView(r.s.o.Keys, r.id, k, v)
		if err != nil {
			return false, err
		}
		return true, fn(bytes.Clone(k[len(k)-viewHash:]), plain)
	})
}

// Lookup tells where the event of an id is.
func (r *Reader) Lookup(id uuid.UUID) (Receipt, bool) {
	v, err := r.get(bIDs, id[:])
	row, ok := parseIDRow(v)
	if err != nil || !ok {
		return Receipt{}, false
	}
	r.s.mu.Lock()
	st, ok := r.s.streams[row.stream]
	r.s.mu.Unlock()
	return st.receiptOf(row), ok
}

// Cursor reads a cursor of the downlink; 0 if it was never set.
func (r *Reader) Cursor(name string) (uint64, error) {
	v, err := r.get(bHead, cursorKey(name))
	if err != nil {
		return 0, err
	}
	return openCursor(r.s.o.Keys, r.id, name, v)
}

// Read returns records of a stream after a position, in order, at most max. The
// kiosk is empty for this one. Records that do not open are left out; Status
// counts them.
func (s *Store) Read(ctx context.Context, channel, kiosk string, after Cursor, max int) ([]Record, error) {
	num, ok := s.streamNumber(streamID{kiosk, channel})
	if !ok {
		return nil, nil
	}
	out, _, err := s.read(ctx, num, after, max, 0, true)
	return out, err
}

func (s *Store) streamNumber(id streamID) (uint32, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	num, ok := s.byName[id]
	return num, ok
}

// read returns records of a stream, at most max and, beyond the first, at most
// maxBytes of bodies; 0 means no such limit. A record that does not open is left
// out with skip; otherwise it ends the list, and is named if it is the first.
func (s *Store) read(ctx context.Context, num uint32, after Cursor, max, maxBytes int, skip bool) (out []Record, bad *Cursor, err error) {
	err = s.View(ctx, func(r *Reader) error {
		size := 0
		after.Seq++
		return r.scan(bEvents, appendEventKey(nil, num, after), streamKey(num), func(k, v []byte) (bool, error) {
			if len(out) >= max {
				return false, nil
			}
			rec, _, err := openEvent(s.o.Keys, r.id, k, v)
			if err != nil {
				if len(out) == 0 && !skip && len(k) == eventKeySize {
					_, at := parseEventKey(k)
					bad = &at
				}
				return skip, nil
			}
			if size += len(rec.Body); maxBytes > 0 && len(out) > 0 && size > maxBytes {
				return false, nil
			}
			out = append(out, rec)
			return true, nil
		})
	})
	return out, bad, err
}
