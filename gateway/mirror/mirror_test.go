package mirror_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/gateway/mirror"
	"clinicgate/gateway/pubnub"
	"clinicgate/kiosk"
	"clinicgate/kiosk/wire"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// metadata is App Context with ETags, in memory.
type metadata struct {
	mu     sync.Mutex
	values map[string]pubnub.Metadata
	serial int
	before func(key string) // runs between a read and the write that follows
	fail   error
}

func newMetadata() *metadata { return &metadata{values: map[string]pubnub.Metadata{}} }

func (m *metadata) get(key string) (pubnub.Metadata, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return pubnub.Metadata{}, m.fail
	}
	md, ok := m.values[key]
	if !ok {
		return md, pubnub.ErrNotFound
	}
	return md, nil
}

func (m *metadata) put(key string, md pubnub.Metadata, ifMatch string) (string, error) {
	m.mu.Lock()
	f := m.before
	m.before = nil
	m.mu.Unlock()
	if f != nil {
		f(key)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return "", m.fail
	}
	if ifMatch != "" && m.values[key].ETag != ifMatch {
		return "", pubnub.ErrConflict
	}
	m.serial++
	md.ETag = strconv.Itoa(m.serial)
	m.values[key] = md
	return md.ETag, nil
}

func (m *metadata) ChannelMetadata(_ context.Context, c string) (pubnub.Metadata, error) {
	return m.get("channel/" + c)
}
func (m *metadata) SetChannelMetadata(_ context.Context, c string, md pubnub.Metadata, etag string) (string, error) {
	return m.put("channel/"+c, md, etag)
}
func (m *metadata) UserMetadata(_ context.Context, u string) (pubnub.Metadata, error) {
	return m.get("user/" + u)
}
func (m *metadata) SetUserMetadata(_ context.Context, u string, md pubnub.Metadata, etag string) (string, error) {
	return m.put("user/"+u, md, etag)
}

// records is the part of a store that holds consents.
type records struct {
	list   []storage.Record
	cursor int
}

func (r *records) Read(_ context.Context, _, _ string, _ storage.Cursor, max int) ([]storage.Record, error) {
	rest := r.list[r.cursor:]
	rest = rest[:min(len(rest), max)]
	r.cursor += len(rest)
	return rest, nil
}
func (*records) View(context.Context, func(*storage.Reader) error) error { return errStop }
func (*records) Update(context.Context, func(*storage.Tx) error) error   { return nil }

// errStop keeps the mirror from asking a reader that this test cannot make.
var errStop = errors.New("no store here")

type bench struct {
	md      *metadata
	m       *mirror.Mirror
	cipher  *pubnub.Cipher
	pub     ed25519.PublicKey
	entries []kiosk.Entry // guarded by md.mu
	foreign []string      // read after synctest.Wait
}

// arrange changes what the mirror meets, between two of its own steps.
func (b *bench) arrange(change func()) {
	b.md.mu.Lock()
	defer b.md.mu.Unlock()
	change()
}

// settle lets the mirror do all that it is going to do.
func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func start(t *testing.T) *bench {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{5}, 32))
	cipher, err := pubnub.NewCipher([]pubnub.CipherKey{{ID: "1", Key: []byte("k")}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{md: newMetadata(), cipher: cipher, pub: key.Public().(ed25519.PublicKey)}
	b.m = mirror.New(mirror.Config{
		Kiosk: "lobby-1", Departments: []kiosk.DepartmentID{"cardiology"}, ConsentLog: "consent.org",
		Entries: func(kiosk.DepartmentID) []kiosk.Entry {
			b.md.mu.Lock()
			defer b.md.mu.Unlock()
			return b.entries
		},
		Signer:  func() (wire.Signer, error) { return wire.Signer{Kiosk: "lobby-1", Key: key}, nil },
		Now:     func() storage.Instant { return storage.Instant{Wall: time.Now(), Boot: uuid.Nil} },
		Foreign: func(_ context.Context, c string) { b.foreign = append(b.foreign, c) },
	}, b.md, cipher, &records{}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return b
}

// snapshot reads the department's copy as a key holder does.
func (b *bench) snapshot(t *testing.T) (entries []kiosk.EntryShape, truncated bool) {
	t.Helper()
	md, err := b.md.get("channel/queue.cardiology")
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Entries   []kiosk.EntryShape `json:"entries"`
		Truncated bool               `json:"truncated"`
	}
	if _, _, err := b.cipher.Decrypt(md.Custom["queueState"], func(plain []byte) bool {
		env, err := wire.Parse(plain)
		return err == nil && env.Verify("queue.cardiology", b.pub) == nil && json.Unmarshal(plain, &s) == nil
	}); err != nil {
		t.Fatalf("queueState is not sealed and signed: %v", err)
	}
	return s.Entries, s.Truncated
}

func entry(n int, status kiosk.Status) kiosk.Entry {
	return kiosk.Entry{ID: kiosk.EntryID(uuid.NewSHA1(uuid.Nil, fmt.Append(nil, n))), Patient: "p-aaaaaaaaaaaaaaaaaaaaaaaaaa", Department: "cardiology",
		Status: status, Priority: kiosk.Normal, CheckInTime: time.Unix(1700000000, 0), Metadata: kiosk.Metadata{Ticket: fmt.Sprintf("A-%03d", n), Day: "2026-11-22", Mode: kiosk.InPerson}}
}

func TestSnapshotIsSealedSignedAndWrittenOnlyWhenItChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		b.arrange(func() { b.entries = []kiosk.Entry{entry(1, kiosk.Waiting), entry(2, kiosk.Completed)} })
		b.m.QueueChanged()
		settle(time.Minute)
		if got, cut := b.snapshot(t); len(got) != 2 || cut {
			t.Errorf("snapshot of %d entries, cut %v", len(got), cut)
		}
		if b.md.values["channel/queue.cardiology"].Name != "Queue - cardiology" {
			t.Errorf("name %q", b.md.values["channel/queue.cardiology"].Name)
		}
		writes := b.md.serial
		b.m.QueueChanged()
		settle(time.Minute)
		if b.md.serial != writes {
			t.Error("an unchanged queue was written again")
		}
	})
}

func TestSnapshotThatIsTooLongHoldsOpenEntriesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		var day []kiosk.Entry
		for n := range 200 {
			status := kiosk.Waiting
			if n%2 == 0 {
				status = kiosk.Completed
			}
			day = append(day, entry(n, status))
		}
		b.arrange(func() { b.entries = day })
		b.m.QueueChanged()
		settle(time.Minute)
		got, cut := b.snapshot(t)
		if !cut || len(got) == 0 || got[0].Metadata.Ticket != "A-001" {
			t.Fatalf("%d entries, cut %v", len(got), cut)
		}
		for _, e := range got {
			if e.Status != kiosk.Waiting {
				t.Errorf("a %s entry took the place of one that waits", e.Status)
			}
		}
	})
}

func TestTwoWritersDoNotOverwriteEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		b.arrange(func() { b.entries = []kiosk.Entry{entry(1, kiosk.Waiting)} })
		b.arrange(func() {
			b.md.values["channel/queue.cardiology"] = pubnub.Metadata{ETag: "0", Custom: map[string]string{"other": "kept"}}
			b.md.before = func(key string) {
				_, _ = b.md.put(key, pubnub.Metadata{Custom: map[string]string{"other": "kept", "late": "kept too"}}, "")
			}
		})
		b.m.QueueChanged()
		settle(time.Minute)
		md := b.md.values["channel/queue.cardiology"]
		if md.Custom["other"] != "kept" || md.Custom["late"] != "kept too" || md.Custom["queueState"] == "" {
			t.Errorf("custom is %v", md.Custom)
		}
	})
}

func TestForeignPlaintextIsReplacedAndTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		b.arrange(func() { b.entries = []kiosk.Entry{entry(1, kiosk.Waiting)} })
		b.arrange(func() {
			b.md.values["channel/queue.cardiology"] = pubnub.Metadata{ETag: "0", Custom: map[string]string{"queueState": `[{"patient":"in the clear"}]`}}
		})
		b.m.QueueChanged()
		settle(time.Minute)
		b.snapshot(t)
		if len(b.foreign) != 1 || b.foreign[0] != "queue.cardiology" {
			t.Errorf("told of %q", b.foreign)
		}
	})
}

func TestAnOutageIsWaitedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		b.arrange(func() { b.entries = []kiosk.Entry{entry(1, kiosk.Waiting)} })
		b.arrange(func() { b.md.fail = &pubnub.Error{Class: pubnub.Temporary} })
		b.m.QueueChanged()
		settle(time.Hour)
		b.arrange(func() { b.md.fail = nil })
		settle(2 * time.Minute)
		if got, _ := b.snapshot(t); len(got) != 1 {
			t.Errorf("%d entries after the outage", len(got))
		}
	})
}
