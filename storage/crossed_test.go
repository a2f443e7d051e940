package storage_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"clinicgate/storage"
)

// TestSalvageWhereABucketLeadsIntoAnother: a page of the ids is overwritten by
// one that leads to the events. This is what a power cut leaves of a tree whose
// pages were used again before the next one was certain. No record is damaged.
func TestSalvageWhereABucketLeadsIntoAnother(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := open(t, options(dir))
	const events = 400
	for i := range events {
		if _, err := s.Append(ctx, event("queue.er", "queue/PATIENT_ADDED", fmt.Sprintf(`{"n":%d}`, i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "store.db")
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	var ids, records int64
	err = db.View(func(tx *bolt.Tx) error {
		ids, records = int64(tx.Bucket([]byte("ids")).Root()), int64(tx.Bucket([]byte("events")).Root())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	page := make([]byte, 4096)
	if _, err := f.ReadAt(page, records*4096); err != nil {
		t.Fatal(err)
	}
	if kind := binary.LittleEndian.Uint16(page[8:]); kind != 1 {
		t.Fatalf("root of the events is a page of kind %d, want a branch", kind)
	}
	binary.LittleEndian.PutUint64(page, uint64(ids))
	if _, err := f.WriteAt(page, ids*4096); err != nil {
		t.Fatal(err)
	}
	clear(page) // and what led to them is gone
	if _, err := f.WriteAt(page, records*4096); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	s, opened, err := storage.Open(ctx, options(dir))
	if err != nil || opened.Salvaged == nil {
		t.Fatalf("Open = %+v, %v", opened, err)
	}
	defer s.Close(ctx)
	if got := opened.Salvaged; got.Recovered != events || got.Unreadable != 0 {
		t.Errorf("Salvaged = %+v", got)
	}
	if st := s.Status(); st.Queued != events {
		t.Errorf("Status = %+v", st.Counts)
	}
}
