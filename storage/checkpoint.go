package storage

import (
	"encoding/binary"
	"errors"

	"clinicgate/storage/auditlog"
)

var errCheckpoint = errors.New("not a kept checkpoint")

// A kept checkpoint is uvarint length | signed note | right edge of the tree.
func appendCheckpoint(b, note []byte, tree *auditlog.Tree) []byte {
	b = binary.AppendUvarint(b, uint64(len(note)))
	b = append(b, note...)
	b, _ = tree.AppendBinary(b) // its error is always nil
	return b
}

func parseCheckpoint(b []byte) (note []byte, tree *auditlog.Tree, err error) {
	d := decoder{b: b}
	n := d.uint64()
	if n > uint64(len(d.b)) {
		return nil, nil, errCheckpoint
	}
	note = d.bytes(int(n))
	tree = new(auditlog.Tree)
	if d.bad || tree.UnmarshalBinary(d.b) != nil {
		return nil, nil, errCheckpoint
	}
	return note, tree, nil
}
