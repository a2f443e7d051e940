package storage

import (
	"encoding/binary"
	"errors"
	"time"

	"clinicgate/storage/auditlog"
)

// The body of an audit record (auditlog frames it with index and previous leaf
// hash). It says everything about the event, so that a salvage that finds
// nothing but this one record can place it.
//
//	version(1) | flags(1) | id(16) | hlc(8) | boot(16)
//	uvarint: life, inc, seq, mono
//	foreign only: uvarint timetoken, string kiosk
//	string channel, string kind           (string: uvarint length, bytes)
//	body
const bodyVersion = 1

const (
	flagSynced = 1 << iota
	flagForeign
	flagLocal
	flagsKnown = flagSynced | flagForeign | flagLocal
)

const bodyFixed = 2 + 16 + 8 + 16

var errBody = errors.New("not an event record")

func appendBody(b []byte, r *Record, local bool) []byte {
	var flags byte
	if r.Synced {
		flags |= flagSynced
	}
	if r.Origin != nil {
		flags |= flagForeign
	}
	if local {
		flags |= flagLocal
	}
	b = append(b, bodyVersion, flags)
	b = append(b, r.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(r.HLC))
	b = append(b, r.Boot[:]...)
	b = binary.AppendUvarint(b, uint64(r.Log))
	b = binary.AppendUvarint(b, uint64(r.Inc))
	b = binary.AppendUvarint(b, r.Seq)
	b = binary.AppendUvarint(b, uint64(r.Mono))
	if r.Origin != nil {
		b = binary.AppendUvarint(b, r.Origin.Timetoken)
		b = appendString(b, r.Origin.Kiosk)
	}
	b = appendString(b, r.Channel)
	b = appendString(b, r.Kind)
	return append(b, r.Body...)
}

// parseRecord reads a framed record. The body is a part of b, not a copy.
func parseRecord(b []byte) (r Record, local bool, err error) {
	frame, err := auditlog.ParseRecord(b)
	if err != nil {
		return Record{}, false, errBody
	}
	b = frame.Body
	if len(b) < bodyFixed || b[0] != bodyVersion || b[1]&^flagsKnown != 0 {
		return Record{}, false, errBody
	}
	r = Record{Pos: frame.Index, Prev: frame.Prev}
	flags := b[1]
	r.Synced, local = flags&flagSynced != 0, flags&flagLocal != 0
	copy(r.ID[:], b[2:])
	r.HLC = HLC(binary.BigEndian.Uint64(b[18:]))
	copy(r.Boot[:], b[26:])
	d := decoder{b: b[bodyFixed:]}
	r.Log = d.uint32()
	r.Inc = d.uint32()
	r.Seq = d.uint64()
	r.Mono = time.Duration(d.uint64())
	if flags&flagForeign != 0 {
		o := &Origin{Inc: r.Inc, Seq: r.Seq, HLC: r.HLC, Boot: r.Boot, Mono: r.Mono, Synced: r.Synced}
		o.Timetoken = d.uint64()
		o.Kiosk = d.string()
		r.Origin = o
	}
	r.Channel = d.string()
	r.Kind = d.string()
	if d.bad {
		return Record{}, false, errBody
	}
	r.Body = d.b
	return r, local, nil
}

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// decoder reads the small binary forms of this package. After the first
// mistake it is bad and gives zeros.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) uint64() uint64 {
	v, n := binary.Uvarint(d.b)
	// n == 1 or a last byte other than zero: each number has one form only.
	if n <= 0 || n > 1 && d.b[n-1] == 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) uint32() uint32 {
	v := d.uint64()
	if v > 1<<32-1 {
		d.fail()
		return 0
	}
	return uint32(v)
}

func (d *decoder) bytes(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.fail()
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) string() string {
	n := d.uint64()
	if n > uint64(len(d.b)) {
		d.fail()
		return ""
	}
	return string(d.bytes(int(n)))
}

func (d *decoder) byte() byte {
	if v := d.bytes(1); v != nil {
		return v[0]
	}
	return 0
}

func (d *decoder) fail() { d.bad, d.b = true, nil }
