package emulator

import (
	"encoding/json"
	"strconv"
	"time"
)

// Message is one accepted publish as the service keeps it.
type Message struct {
	Channel    string
	Payload    json.RawMessage // a JSON value, as sent
	UUID       string          // publisher
	Timetoken  int64
	Meta       json.RawMessage // a JSON value, nil when none was sent
	CustomType string
	Seq        int  // seqn of the client, 0 when none
	Store      bool // kept in history
	Fire       bool // for Functions only: neither delivered nor stored
	Signal     bool
}

// message types on the wire (member e of a delivery)
const (
	typeMessage = iota
	typeSignal
	typeObject
	typeAction
)

// event is one delivery of a message to subscribers. at is its position, which
// is the message's timetoken unless a fault delivers it late or again.
type event struct {
	*Message
	at   int64
	kind int
}

// stored is a message in history.
type stored struct {
	*Message
	visible time.Time // hidden from readers until then (a fault)
	expires time.Time // from ttl, on the keyset's clock; zero keeps it
	size    int64
}

// accept gives the message a timetoken, keeps it, shows it to the taps and
// delivers it, as the faults say. Callers hold mu.
func (e *Emulator) accept(m *Message, f publishFault) int64 {
	return e.acceptFor(m, 0, f)
}

func (e *Emulator) acceptFor(m *Message, ttl time.Duration, f publishFault) int64 {
	if f.flip {
		m.Payload = flipBit(m.Payload)
	}
	tt := e.acceptOnce(m, ttl, f)
	if f.duplicate {
		again := *m
		e.acceptOnce(&again, ttl, f)
	}
	return tt
}

func (e *Emulator) acceptOnce(m *Message, ttl time.Duration, f publishFault) int64 {
	m.Timetoken = e.next()
	for _, see := range e.taps {
		see(*m)
	}
	if m.Fire {
		return m.Timetoken
	}
	if m.Store {
		e.store(m, ttl, f.hide)
	}
	kind := typeMessage
	if m.Signal {
		kind = typeSignal
	}
	if f.reorder {
		e.hold(m, kind, f.hold)
		return m.Timetoken
	}
	e.deliver(m, kind)
	return m.Timetoken
}

// flipBit changes one bit near the middle of a JSON value such that it stays
// JSON; it returns the value as it is when no such bit exists.
func flipBit(payload json.RawMessage) json.RawMessage {
	out := append(json.RawMessage(nil), payload...)
	for step := range len(out) {
		i := (len(out)/2 + step) % len(out)
		for bit := range 8 {
			out[i] ^= 1 << bit
			if out[i] < 0x80 && json.Valid(out) {
				return out
			}
			out[i] ^= 1 << bit
		}
	}
	return out
}

func formatToken(tt int64) string { return strconv.FormatInt(tt, 10) }

// parseToken reads a timetoken from a query; absent is 0.
func parseToken(s string) (int64, bool) {
	if s == "" {
		return 0, true
	}
	tt, err := strconv.ParseInt(s, 10, 64)
	return tt, err == nil && tt >= 0
}
