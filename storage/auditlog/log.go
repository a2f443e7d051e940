package auditlog

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	recordVersion = 1

	// FrameSize is what a record is longer than its body, in bytes.
	FrameSize = 1 + 8 + tlog.HashSize
)

// ErrRecord means that bytes are not a record of this package.
var ErrRecord = errors.New("not an audit record")

// Record is one leaf: a body at its place in the log.
//
//	version(1) | index(8) | previous leaf hash(32) | body
//
// The index tells a deleted record from an edited one; the previous leaf hash
// vouches for the record before, also where that one's body is gone.
type Record struct {
	Index uint64
	Prev  Hash // Genesis of the origin for record 0
	Body  []byte
}

// AppendRecord appends the canonical bytes of r, which LeafHash hashes.
func AppendRecord(dst []byte, r Record) []byte {
	dst = append(dst, recordVersion)
	dst = binary.BigEndian.AppendUint64(dst, r.Index)
	dst = append(dst, r.Prev[:]...)
	return append(dst, r.Body...)
}

// ParseRecord reads a record. Body is a part of b, not a copy.
func ParseRecord(b []byte) (Record, error) {
	if len(b) < FrameSize || b[0] != recordVersion {
		return Record{}, ErrRecord
	}
	return Record{
		Index: binary.BigEndian.Uint64(b[1:]),
		Prev:  Hash(b[9:FrameSize]),
		Body:  b[FrameSize:],
	}, nil
}

// Genesis is what record 0 of a log carries as its previous leaf hash:
// SHA-256("clinicgate/audit/genesis/1\n" | origin). It ties the chain to its
// log.
func Genesis(origin string) Hash {
	h := sha256.New()
	_, _ = io.WriteString(h, "clinicgate/audit/genesis/1\n"+origin)
	return Hash(h.Sum(nil))
}

// Log is the writing end of one log: its origin, the right edge of its tree and
// its last leaf. Like Tree it is a value: change a copy inside a transaction,
// store AppendBinary of it in the same transaction, and keep the copy once the
// commit is durable.
type Log struct {
	origin string
	tree   Tree
	last   Hash
}

// New begins a log with its opening record, which it returns appended to dst.
func New(dst []byte, o Opening) (Log, []byte, error) {
	if err := checkOrigin(o.Origin); err != nil {
		return Log{}, nil, err
	}
	body, err := o.body()
	if err != nil {
		return Log{}, nil, err
	}
	l := Log{origin: o.Origin, last: Genesis(o.Origin)}
	return l, l.Append(dst, body), nil
}

// Append adds a body and returns its record, appended to dst.
func (l *Log) Append(dst, body []byte) []byte {
	start := len(dst)
	dst = AppendRecord(dst, Record{Index: l.tree.size, Prev: l.last, Body: body})
	l.last = LeafHash(dst[start:])
	l.tree.Append(l.last)
	return dst
}

// Origin names the log in checkpoints.
func (l *Log) Origin() string { return l.origin }

// Size is the number of records, the opening included.
func (l *Log) Size() uint64 { return l.tree.size }

// Last is the leaf hash of the newest record.
func (l *Log) Last() Hash { return l.last }

// Tree is the right edge, to be kept beside a checkpoint (see SignedTree).
func (l *Log) Tree() Tree { return l.tree }

// Checkpoint describes the log as it is now.
func (l *Log) Checkpoint() Checkpoint {
	return Checkpoint{Origin: l.origin, Size: l.tree.size, Root: l.tree.Root()}
}

const (
	logVersion = 1

	// MaxLogBytes bounds what AppendBinary of a Log adds; a log of a million
	// records takes at most 0.8 KB.
	MaxLogBytes = 2 + maxOrigin + tlog.HashSize + MaxTreeBytes
)

var errLog = errors.New("log state is damaged")

// AppendBinary appends version(1) | len(origin)(1) | origin | last leaf(32) | tree.
func (l *Log) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, logVersion, byte(len(l.origin)))
	b = append(b, l.origin...)
	b = append(b, l.last[:]...)
	return l.tree.AppendBinary(b)
}

// MarshalBinary is AppendBinary to a new slice.
func (l *Log) MarshalBinary() ([]byte, error) { return l.AppendBinary(nil) }

// UnmarshalBinary reads the form of AppendBinary.
func (l *Log) UnmarshalBinary(b []byte) error {
	if len(b) < 2 || b[0] != logVersion {
		return errLog
	}
	n := int(b[1])
	if len(b) < 2+n+tlog.HashSize {
		return errLog
	}
	origin := string(b[2 : 2+n])
	if err := checkOrigin(origin); err != nil {
		return errLog
	}
	var t Tree
	if err := t.UnmarshalBinary(b[2+n+tlog.HashSize:]); err != nil || t.size == 0 {
		return errLog
	}
	*l = Log{origin: origin, tree: t, last: Hash(b[2+n : 2+n+tlog.HashSize])}
	return nil
}
