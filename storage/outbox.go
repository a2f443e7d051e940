package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"clinicgate/storage/internal/planted"
)

// Outcome is what became of records that left the outbox.
type Outcome uint8

// The outcomes. The uplink reports the first two; the others the store comes to
// by itself.
const (
	Delivered   Outcome = iota // accepted by the other side
	Quarantined                // refused for good; kept here
	Expired                    // too old before it could be sent
	Dropped                    // given up for space
	Unreadable                 // damaged before it could be sent
)

var outcomeNames = [...]string{"delivered", "quarantined", "expired", "dropped", "unreadable"}

func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return fmt.Sprintf("outcome %d", uint8(o))
}

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
// removes nothing. A record that does not open is passed over, counted and told
// of by a gap record.
func (s *Store) Outbox(ctx context.Context, channel string, max, maxBytes int) ([]Record, error) {
	for {
		s.mu.Lock()
		num, ok := s.byName[streamID{channel: channel}]
		st := s.streams[num]
		s.mu.Unlock()
		if !ok || st.counts.Queued == 0 {
			return nil, nil
		}
		out, bad, err := s.read(ctx, num, st.sent, max, maxBytes, false)
		if err != nil || bad == nil {
			return out, err
		}
		s.o.Logger.Error("record is unreadable", "channel", channel, "inc", bad.Inc, "seq", bad.Seq)
		err = s.Update(ctx, func(tx *Tx) error {
			st, err := tx.ownStream(channel)
			if err != nil {
				return err
			}
			if st.next.Less(*bad) {
				return fmt.Errorf("%w: a record lies past the end of stream %q", errDamage, channel)
			}
			return tx.advance(st, *bad, Unreadable, "unreadable", 0)
		})
		if errors.Is(err, errDamage) {
			s.doubt(err)
		}
		if err != nil {
			return nil, err
		}
	}
}

// Advance moves the stream's cursor to the last record handled. All records up
// to it that were queued get the outcome; what was not delivered is told of by a
// gap record with the reason, a short constant phrase. token is the timetoken of
// the accept. A cursor that the stream has passed already changes nothing.
func (s *Store) Advance(ctx context.Context, channel string, to Cursor, outcome Outcome, reason string, token uint64) error {
	return s.Update(ctx, func(tx *Tx) error {
		st, err := tx.ownStream(channel)
		if err != nil {
			return err
		}
		return tx.advance(st, to, outcome, reason, token)
	})
}

// Receipt notes that the outside sink holds the stream up to a record.
func (s *Store) Receipt(ctx context.Context, channel string, upTo Cursor) error {
	return s.Update(ctx, func(tx *Tx) error {
		st, err := tx.ownStream(channel)
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

func (tx *Tx) ownStream(channel string) (*stream, error) {
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
	if planted.AdvanceTooFar {
		to = st.next
	}
	w := tx.w
	ranges, oldest := w.queued(st, to)
	n := uint64(0)
	for _, r := range ranges {
		n += r.Count
	}
	if n > st.counts.Queued {
		return fmt.Errorf("stream %q has %d queued records, not %d", st.id.channel, st.counts.Queued, n)
	}
	tx.touch(st)
	tx.mark()
	st.sent, st.oldest = to, oldest
	st.counts.Queued -= n
	switch outcome {
	case Delivered:
		st.counts.Delivered += n
		st.token = max(st.token, token)
		return nil
	case Quarantined:
		st.counts.Quarantined += n
	case Expired:
		st.counts.Expired += n
	case Dropped:
		st.counts.Dropped += n
	case Unreadable:
		st.counts.Unreadable += n
	default:
		return fmt.Errorf("no such outcome: %v", outcome)
	}
	for _, g := range ranges {
		g.Outcome, g.Reason = outcome, reason
		if err := tx.gap(st.num, g); err != nil {
			return err
		}
	}
	return nil
}

// queued lists the records in (sent, to] as one range per life, and finds the
// clock reading of the first one after.
func (w *writer) queued(st *stream, to Cursor) (ranges []Gap, oldest HLC) {
	after := st.sent
	after.Seq++
	prefix, last := streamKey(st.num), appendEventKey(nil, st.num, to)
	// The numbers alone do not tell how many there are: a salvage leaves holes.
	c := w.cursor(bEvents)
	k, v := c.seek(appendEventKey(nil, st.num, after))
	for ; bytes.HasPrefix(k, prefix) && bytes.Compare(k, last) <= 0; k, v = c.next() {
		_, at := parseEventKey(k)
		if n := len(ranges); n > 0 && ranges[n-1].Inc == at.Inc {
			ranges[n-1].Last, ranges[n-1].Count = at.Seq, ranges[n-1].Count+1
		} else {
			ranges = append(ranges, Gap{Channel: st.id.channel, Inc: at.Inc, First: at.Seq, Last: at.Seq, Count: 1})
		}
	}
	if !bytes.HasPrefix(k, prefix) {
		return ranges, 0
	}
	r, _, err := openEvent(w.s.o.Keys, w.head.store, k, v)
	if err != nil {
		return ranges, st.oldest // whoever reads it next will say so
	}
	return ranges, r.HLC
}

// Gap is a range of a published stream that will never be published, or that
// the other side refused.
type Gap struct {
	Channel string
	Inc     uint32
	First   uint64
	Last    uint64
	Count   uint64 // records in it
	Outcome Outcome
	Reason  string
	At      time.Time // when it came to be
}

// gap keeps a gap and appends the event that tells of it, if the composition
// makes one.
func (tx *Tx) gap(num uint32, g Gap) error {
	w := tx.w
	g.At = w.head.hlc.next(tx.now.Wall).Time()
	key := appendEventKey(nil, num, Cursor{g.Inc, g.First})
	plain := binary.AppendUvarint(nil, g.Last)
	plain = binary.AppendUvarint(plain, g.Count)
	plain = append(plain, byte(g.Outcome))
	plain = appendTime(plain, g.At)
	plain = appendString(plain, g.Reason)
	if err := tx.putRow(ClassStore, bGaps, key, plain); err != nil {
		return err
	}
	if w.s.o.OnGap == nil {
		return nil
	}
	e, err := w.s.o.OnGap(g)
	if err == nil && e.ID == uuid.Nil {
		return nil // a gap in what carries gap records is told by the counts alone
	}
	if err == nil {
		_, err = tx.appendOwn(&e)
	}
	if err != nil {
		// The gap itself is kept. A store that could not go on for want of its
		// announcement would help nobody.
		w.s.o.Logger.Error("cannot append gap record", "channel", g.Channel, "inc", g.Inc, "first", g.First, "last", g.Last, "err", err)
	}
	return nil
}

// Gaps lists the gaps of all streams, at most max, by stream and place.
func (s *Store) Gaps(ctx context.Context, max int) (out []Gap, err error) {
	err = s.View(ctx, func(r *Reader) error {
		return r.scan(bGaps, []byte{0}, nil, func(k, v []byte) (bool, error) {
			if len(out) >= max {
				return false, nil
			}
			_, plain, err := openRow(s.o.Keys, r.id, bGaps, k, v)
			if err != nil || len(k) != eventKeySize {
				return true, nil // a damaged row costs no others
			}
			num, at := parseEventKey(k)
			d := decoder{b: plain}
			g := Gap{Inc: at.Inc, First: at.Seq, Last: d.uint64(), Count: d.uint64(), Outcome: Outcome(d.byte()), At: d.time(), Reason: d.string()}
			s.mu.Lock()
			st := s.streams[num]
			s.mu.Unlock()
			g.Channel = st.id.channel
			if !d.bad {
				out = append(out, g)
			}
			return true, nil
		})
	})
	return out, err
}
