package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"clinicgate/storage/auditlog"
	"clinicgate/storage/seal"
)

// writer is the one goroutine that changes the file. All of its state is its
// own; what others may see it publishes to the Store after a commit.
type writer struct {
	s       *Store
	file    *file
	side    *sideFile
	mac     *macs
	head    head
	streams []*stream // by number, from 1
	byID    map[streamID]*stream

	// One transaction:
	bolt  *bolt.Tx
	open  [buckets]*bolt.Bucket
	tx    Tx
	must  bool  // commit also without rows
	rows  []row // all that was written, to write it again after a fence
	dirty map[uint32]struct{}
	arena []byte // holds keys and values until the commit
	body  []byte
	plain []byte
}

// request is a unit of work: its changes are kept or dropped as one.
type request struct {
	events   []Event
	fn       func(*Tx) error
	receipts []Receipt
	err      error
	panicked any
	state    atomic.Int32
	done     chan struct{}
}

const (
	waiting = iota
	taken
	withdrawn
)

// do hands a request to the writer and waits for its commit.
func (s *Store) do(ctx context.Context, r *request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.done = make(chan struct{})
	select {
	case s.requests <- r:
	default:
		select {
		case s.requests <- r:
		case <-ctx.Done():
			return fmt.Errorf("%w: too many requests are waiting: %w", ErrFull, ctx.Err())
		case <-s.closing:
			return ErrClosed
		}
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		if r.state.CompareAndSwap(waiting, withdrawn) {
			return ctx.Err()
		}
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, ctx.Err())
	case <-s.ended:
		select {
		case <-r.done:
		default:
			return ErrClosed // the writer never took it
		}
	}
	if r.panicked != nil {
		panic(r.panicked)
	}
	return r.err
}

// run serves requests until the store is closed. It is locked to its thread so
// that a fault injected into the n-th system call of a thread hits the same
// call in each run.
func (w *writer) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(w.s.ended)
	group := make([]*request, 0, maxGroup)
	for {
		select {
		case r := <-w.s.requests:
			group = w.collect(append(group[:0], r))
			w.commit(group)
			clear(group)
		case <-w.s.closing:
			w.finish()
			return
		}
	}
}

// collect takes whatever else is waiting.
func (w *writer) collect(group []*request) []*request {
	bytes := 0
	for len(group) < maxGroup && bytes < maxGroupBytes {
		select {
		case r := <-w.s.requests:
			for i := range r.events {
				bytes += len(r.events[i].Body)
			}
			group = append(group, r)
		default:
			return group
		}
	}
	return group
}

// commit runs the requests in one transaction and answers them.
func (w *writer) commit(group []*request) {
	defer func() {
		for _, r := range group {
			if r.done != nil {
				close(r.done)
			}
		}
	}()
	n := 0
	for _, r := range group {
		if r.state.CompareAndSwap(waiting, taken) {
			group[n] = r
			n++
		}
	}
	group = group[:n]
	if n == 0 {
		return
	}
	fail := func(err error) {
		for _, r := range group {
			if r.err == nil {
				r.receipts, r.err = nil, err
			}
		}
	}
	if err := w.start(); err != nil {
		fail(err)
		return
	}
	news := false
	for _, r := range group {
		changed, err := w.serve(r)
		if err != nil {
			w.reload()
			fail(err)
			return
		}
		news = news || changed
	}
	if len(w.rows) == 0 && !w.must {
		w.abandon()
		return
	}
	if err := w.seal(); err != nil {
		w.reload()
		fail(err)
		return
	}
	if err := w.save(); err != nil {
		fail(fmt.Errorf("%w: %w", ErrOutcomeUnknown, err))
		return
	}
	w.publish(news)
}

// start begins a transaction.
func (w *writer) start() error {
	if w.file == nil {
		return ErrFenced
	}
	tx, err := w.file.db.Begin(true)
	if err != nil {
		return fmt.Errorf("cannot begin transaction: %w", err)
	}
	w.bolt, w.open = tx, [buckets]*bolt.Bucket{}
	w.rows, w.arena = w.rows[:0], w.arena[:0]
	clear(w.dirty)
	w.must = false
	return nil
}

// abandon drops a transaction that changed nothing.
func (w *writer) abandon() {
	_ = w.bolt.Rollback()
	w.bolt = nil
}

// reload drops a transaction and goes back to what the file says.
func (w *writer) reload() {
	w.abandon()
	state, err := w.s.load(w.file)
	if err != nil {
		w.file.close()
		w.file = nil
		return
	}
	w.head, w.streams, w.byID = state.head, state.streams, state.byID
}

// serve runs one request. The error means that the whole transaction is lost;
// the request's own error is in it.
func (w *writer) serve(r *request) (news bool, err error) {
	tx := w.begin()
	r.err = func() (err error) {
		defer func() {
			if p := recover(); p != nil {
				r.panicked, err = p, errPanicked
			}
		}()
		if r.fn != nil {
			return r.fn(tx)
		}
		r.receipts = make([]Receipt, 0, len(r.events))
		for i := range r.events {
			receipt, err := tx.append(&r.events[i])
			if err != nil {
				return err
			}
			r.receipts = append(r.receipts, receipt)
		}
		return nil
	}()
	if r.err != nil {
		r.receipts = nil
		if err := tx.rollback(); err != nil {
			return false, fmt.Errorf("cannot take back a request: %w", err)
		}
	}
	news = tx.news && r.err == nil
	*tx = Tx{touched: tx.touched, undo: tx.undo}
	return news, nil
}

// seal writes the rows that stand for the group as a whole.
func (w *writer) seal() error {
	a, err := w.s.o.Keys.Active(ClassStore)
	if err != nil {
		return fmt.Errorf("cannot get key of the store: %w", err)
	}
	for num := range w.dirty {
		s := w.streams[num-1]
		key := hotKey(num)
		if err := w.write(row{bHead, key, seal.Seal(nil, a, s.appendHot(nil), place(w.head.store, bHead, key))}); err != nil {
			return err
		}
	}
	w.head.commit++
	w.head.clean = false
	return w.write(row{bHead, headKey, sealHead(nil, &w.head, a)})
}

func (w *writer) write(r row) error {
	if err := w.apply(r); err != nil {
		return fmt.Errorf("cannot write to bucket %s: %w", bucketNames[r.bucket], err)
	}
	w.rows = append(w.rows, r)
	return nil
}

// save makes the transaction durable.
func (w *writer) save() (err error) {
	defer func() {
		// bbolt panics where it meets a page that cannot be.
		if p := recover(); p != nil {
			err = fmt.Errorf("commit panicked: %v", p)
		}
	}()
	return w.bolt.Commit()
}

// publish lets others see the commit.
func (w *writer) publish(news bool) {
	s := w.s
	s.mu.Lock()
	for num := range w.dirty {
		st := w.streams[num-1]
		s.total.sub(s.streams[num].counts)
		s.total.add(st.counts)
		s.streams[num] = *st
		s.byName[st.id] = num
	}
	s.head = w.head
	s.mu.Unlock()
	if news {
		select {
		case s.changed <- struct{}{}:
		default:
		}
	}
	if err := w.side.write(w.head.side()); err != nil {
		s.o.Logger.Warn("cannot write head file", "err", err)
	}
}

// finish ends the file cleanly.
func (w *writer) finish() {
	w.side.close()
	w.file.close()
	// Whoever is still waiting gets ErrClosed from do.
}

// alloc gives room for n bytes that live until the commit.
func (w *writer) alloc(n int) []byte {
	if cap(w.arena)-len(w.arena) < n {
		// The old one lives on in the rows that point into it.
		w.arena = make([]byte, 0, max(256<<10, n))
	}
	b := w.arena[len(w.arena) : len(w.arena) : len(w.arena)+n]
	w.arena = w.arena[:len(w.arena)+n]
	return b
}

// admit checks an event for what needs no transaction.
func (s *Store) admit(e *Event) (*Kind, error) {
	k := s.kinds[e.Kind]
	switch {
	case k == nil:
		return nil, fmt.Errorf("kind %q is not known", e.Kind)
	case e.ID == uuid.Nil:
		return nil, errors.New("event has no id")
	case e.Channel == "" || len(e.Channel) > maxChannel:
		return nil, fmt.Errorf("channel %q: want 1 to %d bytes", e.Channel, maxChannel)
	case e.Origin != nil && (e.Origin.Kiosk == "" || len(e.Origin.Kiosk) > maxChannel || e.Origin.Kiosk == s.o.Kiosk):
		return nil, fmt.Errorf("origin %q is not another kiosk", e.Origin.Kiosk)
	case e.Origin != nil && (e.Origin.Seq == 0 || e.Origin.Mono < 0):
		return nil, errors.New("origin has no place in its stream")
	case e.Origin != nil && len(e.Body) > maxForeign:
		return nil, fmt.Errorf("%w: %d bytes from another kiosk", ErrTooLarge, len(e.Body))
	case e.Origin == nil && len(e.Body)+gwReserve > s.o.MaxPublished:
		return nil, fmt.Errorf("%w: %d bytes of kind %q", ErrTooLarge, len(e.Body), e.Kind)
	}
	return k, nil
}

// sideFile is the head file, which may be missing on a disk that refuses it.
type sideFile struct {
	f *os.File
	h *auditlog.HeadFile
}

func (s *sideFile) write(h auditlog.Head) error { return s.h.Write(h) }

func (s *sideFile) close() { _ = s.f.Close() }

const (
	maxClockLead = 5 * time.Minute
	maxStreams   = 1 << 16
)
