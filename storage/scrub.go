package storage

import (
	"context"
	"encoding/hex"
)

// scrubRows are read in one round. At a round a minute, a million records take
// less than a day.
const scrubRows = 1024

// scrub opens the next records in turn, so that damage is found while other
// copies of them may still exist. A damaged page makes View fence the store; a
// damaged record is logged and counted once a turn.
func (s *Store) scrub(ctx context.Context) error {
	from := s.scrubbed
	if from == nil {
		from = []byte{0}
		s.scrubBad.Store(s.scrubFound)
		s.scrubFound = 0
	}
	var next []byte
	err := s.View(ctx, func(r *Reader) error {
		n := 0
		return r.scan(bEvents, from, nil, func(k, v []byte) (bool, error) {
			if n++; n > scrubRows {
				next = append(next, k...)
				return false, nil
			}
			if _, _, err := openEvent(s.o.Keys, r.id, k, v); err != nil {
				s.scrubFound++
				s.o.Logger.Error("record is unreadable", "key", hex.EncodeToString(k), "err", err)
			}
			return true, nil
		})
	})
	if err == nil {
		s.scrubbed = next
	}
	return err
}
