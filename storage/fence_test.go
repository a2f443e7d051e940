package storage_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"clinicgate/storage"
)

// faultyCommit fails chosen commits: before they do anything, or after they did
// all and only say that they failed.
type faultyCommit struct {
	n      atomic.Int64
	before func(n int64) bool
	after  func(n int64) bool
}

var errDisk = errors.New("input/output error")

func (f *faultyCommit) commit(tx *bolt.Tx) error {
	n := f.n.Add(1)
	if f.before != nil && f.before(n) {
		_ = tx.Rollback()
		return errDisk
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	if f.after != nil && f.after(n) {
		return errDisk
	}
	return nil
}

// TestFenceKeepsEveryAcknowledgedEvent fails each commit in turn, in both ways,
// once and for a while.
func TestFenceKeepsEveryAcknowledgedEvent(t *testing.T) {
	const events = 12
	for _, after := range []bool{false, true} {
		for _, lasting := range []int64{1, 2, 4} {
			for at := int64(1); at <= events+1; at++ {
				synctest.Test(t, func(t *testing.T) {
					ctx := context.Background()
					dir := t.TempDir()
					var armed atomic.Bool
					hit := func(n int64) bool { return armed.Load() && n >= at && n < at+lasting }
					f := &faultyCommit{before: hit}
					if after {
						f = &faultyCommit{after: hit}
					}
					s := open(t, options(dir).WithCommit(f.commit))
					f.n.Store(0)
					armed.Store(true)
					var acked []storage.Event
					var unknown int
					for i := range events {
						e := event("queue.er", "queue/PATIENT_ADDED", "{}")
						for {
							_, err := s.Append(ctx, e)
							if err == nil {
								acked = append(acked, e)
								break
							}
							if errors.Is(err, storage.ErrOutcomeUnknown) {
								unknown++
							} else if !errors.Is(err, storage.ErrFenced) {
								t.Fatalf("event %d: %v", i, err)
							}
							time.Sleep(500 * time.Millisecond)
						}
					}
					if lasting == 1 && unknown != 0 {
						t.Errorf("one failed commit left %d outcomes unknown", unknown)
					}
					if lasting > 1 && at <= events && unknown == 0 && s.Status().Fences == 0 {
						t.Error("no fault was met")
					}
					if err := s.Close(ctx); err != nil {
						t.Fatal(err)
					}
					armed.Store(false)
					s = open(t, options(dir))
					records, err := s.Outbox(ctx, "queue.er", 100, 0)
					if err != nil || len(records) != len(acked) {
						t.Fatalf("%d records, %v; want %d", len(records), err, len(acked))
					}
					for i, r := range records {
						if r.ID != acked[i].ID || r.Seq != uint64(i)+1 {
							t.Fatalf("record %d is %s, sequence %d", i, r.ID, r.Seq)
						}
					}
					if st := s.Status(); !st.Balanced() || st.Queued != events {
						t.Fatalf("Status = %+v", st)
					}
					if err := s.Close(ctx); err != nil {
						t.Fatal(err)
					}
				})
			}
		}
	}
}

// TestFenceRunsAFunctionOnce: an update whose commit failed is written again as
// rows; its function does not see what it did itself.
func TestFenceRunsAFunctionOnce(t *testing.T) {
	ctx := context.Background()
	for _, after := range []bool{false, true} {
		var armed atomic.Bool
		hit := func(int64) bool { return armed.Swap(false) }
		f := &faultyCommit{before: hit}
		if after {
			f = &faultyCommit{after: hit}
		}
		s := open(t, options(t.TempDir()).WithCommit(f.commit))
		count := func(tx *storage.Tx) error {
			v, err := tx.Get("counter", []byte("n"))
			if err != nil {
				return err
			}
			return tx.Put("counter", []byte("n"), append(v, 'x'))
		}
		for i := range 5 {
			armed.Store(i%2 == 1)
			if err := s.Update(ctx, count); err != nil {
				t.Fatal(err)
			}
		}
		err := s.View(ctx, func(r *storage.Reader) error {
			v, err := r.Get("counter", []byte("n"))
			if string(v) != "xxxxx" {
				t.Errorf("counted %q", v)
			}
			return err
		})
		if err != nil || s.Status().Fences != 2 {
			t.Fatalf("%v, %+v", err, s.Status())
		}
	}
}

// TestFenceEndsReaders: a reader is told to end, and one that does not listen
// does not stop the store from coming back.
func TestFenceEndsReaders(t *testing.T) {
	ctx := context.Background()
	var armed atomic.Bool
	f := &faultyCommit{before: func(int64) bool { return armed.Swap(false) }}
	s := open(t, options(t.TempDir()).WithCommit(f.commit))
	if err := s.Update(ctx, func(tx *storage.Tx) error { return tx.Put("v", []byte("k"), []byte("1")) }); err != nil {
		t.Fatal(err)
	}
	inside, done := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		err := s.View(ctx, func(r *storage.Reader) error {
			close(inside)
			<-done
			_, err := r.Get("v", []byte("k"))
			return err
		})
		if err == nil {
			t.Error("a reader outlived its file")
		}
	})
	<-inside
	armed.Store(true)
	if _, err := s.Append(ctx, event("queue.er", "queue/PATIENT_ADDED", "{}")); err != nil {
		t.Fatal(err)
	}
	close(done)
	wg.Wait()
	if st := s.Status(); st.Fenced || st.Fences != 1 || st.Queued != 1 {
		t.Fatalf("Status = %+v", st)
	}
}

func TestAppendGivesUpWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	hold, held := make(chan struct{}), make(chan struct{})
	var once sync.Once
	f := &faultyCommit{}
	var armed atomic.Bool
	f.before = func(int64) bool {
		if armed.Load() {
			once.Do(func() { close(held); <-hold })
		}
		return false
	}
	s := open(t, options(t.TempDir()).WithCommit(f.commit))
	armed.Store(true)
	e, waiting := event("queue.er", "queue/PATIENT_ADDED", "{}"), event("queue.er", "queue/PATIENT_ADDED", "{}")
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := s.Append(ctx, e); !errors.Is(err, storage.ErrOutcomeUnknown) {
			t.Errorf("Append in the middle of its commit = %v", err)
		}
	})
	<-held
	wg.Go(func() {
		if _, err := s.Append(ctx, waiting); !errors.Is(err, context.Canceled) || errors.Is(err, storage.ErrOutcomeUnknown) {
			t.Errorf("Append that was never taken = %v", err)
		}
	})
	time.Sleep(10 * time.Millisecond) // let it queue; either way the answer is the same
	cancel()
	wg.Wait()
	close(hold)
	r, err := s.Append(context.Background(), e)
	if err != nil || !r[0].Duplicate {
		t.Fatalf("Append again = %+v, %v", r, err)
	}
	if n := s.Status().Queued; n != 1 {
		t.Fatalf("%d events are queued, want 1: a withdrawn request was served", n)
	}
}
