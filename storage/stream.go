package storage

import (
	"encoding/binary"
	"errors"
	"time"
)

// Counts are the loss equation of one stream, or of all:
//
//	Accepted = Delivered + Queued + Quarantined + Expired + Dropped + Unreadable
//
// over events that this kiosk made and that are to be published.
type Counts struct {
	Accepted    uint64
	Delivered   uint64
	Queued      uint64
	Quarantined uint64 // refused for good by the other side; kept here
	Expired     uint64 // went unsent because they became too old
	Dropped     uint64 // went unsent because space ran out
	Unreadable  uint64 // lost to damage of the file before they were sent
}

// Balanced reports whether the equation holds.
func (c Counts) Balanced() bool {
	return c.Accepted == c.Delivered+c.Queued+c.Quarantined+c.Expired+c.Dropped+c.Unreadable
}

func (c *Counts) add(o Counts) {
	c.Accepted += o.Accepted
	c.Delivered += o.Delivered
	c.Queued += o.Queued
	c.Quarantined += o.Quarantined
	c.Expired += o.Expired
	c.Dropped += o.Dropped
	c.Unreadable += o.Unreadable
}

func (c *Counts) sub(o Counts) {
	c.Accepted -= o.Accepted
	c.Delivered -= o.Delivered
	c.Queued -= o.Queued
	c.Quarantined -= o.Quarantined
	c.Expired -= o.Expired
	c.Dropped -= o.Dropped
	c.Unreadable -= o.Unreadable
}

// streamID is the name of a stream: a channel and the kiosk whose events these
// are, empty for this one.
type streamID struct{ kiosk, channel string }

// stream is the state of one stream. It belongs to the writer; a copy is a
// state to go back to.
type stream struct {
	num   uint32
	id    streamID
	lane  Lane
	local bool
	// droppable streams give up their oldest records when space runs out.
	droppable bool

	next    Cursor // last written
	sent    Cursor // last handled by the uplink
	receipt Cursor // last that the outside sink has confirmed
	pruned  Cursor // all bodies up to here are gone
	counts  Counts
	stored  uint64 // records whose bodies are in the file
	oldest  HLC    // of the first queued record
	token   uint64 // timetoken of the last accepted publish
}

func (s *stream) foreign() bool   { return s.id.kiosk != "" }
func (s *stream) published() bool { return !s.local && !s.foreign() }

const streamVersion = 1

var errStream = errors.New("state of a stream is damaged")

// appendHot appends what changes with each event.
func (s *stream) appendHot(b []byte) []byte {
	b = append(b, streamVersion)
	for _, c := range []Cursor{s.next, s.sent, s.receipt, s.pruned} {
		b = binary.AppendUvarint(b, uint64(c.Inc))
		b = binary.AppendUvarint(b, c.Seq)
	}
	c := s.counts
	for _, v := range []uint64{
		c.Accepted, c.Delivered, c.Queued, c.Quarantined, c.Expired, c.Dropped, c.Unreadable,
		s.stored, uint64(s.oldest), s.token,
	} {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

func (s *stream) parseHot(b []byte) error {
	if len(b) == 0 || b[0] != streamVersion {
		return errStream
	}
	d := decoder{b: b[1:]}
	for _, c := range []*Cursor{&s.next, &s.sent, &s.receipt, &s.pruned} {
		c.Inc = d.uint32()
		c.Seq = d.uint64()
	}
	c := &s.counts
	oldest := uint64(0)
	for _, v := range []*uint64{
		&c.Accepted, &c.Delivered, &c.Queued, &c.Quarantined, &c.Expired, &c.Dropped, &c.Unreadable,
		&s.stored, &oldest, &s.token,
	} {
		*v = d.uint64()
	}
	s.oldest = HLC(oldest)
	if d.bad || len(d.b) != 0 {
		return errStream
	}
	return nil
}

// appendCold appends what never changes.
func (s *stream) appendCold(b []byte) []byte {
	var flags byte
	if s.local {
		flags |= 1
	}
	if s.droppable {
		flags |= 2
	}
	b = append(b, streamVersion, byte(s.lane), flags)
	b = appendString(b, s.id.kiosk)
	return appendString(b, s.id.channel)
}

func (s *stream) parseCold(b []byte) error {
	if len(b) < 3 || b[0] != streamVersion {
		return errStream
	}
	s.lane, s.local, s.droppable = Lane(b[1]), b[2]&1 != 0, b[2]&2 != 0
	d := decoder{b: b[3:]}
	s.id.kiosk = d.string()
	s.id.channel = d.string()
	if d.bad || len(d.b) != 0 {
		return errStream
	}
	return nil
}

// StreamStatus is the outbox's view of one stream.
type StreamStatus struct {
	Channel string
	Lane    Lane
	Next    Cursor    // last written
	Sent    Cursor    // last handled
	Queued  uint64    // records between the two
	Oldest  time.Time // when the first queued record was made; zero if none is
	Token   uint64    // timetoken of the last accepted publish
	Counts  Counts
}

func (s *stream) status() StreamStatus {
	st := StreamStatus{
		Channel: s.id.channel, Lane: s.lane, Next: s.next, Sent: s.sent,
		Queued: s.counts.Queued, Token: s.token, Counts: s.counts,
	}
	if st.Queued > 0 {
		st.Oldest = s.oldest.Time()
	}
	return st
}
