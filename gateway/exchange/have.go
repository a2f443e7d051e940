package exchange

import (
	"encoding/json"
	"fmt"
	"slices"

	"clinicgate/gateway/downlink"
	"clinicgate/kiosk/wire"
	"clinicgate/storage"

	"github.com/google/uuid"
	"github.com/gowebpki/jcs"
)

// A kiosk says what it has in a message of its own form,
//
//	{"action":"HAVE","held":[{"kiosk","channel","inc","seq","ahead":[[first,last]]}]}
//
// signed and encrypted as every other, with its topic in the place of the channel,
// so that it can be said nowhere else and by nobody else. A stream that is not
// named is not spoken of; one of which there is nothing has inc 0.
type have struct {
	Action string `json:"action"`
	Held   []line `json:"held"`
}

// line is one stream of one life of a kiosk, and what is held of it.
type line struct {
	Kiosk   string      `json:"kiosk"`
	Channel string      `json:"channel"`
	Inc     uint32      `json:"inc"`
	Seq     uint64      `json:"seq"`             // everything up to here
	Ahead   [][2]uint64 `json:"ahead,omitempty"` // and these, both ends included
}

const (
	haveAction = "HAVE"
	maxRanges  = 16       // of a line
	maxHave    = 12 << 10 // bytes of lines in one message
	maxParts   = 8        // messages that one saying takes, at most
)

// stream is a kiosk's channel.
type stream struct{ kiosk, channel string }

func (l line) stream() stream { return stream{l.Kiosk, l.Channel} }

// has reports whether an event of the line's life is held.
func (l line) has(seq uint64) bool {
	return seq <= l.Seq || slices.ContainsFunc(l.Ahead, func(r [2]uint64) bool { return r[0] <= seq && seq <= r[1] })
}

// amount is how many are held: it grows with every event that comes.
func (l line) amount() uint64 {
	n := l.Seq
	for _, r := range l.Ahead {
		n += r[1] - r[0] + 1
	}
	return n
}

// top is the newest one held.
func (l line) top() uint64 {
	if n := len(l.Ahead); n > 0 {
		return max(l.Seq, l.Ahead[n-1][1])
	}
	return l.Seq
}

func lineOf(h downlink.Held) line {
	return line{Kiosk: h.Kiosk, Channel: h.Channel, Inc: h.Inc, Seq: h.Seq, Ahead: h.Ahead}
}

// valid reports whether a line can be one: numbers that JSON carries, ranges in
// order.
func (l line) valid() bool {
	const most = 1<<53 - 1
	if l.Kiosk == "" || l.Channel == "" || l.Seq > most || len(l.Ahead) > maxRanges {
		return false
	}
	last := l.Seq
	for _, r := range l.Ahead {
		if r[0] <= last || r[1] < r[0] || r[1] > most {
			return false
		}
		last = r[1]
	}
	return true
}

// parts packs lines into bodies of bounded size, and tells how many found a place.
func parts(lines []line) (bodies [][]byte, packed int, err error) {
	for len(lines) > 0 && len(bodies) < maxParts {
		n, size := 0, 0
		for n < len(lines) && size < maxHave {
			l := &lines[n]
			l.Ahead = l.Ahead[:min(len(l.Ahead), maxRanges)]
			size += 64 + len(l.Kiosk) + len(l.Channel) + 36*len(l.Ahead)
			n++
		}
		body, err := json.Marshal(have{haveAction, lines[:n]})
		if err != nil {
			return nil, 0, err
		}
		if body, err = jcs.Transform(body); err != nil {
			return nil, 0, err
		}
		bodies, lines, packed = append(bodies, body), lines[n:], packed+n
	}
	return bodies, packed, nil
}

// haveText signs one part.
func haveText(s wire.Signer, topic string, now storage.Instant, number uint64, body []byte) ([]byte, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	return s.Message(storage.Record{Event: storage.Event{ID: id, Channel: topic, Body: body}, Seq: number,
		HLC: storage.NewHLC(now.Wall), Boot: now.Boot, Mono: now.Mono, Synced: now.Synced})
}

// parseHave reads what a kiosk says it has.
func parseHave(body []byte) ([]line, error) {
	var h have
	if err := json.Unmarshal(body, &h); err != nil || h.Action != haveAction {
		return nil, fmt.Errorf("not a message of what a kiosk has")
	}
	for _, l := range h.Held {
		if !l.valid() {
			return nil, fmt.Errorf("a line of what a kiosk has is malformed")
		}
	}
	return h.Held, nil
}
