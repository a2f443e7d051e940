package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"clinicgate/storage/auditlog"
	"clinicgate/storage/seal"
)

// head is what one page says about the whole store. It is a value: a copy taken
// before a request is the state to go back to.
type head struct {
	store   [16]byte
	life    uint32 // the store's inc
	commit  uint64 // commits so far, over all lives
	hlc     HLC
	streams uint32 // numbers given to streams
	clean   bool   // closed properly; cleared by the first commit after
	log     auditlog.Log

	checkpointed uint64    // size of the log at its last checkpoint
	checkpointAt time.Time // when that was

	// sums hold, per bucket, the exclusive or of the tags of its sealed rows.
	// Each row vouches for itself; together the sums tell whether a row is
	// missing, or an old one has come back in its place. Events are counted
	// instead, so that one damaged record condemns no others.
	sums [buckets]rowSum

	created  time.Time
	salvages uint32
	lost     uint64 // records that a salvage could not read, all streams
}

// rowSum is as long as an AEAD's tag.
type rowSum [16]byte

// toggle puts a sealed row into the sum, or takes it out.
func (s *rowSum) toggle(value []byte) {
	if len(value) < len(s) {
		return
	}
	tag := value[len(value)-len(s):]
	for i := range s {
		s[i] ^= tag[i]
	}
}

func (s *rowSum) xor(other rowSum) {
	for i := range s {
		s[i] ^= other[i]
	}
}

const (
	headVersion    = 1
	headPrefixSize = 2 + 16
)

var errHead = errors.New("head of the store is damaged")

func (h *head) appendBinary(b []byte) []byte {
	var flags byte
	if h.clean {
		flags |= 1
	}
	b = append(b, headVersion, flags)
	b = binary.AppendUvarint(b, uint64(h.life))
	b = binary.AppendUvarint(b, h.commit)
	b = binary.AppendUvarint(b, uint64(h.hlc))
	b = binary.AppendUvarint(b, uint64(h.streams))
	b = binary.AppendUvarint(b, h.checkpointed)
	b = appendTime(b, h.checkpointAt)
	b = appendTime(b, h.created)
	b = binary.AppendUvarint(b, uint64(h.salvages))
	b = binary.AppendUvarint(b, h.lost)
	for i := range h.sums {
		if bucket(i).summed() {
			b = append(b, h.sums[i][:]...)
		}
	}
	b, _ = h.log.AppendBinary(b) // its error is always nil
	return b
}

func parseHead(store [16]byte, b []byte) (head, error) {
	if len(b) < 2 || b[0] != headVersion {
		return head{}, errHead
	}
	h := head{store: store, clean: b[1]&1 != 0}
	d := decoder{b: b[2:]}
	h.life = d.uint32()
	h.commit = d.uint64()
	h.hlc = HLC(d.uint64())
	h.streams = d.uint32()
	h.checkpointed = d.uint64()
	h.checkpointAt = d.time()
	h.created = d.time()
	h.salvages = d.uint32()
	h.lost = d.uint64()
	for b := range h.sums {
		if bucket(b).summed() {
			copy(h.sums[b][:], d.bytes(len(rowSum{})))
		}
	}
	if d.bad || h.log.UnmarshalBinary(d.b) != nil {
		return head{}, errHead
	}
	return h, nil
}

// side is the head as the side file keeps it.
func (h *head) side() auditlog.Head {
	return auditlog.Head{Inc: uint64(h.life), Commit: h.commit, Size: h.log.Size(), Last: h.log.Last()}
}

// sealHead gives the head row.
func sealHead(dst []byte, h *head, a *seal.AEAD) []byte {
	plain := h.appendBinary(make([]byte, 0, 512))
	dst = binary.BigEndian.AppendUint16(dst, formatVersion)
	dst = append(dst, h.store[:]...)
	return seal.Seal(dst, a, plain, place(h.store, bHead, headKey))
}

// openHead reads the head row.
func openHead(row []byte, keys seal.Keys) (head, error) {
	store, err := headStore(row)
	if err != nil {
		return head{}, err
	}
	plain, err := seal.Open(nil, keys, row[headPrefixSize:], place(store, bHead, headKey))
	if errors.Is(err, seal.ErrKeyUnknown) {
		return head{}, fmt.Errorf("%w: %w", ErrWrongKey, err)
	}
	if err != nil {
		return head{}, fmt.Errorf("%w: %w", errHead, err)
	}
	return parseHead(store, plain)
}

// headStore reads the part of the head row that is not sealed.
func headStore(row []byte) (store [16]byte, err error) {
	if len(row) < headPrefixSize {
		return store, errHead
	}
	if v := binary.BigEndian.Uint16(row); v > formatVersion {
		return store, hint("install the newer version again, or restore the data directory from before the upgrade",
			"%w: format %d, this program knows %d", ErrNewer, v, formatVersion)
	} else if v == 0 {
		return store, errHead
	}
	copy(store[:], row[2:])
	return store, nil
}

// logOrigin names the audit log of one life of a store.
func logOrigin(kiosk string, store [16]byte, life uint32) string {
	return fmt.Sprintf("clinicgate/%s/%x/%d", kiosk, store[:8], life)
}

func appendTime(b []byte, t time.Time) []byte {
	ms := uint64(0)
	if !t.IsZero() && t.UnixMilli() > 0 {
		ms = uint64(t.UnixMilli())
	}
	return binary.AppendUvarint(b, ms)
}

func (d *decoder) time() time.Time {
	ms := d.uint64()
	if ms == 0 || ms > 1<<62 {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}
