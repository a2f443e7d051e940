package exchange

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"clinicgate/gateway/downlink"
	"clinicgate/kiosk"
	"clinicgate/kiosk/wire"
	"clinicgate/storage"
)

// ask is what one kiosk said it has, until it is answered.
type ask struct {
	from    string
	came    time.Time
	lines   map[stream][]line
	own     time.Time // when to answer with own events; zero: done
	relayed time.Time // when to answer for others that have not done it themselves
}

// The makers of events answer first, and after a moment in which several
// questions become one. Others answer for those who are not there, not all at
// once.
const (
	ownAfter, ownSpread     = 50 * time.Millisecond, 200 * time.Millisecond
	relayAfter, relaySpread = 1500 * time.Millisecond, 2 * time.Second
)

func (a *ask) due() time.Time {
	if a.own.IsZero() {
		return a.relayed
	}
	return a.own
}

// asked keeps what a kiosk said it has. What it says of a stream stands for what
// it said before.
func (e *Exchange) asked(from string, lines []line) {
	now, kiosks := time.Now(), e.cfg.Kiosks()
	e.mu.Lock()
	defer e.mu.Unlock()
	a := e.asks[from]
	if a == nil {
		// A later question does not put off the answer to an earlier one.
		a = &ask{from: from, came: now, relayed: now.Add(relayAfter + rand.N(relaySpread)), lines: map[stream][]line{}}
		e.asks[from] = a
	}
	if a.own.IsZero() {
		a.own = now.Add(ownAfter + rand.N(ownSpread))
	}
	fresh := map[stream]bool{}
	for _, l := range lines {
		s := l.stream()
		if l.Kiosk != e.cfg.Self && !(e.takes(l.Channel) && slices.Contains(kiosks, l.Kiosk)) {
			continue
		}
		if !fresh[s] {
			fresh[s] = true
			delete(a.lines, s)
		}
		if len(a.lines[s]) < maxLives && len(a.lines) < maxAsked {
			a.lines[s] = append(a.lines[s], l)
		}
	}
	ring(e.wake)
}

// Of one question:
const (
	maxLives = 4    // of a stream
	maxAsked = 4096 // streams
)

// answerable is a question of one kiosk about one stream.
type answerable struct {
	from string
	of   []line
}

// lacks reports whether an event is lacking there. Of a life that was not named
// everything is, if it is the newest; of an older one nothing, for it may have
// been forgotten.
func (a answerable) lacks(inc uint32, seq uint64, newest bool) bool {
	for _, l := range a.of {
		if l.Inc == inc {
			return !l.has(seq)
		}
	}
	return newest
}

// held gives the number up to which nothing of a life is lacking.
func (a answerable) held(inc uint32) (seq uint64, named bool) {
	for _, l := range a.of {
		if l.Inc == inc {
			return l.Seq, true
		}
	}
	return 0, false
}

// replies makes the answers that are due: at most replySize events. When more is
// lacking, this kiosk says what it has, and who lacks it asks again.
func (e *Exchange) replies(ctx context.Context) (out []message, err error) {
	now := time.Now()
	own, relay := map[stream][]answerable{}, map[stream][]answerable{}
	e.mu.Lock()
	for from, a := range e.asks {
		answering := !a.own.IsZero() && !now.Before(a.own)
		relaying := !now.Before(a.relayed)
		for s, of := range a.lines {
			switch q := (answerable{from, of}); {
			case answering && s.kiosk == e.cfg.Self:
				own[s] = append(own[s], q)
			case relaying && s.kiosk != e.cfg.Self && s.kiosk != from && !e.since(s, a.came):
				relay[s] = append(relay[s], q)
			}
		}
		if answering {
			a.own = time.Time{}
		}
		if relaying {
			delete(e.asks, from)
		}
	}
	e.mu.Unlock()
	r := reply{Exchange: e, ctx: ctx, left: replySize, bytes: replyBytes}
	for _, st := range e.store.Streams() { // most urgent first
		s := stream{e.cfg.Self, st.Channel}
		if c, ok := kiosk.ParseChannel(st.Channel); ok && c.Site() && len(own[s]) > 0 {
			if err := r.answer(s, "", e.ownLives(st, own[s]), own[s]); err != nil {
				return nil, err
			}
		}
	}
	if len(relay) > 0 {
		mine, err := e.mine(ctx)
		if err != nil {
			return nil, fmt.Errorf("cannot read what is here: %w", err)
		}
		for _, s := range sorted(relay) {
			if err := r.answer(s, s.kiosk, mine[s], relay[s]); err != nil {
				return nil, err
			}
		}
	}
	if r.cut {
		e.askWithin(time.Second)
	}
	return r.out, nil
}

// since reports whether somebody answered for a stream since a time: its maker is
// on the bus, or another has begun. mu is held.
func (e *Exchange) since(s stream, t time.Time) bool {
	return e.spoke[s.kiosk].After(t) || e.passed[s].After(t)
}

// ownLives lists the lives of an own stream: the newest, and of older ones those
// that somebody knows.
func (e *Exchange) ownLives(st storage.StreamStatus, questions []answerable) []line {
	said := e.speaker.said[st.Channel] // what is newer is said anyhow
	lives := map[uint32]line{st.Next.Inc: {Inc: st.Next.Inc, Seq: st.Next.Seq}}
	if said.Inc == st.Next.Inc {
		lives[st.Next.Inc] = line{Inc: said.Inc, Seq: said.Seq}
	}
	for _, q := range questions {
		for _, l := range q.of {
			if l.Inc > 0 && l.Inc < st.Next.Inc {
				lives[l.Inc] = line{Inc: l.Inc, Seq: 1<<63 - 1}
			}
		}
	}
	return slices.SortedFunc(maps.Values(lives), func(a, b line) int { return cmp.Compare(a.Inc, b.Inc) })
}

// reply collects messages up to its bounds.
type reply struct {
	*Exchange
	ctx   context.Context
	out   []message
	left  int // events
	bytes int // of text
	cut   bool
}

// answer adds what somebody lacks of a stream's lives.
func (r *reply) answer(s stream, owner string, lives []line, questions []answerable) error {
	for i, life := range lives {
		newest := i == len(lives)-1
		from, asked := ^uint64(0), false
		for _, q := range questions {
			if held, named := q.held(life.Inc); newest || named {
				from, asked = min(from, held), true
			}
		}
		if life.Inc == 0 || !asked {
			continue
		}
		if newest {
			from = max(from, windowStart(life.top()))
		}
		if err := r.page(s, owner, storage.Cursor{Inc: life.Inc, Seq: from}, life, newest, questions); err != nil {
			return err
		}
	}
	return nil
}

// page adds the events after a place of a life.
func (r *reply) page(s stream, owner string, after storage.Cursor, life line, newest bool, questions []answerable) error {
	for !r.cut {
		records, err := r.store.Read(r.ctx, s.channel, owner, after, pageSize)
		if err != nil {
			return fmt.Errorf("cannot read what others lack: %w", err)
		}
		for _, rec := range records {
			if rec.Inc != life.Inc || rec.Seq > life.top() {
				return nil
			}
			if !slices.ContainsFunc(questions, func(q answerable) bool { return q.lacks(rec.Inc, rec.Seq, newest) }) {
				continue
			}
			if r.left == 0 || r.bytes <= 0 {
				r.cut = true
				return nil
			}
			text, err := r.text(rec)
			if err != nil {
				return err
			}
			if text != nil {
				r.out = append(r.out, message{s.channel, text, owner != ""})
				r.left--
				r.bytes -= len(text)
			}
		}
		if len(records) < pageSize {
			return nil
		}
		after = cursor(records[len(records)-1])
	}
	return nil
}

// text gives what the maker of an event said, or nil where it cannot be shown.
func (r *reply) text(rec storage.Record) ([]byte, error) {
	if rec.Origin == nil {
		return r.sign(rec)
	}
	var proof wire.Proof
	var ok bool
	err := r.store.View(r.ctx, func(v *storage.Reader) (err error) {
		proof, ok, err = downlink.ProofOf(v, rec)
		return err
	})
	if err != nil || !ok || !r.inlet.Valid(rec.Origin.Kiosk, proof.KeyID) {
		return nil, err
	}
	return wire.Again(rec, proof)
}

// windowStart is the number after which a stream's last Window events begin.
func windowStart(top uint64) uint64 { return top - min(top, downlink.Window) }

func sorted[V any](m map[stream]V) []stream {
	return slices.SortedFunc(maps.Keys(m), func(a, b stream) int {
		return cmp.Or(cmp.Compare(a.channel, b.channel), cmp.Compare(a.kiosk, b.kiosk))
	})
}

// cursor gives a record's place.
func cursor(r storage.Record) storage.Cursor { return storage.Cursor{Inc: r.Inc, Seq: r.Seq} }
