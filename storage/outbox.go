package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Outcome is what became of records that left the outbox.
type Outcome uint8

// The outcomes that the uplink reports.
const (
	Delivered   Outcome = iota // accepted by the other side
	Quarantined                // refused for good; kept here
)

// Streams lists the streams of this kiosk that are published, by lane, then by
// channel.
func (s *Store) Streams() []StreamStatus {
	s.mu.Lock()
	out := make([]StreamStatus, 0, len(s.streams))
	for _, st := range s.streams {
		if st.published() {
			out = append(out, st.status())
		}
	}
	s.mu.Unlock()
	slices.SortFunc(out, func(a, b StreamStatus) int {
		if a.Lane != b.Lane {
			return int(a.Lane) - int(b.Lane)
		}
		return strings.Compare(a.Channel, b.Channel)
	})
	return out
}

// Outbox returns the next records of a stream that were not handled yet, in
// order: at most max, and beyond the first at most maxBytes of bodies. Reading
// removes nothing.
func (s *Store) Outbox(ctx context.Context, channel string, max, maxBytes int) ([]Record, error) {
	s.mu.Lock()
	num, ok := s.byName[streamID{channel: channel}]
	st := s.streams[num]
	s.mu.Unlock()
	if !ok || st.counts.Queued == 0 {
		return nil, nil
	}
	return s.read(ctx, num, st.sent, max, maxBytes)
}

// Advance moves the stream's cursor to the last record handled. All records up
// to it that were queued get the outcome. token is the timetoken of the accept.
// A cursor that the stream has passed already changes nothing.
func (s *Store) Advance(ctx context.Context, channel string, to Cursor, outcome Outcome, reason string, token uint64) error {
	return s.Update(ctx, func(tx *Tx) error {
		st, err := tx.own(channel)
		if err != nil {
			return err
		}
		return tx.advance(st, to, outcome, reason, token)
	})
}

// Receipt notes that the outside sink holds the stream up to a record.
func (s *Store) Receipt(ctx context.Context, channel string, upTo Cursor) error {
	return s.Update(ctx, func(tx *Tx) error {
		st, err := tx.own(channel)
		if err != nil {
			return err
		}
		if st.next.Less(upTo) {
			return fmt.Errorf("receipt for %d/%d, which stream %q has not reached", upTo.Inc, upTo.Seq, channel)
		}
		if st.receipt.Less(upTo) {
			tx.touch(st).receipt = upTo
			tx.mark()
		}
		return nil
	})
}

func (tx *Tx) own(channel string) (*stream, error) {
	st := tx.w.byID[streamID{channel: channel}]
	if st == nil || !st.published() {
		return nil, fmt.Errorf("no published stream %q", channel)
	}
	return st, nil
}

// mark makes the group commit although the request wrote no row of its own: the
// states of touched streams are written with the head.
func (tx *Tx) mark() { tx.w.must = true }

func (tx *Tx) advance(st *stream, to Cursor, outcome Outcome, reason string, token uint64) error {
	if st.next.Less(to) {
		return fmt.Errorf("cannot advance to %d/%d, which stream %q has not reached", to.Inc, to.Seq, st.id.channel)
	}
	if !st.sent.Less(to) {
		return nil
	}
	w := tx.w
	n, next, err := w.countQueued(st, to)
	if err != nil {
		return err
	}
	tx.touch(st)
	tx.mark()
	st.sent, st.oldest = to, next
	st.counts.Queued -= n
	switch outcome {
	case Delivered:
		st.counts.Delivered += n
		st.token = max(st.token, token)
	case Quarantined:
		st.counts.Quarantined += n
	default:
		return errors.New("no such outcome")
	}
	return nil
}

// countQueued counts the records in (sent, to] and finds the clock reading of
// the first one after.
func (w *writer) countQueued(st *stream, to Cursor) (n uint64, next HLC, err error) {
	n = to.Seq - st.sent.Seq
	if to.Inc != st.sent.Inc {
		// Across lives, count what is there.
		n = 0
		after := st.sent
		after.Seq++
		c := w.bucket(bEvents).Cursor()
		last := appendEventKey(nil, st.num, to)
		for k, _ := c.Seek(appendEventKey(nil, st.num, after)); k != nil && bytes.Compare(k, last) <= 0; k, _ = c.Next() {
			n++
		}
	}
	if n > st.counts.Queued {
		return 0, 0, fmt.Errorf("stream %q has %d queued records, not %d", st.id.channel, st.counts.Queued, n)
	}
	if n == st.counts.Queued {
		return n, 0, nil
	}
	to.Seq++
	prefix := streamKey(st.num)
	k, v := w.seek(bEvents, appendEventKey(nil, st.num, to))
	if !bytes.HasPrefix(k, prefix) {
		return n, st.oldest, nil
	}
	r, _, err := openEvent(w.s.o.Keys, w.head.store, k, v)
	if err != nil {
		return n, st.oldest, nil // its reader will say so
	}
	return n, r.HLC, nil
}

// gap appends the event that tells of a gap, if the composition makes one.
func (tx *Tx) gap(g Gap) error {
	if tx.w.s.o.OnGap == nil {
		return nil
	}
	e, err := tx.w.s.o.OnGap(g)
	if err != nil {
		return fmt.Errorf("cannot make gap record: %w", err)
	}
	if _, err := tx.append(&e); err != nil {
		return fmt.Errorf("cannot append gap record: %w", err)
	}
	return nil
}
