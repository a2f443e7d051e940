package storage_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"clinicgate/storage"
)

// Whoever changes the format says how a store of the one before becomes one.
func TestEveryFormatHasAStep(t *testing.T) {
	t.Parallel()
	if list := storage.FormatsWithoutStep(); len(list) > 0 {
		t.Errorf("no step leads from the formats %v", list)
	}
}

// older makes a store of the format before, with a gap, a cursor and events.
func older(t *testing.T) (dir string, o storage.Options, ids []storage.Event) {
	t.Helper()
	ctx := context.Background()
	dir = t.TempDir()
	o = careOptions(dir, newClock())
	s, _, err := storage.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	ids = fill(t, s, "queue.er", "queue", 40)
	if err := errors.Join(
		s.Advance(ctx, "queue.er", storage.Cursor{Inc: 1, Seq: 3}, storage.Quarantined, "refused", 1),
		s.Update(ctx, func(tx *storage.Tx) error { return tx.SetCursor("down", 7) }),
		s.Close(ctx),
		storage.MakeFormatBefore(filepath.Join(dir, "store.db"), o.Keys),
	); err != nil {
		t.Fatal(err)
	}
	return dir, o.FormatBefore(), ids
}

func formatOf(t *testing.T, path string) (format int) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.View(func(tx *bolt.Tx) error {
		format = int(binary.BigEndian.Uint16(tx.Bucket([]byte("head")).Get([]byte("H"))))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return format
}

// whole fails the test unless the store has what the older one had, and is sound.
func whole(t *testing.T, s *storage.Store, o storage.Options, events []storage.Event, opened storage.Opened) {
	t.Helper()
	ctx := context.Background()
	if opened.Salvaged != nil || opened.Rolled != nil || opened.Lost || opened.Created {
		t.Errorf("opened as %+v", opened)
	}
	if err := s.View(ctx, func(r *storage.Reader) error {
		for _, e := range events {
			if _, ok := r.Lookup(e.ID); !ok {
				t.Errorf("event %s is gone", e.ID)
			}
		}
		at, err := r.Cursor("down")
		if at != 7 {
			t.Errorf("the cursor is at %d", at)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	if c := s.Status().Counts; c.Quarantined != 3 {
		t.Errorf("counts %+v", c)
	}
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	report, err := storage.Check(ctx, storage.CheckOptions{Path: filepath.Join(o.Dir, "store.db"), Keys: o.Keys, Full: true})
	if err != nil || !report.OK || report.Unreadable > 0 || len(report.Miscounted) > 0 || report.Format != storage.FormatVersion || report.Rows["gaps"] == 0 {
		t.Errorf("checked: %+v, %v", report, err)
	}
}

// A store of an older format becomes one of the present, the old file is kept while
// the program is on trial, and goes afterwards.
func TestMigration(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dir, o, events := older(t)
	before, err := os.ReadFile(filepath.Join(dir, "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	o.Trial = true
	s, opened, err := storage.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if opened.Migrated == nil || opened.Migrated.From != 0 || opened.Migrated.Kept != "store.db.format0" {
		t.Errorf("%+v", opened.Migrated)
	}
	whole(t, s, o, events, opened)
	kept := filepath.Join(dir, "store.db.format0")
	if after, err := os.ReadFile(kept); err != nil || string(after) != string(before) {
		t.Errorf("the old file is not as it was: %v", err)
	}
	// Still on trial, then confirmed.
	for _, trial := range []bool{true, false} {
		o.Trial = trial
		s, opened, err := storage.Open(ctx, o)
		if err != nil || opened.Migrated != nil {
			t.Fatalf("%+v, %v", opened.Migrated, err)
		}
		if err := s.Close(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(kept); errors.Is(err, fs.ErrNotExist) == trial {
			t.Errorf("trial %t: %v", trial, err)
		}
	}
}

// At whatever step of a migration the process is killed, the file is the old store or
// the new one, and the next start has all of it.
func TestMigrationIsKilled(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for at, steps := 1, 0; at == 1 || at <= steps; at++ {
		for _, done := range []bool{false, true} {
			dir, o, events := older(t)
			count := &faultyDirs{at: at, lasting: true, done: done}
			s, opened, err := storage.Open(ctx, o.WithDirs(count.open))
			if err == nil {
				_ = s.Close(ctx)
				steps = max(steps, count.n)
			}
			steps = max(steps, 12)
			names, _ := filepath.Glob(filepath.Join(dir, "store.db*"))
			if path := filepath.Join(dir, "store.db"); len(names) > 0 {
				if _, err := os.Stat(path); err == nil {
					if f := formatOf(t, path); f != 0 && f != storage.FormatVersion {
						t.Errorf("format %d", f)
					}
				} else if !strings.Contains(strings.Join(names, " "), "store.db.format0") {
					t.Errorf("killed at %v: only %v is there", count.failed, names)
				}
			}
			s, opened, err = storage.Open(ctx, o)
			if err != nil {
				t.Fatalf("killed at %v: %v", count.failed, err)
			}
			whole(t, s, o, events, opened)
			if left, _ := filepath.Glob(filepath.Join(dir, "store.db.*")); len(left) > 0 {
				t.Errorf("killed at %v: %v is left", count.failed, left)
			}
		}
	}
}

// Damage in the old file costs what it hit: the rest is brought over and salvaged,
// and a step that makes an unsound file changes nothing.
func TestMigrationOfADamagedFile(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dir, o, _ := older(t)
	path := filepath.Join(dir, "store.db")
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(func(tx *bolt.Tx) error {
		k, _ := tx.Bucket([]byte("holes")).Cursor().First()
		return tx.Bucket([]byte("holes")).Delete(k)
	}), db.Close()); err != nil {
		t.Fatal(err)
	}
	s, opened, err := storage.Open(ctx, o)
	if err != nil || opened.Migrated == nil || opened.Salvaged == nil || opened.Salvaged.Recovered < 40 {
		t.Fatalf("%+v, %v", opened, err)
	}
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}

	dir, o, events := older(t)
	path = filepath.Join(dir, "store.db")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := storage.Open(ctx, o.BadStep()); err == nil || !strings.Contains(err.Error(), "from format 0 to 1") {
		t.Errorf("a step that loses records: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the store was changed: %v", err)
	}
	s, opened, err = storage.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	whole(t, s, o, events, opened)
}
