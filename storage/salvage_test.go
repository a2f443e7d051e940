package storage_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/storage"
	"clinicgate/storage/keyring"
)

// wipe writes zeros over a page in the middle of the records, which takes them
// away and makes the tree unsound.
func wipe(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, "store.db")
	pages, used, err := storage.PageRecords(path, testKeys())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for id := uint64(2); id < used; id++ {
		if len(pages[id]) == 0 {
			continue
		}
		if n++; n == 3 {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt(make([]byte, 4096), int64(id)*4096); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("no page to wipe")
}

// A loss is counted by the salvage that found it, not by each one after it.
func TestLossesAreCountedOnce(t *testing.T) {
	ctx := context.Background()
	dir, c := t.TempDir(), newClock()
	s := open(t, careOptions(dir, c))
	fill(t, s, "queue.er", "queue", 60)
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	total := uint64(0)
	for turn, damage := range []bool{true, false, true} {
		if damage {
			wipe(t, dir)
		} else { // the newest meta page, which no record goes with
			f, err := os.OpenFile(filepath.Join(dir, "store.db"), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt(make([]byte, 2*4096), 0); err != nil {
				t.Fatal(err)
			}
			_ = f.Close()
		}
		s, opened, err := storage.Open(ctx, careOptions(dir, c))
		if err != nil || opened.Salvaged == nil {
			t.Fatalf("turn %d: Open = %+v, %v", turn, opened, err)
		}
		if n := opened.Salvaged.Unreadable; (n > 0) != damage {
			t.Errorf("turn %d: %d records unreadable, damaged: %v", turn, n, damage)
		}
		total += opened.Salvaged.Unreadable
		if got := s.Status().Lost; got != total {
			t.Errorf("turn %d: %d lost in all, want %d", turn, got, total)
		}
		a, err := s.VerifyAudit(ctx, nil)
		if err != nil || !a.OK() {
			t.Errorf("turn %d: VerifyAudit = %+v, %v", turn, a, err)
		}
		declared := uint64(0)
		for _, l := range a.Logs {
			declared += l.Declared
		}
		if declared != total {
			t.Errorf("turn %d: the log says that %d are lost, want %d", turn, declared, total)
		}
		if err := s.Close(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// onceDirs fail the first rename that begins with a name.
type onceDirs struct {
	keyring.FS
	from string
	left *atomic.Int32
}

func (d onceDirs) Rename(from, to string) error {
	if from == d.from && d.left.Add(-1) >= 0 {
		return errDisk
	}
	return d.FS.Rename(from, to)
}

// A salvage that became necessary while running and was interrupted between its
// steps is finished by the next try, and said.
func TestSalvageWhileRunningIsFinished(t *testing.T) {
	for _, from := range []string{"store.db", "store.db.salvage"} {
		synctest.Test(t, func(t *testing.T) {
			ctx := context.Background()
			dir, c := t.TempDir(), newClock()
			var fail atomic.Bool
			f := &faultyCommit{before: func(int64) bool { return fail.Swap(false) }}
			var left atomic.Int32
			var told atomic.Int32
			o := careOptions(dir, c).WithCommit(f.commit).WithDirs(func(path string) keyring.FS {
				return onceDirs{keyring.Dir(path), from, &left}
			})
			o.OnRecovery = func(storage.Opened) { told.Add(1) }
			s := open(t, o)
			fill(t, s, "queue.er", "queue", 60)
			wipe(t, dir)
			left.Store(1)
			fail.Store(true)
			_, _ = s.Append(ctx, event("queue.er", "queue", "{}"))
			time.Sleep(10 * time.Second)
			synctest.Wait()
			if _, err := s.Append(ctx, event("queue.er", "queue", "{}")); err != nil {
				t.Errorf("%s: the store does not come back: %v", from, err)
			}
			if n := told.Load(); n != 1 {
				t.Errorf("%s: told of a recovery %d times", from, n)
			}
			if err := s.Close(ctx); err != nil {
				t.Error(err)
			}
			mustAudit(t, dir)
		})
	}
}

// Somebody who kept a checkpoint sees what a rollback took, and that a store was
// replaced as a whole, whatever the store says of itself.
func TestKeptCheckpointShowsWhatIsGone(t *testing.T) {
	ctx := context.Background()
	dir, c := t.TempDir(), newClock()
	path := filepath.Join(dir, "store.db")
	s := open(t, careOptions(dir, c))
	fill(t, s, "queue.er", "queue", 10)
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s = open(t, careOptions(dir, c))
	fill(t, s, "queue.er", "queue", 5)
	kept, err := s.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, "queue.er", "queue", 2)
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	verify := func(what string) {
		t.Helper()
		s, opened, err := storage.Open(ctx, careOptions(dir, c))
		if err != nil {
			t.Fatal(what, opened, err)
		}
		a, err := s.VerifyAudit(ctx, nil, kept)
		if err != nil || a.OK() {
			t.Errorf("%s: VerifyAudit with a kept checkpoint = %+v, %v", what, a, err)
		}
		if _, p, found := a.First(); !found || !strings.Contains(p.String(), "checkpoint covers records that are not there") {
			t.Errorf("%s: first problem %v", what, p)
		}
		if a, err := s.VerifyAudit(ctx, nil, []byte("no checkpoint\n")); err != nil || a.OK() {
			t.Errorf("%s: a checkpoint that is none: %+v, %v", what, a, err)
		}
		if err := s.Close(ctx); err != nil {
			t.Fatal(err)
		}
	}
	verify("rolled back")
	for _, name := range []string{"store.db", "store.id", "head"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	verify("replaced")
}
