package storage_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// The newest part of the log is vouched for from a checkpoint on, and a record of it
// that was altered or taken away is named.
func TestAuditTail(t *testing.T) {
	ctx := context.Background()
	dir, c := t.TempDir(), newClock()
	s := open(t, careOptions(dir, c))
	tail := func() (first uint64, bad bool) {
		t.Helper()
		r, err := s.VerifyAuditTail(ctx)
		if err != nil {
			t.Fatal(err)
		}
		p, bad := r.First()
		if bad == r.OK() {
			t.Errorf("%+v", r)
		}
		return p.From, bad
	}
	if at, bad := tail(); bad {
		t.Errorf("an empty log is bad at %d", at)
	}
	for range 30 {
		fill(t, s, "queue.er", "queue", 50)
		fill(t, s, "queue.lab", "queue", 10)
		if _, err := s.Checkpoint(ctx); err != nil {
			t.Fatal(err)
		}
		c.step(time.Minute)
		if at, bad := tail(); bad {
			t.Fatalf("bad at %d", at)
		}
	}
	defer s.Close(ctx)
	// A record is altered below the store that runs.
	path := filepath.Join(dir, "store.db")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(copied, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(copied, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	var record []byte
	err = db.View(func(tx *bolt.Tx) error {
		cursor := tx.Bucket([]byte("events")).Cursor()
		_, v := cursor.Last()
		for range 5 {
			_, v = cursor.Prev()
		}
		record = bytes.Clone(v)
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for at, n := bytes.Index(whole, record), 0; at >= 0; at, n = bytes.Index(whole, record), n+1 {
		whole[at+40] ^= 1
		if _, err := f.WriteAt(whole[at+40:at+41], int64(at+40)); err != nil {
			t.Fatal(err)
		}
	}
	if _, bad := tail(); !bad {
		t.Error("an altered record is not named")
	}
}
