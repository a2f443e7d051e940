package storage

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"clinicgate/storage/auditlog"
	"clinicgate/storage/internal/planted"
)

const (
	pruneRecords = 512            // in one transaction
	keepIDs      = 48 * time.Hour // after the record is gone
)

func inStream(k []byte, num uint32) bool {
	return len(k) == eventKeySize && binary.BigEndian.Uint32(k) == num
}

// Retain takes away the bodies that no rule keeps any longer, and the ids of
// those that went 48 hours ago. It does nothing while the clock is not
// trusted: a clock that jumps must not cost a record. progress, which may be nil, is
// told the streams that are done, and of how many.
func (s *Store) Retain(ctx context.Context, progress func(done, total int64)) error {
	if !s.o.Now().Synced {
		return nil
	}
	s.mu.Lock()
	nums := make([]uint32, 0, len(s.streams))
	for num, st := range s.streams {
		if st.stored > 0 {
			nums = append(nums, num)
		}
	}
	s.mu.Unlock()
	for i, num := range nums {
		if progress != nil {
			progress(int64(i), int64(len(nums)))
		}
		for more := true; more; {
			err := s.Update(ctx, func(tx *Tx) (err error) {
				more, err = tx.retain(num)
				return err
			})
			if err != nil {
				return fmt.Errorf("cannot apply retention: %w", err)
			}
		}
	}
	for more := true; more; {
		err := s.Update(ctx, func(tx *Tx) (err error) {
			more, err = tx.forget()
			return err
		})
		if err != nil {
			return fmt.Errorf("cannot apply retention to ids: %w", err)
		}
	}
	return nil
}

// retain prunes what the stream need not keep, and expires what was never sent
// and is too old to be.
func (tx *Tx) retain(num uint32) (more bool, err error) {
	w := tx.w
	if !tx.now.Synced {
		return false, nil
	}
	st := w.streams[num-1]
	now := tx.now.Wall
	old := func(r *Record) (*Kind, bool) {
		k := w.s.kinds[r.Kind]
		at, dated := made(r)
		return k, dated && k != nil && k.Retain.Age > 0 && now.Sub(at) > k.Retain.Age
	}
	if st.droppable && st.published() && st.counts.Queued > 0 {
		if err := tx.expire(st, old); err != nil {
			return false, err
		}
	}
	return tx.prune(st, func(r *Record) bool {
		k, is := old(r)
		at := Cursor{r.Inc, r.Seq}
		if _, dated := made(r); !dated && k != nil && k.Retain.Age > 0 {
			is = tx.before(st, at, old)
		}
		switch {
		case !is:
			return false
		case st.published() && k.Retain.NeedsReceipt && st.receipt.Less(at):
			return false
		}
		return true
	})
}

// made tells when a record was made. It is not known where the clock was not
// trusted; then for another kiosk's it is when it was published.
func made(r *Record) (at time.Time, dated bool) {
	switch {
	case r.Synced:
		return r.HLC.Time(), true
	case r.Origin != nil && r.Origin.Timetoken > 0:
		return time.Unix(0, int64(r.Origin.Timetoken)*100), true
	}
	return time.Time{}, false
}

// before reports whether an undated record lies before one that is old, and so
// is old itself: a stream is in the order of time. It looks at the end of the
// stream and at ever longer distances, so that a long run without a trusted
// clock costs few looks.
func (tx *Tx) before(st *stream, at Cursor, old func(*Record) (*Kind, bool)) bool {
	c := tx.w.cursor(bEvents)
	look := func(at Cursor) (dated, is, end bool) {
		k, v := c.seek(appendEventKey(nil, st.num, at))
		if !inStream(k, st.num) {
			return false, false, true
		}
		r, _, err := openEvent(tx.w.s.o.Keys, tx.w.head.store, k, v)
		if err != nil {
			return false, false, false
		}
		_, dated = made(&r)
		_, is = old(&r)
		return dated, is, false
	}
	if _, is, _ := look(st.next); is {
		return true
	}
	for step := uint64(1); step != 0; step *= 2 {
		if dated, is, end := look(Cursor{at.Inc, at.Seq + step}); dated || end {
			return is
		}
	}
	return false
}

// expire gives up droppable records that stayed unsent for longer than they are
// kept, up to the first one that is not droppable.
func (tx *Tx) expire(st *stream, old func(*Record) (*Kind, bool)) error {
	w := tx.w
	after := st.sent
	after.Seq++
	var to Cursor
	n := 0
	c := w.cursor(bEvents)
	for k, v := c.seek(appendEventKey(nil, st.num, after)); n < pruneRecords && inStream(k, st.num); k, v = c.next() {
		r, _, err := openEvent(w.s.o.Keys, w.head.store, k, v)
		if err == nil {
			if _, is := old(&r); !is || !w.mayDrop(&r) {
				break
			}
		}
		to = Cursor{r.Inc, r.Seq}
		if err != nil {
			_, to = parseEventKey(k)
		}
		n++
	}
	if n == 0 {
		return nil
	}
	return tx.advance(st, to, Expired, "too old", 0)
}

// prune takes bodies away from the front of a stream, as long as gone says so.
// What stays is the leaf hash, so that the audit log can still be verified, and
// the id for a while, so that a late retry is still known.
func (tx *Tx) prune(st *stream, gone func(*Record) bool) (more bool, err error) {
	w := tx.w
	after := st.pruned
	after.Seq++
	type victim struct {
		key  []byte
		r    Record
		leaf auditlog.Hash
	}
	var victims []victim
	var passed Cursor
	c := w.cursor(bEvents)
	seen := 0
	for k, v := c.seek(appendEventKey(nil, st.num, after)); inStream(k, st.num); k, v = c.next() {
		if seen++; seen > pruneRecords {
			more = true
			break
		}
		_, at := parseEventKey(k)
		if st.published() && st.sent.Less(at) && !planted.PruneUndelivered {
			break // never what waits in the outbox
		}
		r, plain, err := openEvent(w.s.o.Keys, w.head.store, k, v)
		if err != nil {
			passed = at // it stays, for whoever wants to look at it
			continue
		}
		if !gone(&r) {
			break
		}
		passed = at
		r.Body = nil
		victims = append(victims, victim{append([]byte(nil), k...), r, auditlog.LeafHash(plain)})
	}
	if passed == (Cursor{}) {
		return false, nil
	}
	tx.touch(st)
	tx.mark()
	st.pruned = passed
	if len(victims) == 0 {
		return more, nil
	}
	tiles := map[string]*tile{}
	expired := make([]byte, 0, len(victims)*(16+idRowSize))
	for _, v := range victims {
		if err := tx.put(bEvents, v.key, nil); err != nil {
			return false, err
		}
		st.stored--
		if err := tx.addLeaf(tiles, &v.r, v.leaf); err != nil {
			return false, err
		}
		if id := w.get(bIDs, v.r.ID[:]); len(id) == idRowSize {
			expired = append(append(expired, v.r.ID[:]...), id...)
		}
	}
	for key, t := range tiles {
		if err := tx.putRow(ClassStore, bLeaves, []byte(key), t.append(nil)); err != nil {
			return false, err
		}
	}
	key := binary.BigEndian.AppendUint64(nil, uint64(max(tx.now.Wall.UnixMilli(), 0)))
	key = binary.BigEndian.AppendUint32(key, st.num)
	for n := uint32(1); w.get(bExpired, key) != nil; n++ {
		binary.BigEndian.PutUint64(key, uint64(max(tx.now.Wall.UnixMilli(), 0))+uint64(n))
	}
	return more, tx.putRow(ClassStore, bExpired, key, expired)
}

func (tx *Tx) addLeaf(tiles map[string]*tile, r *Record, leaf auditlog.Hash) error {
	if planted.PruneLeaf {
		return nil
	}
	key := tileKey(r.Log, r.Pos)
	t := tiles[string(key)]
	if t == nil {
		t = &tile{life: r.Log, number: r.Pos / tileSize}
		if v := tx.w.get(bLeaves, key); v != nil {
			_, plain, err := openRow(tx.w.s.o.Keys, tx.w.head.store, bLeaves, key, v)
			if err != nil {
				return err
			}
			if *t, err = parseTile(key, plain); err != nil {
				return err
			}
		}
		tiles[string(key)] = t
	}
	t.add(r.Pos, leaf)
	return nil
}

// forget takes away ids whose records went long enough ago.
func (tx *Tx) forget() (more bool, err error) {
	w := tx.w
	limit := tx.now.Wall.Add(-keepIDs).UnixMilli()
	if !tx.now.Synced || limit <= 0 {
		return false, nil
	}
	k, v := w.seek(bExpired, []byte{0})
	if len(k) != 12 || binary.BigEndian.Uint64(k) > uint64(limit) {
		return false, nil
	}
	key := append([]byte(nil), k...)
	_, plain, err := openRow(w.s.o.Keys, w.head.store, bExpired, key, v)
	if err == nil {
		for ; len(plain) >= 16+idRowSize; plain = plain[16+idRowSize:] {
			if err := tx.put(bIDs, plain[:16], nil); err != nil {
				return false, err
			}
		}
	}
	return true, tx.put(bExpired, key, nil)
}
