package storage_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"clinicgate/storage"
	"clinicgate/storage/keyring"
)

func newRing(t testing.TB) *keyring.Ring {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(t.TempDir(), "root.key")
	if err := keyring.CreateKeyFile(path); err != nil {
		t.Fatal(err)
	}
	r, err := keyring.Create(context.Background(), keyring.Dir(dir), keyring.KeyFile(path), keyring.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func inChild(r *keyring.Ring) storage.Verifier {
	return storage.ChildVerifier(r, func(ctx context.Context) *exec.Cmd {
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"=verify")
		return cmd
	})
}

func TestKeyringAndChild(t *testing.T) {
	ctx := context.Background()
	dir, ring := t.TempDir(), newRing(t)
	o := options(dir)
	o.Keys, o.Verify = ring, inChild(ring)
	s := open(t, o)
	events := []storage.Event{event("queue.er", "queue/PATIENT_ADDED", "{}")}
	if _, err := s.Append(ctx, events...); err != nil {
		t.Fatal(err)
	}
	// Rotation while events come in.
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !stop.Load() {
			e := event("queue.er", "queue/PATIENT_ADDED", "{}")
			if _, err := s.Append(ctx, e); err != nil {
				t.Error(err)
				return
			}
			events = append(events, e)
		}
	})
	for range 5 {
		for _, class := range []string{"queue", storage.ClassStore, storage.ClassView} {
			if err := s.RotateKey(ctx, class); err != nil {
				t.Error(err)
			}
		}
	}
	stop.Store(true)
	wg.Wait()
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	s, opened, err := reopen(t, o)
	if err != nil || !opened.Clean || opened.Report.Opened == 0 {
		t.Fatalf("Open = %+v, %v", opened, err)
	}
	if n := stored(t, s, "queue.er"); n != len(events) {
		t.Fatalf("%d records of %d", n, len(events))
	}
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	// Another kiosk's keys open nothing and change nothing.
	before, err := os.ReadFile(filepath.Join(dir, "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	wrong := o
	other := newRing(t)
	for _, verify := range []storage.Verifier{nil, inChild(other)} {
		wrong.Keys, wrong.Verify = other, verify
		if _, _, err := storage.Open(ctx, wrong); !errors.Is(err, storage.ErrWrongKey) {
			t.Fatalf("Open with other keys = %v", err)
		}
	}
	after, err := os.ReadFile(filepath.Join(dir, "store.db"))
	if err != nil || !bytes.Equal(before, after) {
		t.Fatalf("the file was touched, %v", err)
	}
	// Erasing an epoch takes its records and nothing else.
	if err := ring.Destroy("queue", 1, 2, 3, 4, 5); err != nil {
		t.Fatal(err)
	}
	s, opened, err = reopen(t, o)
	if err != nil || opened.Salvaged != nil {
		t.Fatalf("Open after erasing = %+v, %v", opened, err)
	}
	if n := stored(t, s, "queue.er"); n >= len(events) {
		t.Fatalf("%d records are readable of %d", n, len(events))
	}
	if records, err := s.Outbox(ctx, "queue.er", 10, 0); err != nil {
		t.Fatalf("Outbox = %v, %v", records, err)
	}
	if st := s.Status(); st.Unreadable == 0 || !st.Balanced() {
		t.Fatalf("Status = %+v", st)
	}
}

func TestChildThatDies(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := open(t, options(dir))
	fill(t, s, "queue.er", "queue/PATIENT_ADDED", 20)
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	o := options(dir)
	o.Verify = storage.ChildVerifier(newRing(t), func(ctx context.Context) *exec.Cmd {
		return exec.CommandContext(ctx, filepath.Join(dir, "no such program"))
	})
	s, opened, err := reopen(t, o)
	if err != nil || opened.Salvaged != nil || stored(t, s, "queue.er") != 20 {
		t.Fatalf("Open = %+v, %v", opened, err)
	}
}

func TestTwoProcessesDoNotShareADirectory(t *testing.T) {
	dir := t.TempDir()
	open(t, options(dir))
	begin := time.Now()
	_, _, err := storage.Open(context.Background(), options(dir))
	var hint interface{ Hint() string }
	if !errors.Is(err, storage.ErrLocked) || !errors.As(err, &hint) {
		t.Fatalf("Open = %v", err)
	}
	if took := time.Since(begin); took > time.Minute {
		t.Fatalf("it took %v to say so", took)
	}
}
