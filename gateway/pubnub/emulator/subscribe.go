package emulator

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

const region = 12 // Go reads it as int8

// poll is one subscribe call that is waiting.
type poll struct {
	wake   chan struct{} // one token: something may be new
	topics []*channel    // where it is registered; guarded by the emulator's mu
}

func (p *poll) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// entry is one topic a poll listens on, and the subscription its deliveries
// answer to.
type entry struct {
	topic, match string
}

type cursor struct {
	Timetoken string `json:"t"`
	Region    int    `json:"r"`
}

// delivery is a message as a subscriber reads it.
type delivery struct {
	Shard      string          `json:"a"`
	Flags      int             `json:"f"`
	Publisher  string          `json:"i,omitempty"`
	Seq        int             `json:"s,omitempty"`
	Published  cursor          `json:"p"`
	Key        string          `json:"k"`
	Channel    string          `json:"c"`
	Match      string          `json:"b"`
	Payload    json.RawMessage `json:"d"`
	Type       int             `json:"e,omitempty"`
	Meta       json.RawMessage `json:"u,omitempty"`
	CustomType string          `json:"cmt,omitempty"`
}

type envelope struct {
	Cursor   cursor     `json:"t"`
	Messages []delivery `json:"m"`
}

// subscribe answers a handshake at once and holds a poll until something newer
// than its timetoken exists.
func (e *Emulator) subscribe(q *request) reply {
	at, ok := parseToken(q.query["tt"])
	if !ok {
		return refuse(http.StatusBadRequest, "Invalid Timetoken", "subscribe")
	}
	for _, name := range slices.Concat(q.channels, q.groups) {
		if !validSubscription(name) {
			return refuse(http.StatusBadRequest, "Invalid Subscription Name", "subscribe")
		}
	}
	if len(q.channels) == 0 && len(q.groups) == 0 {
		return refuse(http.StatusBadRequest, "Missing Channel", "subscribe")
	}
	var filter *filter
	if text := q.query["filter-expr"]; text != "" {
		var err error
		if filter, err = parseFilter(text); err != nil {
			return refuse(http.StatusBadRequest, "Invalid Filter Expression", "subscribe")
		}
	}
	states, ok := parseStates(q.query["state"])
	if !ok {
		return refuse(http.StatusBadRequest, "Invalid State", "subscribe")
	}

	e.mu.Lock()
	handshake := e.next() // before joining, so that a client sees its own join
	here := e.attend(q, states)
	e.mu.Unlock()
	defer e.withdraw(here)
	if at == 0 {
		return e.envelope(handshake, nil)
	}
	return e.await(q, at, filter)
}

// await is the long poll.
func (e *Emulator) await(q *request, at int64, filter *filter) reply {
	limit := time.NewTimer(e.opts.LongPoll)
	defer limit.Stop()
	expired, stop := e.expiry(q.token)
	defer stop()
	p := &poll{wake: make(chan struct{}, 1)}
	defer func() {
		e.mu.Lock()
		e.ignore(p)
		e.mu.Unlock()
	}()
	for {
		e.mu.Lock()
		entries := e.entries(q)
		found := e.collect(entries, at, filter)
		if len(found) == 0 {
			e.listen(p, entries)
		}
		access, regrouped := e.access, e.regrouped
		e.mu.Unlock()
		if len(found) > 0 {
			return e.envelope(found[len(found)-1].at, found)
		}
		cut, changed := e.faults.interrupt(&q.fault, Subscribe, q.channels)
		if cut {
			return reply{}
		}
		select {
		case <-p.wake:
		case <-regrouped:
		case <-changed:
		case <-access:
			if refused, ok := e.checkToken(q); !ok {
				return refused
			}
		case <-expired:
			return refuse(http.StatusForbidden, tokenExpired, "Access Manager")
		case <-limit.C:
			return e.envelope(at, nil)
		case <-q.ctx.Done():
			return reply{}
		case <-e.done:
			return reply{}
		}
	}
}

// listen registers the poll on every topic it names; ignore takes it back.
// Callers hold mu.
func (e *Emulator) listen(p *poll, entries []entry) {
	e.ignore(p)
	for _, n := range entries {
		c := e.channel(n.topic)
		c.waiting[p] = struct{}{}
		p.topics = append(p.topics, c)
	}
}

func (e *Emulator) ignore(p *poll) {
	for _, c := range p.topics {
		delete(c.waiting, p)
	}
	p.topics = p.topics[:0]
}

// entries are the topics of a poll, the most direct subscription first. Callers
// hold mu.
func (e *Emulator) entries(q *request) []entry {
	out := make([]entry, 0, len(q.channels))
	for _, name := range q.channels {
		out = append(out, entry{name, name})
	}
	slices.SortStableFunc(out, func(a, b entry) int { return wildcards(a.topic) - wildcards(b.topic) })
	for _, name := range q.groups {
		base, presence := strings.CutSuffix(name, presenceSuffix)
		for _, member := range e.groups[base].members() {
			if presence {
				member += presenceSuffix
			}
			out = append(out, entry{member, name})
		}
	}
	return out
}

func wildcards(topic string) int { return strings.Count(topic, "*") }

// collect gathers what a poll has not seen, newest BufferSize only. Callers hold
// mu.
func (e *Emulator) collect(entries []entry, at int64, f *filter) []matched {
	oldest := e.opts.Now().Add(-e.opts.BufferAge).UnixNano() / 100
	var found []matched
	seen := map[int64]bool{}
	for _, n := range entries {
		c := e.channels[n.topic]
		if c == nil {
			continue
		}
		for _, v := range c.since(at, oldest, e.opts.BufferSize) {
			if seen[v.at] || !f.passes(v) {
				continue
			}
			seen[v.at] = true
			found = append(found, matched{v, n.match})
		}
	}
	slices.SortFunc(found, func(a, b matched) int { return cmp.Compare(a.at, b.at) })
	return found[max(0, len(found)-e.opts.BufferSize):]
}

// matched is an event with the subscription that it answers.
type matched struct {
	event
	match string
}

func (e *Emulator) envelope(at int64, found []matched) reply {
	out := envelope{Cursor: cursor{formatToken(at), region}, Messages: make([]delivery, 0, len(found))}
	for _, v := range found {
		flags := 0
		if v.Store {
			flags = 514
		}
		out.Messages = append(out.Messages, delivery{
			Shard: "1", Flags: flags, Publisher: v.UUID, Seq: v.Seq,
			Published: cursor{formatToken(v.Timetoken), region},
			Key:       e.opts.SubscribeKey, Channel: v.Channel, Match: v.match,
			Payload: v.Payload, Type: v.kind, Meta: v.Meta, CustomType: v.CustomType,
		})
	}
	return answer(http.StatusOK, out)
}
