package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clinicgate/storage"
	"clinicgate/storage/archive"
	"clinicgate/storage/keyring"

	"github.com/google/uuid"
)

func kinds() []storage.Kind {
	return []storage.Kind{{Name: "queue/X", Lane: storage.LaneQueue, KeyClass: "queue"}}
}

type kiosk struct {
	dir   string
	ring  *keyring.Ring
	store *storage.Store
}

func passphrase(text string) keyring.Source {
	return keyring.Passphrase{Read: func(context.Context) ([]byte, error) { return []byte(text), nil }}
}

func open(t testing.TB, dir string, ring *keyring.Ring) (*storage.Store, storage.Opened) {
	t.Helper()
	s, opened, err := storage.Open(t.Context(), storage.Options{Dir: dir, Kiosk: "lobby-1", Kinds: kinds(), Keys: ring, Budget: 32 << 20,
		Now: func() storage.Instant { return storage.Instant{Wall: time.Now(), Synced: true} }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.WithoutCancel(t.Context())) })
	return s, opened
}

func newKiosk(t testing.TB, recovery *keyring.RecoveryPublic) *kiosk {
	t.Helper()
	k := &kiosk{dir: t.TempDir()}
	var err error
	if k.ring, err = keyring.Create(t.Context(), keyring.Dir(k.dir), passphrase("one two three four five six"), keyring.Options{Recovery: recovery}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.ring.Close)
	k.store, _ = open(t, k.dir, k.ring)
	return k
}

func (k *kiosk) append(t testing.TB, n int) {
	t.Helper()
	for i := range n {
		id, err := uuid.NewV7()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.store.Append(t.Context(), storage.Event{ID: id, Kind: "queue/X", Channel: "queue.general", Body: fmt.Appendf(nil, `{"n":%d}`, i)}); err != nil {
			t.Fatal(err)
		}
	}
}

func (k *kiosk) source() archive.Source {
	return archive.Source{Kiosk: "lobby-1", Organization: "org", Program: "test", Made: time.Now(), Store: k.store, Ring: k.ring, Config: []byte("[kiosk]\n")}
}

// A backup that is made while events are appended holds what was acknowledged
// before it began, opens elsewhere with the recovery key alone, and the restored
// store goes on in a new life.
func TestBackupOfARunningStore(t *testing.T) {
	t.Parallel()
	private, err := keyring.NewRecoveryKey()
	if err != nil {
		t.Fatal(err)
	}
	public, err := private.Public()
	if err != nil {
		t.Fatal(err)
	}
	k := newKiosk(t, &public)
	k.append(t, 50)
	blob := bytes.Repeat([]byte("signature "), 20_000)
	ref, err := k.store.PutBlob(t.Context(), "queue", blob)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), archive.Name("lobby-1", time.Now()))
	once := false
	m, err := k.source().Create(t.Context(), file, func(int64) {
		if !once {
			once = true
			k.append(t, 20)
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if m.Snapshot.Counts.Queued != 50 || len(m.Members) != 3 {
		t.Errorf("manifest %+v", m)
	}
	nothing := func(int64) {}
	if _, err := k.source().Create(t.Context(), file, nothing, nil); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("in the place of another backup: %v", err)
	}
	if _, err := k.source().Create(t.Context(), filepath.Join(file, "b"), nothing, nil); err == nil || strings.Contains(err.Error(), "is there already") {
		t.Errorf("at a place that cannot be looked at: %v", err)
	}

	dir := t.TempDir()
	var ring *keyring.Ring
	h, m2, err := archive.Unpack(t.Context(), file, dir, func(h archive.Header) (archive.Opened, error) {
		if _, err := h.OpenRing(t.Context(), passphrase("not that one, nor another")); !errors.Is(err, keyring.ErrWrongKey) {
			t.Errorf("opened with another passphrase: %v", err)
		}
		root, err := keyring.RecoverRoot(keyring.Held(h.Keyring), private)
		if err != nil {
			return nil, err
		}
		ring, err = h.OpenRing(t.Context(), keyring.Root{Key: root})
		return ring, err
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if h.Kiosk != "lobby-1" || m2.Snapshot != m.Snapshot {
		t.Errorf("header %+v, snapshot %+v", h, m2.Snapshot)
	}
	if err := storage.BeginNewLife(dir, ring, m.Snapshot); err != nil {
		t.Fatal(err)
	}
	ring.Close()
	if err := keyring.Held(h.Keyring).Place(keyring.Dir(dir)); err != nil {
		t.Fatal(err)
	}
	ring, err = keyring.Open(t.Context(), keyring.Dir(dir), passphrase("one two three four five six"), keyring.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	store, opened := open(t, dir, ring)
	if got := store.Status(); opened.Rolled == nil || got.Life != 17 || got.Queued != 50 {
		t.Errorf("restored: %+v, life %d, %d queued", opened, got.Life, got.Queued)
	}
	if got, err := store.Blob(t.Context(), ref); err != nil || !bytes.Equal(got, blob) {
		t.Errorf("blob: %d bytes, %v", len(got), err)
	}
}

// A backup cut at any part, or with any byte changed, is refused.
func TestDamagedBackup(t *testing.T) {
	t.Parallel()
	k := newKiosk(t, nil)
	k.append(t, 5)
	var whole bytes.Buffer
	if _, err := k.source().Write(t.Context(), &whole); err != nil {
		t.Fatal(err)
	}
	read := func(b []byte) error {
		_, _, err := archive.Read(bytes.NewReader(b), func(archive.Header) (archive.Secret, error) { return k.ring, nil }, func(archive.Member, io.Reader) error { return nil })
		return err
	}
	b := whole.Bytes()
	if err := read(b); err != nil {
		t.Fatal(err)
	}
	if err := read(append(bytes.Clone(b), 0)); !errors.Is(err, archive.ErrDamaged) {
		t.Errorf("with a byte more: %v", err)
	}
	for n := 0; n < len(b); n += 1 + len(b)/1500 {
		if err := read(b[:n]); !errors.Is(err, archive.ErrDamaged) {
			t.Fatalf("cut at %d of %d: %v", n, len(b), err)
		}
		changed := bytes.Clone(b)
		changed[n] ^= 4
		if err := read(changed); err == nil {
			t.Fatalf("byte %d of %d changed: read", n, len(b))
		}
	}
	other := newKiosk(t, nil)
	if _, _, err := archive.Read(bytes.NewReader(b), func(archive.Header) (archive.Secret, error) { return other.ring, nil }, func(archive.Member, io.Reader) error { return nil }); !errors.Is(err, archive.ErrDamaged) {
		t.Errorf("with another kiosk's keyring: %v", err)
	}
}

// The folder keeps the newest, never fewer than one, and nothing unfinished.
func TestPrune(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := time.Date(2031, 5, 6, 2, 30, 0, 0, time.UTC)
	for i := range 5 {
		if err := os.WriteFile(filepath.Join(dir, archive.Name("lobby-1", at.AddDate(0, 0, i))), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{archive.Name("lobby-1", at.AddDate(0, 1, 0)) + ".new", archive.Name("lobby-10", at), "notes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 { // made while the clock was a year ahead
		if err := os.WriteFile(filepath.Join(dir, archive.Name("lobby-1", at.AddDate(1, 0, i))), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	now := at.AddDate(0, 0, 4).Add(time.Minute)
	if err := archive.Prune(dir, "lobby-1", 3, now); err != nil {
		t.Fatal(err)
	}
	if list, err := archive.List(dir, "lobby-1"); err != nil || len(list) != 3 || !list[2].Made.Equal(at.AddDate(0, 0, 4)) {
		t.Errorf("kept %v, %v", list, err)
	}
	if err := archive.Prune(dir, "lobby-1", 0, now); err != nil {
		t.Fatal(err)
	}
	if list, err := archive.List(dir, "lobby-1"); err != nil || len(list) != 1 {
		t.Errorf("the last was removed: %v, %v", list, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 3 {
		t.Errorf("left: %v", entries)
	}
}
