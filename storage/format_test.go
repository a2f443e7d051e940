package storage_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clinicgate/storage"
	"clinicgate/storage/storagetest"

	bolt "go.etcd.io/bbolt"
)

// A store of a newer format is refused by the name of the version that wrote it, and
// is the same file afterwards.
func TestNewerStoreIsRefusedByName(t *testing.T) {
	t.Parallel()
	dir, keys := t.TempDir(), storagetest.NewKeys("newer")
	open := func(program string) (*storage.Store, error) {
		s, _, err := storage.Open(t.Context(), storage.Options{Dir: dir, Kiosk: "lobby-1", Keys: keys, Program: program, Budget: 16 << 20,
			Now: func() storage.Instant { return storage.Instant{Wall: time.Now(), Synced: true} }})
		return s, err
	}
	s, err := open("v9.9.0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "store.db")
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		row := bytes.Clone(tx.Bucket([]byte("head")).Get([]byte("H")))
		binary.BigEndian.PutUint16(row, storage.FormatVersion+1)
		return tx.Bucket([]byte("head")).Put([]byte("H"), row)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = open("v1.0.0")
	if !errors.Is(err, storage.ErrNewer) || !strings.Contains(err.Error(), "clinicgate v9.9.0, in format 2; this version reads up to 1") {
		t.Errorf("refused with %v", err)
	}
	var hinted interface{ Hint() string }
	if !errors.As(err, &hinted) || !strings.Contains(hinted.Hint(), "install clinicgate v9.9.0") {
		t.Error("the hint does not name the version")
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed: %v", err)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "program")); string(b) != "v9.9.0\n" {
		t.Errorf("the file says %q now", b)
	}
}
