package storage

import (
	"errors"
	"time"

	"clinicgate/storage/internal/planted"
)

// A commit that failed may or may not be on disk, and what the file shows may
// be in the page cache only: the kernel marks a page clean after a failed sync.
// So nothing is tried again on the same handle. The store is fenced: requests
// are refused, readers end, the file is closed, checked, and opened anew.
//
//	commit fails ─▶ refuse ─▶ close ─▶ check ─▶ open ─┬─ at the commit before, or at
//	                                                   │  this one: write the group's rows
//	                                                   │  again, commit ─▶ all is known
//	                                                   └─ anything else: the group's
//	                                                      outcome is unknown
//
// The rows of the group are written again whether they are found or not: only
// then have their pages gone to the disk after the failure. They are the same
// bytes in the same places, so it does not matter which of the two it was.

const (
	fenceWait    = time.Second
	fenceMaxWait = time.Minute
)

// fence takes over after a failed commit of the group, or with none after
// damage that a reader met. It returns once the store works again or is closed.
func (w *writer) fence(cause error, redo bool) (saved bool) {
	s := w.s
	s.fenced.Store(true)
	s.mu.Lock()
	s.file = nil
	s.fences++
	s.mu.Unlock()
	s.o.Logger.Error("store is fenced", "err", cause)
	if w.file != nil {
		w.file.close()
		w.file.release()
		w.file = nil
	}
	w.delta = nil
	w.refuse(ErrFenced)
	err := w.reopen(redo)
	if err == nil {
		return redo
	}
	if !errors.Is(err, errOtherState) {
		w.lost = true
		s.o.Logger.Error("cannot open store again", "err", err)
	}
	return false
}

// errOtherState means that the store works again, but not in a state that the
// group can be added to.
var errOtherState = errors.New("store is in another state than before")

// reopen checks and opens the file. With redo it adds the rows of the group that
// failed; otherwise, or where it cannot, it adopts what the file holds.
func (w *writer) reopen(redo bool) error {
	s := w.s
	if err := s.settleStore(s.ctx); err != nil {
		return err
	}
	var opened Opened
	fresh, err := s.openChecked(s.ctx, &opened, w.side)
	if err != nil {
		return err
	}
	f, life := fresh.file, w.head.life
	same := fresh.head.life == w.head.life && opened.Salvaged == nil &&
		(fresh.head.commit == w.head.commit || fresh.head.commit+1 == w.head.commit)
	if redo && same {
		w.file = f
		if planted.TrustPageCache && fresh.head.commit == w.head.commit {
			w.unfence()
			return nil
		}
		if err := w.again(); err != nil {
			w.file = nil
			f.close()
			return err
		}
		w.unfence()
		return nil
	}
	w.adopt(fresh)
	side, err := w.side.h.Read()
	if err == nil {
		w.side.found = &side
	}
	if err := w.first(&opened); err != nil {
		w.file = nil
		f.close()
		return err
	}
	if w.head.life != life && s.o.OnRecovery != nil {
		s.o.OnRecovery(opened)
	}
	w.unfence()
	w.publishAll()
	if redo {
		return errOtherState
	}
	return nil
}

// again writes the rows of the group in a new transaction.
func (w *writer) again() error {
	if err := w.beginBolt(); err != nil {
		return err
	}
	for _, r := range w.rows {
		if err := w.apply(r); err != nil {
			w.abandon()
			return err
		}
	}
	return w.save()
}

// adopt takes over the state that was read from the file.
func (w *writer) adopt(fresh *writer) {
	w.file, w.head, w.streams, w.byID = fresh.file, fresh.head, fresh.streams, fresh.byID
}

func (w *writer) unfence() {
	s := w.s
	s.mu.Lock()
	s.file = w.file
	s.mu.Unlock()
	s.fenced.Store(false)
	w.lost = false
	s.o.Logger.Info("store is open again")
}

// refuse answers whoever is waiting.
func (w *writer) refuse(err error) {
	for {
		select {
		case r := <-w.s.requests:
			if r.state.CompareAndSwap(waiting, taken) {
				r.err = err
			}
			close(r.done)
		default:
			return
		}
	}
}

// comeBack tries to open the store again, with growing pauses, until it works
// or the store is closed.
func (w *writer) comeBack() {
	s := w.s
	for wait := fenceWait; w.lost; wait = min(2*wait, fenceMaxWait) {
		timer := time.NewTimer(wait)
		for waiting := true; waiting; {
			select {
			case r := <-s.requests:
				if r.state.CompareAndSwap(0, taken) {
					r.err = ErrFenced
				}
				close(r.done)
			case fn := <-s.control:
				fn(w)
			case <-timer.C:
				waiting = false
			case <-s.ctx.Done():
				timer.Stop()
				return
			}
		}
		if err := w.reopen(false); err != nil {
			s.o.Logger.Error("cannot open store again", "err", err)
		}
	}
}
