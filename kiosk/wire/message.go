package wire

import (
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"clinicgate/storage"

	"github.com/google/uuid"
)

// ErrTooLarge says that a message would pass MaxPublished.
var ErrTooLarge = errors.New("message is larger than may be published")

// Message makes the signed text of one event. The record's body must be in
// RFC 8785 form and have no gw member.
func (s Signer) Message(r storage.Record) ([]byte, error) {
	g := s.outer(r)
	g.ID, g.Seq = r.ID, r.Seq
	return s.sign(r.Channel, r.Body, g)
}

// Proof is what of a message's gw is not in the record of its event: who reads
// both can show to others what the sender said.
type Proof struct {
	KeyID string
	Sig   []byte
}

// Again makes the text of an event that another kiosk signed, byte for byte, from
// its record and the proof that came with it. Only Verify tells whether they
// belong together.
func Again(r storage.Record, p Proof) ([]byte, error) {
	if r.Origin == nil {
		return nil, errors.New("an event of this kiosk is signed, not repeated")
	}
	g := GW{ID: r.ID, Kiosk: r.Origin.Kiosk, Stream: r.Channel, Inc: r.Inc, Seq: r.Seq, HLC: r.HLC,
		Boot: r.Boot, Mono: r.Mono, Synced: r.Synced, KeyID: p.KeyID, Sig: p.Sig}
	return insert(make([]byte, 0, len(r.Body)+512), r.Body, "gw", g.append(nil))
}

// outer fills what a message's gw takes from a record whether it stands alone
// or closes a batch.
func (s Signer) outer(r storage.Record) GW {
	return GW{
		Kiosk: s.Kiosk, Stream: r.Channel, Inc: r.Inc, HLC: r.HLC,
		Boot: r.Boot, Mono: r.Mono, Synced: r.Synced, KeyID: s.keyID(),
	}
}

// closing is the gw of a batch, without id and signature.
func (s Signer) closing(run []storage.Record) GW {
	first, last := run[0], run[len(run)-1]
	g := s.outer(last)
	g.First, g.Last = first.Seq, last.Seq
	return g
}

func (s Signer) sign(channel string, body []byte, g GW) ([]byte, error) {
	unsigned, err := insert(make([]byte, 0, len(body)+512), body, "gw", g.append(nil))
	if err != nil {
		return nil, err
	}
	g.Sig = ed25519.Sign(s.Key, signedText(channel, unsigned))
	text, err := insert(unsigned[:0:0], body, "gw", g.append(nil))
	if err != nil {
		return nil, err
	}
	if len(text) > MaxPublished {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(text), MaxPublished)
	}
	return text, nil
}

// Batch makes one signed BATCH message of as many leading records as fit, and
// tells how many it took. Records of one batch share stream, inc, boot and
// synced; it ends where one of these changes. With compress the events are
// gzipped, which lets several times as many in.
//
// It takes at least one record or fails with ErrTooLarge.
func (s Signer) Batch(records []storage.Record, compress bool) (text []byte, taken int, err error) {
	if len(records) == 0 {
		return nil, 0, errors.New("a batch needs at least one record")
	}
	run := sameRun(records)
	body, taken, err := s.fill(run, compress)
	if err != nil {
		return nil, 0, err
	}
	g := s.closing(run[:taken])
	g.ID = batchID(s.Kiosk, run[0], run[taken-1])
	if text, err = s.sign(run[0].Channel, body, g); err != nil {
		return nil, 0, err
	}
	return text, taken, nil
}

// fill packs as many leading records of a run as one message holds. What size
// they take is known only once they are packed: each try corrects the guess by
// what came of the one before, until the message is nearly full.
func (s Signer) fill(run []storage.Record, compress bool) (body []byte, taken int, err error) {
	const tries = 6
	widest := s.closing(run)
	widest.Sig = make([]byte, ed25519.SignatureSize)
	room := MaxPublished - len(widest.append(nil)) - len(`"gw":,`)
	n, most := guess(run, compress, room), inflatable(run)
	var p packer
	for try := range tries {
		if try == tries-1 && taken == 0 {
			n = 1
		}
		packed, err := p.pack(run[:n], compress)
		if err != nil {
			return nil, 0, err
		}
		if len(packed) <= room {
			body, taken = packed, n
		} else {
			most = n - 1
		}
		next := min(n*(room-room/40)/len(packed), most) // aim a little below
		if taken > 0 && (next <= taken || next-taken < taken/16) {
			return body, taken, nil
		}
		if most == 0 {
			break
		}
		n = max(next, 1)
	}
	if taken == 0 {
		return nil, 0, fmt.Errorf("%w: a batch of one event", ErrTooLarge)
	}
	return body, taken, nil
}

func sameRun(records []storage.Record) []storage.Record {
	first := records[0]
	n := 1
	for n < len(records) && n < MaxBatchEvents {
		r := records[n]
		if r.Channel != first.Channel || r.Inc != first.Inc || r.Boot != first.Boot || r.Synced != first.Synced || r.Seq != records[n-1].Seq+1 {
			break
		}
		n++
	}
	return records[:n]
}

const innerOverhead = 160 // id, seq, hlc, mono and punctuation of an inner gw

// guess says how many records may go into one message. JSON of this product
// shrinks to about a fourth, of which base64 gives a third back.
func guess(run []storage.Record, compress bool, room int) int {
	if compress {
		room *= 3
	}
	return max(within(run, room), 1)
}

// inflatable says how many records a reader agrees to unpack from one message.
func inflatable(run []storage.Record) int { return max(within(run, MaxInflated-4096), 1) }

// within counts the leading records that take at most size bytes unpacked.
func within(run []storage.Record, size int) int {
	for i, r := range run {
		if size -= len(r.Body) + innerOverhead; size < 0 {
			return i
		}
	}
	return len(run)
}

// packer makes the body of a batch, without its gw member.
type packer struct {
	events []byte
	packed bytes.Buffer
	zip    *gzip.Writer
}

// pack gives a body of its own at each call; what it is made in is used again.
func (p *packer) pack(run []storage.Record, compress bool) ([]byte, error) {
	p.events = append(p.events[:0], '[')
	for i, r := range run {
		if i > 0 {
			p.events = append(p.events, ',')
		}
		small := GW{ID: r.ID, Seq: r.Seq, HLC: r.HLC, Mono: r.Mono}
		var err error
		if p.events, err = insert(p.events, r.Body, "gw", small.append(nil)); err != nil {
			return nil, err
		}
	}
	p.events = append(p.events, ']')
	body := []byte(`{"action":"BATCH",`)
	if !compress {
		body = append(body, `"events":`...)
		body = append(body, p.events...)
		return append(body, '}'), nil
	}
	p.packed.Reset()
	if p.zip == nil {
		var err error
		if p.zip, err = gzip.NewWriterLevel(&p.packed, gzip.BestSpeed+3); err != nil {
			return nil, err
		}
	} else {
		p.zip.Reset(&p.packed)
	}
	if _, err := p.zip.Write(p.events); err != nil {
		return nil, err
	}
	if err := p.zip.Close(); err != nil {
		return nil, err
	}
	body = append(body, `"data":"`...)
	body = base64.StdEncoding.AppendEncode(body, p.packed.Bytes())
	return append(body, `","encoding":"gzip"}`...), nil
}

// batchID derives a batch's id from its place, so that a retry after a crash
// that packs the same records gives the same id.
func batchID(kiosk string, first, last storage.Record) uuid.UUID {
	h := sha256.New()
	fmt.Fprintf(h, "clinicgate/batch/1\n%s\n%s\n", kiosk, first.Channel)
	var n [20]byte
	binary.BigEndian.PutUint32(n[0:], first.Inc)
	binary.BigEndian.PutUint64(n[4:], first.Seq)
	binary.BigEndian.PutUint64(n[12:], last.Seq)
	h.Write(n[:])
	var id uuid.UUID
	copy(id[:], h.Sum(nil))
	id[6] = id[6]&0x0f | 0x80 // version 8: custom
	id[8] = id[8]&0x3f | 0x80
	return id
}
