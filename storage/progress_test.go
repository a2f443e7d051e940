package storage_test

import (
	"context"
	"path/filepath"
	"testing"

	"clinicgate/storage"
)

// Long work says how far it is: ever further, and never past its end.
func TestLongWorkSaysHowFarItIs(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := open(t, careOptions(dir, newClock()))
	fill(t, s, "queue.er", "queue", 900)
	moves(t, "audit verify", func(progress func(done, total int64)) error {
		_, err := s.VerifyAudit(ctx, progress)
		return err
	})
	moves(t, "retention", func(progress func(done, total int64)) error { return s.Retain(ctx, progress) })
	moves(t, "compact", func(progress func(done, total int64)) error { return s.Compact(ctx, progress) })
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	moves(t, "audit verify of a stopped store", func(progress func(done, total int64)) error {
		_, err := storage.VerifyAudit(ctx, storage.AuditOptions{
			Path: filepath.Join(dir, "store.db"), Kiosk: "lobby-1", Keys: testKeys(), Public: testKeys().OwnPublicKeys(), Progress: progress,
		})
		return err
	})
}

func moves(t *testing.T, what string, work func(progress func(done, total int64)) error) {
	t.Helper()
	n, last := 0, int64(-1)
	err := work(func(done, total int64) {
		if n++; done < last || done > total {
			t.Errorf("%s: %d of %d after %d", what, done, total, last)
		}
		last = done
	})
	if err != nil || n == 0 {
		t.Errorf("%s: said %d times how far it is, %v", what, n, err)
	}
}
