package storage

import (
	"context"
	"fmt"
)

// Mark is how far the byte budget is used up.
type Mark uint8

// The water marks, in percent of the budget but for commitRoom. What is in use counts, not the
// length of the file: pages that became free are used again.
const (
	MarkNone      Mark = iota
	MarkWarn           // 70: say so
	MarkTelemetry      // 80: droppable events are refused, and the oldest of them dropped
	MarkPriority       // 90: only events with priority
	MarkCritical       // 97: only emergencies and audit, and what frees space
	MarkFull           // 99: only what frees space
)

var markPercent = [...]int64{0, 70, 80, 90, 97, 99}

var markNames = [...]string{"none", "warn", "telemetry", "priority", "critical", "full"}

func (m Mark) String() string {
	if int(m) < len(markNames) {
		return markNames[m]
	}
	return fmt.Sprintf("mark %d", uint8(m))
}

// commitRoom is what of the budget the marks leave out, in bytes. The file is longer
// than what is in use: a commit writes its pages anew before those that they replace
// are free again, and a free page is of no use to what needs several in a row. Nine
// pages are usual then, 52 the most that was seen.
const commitRoom = 256 << 10

// dropTo is where dropping stops, in percent: a little below where it begins.
const dropTo = 75

func markOf(used, budget int64) Mark {
	m := MarkNone
	for i, p := range markPercent {
		if used >= (budget-commitRoom)/100*p {
			m = Mark(i)
		}
	}
	return m
}

// measure works out how much is in use after a commit.
func (w *writer) measure() {
	st := w.file.db.Stats()
	pages := w.high - int64(st.FreePageN+st.PendingPageN)*pageSize
	w.used = max(pages, 0)
}

// pressure refuses an event that the present water mark has no room for.
func (w *writer) pressure(k *Kind, own bool) error {
	m := markOf(w.used+w.staged+w.s.blobBytes.Load(), w.s.o.Budget)
	allowed := true
	switch {
	case m >= MarkFull:
		allowed = own
	case m >= MarkCritical:
		allowed = own || k.Priority && (k.Lane == LaneEmergency || k.Lane == LaneAudit)
	case m >= MarkPriority:
		allowed = own || k.Priority
	case m >= MarkTelemetry:
		allowed = own || !k.Droppable
	}
	if allowed {
		return nil
	}
	return fmt.Errorf("%w: mark %v refuses kind %q", ErrFull, m, k.Name)
}

// relieve drops the oldest droppable events that were not sent, while the budget
// is used up so far that new ones are refused.
func (s *Store) relieve(ctx context.Context) error {
	for {
		s.mu.Lock()
		over := s.used+s.blobBytes.Load() >= s.o.Budget/100*dropTo
		if s.relieving = s.relieving && over || s.mark() >= MarkTelemetry; !s.relieving {
			s.mu.Unlock()
			return nil
		}
		var oldest *stream
		for _, st := range s.streams {
			if st.droppable && st.counts.Queued > 0 && (oldest == nil || st.oldest < oldest.oldest) {
				oldest = &st
			}
		}
		s.mu.Unlock()
		if oldest == nil {
			return nil
		}
		var n int
		if err := s.Update(ctx, func(tx *Tx) (err error) { n, err = tx.drop(oldest.num); return err }); err != nil {
			return fmt.Errorf("cannot drop events: %w", err)
		}
		if n == 0 {
			return nil // what is next in turn has to be sent first
		}
		s.o.Logger.Warn("dropped events for space", "channel", oldest.id.channel, "dropped", n, "queued", oldest.counts.Queued)
	}
}

// mark is the present water mark. s.mu is held.
func (s *Store) mark() Mark { return markOf(s.used+s.blobBytes.Load(), s.o.Budget) }

// drop takes the oldest queued records of a stream out of the outbox and of the
// file, up to the first one whose kind is not droppable: a stream is sent in order,
// so what comes after that one waits with it. It tells how many it took.
func (tx *Tx) drop(num uint32) (n int, err error) {
	w := tx.w
	st := w.streams[num-1]
	after := st.sent
	after.Seq++
	var to Cursor
	c := w.cursor(bEvents)
	for k, v := c.seek(appendEventKey(nil, num, after)); n < pruneRecords && inStream(k, num); k, v = c.next() {
		if r, _, err := openEvent(w.s.o.Keys, w.head.store, k, v); err == nil && !w.mayDrop(&r) {
			break
		}
		_, to = parseEventKey(k)
		n++
	}
	if n == 0 {
		return 0, nil
	}
	if err := tx.advance(st, to, Dropped, "space", 0); err != nil {
		return 0, err
	}
	_, err = tx.prune(st, func(*Record) bool { return true })
	return n, err
}

// mayDrop tells whether a record is of a kind that may be dropped.
func (w *writer) mayDrop(r *Record) bool {
	k := w.s.kinds[r.Kind]
	return k != nil && k.Droppable
}
