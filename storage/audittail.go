package storage

import (
	"bytes"
	"context"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"clinicgate/storage/auditlog"
)

const (
	// tailRecords is how many of the newest records VerifyAuditTail looks at, at
	// least: it begins at the newest kept checkpoint that far back.
	tailRecords = 1000
	// tailReach is how many older records in a row end the way back through a
	// stream. Events of other kiosks may have come late, and lie in front of some
	// that came before them.
	tailReach = 512
)

// VerifyAuditTail verifies the newest part of the running store's audit log: from a
// checkpoint some 1000 records back, with every checkpoint since, to the head. It
// takes a fraction of a second however long the log is.
func (s *Store) VerifyAuditTail(ctx context.Context) (report auditlog.Report, err error) {
	err = s.view(ctx, func(r *Reader) error {
		a := auditor{ctx: r.ctx, src: boltRows{r.bolt}, o: AuditOptions{Kiosk: s.o.Kiosk, Keys: s.o.Keys, Public: s.o.Keys.OwnPublicKeys()}}
		report, err = a.tail(r.bolt)
		return err
	})
	if err != nil {
		return report, fmt.Errorf("cannot verify audit log: %w", err)
	}
	return report, nil
}

func (a *auditor) tail(tx *bolt.Tx) (report auditlog.Report, err error) {
	defer guard()
	if a.head, err = openHead(a.src.get(bHead, headKey), a.o.Keys); err != nil {
		return report, err
	}
	life := a.head.life
	l := &auditedLog{}
	a.logs = map[uint32]*auditedLog{life: l}
	c := tx.Bucket([]byte(bucketNames[bLogs])).Cursor()
	prefix := tileKey(life, 0)[:4]
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		a.logRow(k, v)
	}
	end := a.head.side()
	l.end = &end
	var start uint64
	for _, cp := range l.checkpoints {
		if size := cp.Tree.Size(); size+tailRecords <= end.Size {
			start = max(start, size)
		}
	}
	kept := l.checkpoints[:0]
	for _, cp := range l.checkpoints {
		if cp.Tree.Size() >= start {
			kept = append(kept, cp)
		}
	}
	l.checkpoints = kept
	if start > 0 {
		l.opening = nil
	}
	a.start = start
	c = tx.Bucket([]byte(bucketNames[bLeaves])).Cursor()
	for k, v := c.Seek(tileKey(life, start)); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		a.tileRow(k, v)
	}
	streams := tx.Bucket([]byte(bucketNames[bStreams])).Cursor()
	for s, _ := streams.First(); s != nil; s, _ = streams.Next() {
		if err := a.ctx.Err(); err != nil {
			return report, err
		}
		a.lastOf(tx, s, start)
	}
	places := l.places[:0]
	for _, p := range l.places {
		if p.pos >= start {
			places = append(places, p)
		}
	}
	l.places = places
	return a.verify(life, nil)
}

// lastOf finds the records of a stream that lie at start or behind it.
func (a *auditor) lastOf(tx *bolt.Tx, stream []byte, start uint64) {
	l := a.log(a.head.life)
	c := tx.Bucket([]byte(bucketNames[bEvents])).Cursor()
	k, v := c.Seek(append(bytes.Clone(stream), bytes.Repeat([]byte{0xff}, eventKeySize-len(stream))...))
	if k == nil {
		k, v = c.Last()
	} else {
		k, v = c.Prev()
	}
	for older := 0; bytes.HasPrefix(k, stream) && older < tailReach; k, v = c.Prev() {
		r, _, err := openEvent(a.o.Keys, a.head.store, k, v)
		switch {
		case err != nil: // its place in the log stays empty, and is named
		case r.Log == a.head.life && r.Pos >= start:
			l.places = append(l.places, leafPlace{pos: r.Pos, key: [eventKeySize]byte(k)})
			older = 0
		default:
			older++
		}
	}
}
