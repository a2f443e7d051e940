package main

import (
	"crypto/ed25519"
	"encoding/json"
	"sync"
	"time"

	"clinicgate/gateway/pubnub"
	"clinicgate/gateway/pubnub/emulator"
	"clinicgate/kiosk/wire"
)

// ledger is what a reader who holds the cipher key makes of all that PubNub
// accepted: each event once, in the order of its stream.
type ledger struct {
	cipher *pubnub.Cipher

	mu      sync.Mutex
	key     ed25519.PublicKey
	seen    map[string]struct{} // kiosk and id
	streams map[streamPlace]*streamLedger
	sum     ledgerSum
	recent  []wireLine
}

type streamPlace struct {
	Kiosk, Channel string
	Inc            uint32
}

type streamLedger struct {
	Events  uint64 `json:"events"`
	Highest uint64 `json:"highest"`
	missing map[uint64]struct{}
}

// ledgerSum is what the ledger amounts to.
type ledgerSum struct {
	Messages      uint64 `json:"messages"`      // accepted by PubNub, from anybody
	Batches       uint64 `json:"batches"`       // of them
	Events        uint64 `json:"events"`        // signed events, each counted once
	Duplicates    uint64 `json:"duplicates"`    // events that came again under their id
	Inversions    uint64 `json:"inversions"`    // first seen after a later one of their stream
	Missing       uint64 `json:"missing"`       // sequence numbers not seen below the highest
	BadSignatures uint64 `json:"badSignatures"` // of messages with a gw member
	Unreadable    uint64 `json:"unreadable"`
	Unsigned      uint64 `json:"unsigned"` // providers' messages
	Plaintext     uint64 `json:"plaintext"`
}

// wireLine is one message as the panel shows it.
type wireLine struct {
	At      time.Time       `json:"at"`
	Channel string          `json:"channel"`
	From    string          `json:"from"`
	Wire    string          `json:"wire"` // what PubNub and the network see
	Read    json.RawMessage `json:"read"` // what a key holder reads
	Events  int             `json:"events"`
}

const (
	recentLines = 60
	wireShown   = 160
	readShown   = 4000
)

func newLedger(cipher *pubnub.Cipher) *ledger {
	return &ledger{cipher: cipher, seen: map[string]struct{}{}, streams: map[streamPlace]*streamLedger{}}
}

// see takes one accepted message. It is called by the emulator and must be
// quick.
func (l *ledger) see(m emulator.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sum.Messages++
	line := wireLine{At: time.Now(), Channel: m.Channel, From: m.UUID}
	var text string
	if json.Unmarshal(m.Payload, &text) != nil {
		l.sum.Plaintext++
		line.Wire, line.Read = cut(string(m.Payload), wireShown), m.Payload
		l.push(line)
		return
	}
	line.Wire = cut(text, wireShown)
	var env wire.Envelope
	plain, _, err := l.cipher.Decrypt(text, func(plain []byte) bool {
		e, err := wire.Parse(plain)
		env = e
		return err == nil
	})
	if err != nil {
		l.sum.Unreadable++
		l.push(line)
		return
	}
	if len(plain) <= readShown {
		line.Read = plain
	}
	line.Events = len(env.Events)
	defer func() { l.push(line) }()
	if !env.Signed {
		l.sum.Unsigned++
		return
	}
	if l.key != nil && env.Verify(m.Channel, l.key) != nil {
		l.sum.BadSignatures++
		return
	}
	if env.GW.Last > 0 {
		l.sum.Batches++
	}
	for _, e := range env.Events {
		l.count(m.Channel, e.GW)
	}
}

func (l *ledger) count(channel string, g wire.GW) {
	id := g.Kiosk + g.ID.String()
	if _, again := l.seen[id]; again {
		l.sum.Duplicates++
		return
	}
	l.seen[id] = struct{}{}
	l.sum.Events++
	place := streamPlace{g.Kiosk, channel, g.Inc}
	s := l.streams[place]
	if s == nil {
		s = &streamLedger{missing: map[uint64]struct{}{}}
		l.streams[place] = s
	}
	s.Events++
	switch {
	case g.Seq > s.Highest:
		for missing := s.Highest + 1; missing < g.Seq && len(s.missing) < 1<<16; missing++ {
			s.missing[missing] = struct{}{}
		}
		s.Highest = g.Seq
	default:
		l.sum.Inversions++
		delete(s.missing, g.Seq)
	}
}

func (l *ledger) push(line wireLine) {
	l.recent = append(l.recent, line)
	if len(l.recent) > recentLines {
		l.recent = append(l.recent[:0], l.recent[len(l.recent)-recentLines:]...)
	}
}

// trust sets the key that the kiosk signs with.
func (l *ledger) trust(key ed25519.PublicKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.key = key
}

// now gives the sum, the streams and the newest messages.
func (l *ledger) now() (ledgerSum, map[string]streamLedger, []wireLine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sum := l.sum
	streams := map[string]streamLedger{}
	for place, s := range l.streams {
		sum.Missing += uint64(len(s.missing))
		total := streams[place.Channel]
		total.Events += s.Events
		total.Highest = max(total.Highest, s.Highest)
		streams[place.Channel] = total
	}
	return sum, streams, append([]wireLine(nil), l.recent...)
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
