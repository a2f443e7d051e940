package storage

import (
	"encoding/binary"

	"clinicgate/storage/internal/planted"
	"clinicgate/storage/seal"
)

// bucket is a bbolt bucket. The layout, all numbers big-endian:
//
//	head     'H'                       format(2) | store id(16) | sealed head
//	         's' stream(4)             sealed place and counts of a stream
//	         'c' name                  sealed cursor of the downlink
//	streams  stream(4)                 sealed name of a stream
//	events   stream(4) inc(4) seq(8)   sealed audit record
//	ids      event id(16)              stream(4) inc(4) seq(8) hlc(8) content mac(8)
//	views    name(n) 0 group(8) keyed hash(16)   sealed value
//	leaves   life(4) tile(8)           sealed leaf hashes of pruned records
//	logs     life(4) kind(1) size(8)   sealed opening, checkpoints and end of each audit log
//	expired  time(8) n(4)              ids of records pruned then
//	gaps     stream(4) inc(4) first(8) sealed range that was not delivered, and why
//	blobs    hash(16)                  sealed size and references of a blob
//
// What is written for one event alone is one leaf of events, one of ids and one
// of head, with the branches above them: the least that bbolt can do.
type bucket uint8

const (
	bHead bucket = iota
	bStreams
	bEvents
	bIDs
	bViews
	bLeaves
	bLogs
	bExpired
	bGaps
	bBlobs
	buckets
)

var bucketNames = [buckets]string{
	"head", "streams", "events", "ids", "views", "leaves", "logs", "expired", "gaps", "blobs",
}

func bucketNamed(name string) (bucket, bool) {
	for b := range buckets {
		if bucketNames[b] == name {
			return b, true
		}
	}
	return 0, false
}

// fill is how full bbolt packs a page of the bucket before it starts the next.
// What only grows at its end is packed to the brim.
func (b bucket) fill() float64 {
	switch b {
	case bEvents, bIDs, bLeaves, bLogs, bExpired:
		return 1.0
	}
	return 0.9
}

// summed reports whether the head keeps a sum over the bucket's rows.
func (b bucket) summed() bool { return b != bEvents && b != bIDs }

// inSum reports whether a row of the bucket takes part in it: all but the head.
func (b bucket) inSum(key []byte) bool {
	return b.summed() && !(b == bHead && len(key) == len(headKey) && key[0] == headKey[0])
}

// formatVersion is the version of the layout. A store of a newer one is refused.
const formatVersion = 1

// Classes of data keys that the store itself uses. Events use those of their
// kinds.
const (
	ClassStore = "store" // head, streams, leaf hashes, audit log ends
	ClassView  = "view"  // view rows
)

// headKey sorts before all other keys of its bucket: whoever walks the bucket
// meets it first.
var headKey = []byte{'H'}

func hotKey(stream uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{'s'}, stream)
}

func cursorKey(name string) []byte { return append([]byte{'c'}, name...) }

func streamKey(stream uint32) []byte { return binary.BigEndian.AppendUint32(nil, stream) }

const eventKeySize = 16

func appendEventKey(b []byte, stream uint32, c Cursor) []byte {
	b = binary.BigEndian.AppendUint32(b, stream)
	b = binary.BigEndian.AppendUint32(b, c.Inc)
	return binary.BigEndian.AppendUint64(b, c.Seq)
}

func parseEventKey(k []byte) (stream uint32, c Cursor) {
	return binary.BigEndian.Uint32(k), Cursor{binary.BigEndian.Uint32(k[4:]), binary.BigEndian.Uint64(k[8:])}
}

// idRow is what the id of an event leads to.
type idRow struct {
	stream uint32
	at     Cursor
	hlc    HLC
	mac    [8]byte // keyed hash of the content: without the key it says nothing about it
}

const idRowSize = 32

func (r idRow) append(b []byte) []byte {
	b = appendEventKey(b, r.stream, r.at)
	b = binary.BigEndian.AppendUint64(b, uint64(r.hlc))
	return append(b, r.mac[:]...)
}

func parseIDRow(v []byte) (r idRow, ok bool) {
	if len(v) != idRowSize {
		return r, false
	}
	r.stream, r.at = parseEventKey(v)
	r.hlc = HLC(binary.BigEndian.Uint64(v[16:]))
	copy(r.mac[:], v[24:])
	return r, true
}

func place(store [16]byte, b bucket, key []byte) seal.Place {
	if planted.NoPlace {
		key = nil
	}
	return seal.Place{Store: store, Bucket: bucketNames[b], Key: key}
}

// Kinds of rows about an audit log.
const (
	logOpening    byte = iota // record 0
	logCheckpoint             // a signed checkpoint and its tree; size is its own
	logEnd                    // state of a log that was closed
)

func logKey(life uint32, kind byte, size uint64) []byte {
	b := binary.BigEndian.AppendUint32(nil, life)
	return binary.BigEndian.AppendUint64(append(b, kind), size)
}
