package downlink

import (
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

// progress is what has been seen of one stream of one life of another kiosk.
type progress struct {
	contiguous uint64   // every event up to here was seen, or will be refused
	ahead      []uint64 // seen above it, ascending
}

func peerKey(kioskID string, inc uint32, channel string) []byte {
	return fmt.Appendf(nil, "%s\n%d\n%s", kioskID, inc, channel)
}

// see marks seq as seen. It reports false when seq was at or below the
// contiguous mark, or seen already.
func (p *progress) see(seq uint64) bool {
	if seq <= p.contiguous {
		return false
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

// skip marks first to last as seen: a GAP record says that they will not come.
func (p *progress) skip(first, last uint64) {
	if first <= p.contiguous+1 && last > p.contiguous {
		p.contiguous = last
		p.close()
		return
	}
	for seq := first; seq <= last && len(p.ahead) < aheadLimit; seq++ {
		p.see(seq)
	}
}

func (p *progress) close() {
	n := 0
	for n < len(p.ahead) && p.ahead[n] <= p.contiguous+1 {
		p.contiguous = max(p.contiguous, p.ahead[n])
		n++
	}
	p.ahead = slices.Delete(p.ahead, 0, n)
}

func (p *progress) marshal() []byte {
	out := binary.AppendUvarint([]byte{1}, p.contiguous)
	last := p.contiguous
	for _, seq := range p.ahead {
		out = binary.AppendUvarint(out, seq-last)
		last = seq
	}
	return out
}

func (p *progress) unmarshal(data []byte) error {
	*p = progress{}
	if len(data) == 0 {
		return nil
	}
	if data[0] != 1 {
		return fmt.Errorf("peer progress has form %d", data[0])
	}
	last, n := binary.Uvarint(data[1:])
	if n <= 0 {
		return errDamaged
	}
	p.contiguous = last
	for rest := data[1+n:]; len(rest) > 0; rest = rest[n:] {
		var d uint64
		if d, n = binary.Uvarint(rest); n <= 0 || len(p.ahead) > aheadLimit {
			return errDamaged
		}
		last += d
		p.ahead = append(p.ahead, last)
	}
	return nil
}

var errDamaged = errors.New("peer progress is damaged")

func loadProgress(tx *storage.Tx, key []byte) (*progress, error) {
	data, err := tx.Get(peerView, key)
	if err != nil {
		return nil, err
	}
	p := new(progress)
	return p, p.unmarshal(data)
}
