package storage

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"clinicgate/storage/internal/planted"
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
	bolt   *bolt.Tx
	open   [buckets]*bolt.Bucket
	tx     Tx
	work   []*request
	rows   []row               // all that was written, to write it again after a fence
	dirty  map[uint32]struct{} // streams whose state is to be written
	must   bool                // commit also without rows
	arena  []byte              // holds keys and values until the commit
	staged int64               // bytes given out of it
	body   []byte
	plain  []byte

	group int    // requests in the last commit
	high  int64  // bytes of the file that bbolt has ever used
	used  int64  // of them in pages that are not free
	delta *delta // while a compaction copies

	lost      bool      // the file cannot be opened: see comeBack
	doubted   time.Time // when a reader last made us look
	extending bool      // failing: see complain
	siding    bool      // likewise
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
	if s.fenced.Load() {
		return ErrFenced
	}
	began := time.Now()
	r.done = make(chan struct{})
	select {
	case s.requests <- r:
	default:
		select {
		case s.requests <- r:
		case <-ctx.Done():
			return fmt.Errorf("%w: too many requests are waiting: %w", ErrFull, ctx.Err())
		case <-s.ctx.Done():
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
	if s.o.OnDone != nil && r.err == nil {
		s.o.OnDone(time.Since(began))
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
	// A page that cannot be read, or lies past the end of a file that was cut,
	// faults: that is damage, not the end of the process.
	debug.SetPanicOnFault(true)
	group := make([]*request, 0, maxGroup)
	for {
		select {
		case <-w.s.ctx.Done():
			w.finish()
			return
		case r := <-w.s.requests:
			group = w.collect(append(group[:0], r))
			w.commit(group)
			clear(group)
			w.extend()
		case fn := <-w.s.control:
			fn(w)
		case err := <-w.s.suspect:
			// What a check does not find, another one a moment later does not
			// find either.
			if time.Since(w.doubted) >= doubtEvery {
				w.fence(err, false)
				w.doubted = time.Now()
			}
		}
		if w.lost {
			w.comeBack()
		}
	}
}

// extend keeps written blocks ahead of the next commits. It is done while nobody
// waits for its answer.
func (w *writer) extend() {
	if w.file == nil {
		return
	}
	w.complain(&w.extending, "cannot extend store file", w.file.extend(w.high, w.s.o.Budget))
}

// complain logs an error of something that is tried with each commit, once until
// it works again.
func (w *writer) complain(failing *bool, what string, err error) {
	if err != nil && !*failing {
		w.s.o.Logger.Warn(what, "err", err)
	}
	*failing = err != nil
}

// collect takes whatever else is waiting. Producers that were answered together
// come back together, a moment after the first of them: a commit for that one
// alone would make all the others wait for two. So after a group it gives the
// others a moment that is short against a commit. Nobody waits for company who
// had none.
func (w *writer) collect(group []*request) []*request {
	const moment, looks = 300 * time.Microsecond, 1000 // looks, where a test's clock stands still
	bytes, looked, began := 0, 0, time.Time{}
	for len(group) < maxGroup && bytes < maxGroupBytes {
		select {
		case r := <-w.s.requests:
			for i := range r.events {
				bytes += len(r.events[i].Body)
			}
			group = append(group, r)
		default:
			if looked == 0 {
				began = time.Now()
			}
			if len(group) >= w.group || looked >= looks || time.Since(began) > moment {
				w.group = len(group)
				return group
			}
			looked++
			runtime.Gosched()
		}
	}
	w.group = len(group)
	return group
}

// commit runs the requests in one transaction and answers them.
func (w *writer) commit(group []*request) {
	defer func() {
		for _, r := range group {
			close(r.done)
		}
	}()
	work := w.work[:0]
	for _, r := range group {
		if r.state.CompareAndSwap(waiting, taken) {
			work = append(work, r)
		}
	}
	w.work = work
	defer clear(work)
	if len(work) == 0 {
		return
	}
	news, err := w.gather(work)
	switch {
	case err == nil && len(w.rows) == 0 && !w.must:
		w.abandon() // nothing but reading, and duplicates
		return
	case err == nil:
		if planted.AckBeforeCommit {
			for _, r := range group {
				close(r.done)
			}
			group = nil
		}
		if planted.HeadBeforeCommit {
			_ = w.side.write(w.head.side())
		}
		if err = w.save(); err == nil || planted.RetryOnHandle && w.again() == nil {
			w.publish(news)
			return
		}
		if planted.ErrorIsFailure {
			err = w.reload(err)
			break
		}
		if w.fence(err, true) {
			w.publish(news)
			return
		}
		err = fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	case errors.Is(err, errDamage):
		w.fence(err, false)
		err = fmt.Errorf("%w: %w", ErrFenced, err)
	}
	for _, r := range work {
		if r.err == nil {
			r.receipts, r.err = nil, err
		}
	}
}

// gather runs the requests and writes the rows that stand for all of them. After
// an error the state is that of the file again, if the file can be read.
func (w *writer) gather(work []*request) (news bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			d, ok := p.(damage)
			if !ok {
				panic(p)
			}
			err = fmt.Errorf("%w: %v", errDamage, d.cause)
		}
		if err != nil && !errors.Is(err, errDamage) {
			err = w.reload(err)
		}
	}()
	if err := w.start(); err != nil {
		return false, err
	}
	for _, r := range work {
		changed, err := w.serve(r)
		if err != nil {
			return false, err
		}
		news = news || changed
	}
	if len(w.rows) > 0 || w.must {
		return news, w.seal()
	}
	return false, nil
}

// commitNow runs fn alone in a transaction and makes it durable, for the
// openings of the file.
func (w *writer) commitNow(fn func(tx *Tx) error) error {
	r := &request{fn: fn}
	if err := w.start(); err != nil {
		return err
	}
	if _, err := w.serve(r); err != nil || r.err != nil {
		w.abandon()
		return errors.Join(err, r.err)
	}
	if err := w.seal(); err != nil {
		w.abandon()
		return err
	}
	return w.save()
}

// start begins a transaction with nothing in it.
func (w *writer) start() error {
	w.rows, w.arena = w.rows[:0], w.arena[:0]
	clear(w.dirty)
	w.must, w.staged = false, 0
	return w.beginBolt()
}

func (w *writer) beginBolt() error {
	if w.file == nil {
		return ErrFenced
	}
	tx, err := w.file.db.Begin(true)
	if err != nil {
		return fmt.Errorf("cannot begin transaction: %w", err)
	}
	w.bolt, w.open = tx, [buckets]*bolt.Bucket{}
	w.high = tx.Size()
	return nil
}

// abandon drops a transaction.
func (w *writer) abandon() {
	if w.bolt != nil {
		_ = w.bolt.Rollback()
		w.bolt = nil
	}
}

// reload drops a transaction and goes back to the state of the file.
func (w *writer) reload(cause error) error {
	w.abandon()
	if w.file == nil {
		return cause
	}
	fresh, err := w.s.load(w.file)
	if err != nil {
		return fmt.Errorf("%w: %w, after: %w", errDamage, err, cause)
	}
	w.adopt(fresh)
	return cause
}

// serve runs one request. The error means that the whole transaction is lost;
// the request's own error is in it.
func (w *writer) serve(r *request) (news bool, err error) {
	tx := w.begin()
	r.err = func() (err error) {
		defer func() {
			if p := recover(); p != nil {
				if _, ok := p.(damage); ok {
					panic(p) // the file's fault, not the request's
				}
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
	w.head.commit++
	for num := range w.dirty {
		key := hotKey(num)
		w.body = w.streams[num-1].appendHot(w.body[:0])
		if _, err := w.write(row{bHead, key, sealRow(nil, a, w.head.store, bHead, key, w.head.commit, w.body)}); err != nil {
			return err
		}
	}
	w.head.clean = false
	_, err = w.write(row{bHead, headKey, sealHead(nil, &w.head, a)})
	return err
}

// write puts a row into the transaction, and gives what was there.
func (w *writer) write(r row) (old []byte, err error) {
	old = w.get(r.bucket, r.key)
	if err := w.apply(r); err != nil {
		return nil, fmt.Errorf("cannot write to bucket %s: %w", bucketNames[r.bucket], err)
	}
	if r.bucket.inSum(r.key) {
		sum := &w.head.sums[r.bucket]
		sum.toggle(old)
		sum.toggle(r.value)
	}
	w.rows = append(w.rows, r)
	return old, nil
}

// save makes the transaction durable.
func (w *writer) save() (err error) {
	tx := w.bolt
	w.bolt = nil
	if planted.OneSync {
		w.file.db.NoSync = true
		defer func() { err = errors.Join(err, w.file.f.Sync()) }()
	}
	defer func() {
		// bbolt panics where it meets a page that cannot be.
		if p := recover(); p != nil {
			err = fmt.Errorf("commit panicked: %v", p)
			defer func() { _ = recover() }()
			_ = tx.Rollback()
		}
	}()
	return w.s.o.commit(tx)
}

// publish lets others see the commit.
func (w *writer) publish(news bool) {
	s := w.s
	w.measure()
	s.mu.Lock()
	s.used, s.length = w.used, max(w.file.size, w.high)
	mark := s.mark()
	for num := range w.dirty {
		st := w.streams[num-1]
		s.total.sub(s.streams[num].counts)
		s.total.add(st.counts)
		s.streams[num] = *st
		s.byName[st.id] = num
	}
	s.head = w.head
	if news {
		for c := range s.followers {
			poke(c)
		}
	}
	s.mu.Unlock()
	w.delta.add(w.rows)
	if news {
		poke(s.changed)
	}
	if mark >= MarkTelemetry {
		poke(s.pressed)
	}
	w.complain(&w.siding, "cannot write head file", w.side.write(w.head.side()))
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// publishAll lets others see the state that an opening found.
func (w *writer) publishAll() {
	s := w.s
	s.mu.Lock()
	s.file = w.file
	clear(s.streams)
	clear(s.byName)
	s.total = Counts{}
	s.mu.Unlock()
	for _, st := range w.streams {
		w.dirty[st.num] = struct{}{}
	}
	w.publish(true)
}

// finish ends the file cleanly. Whoever is still waiting gets ErrClosed from do.
func (w *writer) finish() {
	if w.file != nil {
		w.file.db.NoFreelistSync = false
		if err := w.commitClean(); err != nil {
			w.s.o.Logger.Warn("cannot end store cleanly", "err", err)
		}
		w.s.mu.Lock()
		w.s.file = nil
		w.s.mu.Unlock()
		w.file.close()
		w.file.release()
	}
	if k, ok := w.s.o.Keys.(keeper); ok {
		if err := k.SaveUses(); err != nil {
			w.s.o.Logger.Warn("cannot save how often keys were used", "err", err)
		}
	}
	w.side.close()
	_ = w.s.lock.Close()
}

// commitClean writes the head once more, marked as closed, and the freelist.
func (w *writer) commitClean() error {
	if err := w.start(); err != nil {
		return err
	}
	a, err := w.s.o.Keys.Active(ClassStore)
	if err != nil {
		w.abandon()
		return err
	}
	w.head.commit++
	w.head.clean = true
	if _, err := w.write(row{bHead, headKey, sealHead(nil, &w.head, a)}); err != nil {
		w.abandon()
		return err
	}
	if err := w.save(); err != nil {
		return err
	}
	return w.side.write(w.head.side())
}

// alloc gives room for n bytes that live until the commit.
func (w *writer) alloc(n int) []byte {
	if cap(w.arena)-len(w.arena) < n {
		// The old one lives on in the rows that point into it.
		w.arena = make([]byte, 0, max(256<<10, n))
	}
	w.staged += int64(n)
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

const (
	maxClockLead = 5 * time.Minute
	maxStreams   = 1 << 16
	doubtEvery   = time.Minute
)
