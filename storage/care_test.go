package storage_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"clinicgate/storage"
	"clinicgate/storage/auditlog"
)

// clock is a wall clock that a test moves.
type clock struct {
	mu       sync.Mutex
	wall     time.Time
	unsynced bool
}

func newClock() *clock { return &clock{wall: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)} }

func (c *clock) now() storage.Instant {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall = c.wall.Add(time.Millisecond)
	return storage.Instant{Wall: c.wall, Boot: uuid.Max, Mono: time.Second, Synced: !c.unsynced}
}

func (c *clock) step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall = c.wall.Add(d)
}

// retained are kinds with retention rules, and the kinds that the store's own
// events have in these tests.
func retained() []storage.Kind {
	day := 24 * time.Hour
	return []storage.Kind{
		{Name: "queue", KeyClass: "queue", Lane: storage.LaneQueue, Priority: true, Retain: storage.Retention{Age: day}},
		{Name: "audit", KeyClass: "audit", Lane: storage.LaneAudit, Priority: true, Retain: storage.Retention{Age: day, NeedsReceipt: true}},
		{Name: "telemetry", KeyClass: "telemetry", Lane: storage.LaneTelemetry, Droppable: true, Retain: storage.Retention{Age: day}},
		{Name: "kept", KeyClass: "queue", Lane: storage.LaneTelemetry, Retain: storage.Retention{Age: day}},
		{Name: "bulk", KeyClass: "queue", Lane: storage.LaneNotification},
		{Name: "emergency", KeyClass: "queue", Lane: storage.LaneEmergency, Priority: true},
		{Name: "gap", KeyClass: "audit", Lane: storage.LaneAudit, Priority: true},
	}
}

func careOptions(dir string, c *clock) storage.Options {
	o := options(dir)
	o.Kinds, o.Now = retained(), c.now
	o.OnGap = func(g storage.Gap) (storage.Event, error) {
		return event("audit.lobby-1", "gap", fmt.Sprintf(`{"channel":%q,"first":%d,"last":%d,"count":%d,"reason":%q}`,
			g.Channel, g.First, g.Last, g.Count, g.Reason)), nil
	}
	o.OnCheckpoint = func(note []byte) (storage.Event, error) {
		return event("audit.lobby-1", "gap", fmt.Sprintf("%q", note)), nil
	}
	return o
}

func fill(t testing.TB, s *storage.Store, channel, kind string, n int) []storage.Event {
	t.Helper()
	var out []storage.Event
	for i := 0; i < n; {
		var batch []storage.Event
		for ; i < n && len(batch) < 500; i++ {
			batch = append(batch, event(channel, kind, fmt.Sprintf(`{"i":%d,"pad":%q}`, i, bytes.Repeat([]byte{'x'}, 600))))
		}
		if _, err := s.Append(context.Background(), batch...); err != nil {
			t.Fatal(err)
		}
		out = append(out, batch...)
	}
	return out
}

func stored(t testing.TB, s *storage.Store, channel string) int {
	t.Helper()
	n := 0
	for at := (storage.Cursor{}); ; {
		records, err := s.Read(context.Background(), channel, "", at, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if n += len(records); len(records) == 0 {
			return n
		}
		at = storage.Cursor{Inc: records[len(records)-1].Inc, Seq: records[len(records)-1].Seq}
	}
}

func mustCheck(t testing.TB, dir string) storage.Report {
	t.Helper()
	r, err := storage.Check(context.Background(), storage.CheckOptions{Path: filepath.Join(dir, "store.db"), Keys: testKeys(), Full: true})
	if err != nil || !r.OK || r.Unreadable > 0 {
		t.Fatalf("Check = %+v, %v", r, err)
	}
	return r
}

func mustAudit(t testing.TB, dir string, notes ...[]byte) storage.Audit {
	t.Helper()
	keys := testKeys()
	a, err := storage.VerifyAudit(context.Background(), storage.AuditOptions{
		Path: filepath.Join(dir, "store.db"), Kiosk: "lobby-1", Keys: keys, Public: keys.OwnPublicKeys(), Notes: notes,
	})
	if err != nil || !a.OK() {
		t.Fatalf("VerifyAudit = %+v, %v", a, err)
	}
	return a
}

func TestRetention(t *testing.T) {
	ctx := context.Background()
	dir, c := t.TempDir(), newClock()
	s := open(t, careOptions(dir, c))
	queue := fill(t, s, "queue.er", "queue", 1200)
	fill(t, s, "audit.lobby-1", "audit", 100)
	fill(t, s, "telemetry.lobby-1", "telemetry", 50)
	advance := func(channel string, seq uint64) {
		t.Helper()
		if err := s.Advance(ctx, channel, storage.Cursor{Inc: 1, Seq: seq}, storage.Delivered, "", 1); err != nil {
			t.Fatal(err)
		}
	}
	advance("queue.er", 1100)
	advance("audit.lobby-1", 100)
	retain := func(want ...int) {
		t.Helper()
		if err := s.Retain(ctx, nil); err != nil {
			t.Fatal(err)
		}
		got := []int{stored(t, s, "queue.er"), stored(t, s, "audit.lobby-1"), stored(t, s, "telemetry.lobby-1")}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("stored %v, want %v", got, want)
			}
		}
		if st := s.Status(); !st.Balanced() {
			t.Fatalf("Status = %+v", st)
		}
	}
	retain(1200, 100, 50)
	c.step(25 * time.Hour)
	c.unsynced = true
	retain(1200, 100, 50) // a clock that nobody vouches for takes nothing
	c.unsynced = false
	retain(100, 101, 0) // queue: the unsent; audit: no receipt, one gap record; telemetry: expired
	if got := s.Status().Expired; got != 50 {
		t.Fatalf("%d expired", got)
	}
	if err := s.Receipt(ctx, "audit.lobby-1", storage.Cursor{Inc: 1, Seq: 60}); err != nil {
		t.Fatal(err)
	}
	retain(100, 41, 0)
	if r, err := s.Append(ctx, queue[3]); err != nil || !r[0].Duplicate || r[0].Seq != 4 {
		t.Fatalf("a pruned event is not known any more: %+v, %v", r, err)
	}
	c.step(49 * time.Hour)
	retain(100, 41, 0)
	if _, err := s.Append(ctx, queue[1199]); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Append(ctx, queue[3]); err != nil || r[0].Duplicate {
		t.Fatalf("an id outlived its 48 hours: %+v, %v", r, err)
	}
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	mustCheck(t, dir)
	a := mustAudit(t, dir)
	if a.Logs[0].Pruned == 0 || a.Logs[0].Size != 1353 {
		t.Fatalf("audit = %+v", a)
	}
}

func TestWaterMarks(t *testing.T) {
	ctx := context.Background()
	dir, c := t.TempDir(), newClock()
	o := careOptions(dir, c)
	o.Budget = 8 << 20
	s := open(t, o)
	try := func(channel, kind string) error {
		_, err := s.Append(ctx, event(channel, kind, fmt.Sprintf("%q", bytes.Repeat([]byte{'x'}, 3000))))
		return err
	}
	fillTo := func(channel, kind string, mark storage.Mark) {
		t.Helper()
		for range 100_000 {
			if s.Status().Mark >= mark {
				return
			}
			if err := try(channel, kind); err != nil {
				t.Fatalf("below mark %v: %v", mark, err)
			}
		}
		t.Fatal("the store never fills")
	}
	refused := func(kind string, want bool) {
		t.Helper()
		err := try(kind+".x", kind)
		if errors.Is(err, storage.ErrFull) != want {
			t.Fatalf("at mark %v, kind %s: %v", s.Status().Mark, kind, err)
		}
	}
	fillTo("telemetry.x", "telemetry", storage.MarkTelemetry)
	refused("telemetry", true)
	refused("bulk", false)
	fillTo("bulk.x", "bulk", storage.MarkPriority)
	refused("bulk", true)
	refused("queue", false)
	fillTo("queue.x", "queue", storage.MarkCritical)
	refused("queue", true)
	refused("emergency", false)
	fillTo("emergency.x", "emergency", storage.MarkFull)
	refused("emergency", true)
	// What frees space still works.
	if err := s.Advance(ctx, "bulk.x", storage.Cursor{Inc: 1, Seq: 1}, storage.Delivered, "", 1); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "store.db"))
	if err != nil || info.Size() > o.Budget {
		t.Fatalf("the file takes %d bytes of %d, %v", info.Size(), o.Budget, err)
	}
	t.Logf("the file is %d bytes below its budget", o.Budget-info.Size())
	accepted := s.Status().Accepted
	runCtx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Run(runCtx) })
	for s.Status().Mark >= storage.MarkTelemetry {
		time.Sleep(time.Millisecond)
	}
	cancel()
	wg.Wait()
	st := s.Status()
	if st.Dropped == 0 || !st.Balanced() || st.Accepted <= accepted {
		t.Fatalf("after relief: %+v", st)
	}
	gaps, err := s.Gaps(ctx, 1000)
	n := uint64(0)
	for _, g := range gaps {
		n += g.Count
	}
	if err != nil || n != st.Dropped || gaps[0].Outcome != storage.Dropped || gaps[0].Channel != "telemetry.x" {
		t.Fatalf("Gaps = %+v, %v; dropped %d", gaps, err, st.Dropped)
	}
	records, err := s.Outbox(ctx, "audit.lobby-1", 10, 0)
	if err != nil || len(records) == 0 || records[0].Kind != "gap" {
		t.Fatalf("no gap record: %+v, %v", records, err)
	}
	refused("telemetry", false)
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	mustCheck(t, dir)
}

// What may not be dropped may stand in a stream of what may: neither a full store
// nor its age takes it out of the outbox, nor what comes after it.
func TestKeptAmongDroppable(t *testing.T) {
	ctx := context.Background()
	dir, c := t.TempDir(), newClock()
	o := careOptions(dir, c)
	o.Budget = 8 << 20
	s := open(t, o)
	fill(t, s, "telemetry.x", "telemetry", 3)
	fill(t, s, "telemetry.x", "kept", 1)
	first := func(kind string) uint64 {
		t.Helper()
		r, err := s.Outbox(ctx, "telemetry.x", 1, 0)
		if err != nil || len(r) != 1 || r[0].Kind != kind {
			t.Fatalf("the outbox begins with %+v, %v; want %s", r, err, kind)
		}
		return r[0].Seq
	}
	full := func() {
		for s.Status().Mark < storage.MarkTelemetry {
			fill(t, s, "telemetry.x", "telemetry", 1)
		}
	}
	full()
	run := func(until func(storage.Status) bool) storage.Status {
		runCtx, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		wg.Go(func() { _ = s.Run(runCtx) })
		for !until(s.Status()) {
			time.Sleep(time.Millisecond)
		}
		cancel()
		wg.Wait()
		return s.Status()
	}
	if st := run(func(st storage.Status) bool { return st.Dropped > 0 }); st.Dropped != 3 || first("kept") != 4 || !st.Balanced() {
		t.Errorf("a full store dropped %d", st.Dropped)
	}
	if err := s.Advance(ctx, "telemetry.x", storage.Cursor{Inc: 1, Seq: 4}, storage.Delivered, "", 1); err != nil {
		t.Fatal(err)
	}
	full()
	if st := run(func(st storage.Status) bool { return st.Dropped > 3 }); !st.Balanced() {
		t.Errorf("after it was sent: %+v", st)
	}
	if _, err := s.Append(ctx, event("telemetry.x", "kept", "{}"), event("telemetry.x", "telemetry", "{}")); err != nil {
		t.Fatal(err)
	}
	c.step(25 * time.Hour)
	if err := s.Retain(ctx, nil); err != nil {
		t.Fatal(err)
	}
	first("kept")
	if st := s.Status(); st.Expired == 0 || !st.Balanced() {
		t.Errorf("after a day: %+v", st)
	}
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	mustCheck(t, dir)
}

func TestCompaction(t *testing.T) {
	ctx := context.Background()
	dir, c := t.TempDir(), newClock()
	s := open(t, careOptions(dir, c))
	fill(t, s, "queue.er", "queue", 20_000)
	if err := s.Advance(ctx, "queue.er", storage.Cursor{Inc: 1, Seq: 19_900}, storage.Delivered, "", 1); err != nil {
		t.Fatal(err)
	}
	c.step(25 * time.Hour)
	if err := s.Retain(ctx, nil); err != nil {
		t.Fatal(err)
	}
	before := s.Status()
	// Appends, reads and updates go on while it is done.
	var stop atomic.Bool
	var wg sync.WaitGroup
	var added atomic.Int64
	for i := range 3 {
		wg.Go(func() {
			for n := 0; !stop.Load(); n++ {
				err := s.Update(ctx, func(tx *storage.Tx) error {
					if _, err := tx.Append(event("queue.er", "queue", "{}")); err != nil {
						return err
					}
					return tx.Put("v", fmt.Append(nil, i), fmt.Append(nil, n))
				})
				if err != nil {
					t.Error(err)
					return
				}
				added.Add(1)
				if err := s.View(ctx, func(r *storage.Reader) error {
					v, err := r.Get("v", fmt.Append(nil, i))
					if string(v) != fmt.Sprint(n) {
						t.Errorf("view of %d is %q, want %d", i, v, n)
					}
					return err
				}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 2 {
		if err := s.Compact(ctx, nil); err != nil {
			t.Error(err)
		}
	}
	stop.Store(true)
	wg.Wait()
	after := s.Status()
	if after.Length > before.Length/2 {
		t.Errorf("the file went from %d to %d bytes", before.Length, after.Length)
	}
	if want := 100 + int(added.Load()); stored(t, s, "queue.er") != want || after.Queued != uint64(want) || !after.Balanced() {
		t.Errorf("%d records, %+v; want %d", stored(t, s, "queue.er"), after, want)
	}
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if r := mustCheck(t, dir); !r.Clean {
		t.Error("not clean")
	}
	mustAudit(t, dir)
	s = open(t, careOptions(dir, c))
	if st := s.Status(); st.Counts != after.Counts || st.Fences != 0 {
		t.Errorf("after reopening: %+v", st)
	}
}

func TestCheckpoints(t *testing.T) {
	ctx := context.Background()
	dir, c := t.TempDir(), newClock()
	s := open(t, careOptions(dir, c))
	var notes [][]byte
	for i := range 200 {
		fill(t, s, "queue.er", "queue", 2)
		note, err := s.Checkpoint(ctx)
		if err != nil {
			t.Fatal(err)
		}
		cp, err := auditlog.OpenCheckpoint(note, origin(note), testKeys().OwnPublicKeys()...)
		if err != nil || cp.Size != uint64(3*i+3) {
			t.Fatalf("checkpoint %d = %+v, %v", i, cp, err)
		}
		notes = append(notes, note)
		c.step(time.Hour)
	}
	if note, err := s.Checkpoint(ctx); err != nil || note != nil {
		t.Fatalf("a checkpoint of nothing new: %q, %v", note, err)
	}
	a, err := s.VerifyAudit(ctx, nil, notes...)
	if err != nil || !a.OK() || a.Logs[0].Checkpoints < 200+64 || a.Logs[0].Checkpoints > 200+64+10 {
		t.Fatalf("VerifyAudit = %+v, %v", a, err)
	}
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	mustAudit(t, dir, notes...)
	// Somebody else's key says nothing.
	_, other, _ := ed25519.GenerateKey(nil)
	b, err := storage.VerifyAudit(ctx, storage.AuditOptions{
		Path: filepath.Join(dir, "store.db"), Kiosk: "lobby-1", Keys: testKeys(),
		Public: []ed25519.PublicKey{other.Public().(ed25519.PublicKey)},
	})
	if err != nil || b.OK() {
		t.Fatalf("checkpoints verify under any key: %+v, %v", b, err)
	}
}

func origin(note []byte) string {
	first, _, _ := bytes.Cut(note, []byte("\n"))
	return string(first)
}

func TestRollbackIsFound(t *testing.T) {
	ctx := context.Background()
	dir, c := t.TempDir(), newClock()
	s := open(t, careOptions(dir, c))
	fill(t, s, "queue.er", "queue", 10)
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(filepath.Join(dir, "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	s = open(t, careOptions(dir, c))
	fill(t, s, "queue.er", "queue", 5)
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "store.db"), old, 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := storage.VerifyAudit(ctx, storage.AuditOptions{
		Path: filepath.Join(dir, "store.db"), Kiosk: "lobby-1", Keys: testKeys(), Public: testKeys().OwnPublicKeys(),
	})
	if err != nil || a.OK() || *a.Side != auditlog.DBBehind {
		t.Fatalf("VerifyAudit = %+v, %v", a, err)
	}
	s, opened, err := storage.Open(ctx, careOptions(dir, c))
	if err != nil || opened.Rolled == nil || opened.Rolled.Verdict != auditlog.DBBehind {
		t.Fatalf("Open = %+v, %v", opened, err)
	}
	r, err := s.Append(ctx, event("queue.er", "queue", "{}"))
	if err != nil || r[0].Inc != 2 || r[0].Seq != 1 {
		t.Fatalf("the lost sequence numbers are used again: %+v, %v", r, err)
	}
	if records, err := s.Outbox(ctx, "queue.er", 100, 0); err != nil || len(records) != 11 {
		t.Fatalf("Outbox = %d, %v", len(records), err)
	}
	if err := s.Advance(ctx, "queue.er", storage.Cursor{Inc: 2, Seq: 1}, storage.Delivered, "", 1); err != nil {
		t.Fatal(err)
	}
	if st := s.Status(); st.Delivered != 11 || !st.Balanced() {
		t.Fatalf("Status = %+v", st)
	}
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	mustAudit(t, dir)
	_, opened, err = reopen(t, careOptions(dir, c))
	if err != nil || opened.Rolled != nil || !opened.Clean {
		t.Fatalf("Open again = %+v, %v", opened, err)
	}
}

func reopen(t testing.TB, o storage.Options) (*storage.Store, storage.Opened, error) {
	s, opened, err := storage.Open(context.Background(), o)
	if err == nil {
		t.Cleanup(func() { _ = s.Close(context.Background()) })
	}
	return s, opened, err
}

func TestLostFileIsNoticed(t *testing.T) {
	ctx := context.Background()
	dir, c := t.TempDir(), newClock()
	s := open(t, careOptions(dir, c))
	fill(t, s, "queue.er", "queue", 10)
	ref, err := s.PutBlob(ctx, "queue", []byte("drawn signature"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "store.db")); err != nil {
		t.Fatal(err)
	}
	s, opened, err := reopen(t, careOptions(dir, c))
	if err != nil || !opened.Created || !opened.Lost || s.Status().Life != 2 {
		t.Fatalf("Open = %+v, %v", opened, err)
	}
	if b, err := s.Blob(ctx, ref); err != nil || string(b) != "drawn signature" {
		t.Fatalf("Blob = %q, %v", b, err)
	}
}

func TestBlobs(t *testing.T) {
	ctx := context.Background()
	dir, c := t.TempDir(), newClock()
	s := open(t, careOptions(dir, c))
	data := bytes.Repeat([]byte("Ada Fictional "), 10_000)
	ref, err := s.PutBlob(ctx, "queue", data)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.PutBlob(ctx, "queue", data); err != nil || again != ref {
		t.Fatalf("PutBlob again = %v, %v", again, err)
	}
	unnamed, err := s.PutBlob(ctx, "queue", []byte("never named"))
	if err != nil {
		t.Fatal(err)
	}
	e := event("queue.er", "queue", "{}")
	err = s.Update(ctx, func(tx *storage.Tx) error {
		if _, err := tx.Append(e); err != nil {
			return err
		}
		return tx.Refer(ref, e.ID)
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(ctx, func(tx *storage.Tx) error { return tx.Refer(storage.BlobRef{Size: 1}, e.ID) })
	if !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("Refer to nothing = %v", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "blobs", "*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil || bytes.Contains(b, []byte("Fictional")) {
			t.Fatalf("%s holds the text, %v", f, err)
		}
	}
	have := func(ref storage.BlobRef, want bool) {
		t.Helper()
		b, err := s.Blob(ctx, ref)
		if (err == nil) != want || want && int64(len(b)) != ref.Size {
			t.Fatalf("Blob = %d bytes, %v; want it: %v", len(b), err, want)
		}
	}
	sweep := func() {
		t.Helper()
		if err := s.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
	}
	sweep()
	have(ref, true)
	have(unnamed, true)
	c.step(25 * time.Hour)
	sweep()
	have(ref, true)
	have(unnamed, false)
	if err := s.Advance(ctx, "queue.er", storage.Cursor{Inc: 1, Seq: 1}, storage.Delivered, "", 1); err != nil {
		t.Fatal(err)
	}
	if err := s.Retain(ctx, nil); err != nil {
		t.Fatal(err)
	}
	sweep()
	have(ref, false)
	if used := s.Status().Used; used > 4<<20 {
		t.Fatalf("%d bytes in use", used)
	}
	// A damaged blob is not given out.
	if ref, err = s.PutBlob(ctx, "queue", data); err != nil {
		t.Fatal(err)
	}
	files, _ = filepath.Glob(filepath.Join(dir, "blobs", "*"))
	b, _ := os.ReadFile(files[0])
	b[len(b)/2] ^= 1
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Blob(ctx, ref); !errors.Is(err, storage.ErrUnreadable) {
		t.Fatalf("Blob of a damaged file = %v", err)
	}
	// Putting it again repairs it.
	if _, err := s.PutBlob(ctx, "queue", data); err != nil {
		t.Fatal(err)
	}
	have(ref, true)
}

// TestRunForDays lets the care of the store run for days of virtual time.
func TestRunForDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		dir := t.TempDir()
		o := careOptions(dir, nil)
		o.Now = func() storage.Instant { return storage.Instant{Wall: time.Now(), Boot: uuid.Max, Synced: true} }
		s := open(t, o)
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		for range 4 * 24 {
			fill(t, s, "queue.er", "queue", 5)
			st := s.Streams()
			for _, st := range st {
				if err := s.Advance(ctx, st.Channel, st.Next, storage.Delivered, "", 1); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Hour)
		}
		if n := stored(t, s, "queue.er"); n > 26*5 {
			t.Errorf("%d records are kept of the last day", n)
		}
		cancel()
		wg.Wait()
		if err := s.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		mustCheck(t, dir)
		a := mustAudit(t, dir)
		if a.Logs[0].Checkpoints < 64 {
			t.Errorf("audit = %+v", a)
		}
	})
}
