package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"

	"clinicgate/storage/auditlog"
	"clinicgate/storage/seal"
)

// Salvaged says what a salvage brought over from a damaged file.
type Salvaged struct {
	Reason     string // what was found wrong
	Aside      string // where the damaged file is now
	Life       uint32 // of the store from here on
	Recovered  uint64 // records brought over
	Unreadable uint64 // records that should have been there and were not
	Erased     uint64 // rows under keys that are not held
	Gaps       []Gap  // what the outbox lost
	// Views says that rows of views may be missing or old: build the views
	// again from the events.
	Views bool
	Empty bool // nothing could be read: the store began anew
}

// SalvageOptions are what a salvage needs to know.
type SalvageOptions struct {
	Keys  Keys
	Kiosk string
	Kinds []Kind
	// Store is the id of the store, where it is known from elsewhere.
	Store [16]byte
	// Side is the head that the side file holds, if there is one.
	Side   *auditlog.Head
	Reason string
	Now    time.Time
	NoSync bool
	// Progress, if set, is told the bytes read so far and in all.
	Progress func(done, total int64)
}

// Salvage reads a damaged store file and writes every row that authenticates,
// unchanged, into a new file at dst, which is durable on return. It reads the
// tree below the newest meta page and, where that has holes, every other page
// of the file. The new file is the same store in a new life: its audit log
// closes and a new one begins that says what was unreadable. The damaged file is
// not touched.
//
// If rows are there but all are under keys that are not held, the error is
// ErrWrongKey and nothing is written.
func Salvage(ctx context.Context, path, dst string, o SalvageOptions) (Salvaged, error) {
	f, err := os.Open(path)
	if err != nil {
		return Salvaged{}, fmt.Errorf("cannot salvage store: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Salvaged{}, fmt.Errorf("cannot salvage store: %w", err)
	}
	mac, err := newMACs(o.Keys)
	if err != nil {
		return Salvaged{}, fmt.Errorf("cannot salvage store: %w", err)
	}
	sv := &salvage{
		ctx: ctx, o: o, mac: mac, im: newImage(f, info.Size()),
		stamps: make(map[string]uint64), streams: make(map[uint32]*salvagedStream), present: make(map[uint32][]uint64),
		out: Salvaged{Reason: o.Reason},
	}
	if err := sv.run(dst); err != nil {
		_ = os.Remove(dst)
		return Salvaged{}, fmt.Errorf("cannot salvage store: %w", err)
	}
	return sv.out, nil
}

type salvage struct {
	ctx context.Context
	o   SalvageOptions
	mac *macs
	im  *image
	out Salvaged

	store [16]byte
	head  *head // the newest that authenticates
	db    *bolt.DB
	tx    *bolt.Tx
	open  [buckets]*bolt.Bucket
	rows  int
	err   error // the first error of writing

	holes   [buckets]bool     // buckets that the tree does not give whole
	sums    [buckets]rowSum   // of the rows that the tree gives
	stamps  map[string]uint64 // of rows written, by bucket and key
	streams map[uint32]*salvagedStream
	present map[uint32][]uint64 // by life: bitmap of the log positions found
	buf     []byte
}

// salvagedStream is what is known of a stream, and what was found of it.
type salvagedStream struct {
	stream
	cold, hot   bool
	last        Cursor
	found       uint64
	sample      Record // names the stream if its own row is lost
	sampleLocal bool
}

// scans is how often the whole file is read: for its head, for the places of its
// streams, and for the rest.
const scans = 3

// scan is the nth time that the whole file is read.
func (sv *salvage) scan(nth uint64, row func(key, value []byte)) {
	if sv.o.Progress != nil {
		sv.im.step = func(page uint64) {
			sv.o.Progress(int64((nth*sv.im.pages+page)*pageSize), int64(scans*sv.im.pages*pageSize))
		}
	}
	sv.im.scan(row)
}

func (sv *salvage) run(dst string) error {
	sv.store = sv.o.Store
	meta, ok := sv.newest()
	if err := sv.findHead(); err != nil {
		return err
	}
	if err := sv.create(dst); err != nil {
		return err
	}
	defer func() {
		if sv.tx != nil {
			_ = sv.tx.Rollback()
		}
		_ = sv.db.Close()
	}()
	// First what the newest meta page leads to, then, for buckets that it does
	// not give whole, whatever else lies in the file.
	w := newWalk(sv.im, meta.high, sv.live)
	if ok {
		w.root(meta)
	}
	root := !w.sound()
	for b := range buckets {
		before := len(w.damage) + w.skipped
		found := w.bucket(bucketNames[b])
		sv.holes[b] = sv.holes[b] || root || !found || len(w.damage)+w.skipped > before ||
			sv.head == nil || b.summed() && sv.sums[b] != sv.head.sums[b]
	}
	sv.holes[bEvents] = true // to read them again costs nothing but time
	// Pages that the tree did lead to are read again: it may have led to them as
	// those of another bucket. The places of streams come first: they tell which
	// records retention took.
	for i, places := range []bool{true, false} {
		sv.scan(uint64(i)+1, func(key, value []byte) {
			for _, b := range candidates(key, value) {
				if (b == bHead) == places && sv.holes[b] && sv.take(b, key, value, false) {
					return
				}
			}
		})
	}
	sv.out.Views = sv.holes[bViews]
	if sv.err != nil {
		return sv.err
	}
	if sv.out.Recovered == 0 && sv.head == nil && sv.out.Erased > 0 {
		return ErrWrongKey
	}
	return sv.finish()
}

func (sv *salvage) newest() (fileMeta, bool) {
	metas := sv.im.metas()
	if len(metas) == 0 {
		return fileMeta{high: sv.im.pages}, false
	}
	return metas[0], true
}

// findHead looks for the newest head row that authenticates in the whole file.
// It tells the id of the store, without which no row opens, and what the rows
// of the store must add up to.
func (sv *salvage) findHead() error {
	sv.scan(0, func(key, value []byte) {
		if !bytes.Equal(key, headKey) {
			return
		}
		h, err := openHead(value, sv.o.Keys)
		if errors.Is(err, ErrWrongKey) {
			sv.out.Erased++
		}
		if err == nil && (sv.head == nil || sv.head.commit < h.commit) {
			sv.head, sv.store = &h, h.store
		}
	})
	return sv.ctx.Err()
}

// behind reports whether the side file saw commits that the file does not lead to.
func behind(side auditlog.Head, r Report) bool {
	return side.Inc > uint64(r.Life) || side.Inc == uint64(r.Life) && side.Commit > r.Commits
}

// holdsNewer reports whether the file holds, on pages that its meta pages do not
// lead to, the head of a later commit than they do. A file that was put back
// from an old copy does not; one that lost a meta page does. The first commit
// after a file was put back is of a life that the side file has not seen: where
// that was cut off, nothing was lost.
func holdsNewer(path string, keys Keys, r Report, side auditlog.Head) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	sv := salvage{ctx: context.Background(), o: SalvageOptions{Keys: keys}, im: newImage(f, r.Bytes)}
	return sv.findHead() == nil && sv.head != nil && sv.head.commit > r.Commits && uint64(sv.head.life) <= side.Inc
}

// candidates are the buckets that a row found on an old page can be of.
func candidates(key, value []byte) []bucket {
	if len(value) < seal.Overhead {
		return nil
	}
	switch {
	case len(key) == eventKeySize:
		return []bucket{bEvents, bGaps, bBlobs, bViews}
	case len(key) == 4:
		return []bucket{bStreams, bHead}
	case len(key) == 5 && key[0] == 's':
		return []bucket{bHead, bViews}
	case len(key) == 12:
		return []bucket{bLeaves, bExpired, bHead}
	case len(key) == 13:
		return []bucket{bLogs, bHead}
	case key[0] == 'c':
		return []bucket{bHead, bViews}
	}
	return []bucket{bViews}
}

func (sv *salvage) create(dst string) error {
	_ = os.Remove(dst)
	var err error
	sv.db, err = bolt.Open(dst, 0o600, &bolt.Options{
		PageSize: pageSize, NoSync: true, NoGrowSync: true, NoFreelistSync: true, FreelistType: bolt.FreelistMapType, Timeout: lockTimeout,
	})
	if err != nil {
		return err
	}
	return sv.flush()
}

// flush ends the transaction, if one is open, and begins the next.
func (sv *salvage) flush() error {
	if sv.tx != nil {
		if err := sv.tx.Commit(); err != nil {
			return err
		}
	}
	tx, err := sv.db.Begin(true)
	if err != nil {
		return err
	}
	sv.tx, sv.rows = tx, 0
	for b := range buckets {
		if sv.open[b], err = tx.CreateBucketIfNotExists([]byte(bucketNames[b])); err != nil {
			return err
		}
		sv.open[b].FillPercent = b.fill()
	}
	return nil
}

func (sv *salvage) live(name string, key, value []byte) {
	b, ok := bucketNamed(name)
	if !ok || b == bIDs {
		return // what ids lead to is worked out from the records
	}
	if b.inSum(key) {
		sv.sums[b].toggle(value)
	}
	sv.take(b, key, value, true)
}

// take writes a row if it authenticates as one of the bucket and is not older
// than what was taken before. It reports whether it authenticates.
func (sv *salvage) take(b bucket, key, value []byte, live bool) bool {
	if sv.err != nil || b == bHead && bytes.Equal(key, headKey) {
		return false
	}
	if b == bEvents {
		return sv.takeEvent(key, value, live)
	}
	stamp, plain, err := openRow(sv.o.Keys, sv.store, b, key, value)
	if err != nil {
		if live {
			sv.holes[b] = true // an old page may hold an older one
		}
		if live && errors.Is(err, seal.ErrKeyUnknown) {
			sv.out.Erased++
		}
		return false
	}
	name := string(append([]byte{byte(b)}, key...))
	if old, ok := sv.stamps[name]; ok && old >= stamp {
		return true
	}
	sv.stamps[name] = stamp
	switch {
	case b == bStreams && len(key) == 4:
		s := sv.stream(binary.BigEndian.Uint32(key))
		s.cold = s.parseCold(plain) == nil
	case b == bHead && len(key) == 5 && key[0] == 's':
		s := sv.stream(binary.BigEndian.Uint32(key[1:]))
		s.hot = s.parseHot(plain) == nil
	case b == bLeaves:
		sv.noteTile(key, plain)
	case b == bExpired:
		sv.indexExpired(plain)
	}
	sv.put(b, key, value)
	return true
}

func (sv *salvage) takeEvent(key, value []byte, live bool) bool {
	if len(key) != eventKeySize {
		return false
	}
	num, at := parseEventKey(key)
	plain, err := seal.Open(sv.buf[:0], sv.o.Keys, value, place(sv.store, bEvents, key))
	if err != nil {
		if live && errors.Is(err, seal.ErrKeyUnknown) {
			sv.out.Erased++
		}
		return false
	}
	sv.buf = plain
	r, local, err := parseRecord(plain)
	if err != nil {
		return false
	}
	s := sv.stream(num)
	if !live && s.hot && !s.pruned.Less(at) {
		return true // retention took it long ago
	}
	if sv.open[bEvents].Get(key) != nil {
		return true
	}
	sv.put(bEvents, key, value)
	id := idRow{stream: num, at: at, hlc: r.HLC, mac: sv.mac.content(&r.Event)}
	sv.put(bIDs, r.ID[:], id.append(nil))
	sv.notePosition(r.Log, r.Pos)
	sv.out.Recovered++
	s.found++
	if s.last.Less(at) {
		s.last = at
	}
	if s.sample.Channel == "" {
		s.sample, s.sampleLocal = r, local
		s.sample.Body = nil
	}
	return true
}

func (sv *salvage) stream(num uint32) *salvagedStream {
	s := sv.streams[num]
	if s == nil {
		s = &salvagedStream{stream: stream{num: num}}
		sv.streams[num] = s
	}
	return s
}

// put copies a row; bbolt keeps the value until the transaction ends.
func (sv *salvage) put(b bucket, key, value []byte) {
	if sv.err != nil {
		return
	}
	if sv.err = sv.open[b].Put(key, bytes.Clone(value)); sv.err != nil {
		return
	}
	if sv.rows++; sv.rows >= 4096 {
		if sv.err = sv.ctx.Err(); sv.err == nil {
			sv.err = sv.flush()
		}
	}
}

func (sv *salvage) notePosition(life uint32, pos uint64) {
	const limit = 1 << 32 // more records than any budget holds
	if pos >= limit {
		return
	}
	m := sv.present[life]
	for uint64(len(m)) <= pos/64 {
		m = append(m, 0)
	}
	m[pos/64] |= 1 << (pos % 64)
	sv.present[life] = m
}

func (sv *salvage) noteTile(key, plain []byte) {
	t, err := parseTile(key, plain)
	if err != nil {
		return
	}
	for i := range t.leaves {
		sv.notePosition(t.life, t.position(i))
	}
}

func (sv *salvage) indexExpired(plain []byte) {
	for len(plain) >= 16+idRowSize {
		sv.put(bIDs, plain[:16], plain[16:16+idRowSize])
		plain = plain[16+idRowSize:]
	}
}

// finish writes what is not copied but concluded: the places of the streams and
// the head of the new life.
func (sv *salvage) finish() error {
	h := head{store: sv.store, created: sv.o.Now}
	if sv.head != nil {
		h = *sv.head
	} else {
		sv.out.Empty = sv.out.Recovered == 0
		h.life = 1
		if h.store == [16]byte{} {
			h.store = newStoreID()
		}
	}
	h.commit++
	if sv.o.Side != nil {
		h.life = max(h.life, uint32(sv.o.Side.Inc))
		h.commit = max(h.commit, sv.o.Side.Commit+1)
	}
	for num, s := range sv.streams {
		h.streams = max(h.streams, num)
		if s.cold && !s.foreign() || !s.cold && s.sample.Origin == nil {
			h.life = max(h.life, s.last.Inc, s.next.Inc)
		}
	}
	a, err := sv.o.Keys.Active(ClassStore)
	if err != nil {
		return err
	}
	write := func(b bucket, key, plain []byte) error {
		return sv.open[b].Put(key, sealRow(nil, a, h.store, b, key, h.commit, plain))
	}
	for num := uint32(1); num <= h.streams; num++ {
		s := sv.stream(num)
		if err := sv.conclude(s); err != nil {
			return err
		}
		if err := write(bStreams, streamKey(num), s.appendCold(nil)); err != nil {
			return err
		}
		if err := write(bHead, hotKey(num), s.appendHot(nil)); err != nil {
			return err
		}
	}
	missing, known := sv.missing(&h)
	if !known {
		// What was found vouches for itself and nobody says where it should end.
		var err error
		if h.log, _, err = auditlog.New(nil, auditlog.Opening{Origin: logOrigin(sv.o.Kiosk, h.store, h.life)}); err != nil {
			return err
		}
	} else if err := writeEnd(&h, write); err != nil {
		return err
	}
	earlier := sv.earlier(&h)
	sv.out.Unreadable = sv.news(append(earlier, auditlog.Lost{Origin: h.log.Origin(), Unreadable: missing}))
	h.salvages++
	h.lost += sv.out.Unreadable
	note := lastNote(guarded{sv.open[bLogs].Cursor()}, sv.o.Keys, h.store, h.life)
	closed := auditlog.Closed{Note: string(note), Unreadable: missing, Recovered: sv.out.Recovered, Reason: reasonDamaged, Earlier: earlier}
	if err := newLife(&h, h.life+1, sv.o.Kiosk, closed, write); err != nil {
		return err
	}
	sv.out.Life = h.life
	sv.sum(&h)
	if err := sv.open[bHead].Put(headKey, sealHead(nil, &h, a)); err != nil {
		return err
	}
	if err := sv.tx.Commit(); err != nil {
		return err
	}
	sv.tx = nil
	if sv.o.NoSync {
		return nil
	}
	return sv.db.Sync()
}

// conclude works out the place and the counts of a stream from the newest row
// about it that opened and from the records found.
//
// The place of the outbox only ever goes forward, so that of an old row is a
// safe one: records may be published again, which their ids make harmless.
func (sv *salvage) conclude(s *salvagedStream) error {
	if !s.cold {
		if s.sample.Channel == "" {
			// Nothing is known of it and nothing belongs to it.
			s.id.channel, s.local = fmt.Sprintf("lost.%d", s.num), true
		} else {
			s.id.channel, s.local = s.sample.Channel, s.sampleLocal
			if o := s.sample.Origin; o != nil {
				s.id.kiosk = o.Kiosk
			}
			s.lane = LaneAudit
			for _, k := range sv.o.Kinds {
				if k.Name == s.sample.Kind {
					s.lane = k.Lane
				}
			}
		}
	}
	if s.next.Less(s.last) {
		if s.published() {
			beyond := s.last.Seq
			if s.next.Inc == s.last.Inc {
				beyond -= s.next.Seq
			}
			s.counts.Accepted += beyond
			s.counts.Queued += beyond
		}
		s.next = s.last
	}
	s.stored = s.found
	if !s.published() {
		return nil
	}
	queued, oldest, gaps := sv.queue(s)
	s.oldest = oldest
	if s.counts.Queued > queued {
		s.counts.Unreadable += s.counts.Queued - queued
	} else {
		// More than the rows knew of: a row older than the records.
		s.counts.Accepted += queued - s.counts.Queued
	}
	s.counts.Queued = queued
	sv.out.Gaps = append(sv.out.Gaps, gaps...)
	return nil
}

// queue counts the records of a stream that wait in the outbox, and finds the
// holes between them.
func (sv *salvage) queue(s *salvagedStream) (n uint64, oldest HLC, gaps []Gap) {
	at := s.sent
	lost := func(inc uint32, first, last uint64) {
		if last >= first {
			gaps = append(gaps, Gap{Channel: s.id.channel, Inc: inc, First: first, Last: last, Count: last - first + 1, Outcome: Unreadable, Reason: "unreadable"})
		}
	}
	from := s.sent
	from.Seq++
	prefix := streamKey(s.num)
	c := sv.open[bEvents].Cursor()
	for k, v := c.Seek(appendEventKey(nil, s.num, from)); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		_, here := parseEventKey(k)
		if n == 0 {
			if plain, err := seal.Open(nil, sv.o.Keys, v, place(sv.store, bEvents, k)); err == nil {
				if r, _, err := parseRecord(plain); err == nil {
					oldest = r.HLC
				}
			}
		}
		n++
		if here.Inc == at.Inc {
			lost(at.Inc, at.Seq+1, here.Seq-1)
		} else {
			lost(here.Inc, 1, here.Seq-1)
		}
		at = here
	}
	if at.Inc == s.next.Inc {
		lost(at.Inc, at.Seq+1, s.next.Seq)
	} else {
		lost(s.next.Inc, 1, s.next.Seq)
	}
	return n, oldest, gaps
}

// sum adds up the rows written.
func (sv *salvage) sum(h *head) {
	h.sums = [buckets]rowSum{}
	for b := range buckets {
		if !b.summed() {
			continue
		}
		c := sv.open[b].Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			if b.inSum(k) {
				h.sums[b].toggle(v)
			}
		}
	}
}

// missing lists the positions of the closing log that nothing was found of. It
// reports whether the head that was found names its end: an older one may be all
// that is left of it, and the side file may know of more than the file holds.
func (sv *salvage) missing(h *head) (out []auditlog.Range, known bool) {
	var size uint64
	if sv.head != nil && sv.head.life == h.life {
		size, known = h.log.Size(), true
	}
	if s := sv.o.Side; s != nil && uint32(s.Inc) == h.life && s.Size > size {
		size, known = s.Size, false
	}
	if found := sv.last(h.life); found > size {
		size, known = found, false
	}
	return sv.holesIn(h.life, size), known
}

// earlier lists what was not found of the logs that earlier salvages closed.
// What those had declared unreadable is named again.
func (sv *salvage) earlier(h *head) (lost []auditlog.Lost) {
	for life := uint32(1); life < h.life; life++ {
		size := sv.last(life)
		if sv.head != nil && sv.head.life == life {
			size = max(size, sv.head.log.Size())
		}
		c := sv.open[bLogs].Cursor()
		prefix := logKey(life, logEnd, 0)[:5]
		for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
			var log auditlog.Log
			if _, plain, err := openRow(sv.o.Keys, h.store, bLogs, k, v); err == nil && log.UnmarshalBinary(plain) == nil {
				size = max(size, log.Size())
			}
		}
		if holes := sv.holesIn(life, size); len(holes) > 0 {
			lost = append(lost, auditlog.Lost{Origin: logOrigin(sv.o.Kiosk, h.store, life), Unreadable: holes})
		}
	}
	return lost
}

// news counts the records that no opening has declared lost before.
func (sv *salvage) news(lost []auditlog.Lost) (n uint64) {
	said := make(declarations)
	c := sv.open[bLogs].Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if len(k) != 13 || k[4] != logOpening {
			continue
		}
		if _, plain, err := openRow(sv.o.Keys, sv.store, bLogs, k, v); err == nil {
			said.add(plain)
		}
	}
	for _, l := range lost {
		for _, r := range l.Unreadable {
			n += r.To - r.From
			for _, s := range said[l.Origin] {
				if from, to := max(s.From, r.From), min(s.To, r.To); from < to {
					n -= to - from
				}
			}
		}
	}
	return n
}

func (sv *salvage) found(life uint32, pos uint64) bool {
	m := sv.present[life]
	return pos/64 < uint64(len(m)) && m[pos/64]&(1<<(pos%64)) != 0
}

// last is one more than the last position of a log that something was found of.
func (sv *salvage) last(life uint32) uint64 {
	for pos := uint64(len(sv.present[life])) * 64; pos > 0; pos-- {
		if sv.found(life, pos-1) {
			return pos
		}
	}
	return 0
}

// holesIn lists the positions below size that nothing was found of.
func (sv *salvage) holesIn(life uint32, size uint64) (out []auditlog.Range) {
	for pos := range size {
		if sv.found(life, pos) || pos == 0 && sv.open[bLogs].Get(logKey(life, logOpening, 0)) != nil {
			continue
		}
		if n := len(out); n > 0 && out[n-1].To == pos {
			out[n-1].To++
		} else {
			out = append(out, auditlog.Range{From: pos, To: pos + 1})
		}
	}
	return out
}

// writeEnd keeps where the audit log of a life ended.
func writeEnd(h *head, write func(b bucket, key, plain []byte) error) error {
	end, err := h.log.MarshalBinary()
	if err != nil {
		return err
	}
	return write(bLogs, logKey(h.life, logEnd, h.log.Size()), end)
}

// newLife begins the audit log of a later life.
func newLife(h *head, life uint32, kiosk string, closed auditlog.Closed, write func(b bucket, key, plain []byte) error) error {
	closed.Origin = h.log.Origin()
	h.life = life
	log, opening, err := auditlog.New(nil, auditlog.Opening{Origin: logOrigin(kiosk, h.store, h.life), Previous: &closed})
	if err != nil {
		return err
	}
	h.log, h.checkpointed, h.clean = log, 0, false
	return write(bLogs, logKey(h.life, logOpening, 0), opening)
}
