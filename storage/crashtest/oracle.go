package crashtest

import (
	"bytes"
	"slices"

	"github.com/google/uuid"

	"clinicgate/storage"
)

// fate is what the outside knows of an event.
type fate uint8

const (
	never fate = iota // must not be there
	maybe             // may be there
	must              // was acknowledged
)

// want is what the outside expects of one event.
type want struct {
	event    *Event
	made     *storage.Event // by stored
	fate     fate
	op       int
	at       storage.Cursor // where it was acknowledged to be
	prunable bool           // retention may have taken its body
	damaged  bool           // its record was damaged on purpose
}

// stored is the event as it must be found.
func (w *want) stored() *storage.Event {
	if w.made == nil {
		e := w.event.event()
		w.made = &e
	}
	return w.made
}

// streamName is a stream as the outside names it.
type streamName struct{ kiosk, channel string }

// Expect is what must be found in the store: the history, folded.
type Expect struct {
	h       *History
	events  map[uuid.UUID]*want
	rows    map[byte][][]byte // every value that a row may have; nil: none
	cursor  []uint64          // every value that the cursor may have
	sent    map[string][]storage.Cursor
	blobs   map[string]*Op // by reference
	open    []*Op          // may have happened, and nobody knows
	streams map[streamName]bool

	phase    int
	opened   bool // some process said that the store was open
	salvage  bool // the file may be found damaged
	rollback bool // the file must be found to be an old one
	spoiled  int  // rows that were damaged on purpose
}

// Expect folds the history up to and with a phase.
func (h *History) Expect(phase int) *Expect {
	x := &Expect{
		h: h, events: make(map[uuid.UUID]*want, 2*len(h.Answers)), rows: map[byte][][]byte{}, cursor: []uint64{0},
		sent: map[string][]storage.Cursor{}, blobs: map[string]*Op{},
		streams: map[streamName]bool{{"", chanGap}: true, {"", chanCheckpoint}: true},
		phase:   phase, opened: phase > 0 || len(h.Opened) > 0,
		rollback: h.sc.Phases[phase].Before == PutBack,
	}
	switch h.sc.Phases[phase].Before {
	case ZeroBranch, SwapRows:
		x.salvage = true
	}
	for i := range h.sc.Phases[:phase+1] {
		p := &h.sc.Phases[i]
		for j := range p.Ops {
			x.fold(i, &p.Ops[j])
		}
		if w := x.events[h.Damage[i].Event]; w != nil {
			w.damaged = true
		}
		x.spoiled += h.Damage[i].Rows
	}
	return x
}

func (x *Expect) fold(phase int, op *Op) {
	a := &x.h.Answers[op.N]
	f := never
	if a.Acked {
		f = must
	} else if a.maybe() {
		f = maybe
		x.open = append(x.open, op)
	}
	if op.Do == DoConflict || op.Do == DoRefuse {
		f = never
	}
	for i := range op.Events {
		e := &op.Events[i]
		x.streams[e.stream()] = true
		w := x.events[e.ID]
		if w == nil {
			w = &want{event: e, op: op.N}
			x.events[e.ID] = w
		}
		if op.Do == DoConflict {
			continue
		}
		if f > w.fate {
			w.fate, w.op = f, op.N
		}
		if f == must && i < len(a.Places) && w.at == (storage.Cursor{}) {
			w.at = a.Places[i].At
		}
	}
	if f == never {
		return
	}
	switch op.Do {
	case DoUpdate:
		for _, r := range op.Rows {
			v := op.value(r)
			if r.Delete {
				v = nil
			}
			if f == must {
				x.rows[r.Key] = x.rows[r.Key][:0:0]
			} else if x.rows[r.Key] == nil {
				x.rows[r.Key] = [][]byte{nil}
			}
			x.rows[r.Key] = append(x.rows[r.Key], v)
		}
		if f == must {
			x.cursor = x.cursor[:0:0]
		}
		x.cursor = append(x.cursor, op.Cursor)
	case DoAdvance:
		x.advance(op.Channel, a, f)
	case DoRetain:
		x.retain(phase)
	case DoBlob:
		if f == must {
			x.blobs[a.Blob] = op
		}
	}
}

func (e *Event) stream() streamName {
	if e.Foreign > 0 {
		return streamName{otherKiosk, e.Channel}
	}
	return streamName{"", e.Channel}
}

func (x *Expect) advance(channel string, a *answer, f fate) {
	to := slices.DeleteFunc(slices.Clone(a.To), func(c storage.Cursor) bool { return c == storage.Cursor{} })
	if len(to) == 0 {
		return
	}
	if x.sent[channel] == nil {
		x.sent[channel] = []storage.Cursor{{}}
	}
	if f == must {
		// What was acknowledged is the last attempt.
		x.sent[channel] = []storage.Cursor{to[len(to)-1]}
		return
	}
	x.sent[channel] = append(x.sent[channel], to...)
}

// retain marks what a retention in this phase may take.
func (x *Expect) retain(phase int) {
	for _, p := range x.h.sc.Phases[:phase] { // older than an hour
		for i := range p.Ops {
			for j := range p.Ops[i].Events {
				e := &p.Ops[i].Events[j]
				w := x.events[e.ID]
				if e.Kind != kindQueue && e.Kind != kindConsent {
					continue
				}
				delivered := e.Foreign > 0
				for _, s := range x.sent[e.Channel] {
					delivered = delivered || w.at == storage.Cursor{} || !s.Less(w.at)
				}
				w.prunable = w.prunable || delivered
			}
		}
	}
}

// row reports whether a row may have a value.
func (x *Expect) row(key byte, value []byte) bool {
	allowed, ok := x.rows[key]
	if !ok {
		return value == nil
	}
	return slices.ContainsFunc(allowed, func(v []byte) bool { return (v == nil) == (value == nil) && bytes.Equal(v, value) })
}
