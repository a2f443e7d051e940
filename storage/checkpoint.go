package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"clinicgate/storage/auditlog"
	"clinicgate/storage/seal"
)

// Checkpoints are kept all of the newest, and of older ones the first of a day:
// enough to say where a damaged log still stands.
const (
	keepCheckpoints = 64

	checkpointEvery   = time.Minute
	checkpointRecords = 256
)

var errCheckpoint = errors.New("not a kept checkpoint")

// kept is a checkpoint as the store keeps it:
//
//	time | uvarint length | signed note | right edge of the tree
type kept struct {
	at   time.Time
	note []byte
	tree auditlog.Tree
}

func (k *kept) append(b []byte) []byte {
	b = appendTime(b, k.at)
	b = binary.AppendUvarint(b, uint64(len(k.note)))
	b = append(b, k.note...)
	b, _ = k.tree.AppendBinary(b) // its error is always nil
	return b
}

func parseKept(b []byte) (k kept, err error) {
	d := decoder{b: b}
	k.at = d.time()
	n := d.uint64()
	if n > uint64(len(d.b)) {
		return kept{}, errCheckpoint
	}
	k.note = d.bytes(int(n))
	if d.bad || k.tree.UnmarshalBinary(d.b) != nil {
		return kept{}, errCheckpoint
	}
	return k, nil
}

// Checkpoint signs the audit log as far as it is durable, keeps the note, and
// appends the event that publishes it, if the composition makes one. It returns
// nil if nothing was added since the last checkpoint but that one's own event.
func (s *Store) Checkpoint(ctx context.Context) (note []byte, err error) {
	s.mu.Lock()
	h := s.head
	s.mu.Unlock()
	if h.log.Size() <= h.checkpointed+1 {
		return nil, nil
	}
	key := s.o.Keys.SigningKey()
	if key == nil {
		return nil, errors.New("cannot sign checkpoint: no signing key")
	}
	cp := h.log.Checkpoint()
	if note, err = cp.Sign(key); err != nil {
		return nil, fmt.Errorf("cannot sign checkpoint: %w", err)
	}
	err = s.Update(ctx, func(tx *Tx) error {
		w := tx.w
		if w.head.life != h.life || w.head.checkpointed >= cp.Size {
			note = nil
			return nil
		}
		k := kept{at: tx.now.Wall, note: note, tree: h.log.Tree()}
		if err := tx.putRow(ClassStore, bLogs, logKey(h.life, logCheckpoint, cp.Size), k.append(nil)); err != nil {
			return err
		}
		w.head.checkpointed, w.head.checkpointAt = cp.Size, tx.now.Wall
		if err := tx.thinCheckpoints(h.life); err != nil {
			return err
		}
		if s.o.OnCheckpoint == nil {
			return nil
		}
		e, err := s.o.OnCheckpoint(note)
		if err != nil {
			return fmt.Errorf("cannot make checkpoint event: %w", err)
		}
		_, err = tx.appendOwn(&e)
		return err
	})
	return note, err
}

// thinCheckpoints drops the checkpoint that just became an old one, unless it is
// the first of its day.
func (tx *Tx) thinCheckpoints(life uint32) error {
	prefix := logKey(life, logCheckpoint, 0)[:5]
	var keys [][]byte
	c := tx.w.cursor(bLogs)
	for k, _ := c.seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.next() {
		keys = append(keys, bytes.Clone(k))
	}
	n := len(keys) - keepCheckpoints - 1
	if n < 1 {
		return nil
	}
	days := [2]string{}
	for i, k := range keys[n-1 : n+1] {
		_, plain, err := openRow(tx.w.s.o.Keys, tx.w.head.store, bLogs, k, tx.w.get(bLogs, k))
		if err != nil {
			return nil // the audit will say so
		}
		cp, err := parseKept(plain)
		if err != nil {
			return nil
		}
		days[i] = cp.at.Format(time.DateOnly)
	}
	if days[0] != days[1] {
		return nil
	}
	return tx.put(bLogs, keys[n], nil)
}

// lastNote is the newest checkpoint of a life; nil if there is none.
func lastNote(c guarded, keys seal.Keys, store [16]byte, life uint32) (note []byte) {
	prefix := logKey(life, logCheckpoint, 0)[:5]
	for k, v := c.seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.next() {
		if _, plain, err := openRow(keys, store, bLogs, k, v); err == nil {
			if cp, err := parseKept(plain); err == nil {
				note = bytes.Clone(cp.note)
			}
		}
	}
	return note
}
