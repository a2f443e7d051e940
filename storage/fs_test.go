package storage_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"clinicgate/storage"
	"clinicgate/storage/keyring"
)

// faultyDirs are directories in which the n-th operation fails, or all from the
// n-th on: not done at all, or done and reported as failed.
type faultyDirs struct {
	mu      sync.Mutex
	n       int // operations so far
	at      int // the one to fail; 0 fails none
	lasting bool
	done    bool // it is done all the same
	failed  []string
}

func (d *faultyDirs) open(path string) keyring.FS { return faultyDir{keyring.Dir(path), d} }

// step counts an operation and says whether to do it, and how it ends.
func (d *faultyDirs) step(what string) (do bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.n++
	if d.at == 0 || d.n < d.at || d.n > d.at && !d.lasting {
		return true, nil
	}
	d.failed = append(d.failed, what)
	return d.done, errDisk
}

type faultyDir struct {
	keyring.FS
	d *faultyDirs
}

func (f faultyDir) try(what string, op func() error) error {
	do, err := f.d.step(what)
	if do {
		if err := op(); err != nil {
			return err
		}
	}
	return err
}

func (f faultyDir) Create(name string) (file keyring.File, err error) {
	err = f.try("create "+name, func() (err error) {
		file, err = f.FS.Create(name)
		return err
	})
	if err != nil {
		if file != nil {
			_ = file.Close()
		}
		return nil, err
	}
	return faultyFile{file, f, name}, nil
}

func (f faultyDir) Rename(from, to string) error {
	return f.try("rename "+from+" "+to, func() error { return f.FS.Rename(from, to) })
}

func (f faultyDir) Remove(name string) error {
	return f.try("remove "+name, func() error { return f.FS.Remove(name) })
}

func (f faultyDir) SyncDir() error { return f.try("sync directory", f.FS.SyncDir) }

type faultyFile struct {
	keyring.File
	dir  faultyDir
	name string
}

func (f faultyFile) Write(b []byte) (n int, err error) {
	err = f.dir.try("write "+f.name, func() (err error) {
		n, err = f.File.Write(b)
		return err
	})
	return n, err
}

func (f faultyFile) Sync() error { return f.dir.try("sync "+f.name, f.File.Sync) }

// TestSideFilesFail fails each operation on the files around the database in
// turn, in four ways: once or for good, not done or done. Whatever happens, what
// was acknowledged is there once the disk works again.
func TestSideFilesFail(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	count := &faultyDirs{}
	if err := sideFileScenario(t, t.TempDir(), count, map[string]string{}); err != nil {
		t.Fatal(err)
	}
	tried := 0
	for at := 1; at <= count.n; at++ {
		for _, lasting := range []bool{false, true} {
			for _, done := range []bool{false, true} {
				tried++
				dir := t.TempDir()
				d := &faultyDirs{at: at, lasting: lasting, done: done}
				acked := map[string]string{}
				err := sideFileScenario(t, dir, d, acked)
				s, _, oerr := storage.Open(ctx, careOptions(dir, newClock()))
				if oerr != nil {
					t.Fatalf("after %v, which gave %v: Open: %v", d.failed, err, oerr)
				}
				if missing := lostOf(s, acked); len(missing) > 0 {
					t.Errorf("after %v, which gave %v: lost %v", d.failed, err, missing)
				}
				if err := s.Close(ctx); err != nil {
					t.Fatal(err)
				}
				mustCheck(t, dir)
				mustAudit(t, dir)
			}
		}
	}
	t.Logf("%d faults", tried)
}

// sideFileScenario creates a store, fills it, puts blobs, compacts it, damages
// it, opens it again. It notes in acked what was acknowledged, and gives the
// first error.
func sideFileScenario(t *testing.T, dir string, d *faultyDirs, acked map[string]string) error {
	ctx := context.Background()
	o := careOptions(dir, newClock()).WithDirs(d.open)
	var first error
	note := func(err error) bool {
		if first == nil {
			first = err
		}
		return err == nil
	}
	work := func(s *storage.Store, life string) {
		for i := range 3 {
			e := event("queue.er", "queue", fmt.Sprintf(`{"life":%q,"n":%d}`, life, i))
			if _, err := s.Append(ctx, e); note(err) {
				acked["event "+e.ID.String()] = string(e.Body)
			}
			data := []byte(fmt.Sprintf("blob %s %d", life, i))
			ref, err := s.PutBlob(ctx, "queue", data)
			if note(err) {
				err = s.Update(ctx, func(tx *storage.Tx) error { return tx.Refer(ref, e.ID) })
			}
			if note(err) {
				acked["blob "+string(ref.Hash[:])] = string(data)
			}
		}
	}
	s, _, err := storage.Open(ctx, o)
	if !note(err) {
		return first
	}
	work(s, "first")
	note(s.Compact(ctx, nil))
	work(s, "second")
	note(s.Close(ctx))
	s, _, err = storage.Open(ctx, o)
	if !note(err) {
		return first
	}
	work(s, "third")
	note(s.Close(ctx))
	// Damage that costs no record: the root of a view that is empty.
	path := filepath.Join(dir, "store.db")
	f, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if at := bytes.Index(f, []byte("views")); at > 0 {
		for ; at >= 0 && at < len(f); at = next(f, at, "views") {
			copy(f[at:], "vjews")
		}
		if err := os.WriteFile(path, f, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, opened, err := storage.Open(ctx, o)
	if !note(err) {
		return first
	}
	if opened.Salvaged == nil {
		t.Error("the damage was not noticed")
	}
	work(s, "fourth")
	note(s.Close(ctx))
	return first
}

func next(f []byte, at int, what string) int {
	i := bytes.Index(f[at:], []byte(what))
	if i < 0 {
		return -1
	}
	return at + i
}

// lostOf lists what was acknowledged and is not there.
func lostOf(s *storage.Store, acked map[string]string) (missing []string) {
	ctx := context.Background()
	acked = maps.Clone(acked)
	records, err := s.Read(ctx, "queue.er", "", storage.Cursor{}, 1000)
	if err != nil {
		return []string{err.Error()}
	}
	for _, r := range records {
		name := "event " + r.ID.String()
		if acked[name] == string(r.Body) {
			delete(acked, name)
		}
	}
	for name, want := range acked {
		hash, ok := strings.CutPrefix(name, "blob ")
		if ok {
			got, err := s.Blob(ctx, storage.BlobRef{Hash: [32]byte([]byte(hash)), Size: int64(len(want))})
			if err == nil && string(got) == want {
				continue
			}
			name = want
		}
		missing = append(missing, name)
	}
	return missing
}
