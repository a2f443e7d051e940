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

// outer fills what a message's gw takes from a record whether it stands alone
// or closes a batch.
func (s Signer) outer(r storage.Record) GW {
	return GW{
		Kiosk: s.Kiosk, Stream: r.Channel, Inc: r.Inc, HLC: r.HLC,
		Boot: r.Boot, Mono: r.Mono, Synced: r.Synced, KeyID: s.keyID(),
	}
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
	n := len(run)
	// The size of a compressed batch is known only after compressing; a first
	// guess from the raw sizes is corrected by what came out, at most a few times.
	for range 12 {
		n = min(n, fits(run, compress))
		text, err = s.batch(run[:n], compress)
		if err == nil {
			return text, n, nil
		}
		if !errors.Is(err, ErrTooLarge) || n == 1 {
			return nil, 0, err
		}
		n = max(1, n*2/3)
	}
	return nil, 0, err
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

// fits guesses how many records go into one batch.
func fits(run []storage.Record, compress bool) int {
	budget := MaxPublished - 1024
	if compress {
		// base64 takes a third; well-filled JSON of this product shrinks to about a
		// fourth. A wrong guess costs one more round, not a lost event.
		budget = (MaxPublished - 1024) * 3 / 4 * 4
	}
	size := 0
	for i, r := range run {
		size += len(r.Body) + innerOverhead
		if i > 0 && (size > budget || size > MaxInflated-4096) {
			return i
		}
	}
	return len(run)
}

func (s Signer) batch(run []storage.Record, compress bool) ([]byte, error) {
	events := []byte{'['}
	for i, r := range run {
		if i > 0 {
			events = append(events, ',')
		}
		small := GW{ID: r.ID, Seq: r.Seq, HLC: r.HLC, Mono: r.Mono}
		var err error
		if events, err = insert(events, r.Body, "gw", small.append(nil)); err != nil {
			return nil, err
		}
	}
	events = append(events, ']')

	first, last := run[0], run[len(run)-1]
	g := s.outer(last)
	g.First, g.Last = first.Seq, last.Seq
	g.ID = batchID(s.Kiosk, first, last)
	body := []byte(`{"action":"BATCH",`)
	if compress {
		packed, err := pack(events)
		if err != nil {
			return nil, err
		}
		body = append(body, `"data":"`...)
		body = base64.StdEncoding.AppendEncode(body, packed)
		body = append(body, `","encoding":"gzip"}`...)
	} else {
		body = append(body, `"events":`...)
		body = append(body, events...)
		body = append(body, '}')
	}
	if len(body) > MaxPublished {
		return nil, fmt.Errorf("%w: a batch of %d bytes", ErrTooLarge, len(body))
	}
	return s.sign(first.Channel, body, g)
}

func pack(events []byte) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed+3)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(events); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
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
