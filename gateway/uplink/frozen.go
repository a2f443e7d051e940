package uplink

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"clinicgate/kiosk/wire"
	"clinicgate/storage"
)

// frozen is a request whose bytes no longer change.
type frozen struct {
	payload   string
	after     storage.Cursor // what it was made to follow, if it was made ahead
	first     storage.Cursor
	to        storage.Cursor
	events    int
	size      int    // bytes of their bodies
	tried     bool   // it may have been accepted: its bytes are sent until an answer comes
	timetoken uint64 // set once accepted; then only the cursor has to move
	refused   string // set once refused for good; then only that has to be recorded
}

// readBytes bounds what one read of the outbox takes into memory. A compressed
// batch seldom takes more.
const readBytes = 128 << 10

// freeze makes the next request of s, or the one that follows another; nil when
// nothing waits there.
func (u *Uplink) freeze(ctx context.Context, s *stream, follows *frozen) (*frozen, error) {
	f := &frozen{}
	most, bytes := wire.MaxBatchEvents, readBytes
	if follows != nil {
		f.after = follows.to
		most, bytes = most+follows.events, bytes+follows.size
	}
	records, err := u.source.Outbox(ctx, s.channel, most, bytes)
	records = behind(records, f.after)
	if err != nil || len(records) == 0 {
		return nil, err
	}
	signer, err := u.cfg.Signer()
	if err != nil {
		return nil, fmt.Errorf("cannot sign: %w", err)
	}
	first := records[0]
	at := storage.Cursor{Inc: first.Inc, Seq: first.Seq}
	f.first, f.to, f.events = at, at, 1
	var text []byte
	if u.batches(s, len(records)) && s.singly.Less(at) {
		text, f.events, err = signer.Batch(records, u.cfg.Batch == BatchGzip)
		f.to.Seq = first.Seq + uint64(f.events) - 1
	}
	if text == nil || errors.Is(err, wire.ErrTooLarge) {
		f.to, f.events = at, 1
		text, err = signer.Message(first)
	}
	if errors.Is(err, wire.ErrTooLarge) {
		f.refused = "larger than may be published"
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot make message: %w", err)
	}
	if f.payload, err = u.cipher.Encrypt(text); err != nil {
		return nil, fmt.Errorf("cannot encrypt: %w", err)
	}
	for _, r := range records[:f.events] {
		f.size += len(r.Body)
	}
	return f, nil
}

// ahead makes the request that follows a batch while the batch is under way, so
// that a backlog waits for the network only. The function gives it, or nil where
// it is to be made in its turn.
func (u *Uplink) ahead(ctx context.Context, s *stream, f *frozen) func() *frozen {
	if f.events == 1 || s.failures > 0 { // a probe is no backlog on its way
		return func() *frozen { return nil }
	}
	made := make(chan *frozen, 1)
	go func() {
		next, err := u.freeze(ctx, s, f)
		if err != nil {
			next = nil // whoever needs it will meet the error
		}
		made <- next
	}()
	return func() *frozen { return <-made }
}

// behind leaves out the records up to a cursor.
func behind(records []storage.Record, after storage.Cursor) []storage.Record {
	i := slices.IndexFunc(records, func(r storage.Record) bool { return after.Less(storage.Cursor{Inc: r.Inc, Seq: r.Seq}) })
	if i < 0 {
		return nil
	}
	return records[i:]
}

func (u *Uplink) batches(s *stream, waiting int) bool {
	if u.cfg.Batch == BatchNever || waiting < 2 {
		return false
	}
	return s.lane == storage.LaneAudit || waiting > u.cfg.BatchAbove
}
