package crashtest

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"clinicgate/storage"
)

// Violation is something that must never be.
type Violation struct {
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
}

// The kinds of violations.
const (
	Lost      = "acknowledged event lost"
	Phantom   = "phantom"
	Duplicate = "duplicate"
	Moved     = "event in another place"
	Content   = "wrong content"
	Order     = "hole or inversion in a stream"
	View      = "wrong view"
	Torn      = "half a transaction"
	Outbox    = "wrong outbox cursor"
	Equation  = "loss equation"
	Audit     = "audit log"
	Blob      = "blob"
	Replay    = "retry"
	Unusable  = "store does not open"
	Unsound   = "sound file called damaged"
	Blind     = "damage or rollback not seen"
	Answer    = "wrong answer"
	Died      = "process died"
)

// Verdict is what checking one directory found.
type Verdict struct {
	Violations []Violation
	Salvaged   bool
	Rolled     bool
	Present    int // events found
}

func (v *Verdict) add(kind, format string, args ...any) {
	v.Violations = append(v.Violations, Violation{kind, fmt.Sprintf(format, args...)})
}

// Depth is how much Check does beyond opening and comparing.
type Depth int

// The depths, each with all before it.
const (
	Compare Depth = iota
	Retry         // do again what was not acknowledged, and compare once more
	Reopen        // close, open and compare once more
)

// Check opens the store in dir as the service would after a crash, and holds it
// against what the outside knows.
func (x *Expect) Check(ctx context.Context, dir string, depth Depth) (v Verdict) {
	at := x.h.sc.Phases[x.phase].At.Add(keptFor)
	for n := range x.h.Answers {
		if a := &x.h.Answers[n]; a.Wrong != "" {
			v.add(Answer, "operation %d: %s", n, a.Wrong)
		}
	}
	d, err := open(ctx, dir, at, true)
	if err != nil {
		v.add(Unusable, "%v", err)
		return v
	}
	c := checker{x: x, d: d, v: &v}
	c.opened()
	c.all(ctx)
	if depth >= Retry {
		c.retry(ctx)
	}
	if err := d.close(ctx); err != nil {
		v.add(Unusable, "close: %v", err)
	}
	if depth < Reopen || len(v.Violations) > 0 {
		return v
	}
	if d, err = open(ctx, dir, at.Add(keptFor), true); err != nil {
		v.add(Unusable, "second opening: %v", err)
		return v
	}
	v.Present = 0
	if o := d.opened; !o.Clean || o.Created || o.Lost || o.Rolled != nil || o.Salvaged != nil {
		v.add(Unsound, "second opening after a clean close: %v", flags(o))
	}
	c = checker{x: c.x, d: d, v: &v}
	c.all(ctx)
	if err := d.close(ctx); err != nil {
		v.add(Unusable, "second close: %v", err)
	}
	return v
}

// checker looks into one open store.
type checker struct {
	x     *Expect
	d     *door
	v     *Verdict
	found map[uuid.UUID]storage.Cursor
	notes [][]byte // checkpoints that were published
}

// opened judges what Open said.
func (c *checker) opened() {
	x, o := c.x, c.d.opened
	c.v.Salvaged, c.v.Rolled = o.Salvaged != nil, o.Rolled != nil
	if o.Lost {
		c.v.add(Unsound, "store file is said to be lost")
	}
	if o.Created && x.opened {
		c.v.add(Lost, "the store was created anew")
	}
	if o.Rolled != nil && !x.rollback {
		c.v.add(Unsound, "said to be rolled back: %v: side %+v, store %+v", o.Rolled.Verdict, o.Rolled.Side, o.Rolled.Store)
	}
	if p := &x.h.sc.Phases[x.phase]; len(x.h.Opened) > 0 && (x.rollback && !slices.Contains(x.h.Opened, "rolled") ||
		p.Before == ZeroBranch && !slices.Contains(x.h.Opened, "salvaged")) {
		c.v.add(Blind, "%s: opened as %v", p.Before, x.h.Opened)
	}
	if o.Salvaged != nil && !x.salvage {
		c.v.add(Unsound, "salvaged: %s", o.Salvaged.Reason)
	}
}

// all reads everything and compares.
func (c *checker) all(ctx context.Context) {
	c.found = make(map[uuid.UUID]storage.Cursor, len(c.x.events))
	c.notes = nil
	status := c.d.store.Streams()
	known := map[string]storage.StreamStatus{}
	for _, st := range status {
		known[st.Channel] = st
		if !c.x.streams[streamName{"", st.Channel}] {
			c.v.add(Phantom, "stream %q", st.Channel)
		}
	}
	for name := range c.x.streams {
		records, err := c.d.store.Read(ctx, name.channel, name.kiosk, storage.Cursor{}, 1<<20)
		if err != nil {
			c.v.add(Unusable, "cannot read %q: %v", name.channel, err)
			continue
		}
		c.stream(name, records)
		if st, ok := known[name.channel]; ok && name.kiosk == "" {
			c.outbox(st, records)
		}
	}
	c.events()
	c.views(ctx)
	c.blobs(ctx)
	if s := c.d.store.Status(); !s.Balanced() {
		c.v.add(Equation, "%+v", s.Counts)
	}
	c.audit(ctx)
}

func (c *checker) stream(name streamName, records []storage.Record) {
	last := storage.Cursor{}
	for i := range records {
		r := &records[i]
		at := storage.Cursor{Inc: r.Inc, Seq: r.Seq}
		if at == last || at.Less(last) {
			c.v.add(Order, "%s: %d/%d after %d/%d", r.Channel, at.Inc, at.Seq, last.Inc, last.Seq)
		}
		last = at
		if other, ok := c.found[r.ID]; ok {
			c.v.add(Duplicate, "%s at %v and at %v", r.ID, other, at)
		}
		c.found[r.ID] = at
		w := c.x.events[r.ID]
		if w == nil {
			if !c.own(r) {
				c.v.add(Phantom, "%s on %s", r.ID, r.Channel)
			}
			continue
		}
		if w.fate == never {
			c.v.add(Phantom, "%s of operation %d, which stored nothing", r.ID, w.op)
		}
		if e := w.stored(); r.Kind != e.Kind || r.Channel != e.Channel || w.event.stream() != name || !bytes.Equal(r.Body, e.Body) {
			c.v.add(Content, "%s at %s %v", r.ID, r.Channel, at)
		}
		if w.fate == must && w.at != (storage.Cursor{}) && w.at != at {
			c.v.add(Moved, "%s was acknowledged at %v and is at %v", r.ID, w.at, at)
		}
	}
	c.holes(name, records)
}

// own reports whether the record is one that the store appends by itself.
func (c *checker) own(r *storage.Record) bool {
	if r.ID != derived(string(r.Body)) {
		return false
	}
	if r.Channel == chanCheckpoint {
		var b struct{ Note string }
		if json.Unmarshal(r.Body, &b) == nil {
			c.notes = append(c.notes, []byte(b.Note))
		}
		return true
	}
	return r.Channel == chanGap
}

// holes looks for numbers that are missing: in each life they count from 1.
func (c *checker) holes(name streamName, records []storage.Record) {
	excused := 0 // bodies that may be gone
	for _, w := range c.x.events {
		if w.event.stream() == name && (w.prunable || w.damaged) {
			if _, ok := c.found[w.event.ID]; !ok {
				excused++
			}
		}
	}
	if name.kiosk != "" {
		return // the other kiosk gave the numbers
	}
	missing := 0
	want := storage.Cursor{}
	for i := range records {
		r := &records[i]
		if r.Inc != want.Inc {
			want = storage.Cursor{Inc: r.Inc, Seq: 1}
		}
		missing += int(r.Seq - want.Seq)
		want.Seq = r.Seq + 1
	}
	if missing > excused {
		c.v.add(Order, "%s: %d numbers are missing, %d may be", name.channel, missing, excused)
	}
}

func (c *checker) outbox(st storage.StreamStatus, records []storage.Record) {
	queued, damaged := uint64(0), uint64(0)
	for i := range records {
		if st.Sent.Less(storage.Cursor{Inc: records[i].Inc, Seq: records[i].Seq}) {
			queued++
		}
	}
	for _, w := range c.x.events {
		if _, ok := c.found[w.event.ID]; !ok && w.damaged && w.event.Channel == st.Channel && st.Sent.Less(w.at) {
			damaged++ // it waits until the outbox passes over it, or a salvage does
		}
	}
	if n := st.Counts.Queued; n < queued || n > queued+damaged || !st.Counts.Balanced() {
		c.v.add(Equation, "%s: %d records wait, counts %+v", st.Channel, queued, st.Counts)
	}
	allowed := c.x.sent[st.Channel]
	if allowed == nil {
		allowed = []storage.Cursor{{}}
	}
	if !slices.Contains(allowed, st.Sent) && !c.passed(st) {
		c.v.add(Outbox, "%s: sent up to %v, want one of %v", st.Channel, st.Sent, allowed)
	}
}

// passed reports whether the cursor stands where the outbox passed over a
// record that was damaged on purpose.
func (c *checker) passed(st storage.StreamStatus) bool {
	for _, w := range c.x.events {
		if w.damaged && w.at == st.Sent && w.event.Channel == st.Channel {
			return true
		}
	}
	return false
}

func (c *checker) events() {
	for id, w := range c.x.events {
		if w.event.Twist {
			continue
		}
		if _, ok := c.found[id]; ok {
			c.v.Present++
			continue
		}
		if w.fate == must && !w.prunable && !w.damaged {
			c.v.add(Lost, "%s of operation %d on %s at %v", id, w.op, w.event.Channel, w.at)
		}
	}
	for i := range c.x.open {
		op := c.x.open[i]
		n := 0
		for j := range op.Events {
			if _, ok := c.found[op.Events[j].ID]; ok {
				n++
			}
		}
		if n != 0 && n != len(op.Events) {
			c.v.add(Torn, "%d of %d events of operation %d", n, len(op.Events), op.N)
		}
	}
}

func (c *checker) views(ctx context.Context) {
	err := c.d.store.View(ctx, func(r *storage.Reader) error {
		rows, spoiled := 0, 0
		for key := range byte(32) {
			v, err := r.GetIn(viewName, viewGroup, []byte{key})
			if errors.Is(err, storage.ErrUnreadable) && spoiled < c.x.spoiled {
				spoiled++
				continue
			}
			if err != nil {
				return err
			}
			if v != nil {
				rows++
			}
			if v == nil && !c.x.row(key, v) && spoiled < c.x.spoiled {
				spoiled++ // a salvage left it out
				continue
			}
			if !c.x.row(key, v) {
				c.v.add(View, "row %d is %.40q", key, v)
			}
		}
		for _, op := range c.x.open {
			if op.Do == DoUpdate {
				c.whole(r, op)
			}
		}
		cursor, err := r.Cursor(cursorName)
		if err != nil {
			return err
		}
		if !slices.Contains(c.x.cursor, cursor) {
			c.v.add(View, "cursor is %d, want one of %v", cursor, c.x.cursor)
		}
		if spoiled > 0 {
			return nil // walking ends there
		}
		walked := 0
		if err := r.Walk(viewName, viewGroup, func(_, _ []byte) error { walked++; return nil }); err != nil {
			return err
		}
		if walked != rows {
			c.v.add(View, "%d rows in the group, %d under their keys", walked, rows)
		}
		return nil
	})
	if err != nil {
		c.v.add(View, "cannot read views: %v", err)
	}
}

// whole holds the rows of an update that nobody acknowledged against its event.
func (c *checker) whole(r *storage.Reader, op *Op) {
	_, present := c.found[op.Events[0].ID]
	for _, row := range op.Rows {
		if row.Delete || len(c.x.rows[row.Key]) > 2 {
			continue
		}
		v, err := r.GetIn(viewName, viewGroup, []byte{row.Key})
		if err != nil {
			continue // reported where all rows are read
		}
		last := c.x.rows[row.Key]
		newest := bytes.Equal(last[len(last)-1], op.value(row))
		if is := bytes.Equal(v, op.value(row)); newest && is != present {
			c.v.add(Torn, "operation %d: event there: %v, row there: %v", op.N, present, is)
		}
	}
}

func (c *checker) blobs(ctx context.Context) {
	for name, op := range c.x.blobs {
		ref := storage.BlobRef{Size: int64(op.Blob)}
		_, _ = hex.Decode(ref.Hash[:], []byte(name))
		data, err := c.d.store.Blob(ctx, ref)
		if err != nil || !bytes.Equal(data, op.blob()) {
			c.v.add(Blob, "of operation %d: %d bytes, %v", op.N, len(data), err)
		}
	}
}

func (c *checker) audit(ctx context.Context) {
	a, err := c.d.store.VerifyAudit(ctx, nil, c.notes...)
	if err != nil {
		c.v.add(Audit, "cannot verify: %v", err)
		return
	}
	damaged := uint64(0)
	for _, w := range c.x.events {
		if w.damaged {
			damaged++
		}
	}
	for _, log := range a.Logs {
		for _, p := range log.Problems {
			if n := p.To - p.From; n <= damaged {
				damaged -= n // it names the record that was damaged on purpose
				continue
			}
			c.v.add(Audit, "%s: %+v", log.Origin, p)
		}
	}
}

// retry does again what nobody acknowledged: it must give the first result or
// one new, and be there once.
func (c *checker) retry(ctx context.Context) {
	before := maps.Clone(c.found)
	var done []*Op
	blobs := map[int]string{}
	for _, op := range c.x.open {
		if op.Do != DoAppend && op.Do != DoUpdate && op.Do != DoBlob {
			continue
		}
		a := c.d.perform(ctx, op)
		if a.err != nil {
			c.v.add(Replay, "operation %d: %v", op.N, a.err)
			continue
		}
		done = append(done, op)
		blobs[op.N] = a.blob
		for i, r := range a.receipts {
			w := c.x.events[op.Events[i].ID]
			at := storage.Cursor{Inc: r.Inc, Seq: r.Seq}
			if old, ok := before[w.event.ID]; ok && (!r.Duplicate || old != at) {
				c.v.add(Replay, "operation %d was at %v; again it is at %v, duplicate %v", op.N, old, at, r.Duplicate)
			} else if !ok && r.Duplicate {
				c.v.add(Replay, "operation %d was not there, and is called a duplicate at %v", op.N, at)
			}
			before[w.event.ID] = at // a later operation may be a repetition of this one
		}
	}
	if len(done) == 0 {
		return
	}
	// From here on they are acknowledged.
	h := c.x.h.Clone()
	for _, op := range done {
		a := &h.Answers[op.N]
		*a = answer{Acked: true, Blob: blobs[op.N]}
	}
	c.x = h.Expect(c.x.phase)
	c.all(ctx)
}
