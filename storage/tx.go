package storage

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"clinicgate/storage/internal/planted"
	"clinicgate/storage/seal"
)

// Tx is one request inside the writer's transaction. What it reads includes
// everything before it; what it writes is kept only if the function that got it
// returns nil. It is not for use after that, nor by other goroutines.
type Tx struct {
	w       *writer
	now     Instant
	news    bool // the outbox has something new
	own     bool // what is appended comes from the store itself
	touched []stream
	rows    int
	undo    []row
	saved   head
	created int // streams before this request
}

// row is one write to the file; a nil value deletes.
type row struct {
	bucket bucket
	key    []byte
	value  []byte
}

// begin starts a request. Its changes go straight into the transaction, with
// what undoes them kept aside.
func (w *writer) begin() *Tx {
	tx := &w.tx
	*tx = Tx{
		w: w, now: w.s.o.Now(), saved: w.head, rows: len(w.rows), created: len(w.streams),
		touched: tx.touched[:0], undo: tx.undo[:0],
	}
	return tx
}

// rollback takes back all that the request did.
func (tx *Tx) rollback() error {
	w := tx.w
	if planted.KeepRefused {
		return nil
	}
	if planted.KeepRefusedHead {
		tx.saved.log = w.head.log
	}
	for i := len(tx.undo) - 1; i >= 0; i-- {
		if err := w.apply(tx.undo[i]); err != nil {
			return err
		}
	}
	w.rows = w.rows[:tx.rows]
	for i := len(tx.touched) - 1; i >= 0; i-- {
		*w.streams[tx.touched[i].num-1] = tx.touched[i]
	}
	for _, s := range w.streams[tx.created:] {
		delete(w.byID, s.id)
		delete(w.dirty, s.num)
	}
	w.streams = w.streams[:tx.created]
	w.head = tx.saved
	return nil
}

// put writes a row now and remembers what was there. The slices belong to the
// transaction from here on.
func (tx *Tx) put(b bucket, key, value []byte) error {
	old, err := tx.w.write(row{b, key, value})
	if err != nil {
		return err
	}
	tx.undo = append(tx.undo, row{b, key, old})
	return nil
}

// insert is put of a row that is known not to be there, in a bucket that has no
// sum.
func (tx *Tx) insert(b bucket, key, value []byte) error {
	r := row{b, key, value}
	if err := tx.w.apply(r); err != nil {
		return fmt.Errorf("cannot write to bucket %s: %w", bucketNames[b], err)
	}
	tx.w.rows = append(tx.w.rows, r)
	tx.undo = append(tx.undo, row{b, key, nil})
	return nil
}

// touch gives the stream for change.
func (tx *Tx) touch(s *stream) *stream {
	for i := range tx.touched {
		if tx.touched[i].num == s.num {
			return s
		}
	}
	if int(s.num) <= tx.created {
		tx.touched = append(tx.touched, *s)
	}
	tx.w.dirty[s.num] = struct{}{}
	return s
}

// Now gives the clock reading of the newest event, and what the clock of the
// machine says to this request.
func (tx *Tx) Now() (HLC, Instant) { return tx.w.head.hlc, tx.now }

// Append stores an event. An id that is stored already gives the place of that
// event, with Duplicate set.
func (tx *Tx) Append(e Event) (Receipt, error) { return tx.append(&e) }

// appendOwn is append for what the store itself has to say, also when it is full.
func (tx *Tx) appendOwn(e *Event) (Receipt, error) {
	tx.own = true
	defer func() { tx.own = false }()
	return tx.append(e)
}

func (tx *Tx) append(e *Event) (Receipt, error) {
	w := tx.w
	kind, err := w.s.admit(e)
	if err != nil {
		return Receipt{}, err
	}
	mac := w.mac.content(e)
	if v := w.get(bIDs, e.ID[:]); v != nil && !(planted.DedupeByTime && tx.now.Wall.Sub(HLC(binary.BigEndian.Uint64(v[16:])).Time()) > time.Second) {
		return w.duplicate(e.ID, v, mac)
	}
	if err := w.pressure(kind, tx.own); err != nil {
		return Receipt{}, err
	}
	s, err := tx.stream(e, kind)
	if err != nil {
		return Receipt{}, err
	}
	tx.touch(s)
	r := Record{Event: *e, Log: w.head.life, Pos: w.head.log.Size(), Prev: w.head.log.Last()}
	if o := e.Origin; o != nil {
		r.Inc, r.Seq, r.HLC, r.Boot, r.Mono, r.Synced = o.Inc, o.Seq, o.HLC, o.Boot, o.Mono, o.Synced
		w.head.hlc = tx.merge(o)
	} else {
		r.Inc, r.Seq = w.head.life, 1
		if s.next.Inc == r.Inc {
			r.Seq = s.next.Seq + 1
		}
		if planted.SeqFromClock {
			r.Seq = max(r.Seq, uint64(tx.now.Wall.UnixMilli()))
		}
		w.head.hlc = tx.reading()
		r.HLC, r.Boot, r.Mono, r.Synced = w.head.hlc, tx.now.Boot, tx.now.Mono, tx.now.Synced
	}
	at := Cursor{r.Inc, r.Seq}
	key := appendEventKey(w.alloc(eventKeySize), s.num, at)
	if e.Origin != nil && w.get(bEvents, key) != nil {
		return Receipt{}, fmt.Errorf("%w: place %d/%d of the stream is taken", ErrConflict, at.Inc, at.Seq)
	}
	a, err := w.s.o.Keys.Active(kind.KeyClass)
	if err != nil {
		return Receipt{}, fmt.Errorf("cannot get key of class %q: %w", kind.KeyClass, err)
	}
	w.body = appendBody(w.body[:0], &r, kind.Local)
	w.plain = w.head.log.Append(w.plain[:0], w.body)
	value := seal.Seal(w.alloc(len(w.plain)+seal.Overhead), a, w.plain, place(w.head.store, bEvents, key))
	if err := tx.insert(bEvents, key, value); err != nil {
		return Receipt{}, err
	}
	id := append(w.alloc(len(e.ID)), e.ID[:]...)
	row := idRow{stream: s.num, at: at, hlc: r.HLC, mac: mac}
	if err := tx.insert(bIDs, id, row.append(w.alloc(idRowSize))); err != nil {
		return Receipt{}, err
	}
	if s.next.Less(at) {
		s.next = at
	} else if !s.pruned.Less(at) {
		s.pruned = Cursor{at.Inc, at.Seq - 1} // a late one of another kiosk
	}
	s.stored++
	if s.published() {
		s.counts.Accepted++
		s.counts.Queued++
		if s.counts.Queued == 1 {
			s.oldest = r.HLC
		}
		tx.news = true
	}
	return Receipt{Channel: e.Channel, Inc: r.Inc, Seq: r.Seq, HLC: r.HLC}, nil
}

// reading is the clock's next one, for an event of this kiosk. Where it ran far
// ahead while nobody had told the time, it begins again at the true time: those
// events say that they are not synced, and readers correct them; later ones must
// not bear next year's date until next year.
func (tx *Tx) reading() HLC {
	h := tx.w.head.hlc
	if tx.now.Synced && h > NewHLC(tx.now.Wall.Add(maxClockLead)) {
		h = 0
	}
	return h.next(tx.now.Wall)
}

// merge moves the clock past a foreign event, so that what is made after
// reading it also sorts after it; but a kiosk with a wrong clock cannot drag
// the others away with it.
func (tx *Tx) merge(o *Origin) HLC {
	h := tx.w.head.hlc
	if o.HLC <= h {
		return h
	}
	limit := NewHLC(tx.now.Wall.Add(maxClockLead))
	if o.Synced && (!tx.now.Synced || o.HLC <= limit) || !tx.now.Synced && o.HLC <= limit {
		return o.HLC
	}
	return h
}

// stream finds the event's stream, or begins it.
func (tx *Tx) stream(e *Event, kind *Kind) (*stream, error) {
	w := tx.w
	id := streamID{channel: e.Channel}
	if e.Origin != nil {
		id.kiosk = e.Origin.Kiosk
	}
	if s := w.byID[id]; s != nil {
		if s.local != kind.Local && e.Origin == nil {
			return nil, fmt.Errorf("kind %q on channel %q: local and published events do not share a stream", kind.Name, e.Channel)
		}
		return s, nil
	}
	if len(w.streams) >= maxStreams {
		return nil, fmt.Errorf("cannot begin stream %q: %d streams are in use", e.Channel, maxStreams)
	}
	s := &stream{num: w.head.streams + 1, id: id, lane: kind.Lane, local: kind.Local && e.Origin == nil, droppable: kind.Droppable}
	if err := tx.putRow(ClassStore, bStreams, streamKey(s.num), s.appendCold(nil)); err != nil {
		return nil, err
	}
	w.head.streams = s.num
	w.streams = append(w.streams, s)
	w.byID[id] = s
	return s, nil
}

// duplicate answers for an id that is stored already.
func (w *writer) duplicate(id uuid.UUID, v []byte, mac [8]byte) (Receipt, error) {
	r, ok := parseIDRow(v)
	if !ok || r.stream == 0 || int(r.stream) > len(w.streams) {
		return Receipt{}, fmt.Errorf("%w: index row of event %s", ErrUnreadable, id)
	}
	if r.mac != mac {
		return Receipt{}, fmt.Errorf("%w: %s", ErrConflict, id)
	}
	return w.streams[r.stream-1].receiptOf(r), nil
}

func (s *stream) receiptOf(r idRow) Receipt {
	return Receipt{Channel: s.id.channel, Inc: r.at.Inc, Seq: r.at.Seq, HLC: r.hlc, Duplicate: true}
}

// Lookup tells where the event of an id is.
func (tx *Tx) Lookup(id uuid.UUID) (Receipt, bool) {
	r, ok := parseIDRow(tx.w.get(bIDs, id[:]))
	if !ok || r.stream == 0 || int(r.stream) > len(tx.w.streams) {
		return Receipt{}, false
	}
	return tx.w.streams[r.stream-1].receiptOf(r), true
}

// Get returns the value of a key of a view; nil if there is none. The bytes are
// the caller's.
func (tx *Tx) Get(view string, key []byte) ([]byte, error) { return tx.GetIn(view, nil, key) }

// GetIn is Get for a key that was put into a group.
func (tx *Tx) GetIn(view string, group, key []byte) ([]byte, error) {
	k, err := tx.w.mac.viewKey(nil, view, group, key)
	if err != nil {
		return nil, err
	}
	return openView(tx.w.s.o.Keys, tx.w.head.store, k, tx.w.get(bViews, k))
}

// Put sets the value of a key of a view. The key is stored as a keyed hash, the
// value sealed.
func (tx *Tx) Put(view string, key, value []byte) error { return tx.PutIn(view, nil, key, value) }

// PutIn is Put into a group: at most 8 bytes that are stored as they are, so
// that Walk finds the rows of one group. A group says nothing about a person;
// hash it if it would.
func (tx *Tx) PutIn(view string, group, key, value []byte) error {
	if len(value) > maxViewValue {
		return fmt.Errorf("%w: %d bytes for a row of view %q", ErrTooLarge, len(value), view)
	}
	if m := markOf(tx.w.used+tx.w.staged, tx.w.s.o.Budget); m >= MarkFull {
		return fmt.Errorf("%w: mark %v refuses rows of view %q", ErrFull, m, view)
	}
	k, err := tx.w.mac.viewKey(tx.w.alloc(maxViewKey), view, group, key)
	if err != nil {
		return err
	}
	return tx.putRow(ClassView, bViews, k, value)
}

// Delete takes a key out of a view.
func (tx *Tx) Delete(view string, key []byte) error { return tx.DeleteIn(view, nil, key) }

// DeleteIn is Delete for a key that was put into a group.
func (tx *Tx) DeleteIn(view string, group, key []byte) error {
	k, err := tx.w.mac.viewKey(tx.w.alloc(maxViewKey), view, group, key)
	if err != nil {
		return err
	}
	if tx.w.get(bViews, k) == nil {
		return nil
	}
	return tx.put(bViews, k, nil)
}

// Walk calls fn for each row of a group, or of the whole view if group is nil,
// in the order of the hashed keys. fn may change rows of the view.
func (tx *Tx) Walk(view string, group []byte, fn func(key, value []byte) error) error {
	prefix, err := viewPrefix(nil, view, group)
	if err != nil {
		return err
	}
	seek := prefix
	for {
		// A cursor does not survive changes: each step finds its place anew.
		k, v := tx.w.seek(bViews, seek)
		if !bytes.HasPrefix(k, prefix) {
			return nil
		}
		k = bytes.Clone(k)
		plain, err := openView(tx.w.s.o.Keys, tx.w.head.store, k, v)
		if err != nil {
			return err
		}
		if err := fn(k[len(k)-viewHash:], plain); err != nil {
			return err
		}
		seek = append(k, 0)
	}
}

// Cursor reads a cursor of the downlink; 0 if it was never set.
func (tx *Tx) Cursor(name string) (uint64, error) {
	return openCursor(tx.w.s.o.Keys, tx.w.head.store, name, tx.w.get(bHead, cursorKey(name)))
}

// SetCursor sets a cursor of the downlink.
func (tx *Tx) SetCursor(name string, v uint64) error {
	if name == "" || len(name) > maxChannel {
		return fmt.Errorf("cursor name %q: want 1 to %d bytes", name, maxChannel)
	}
	return tx.putRow(ClassStore, bHead, cursorKey(name), binary.BigEndian.AppendUint64(nil, v))
}

func openCursor(keys seal.Keys, store [16]byte, name string, v []byte) (uint64, error) {
	if v == nil {
		return 0, nil
	}
	_, plain, err := openRow(keys, store, bHead, cursorKey(name), v)
	if err != nil || len(plain) != 8 {
		return 0, fmt.Errorf("%w: cursor %q", ErrUnreadable, name)
	}
	return binary.BigEndian.Uint64(plain), nil
}

const (
	maxView      = 32
	maxViewValue = 1 << 20
	groupSize    = 8
	viewHash     = 16
	maxViewKey   = maxView + 1 + groupSize + viewHash
)

func viewPrefix(b []byte, view string, group []byte) ([]byte, error) {
	if view == "" || len(view) > maxView || bytes.IndexByte([]byte(view), 0) >= 0 {
		return nil, fmt.Errorf("view name %q: want 1 to %d bytes", view, maxView)
	}
	if len(group) > groupSize {
		return nil, fmt.Errorf("group of view %q has %d bytes, want at most %d", view, len(group), groupSize)
	}
	b = append(append(b, view...), 0)
	if group != nil {
		b = append(b, group...)
		for i := len(group); i < groupSize; i++ {
			b = append(b, 0)
		}
	}
	return b, nil
}

func openView(keys seal.Keys, store [16]byte, key, v []byte) ([]byte, error) {
	if v == nil {
		return nil, nil
	}
	_, plain, err := openRow(keys, store, bViews, key, v)
	return plain, err
}

// macs are the keyed hashes of one store. They belong to one goroutine.
type macs struct {
	h       hash.Hash
	buf     [sha256.Size]byte
	scratch []byte
}

// Purposes of the secrets that the store asks of its keys.
const (
	purposeIndex = "index" // keyed hashes of ids' contents and of view keys
	purposeHead  = "head"  // the side file
)

func newMACs(keys Keys) (*macs, error) {
	k, err := keys.Secret(purposeIndex)
	if err != nil {
		return nil, fmt.Errorf("cannot get index key: %w", err)
	}
	return &macs{h: hmac.New(sha256.New, k)}, nil
}

// content identifies what is stored under an id. It is keyed: the index rows
// are not sealed, and a plain hash of a short text can be guessed back.
func (m *macs) content(e *Event) (mac [8]byte) {
	m.h.Reset()
	m.text('e', e.Channel)
	m.text('k', e.Kind)
	if o := e.Origin; o != nil {
		m.text('o', o.Kiosk)
		m.number(uint64(o.Inc))
		m.number(o.Seq)
	}
	m.frame('b', e.Body)
	copy(mac[:], m.h.Sum(m.buf[:0]))
	return mac
}

func (m *macs) viewKey(b []byte, view string, group, key []byte) ([]byte, error) {
	if group == nil {
		group = noGroup
	}
	b, err := viewPrefix(b, view, group)
	if err != nil {
		return nil, err
	}
	m.h.Reset()
	m.text('v', view)
	m.frame('g', group)
	m.frame('y', key)
	return append(b, m.h.Sum(m.buf[:0])[:viewHash]...), nil
}

var noGroup = []byte{}

// frame hashes a part together with what it is and how long it is.
func (m *macs) frame(tag byte, b []byte) {
	m.number(uint64(tag)<<56 | uint64(len(b)))
	m.h.Write(b)
}

func (m *macs) number(v uint64) {
	m.scratch = binary.BigEndian.AppendUint64(m.scratch[:0], v)
	m.h.Write(m.scratch)
}

func (m *macs) text(tag byte, s string) {
	m.number(uint64(tag)<<56 | uint64(len(s)))
	m.scratch = append(m.scratch[:0], s...)
	m.h.Write(m.scratch)
}

// get reads a row of the running transaction. The bytes are bbolt's.
func (w *writer) get(b bucket, key []byte) []byte {
	defer guard()
	return w.bucket(b).Get(key)
}

func (w *writer) seek(b bucket, key []byte) (k, v []byte) { return w.cursor(b).seek(key) }

// guarded is a cursor whose every step is guarded.
type guarded struct{ c *bolt.Cursor }

func (w *writer) cursor(b bucket) guarded {
	defer guard()
	return guarded{w.bucket(b).Cursor()}
}

func (g guarded) seek(key []byte) (k, v []byte) {
	defer guard()
	return g.c.Seek(key)
}

func (g guarded) next() (k, v []byte) {
	defer guard()
	return g.c.Next()
}

func (w *writer) apply(r row) error {
	defer guard()
	if r.value == nil {
		return w.bucket(r.bucket).Delete(r.key)
	}
	return w.bucket(r.bucket).Put(r.key, r.value)
}

func (w *writer) bucket(b bucket) *bolt.Bucket {
	if w.open[b] == nil {
		w.open[b] = w.bolt.Bucket([]byte(bucketNames[b]))
		w.open[b].FillPercent = b.fill()
	}
	return w.open[b]
}

var (
	errPanicked = errors.New("update panicked")
	errDamage   = errors.New("file is damaged")
)

// damage is what a panic or fault inside bbolt is passed on as, so that it is
// not taken for one of the caller's.
type damage struct{ cause any }

// guard is deferred around each use of bbolt.
func guard() {
	if p := recover(); p != nil {
		if d, ok := p.(damage); ok {
			panic(d)
		}
		panic(damage{p})
	}
}
