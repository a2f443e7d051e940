package downlink

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"clinicgate/storage"
)

// peerView is the store's view of what was seen from each (kiosk, inc, channel).
const peerView = "peer"

// aheadLimit bounds the sequence numbers remembered above a hole. A hole that
// is not filled by then is given up: everything below the oldest remembered
// number counts as seen.
const aheadLimit = 4096

// absentLimit bounds the ranges remembered that were said not to come.
const absentLimit = 1024

// progress is what has been seen of one stream of one life of another kiosk.
type progress struct {
	contiguous uint64   // every event up to here was seen, is absent, or will be refused
	ahead      []uint64 // seen above it, ascending
	// absent holds what a GAP record said will not come. It closes holes; but what
	// comes all the same is seen once, for its sender may have been refused, or
	// have lost it, after a request that PubNub had taken.
	absent []span
	fresh  bool // nothing was known of the stream until now; not stored
}

// span is a range of sequence numbers, both ends included.
type span struct{ first, last uint64 }

func peerKey(kioskID string, inc uint32, channel string) []byte {
	return fmt.Appendf(nil, "%s\n%d\n%s", kioskID, inc, channel)
}

// see marks seq as seen. It reports false when seq was seen already, or lies at
// or below the contiguous mark and is not absent.
func (p *progress) see(seq uint64) bool {
	came := p.returned(seq)
	if seq <= p.contiguous {
		return came
	}
	at, found := slices.BinarySearch(p.ahead, seq)
	if found {
		return false
	}
	p.ahead = slices.Insert(p.ahead, at, seq)
	if len(p.ahead) > aheadLimit {
		p.contiguous = p.ahead[0]
	}
	p.close()
	return true
}

// full reports whether seq could only be remembered by giving up a hole.
func (p *progress) full(seq uint64) bool {
	return len(p.ahead) >= aheadLimit && seq > p.contiguous+1
}

// returned takes seq out of the absent ones and reports whether it was there.
func (p *progress) returned(seq uint64) bool {
	i := slices.IndexFunc(p.absent, func(s span) bool { return s.first <= seq && seq <= s.last })
	if i < 0 {
		return false
	}
	s := p.absent[i]
	var rest []span
	if s.first < seq {
		rest = append(rest, span{s.first, seq - 1})
	}
	if seq < s.last {
		rest = append(rest, span{seq + 1, s.last})
	}
	p.absent = slices.Replace(p.absent, i, i+1, rest...)
	return true
}

// skip marks first to last as absent, as far as they were not seen.
func (p *progress) skip(first, last uint64) {
	first = max(first, p.contiguous+1)
	at, _ := slices.BinarySearch(p.ahead, first)
	for _, seq := range p.ahead[at:] {
		if first > last || seq > last {
			break
		}
		if first < seq {
			p.absent = append(p.absent, span{first, seq - 1})
		}
		first = seq + 1
	}
	if first <= last {
		p.absent = append(p.absent, span{first, last})
	}
	p.tidy()
	p.close()
}

// tidy sorts and joins the absent ranges and keeps the newest.
func (p *progress) tidy() {
	slices.SortFunc(p.absent, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	joined := p.absent[:0]
	for _, s := range p.absent {
		if n := len(joined); n > 0 && s.first <= joined[n-1].last+1 {
			joined[n-1].last = max(joined[n-1].last, s.last)
			continue
		}
		joined = append(joined, s)
	}
	p.absent = slices.Delete(joined, 0, max(0, len(joined)-absentLimit))
}

// close moves the contiguous mark over what is seen or absent right above it.
func (p *progress) close() {
	seen, gone := 0, 0
	for {
		next := p.contiguous + 1
		switch {
		case seen < len(p.ahead) && p.ahead[seen] <= next:
			p.contiguous = max(p.contiguous, p.ahead[seen])
			seen++
		case gone < len(p.absent) && p.absent[gone].first <= next:
			p.contiguous = max(p.contiguous, p.absent[gone].last)
			gone++
		default:
			p.ahead = slices.Delete(p.ahead, 0, seen)
			return
		}
	}
}

func (p *progress) marshal() []byte {
	out := binary.AppendUvarint([]byte{progressForm}, p.contiguous)
	out = binary.AppendUvarint(out, uint64(len(p.ahead)))
	last := p.contiguous
	for _, seq := range p.ahead {
		out = binary.AppendUvarint(out, seq-last)
		last = seq
	}
	last = 0
	for _, s := range p.absent {
		out = binary.AppendUvarint(out, s.first-last)
		out = binary.AppendUvarint(out, s.last-s.first)
		last = s.last
	}
	return out
}

const progressForm = 2

func (p *progress) unmarshal(data []byte) error {
	*p = progress{fresh: len(data) == 0}
	if p.fresh {
		return nil
	}
	if data[0] != progressForm {
		return fmt.Errorf("peer progress has form %d", data[0])
	}
	rest, damaged := data[1:], false
	next := func() uint64 {
		v, n := binary.Uvarint(rest)
		if n <= 0 {
			rest, damaged = nil, true
			return 0
		}
		rest = rest[n:]
		return v
	}
	p.contiguous = next()
	n := next()
	if n > aheadLimit {
		return errDamaged
	}
	last := p.contiguous
	for range n {
		last += next()
		p.ahead = append(p.ahead, last)
	}
	last = 0
	for len(rest) > 0 && len(p.absent) <= absentLimit {
		first := last + next()
		last = first + next()
		p.absent = append(p.absent, span{first, last})
	}
	if damaged || len(rest) > 0 {
		return errDamaged
	}
	return nil
}

var errDamaged = errors.New("peer progress is damaged")

// getter reads views: a transaction, or a snapshot.
type getter interface {
	Get(view string, key []byte) ([]byte, error)
}

func loadProgress(from getter, key []byte) (*progress, error) {
	data, err := from.Get(peerView, key)
	if err != nil {
		return nil, err
	}
	p := new(progress)
	return p, p.unmarshal(data)
}

// livesView lists, for each stream of another kiosk, the lives of which there is
// progress.
const livesView = "peer-lives"

// livesLimit bounds how many lives of a kiosk are remembered, the newest.
const livesLimit = 4

func livesKey(kioskID, channel string) []byte { return fmt.Appendf(nil, "%s\n%s", kioskID, channel) }

// lives gives the lives of a stream, ascending.
func lives(from getter, kioskID, channel string) (list []uint32, err error) {
	data, err := from.Get(livesView, livesKey(kioskID, channel))
	if err != nil || len(data)%4 != 0 || len(data) > 4*livesLimit {
		return nil, err
	}
	for ; len(data) > 0; data = data[4:] {
		list = append(list, binary.BigEndian.Uint32(data))
	}
	return list, nil
}

// noteLife adds a life to a stream's.
func noteLife(tx *storage.Tx, kioskID, channel string, inc uint32) error {
	list, err := lives(tx, kioskID, channel)
	if err != nil {
		return err
	}
	at, known := slices.BinarySearch(list, inc)
	if known {
		return nil
	}
	list = slices.Insert(list, at, inc)
	var data []byte
	for _, inc := range list[max(0, len(list)-livesLimit):] {
		data = binary.BigEndian.AppendUint32(data, inc)
	}
	return tx.Put(livesView, livesKey(kioskID, channel), data)
}
