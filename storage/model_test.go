package storage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"clinicgate/storage"
)

// model is what a store should hold.
type model struct {
	t     *rapid.T
	tb    testing.TB
	dir   string
	clock *clock
	s     *storage.Store
	fail  string // what the next commits do: "", "before" or "after"

	inc     uint32
	streams map[string]*modelStream
	ids     map[uuid.UUID]storage.Event
	places  map[uuid.UUID]storage.Receipt
	views   map[string][]byte
	cursors map[string]uint64
	copies  int
}

type modelStream struct {
	records   []storage.Receipt
	events    []storage.Event
	sent      int // records handled
	pruned    int // records whose bodies are gone
	delivered uint64
	refused   uint64
}

var (
	modelChannels = []string{"queue.a", "queue.b", "audit.lobby-1"}
	modelViewKeys = []string{"p", "q", "r", "s"}
)

func (m *model) options() storage.Options {
	o := careOptions(m.dir, m.clock)
	o.OnGap = nil // the model counts what it appends itself
	return o.WithCommit(func(tx *bolt.Tx) error {
		how := m.fail
		m.fail = ""
		if how == "before" {
			_ = tx.Rollback()
			return errDisk
		}
		if err := tx.Commit(); err != nil {
			return err
		}
		if how == "after" {
			return errDisk
		}
		return nil
	})
}

func (m *model) open() storage.Opened {
	s, opened, err := storage.Open(context.Background(), m.options())
	if err != nil {
		m.t.Fatalf("Open: %v", err)
	}
	if opened.Salvaged != nil || opened.Rolled != nil {
		m.t.Fatalf("Open found damage: %+v", opened)
	}
	m.s = s
	return opened
}

func (m *model) stream(channel string) *modelStream {
	if m.streams[channel] == nil {
		m.streams[channel] = new(modelStream)
	}
	return m.streams[channel]
}

// added notes events that were acknowledged.
func (m *model) added(events []storage.Event, receipts []storage.Receipt) {
	if len(receipts) != len(events) {
		m.t.Fatalf("%d receipts for %d events", len(receipts), len(events))
	}
	for i, e := range events {
		r := receipts[i]
		if old, ok := m.places[e.ID]; ok {
			old.Duplicate = true
			if r != old {
				m.t.Fatalf("duplicate %s got %+v, want %+v", e.ID, r, old)
			}
			continue
		}
		st := m.stream(e.Channel)
		want := uint64(1)
		if n := len(st.records); n > 0 && st.records[n-1].Inc == m.inc {
			want = st.records[n-1].Seq + 1
		}
		if r.Inc != m.inc || r.Seq != want || r.Duplicate || r.Channel != e.Channel {
			m.t.Fatalf("event %s got %+v, want %d/%d", e.ID, r, m.inc, want)
		}
		if n := len(st.records); n > 0 && r.HLC <= st.records[n-1].HLC {
			m.t.Fatalf("clock went back: %v after %v", r.HLC, st.records[n-1].HLC)
		}
		m.ids[e.ID], m.places[e.ID] = e, r
		st.records, st.events = append(st.records, r), append(st.events, e)
	}
}

func (m *model) drawEvents() []storage.Event {
	n := rapid.IntRange(1, 4).Draw(m.t, "events")
	var out []storage.Event
	for range n {
		channel := rapid.SampledFrom(modelChannels).Draw(m.t, "channel")
		kind := "queue"
		if channel == "audit.lobby-1" {
			kind = "audit"
		}
		size := rapid.SampledFrom([]int{0, 10, 700, 6000}).Draw(m.t, "size")
		out = append(out, event(channel, kind, fmt.Sprintf("%q", bytes.Repeat([]byte{'b'}, size))))
	}
	return out
}

func (m *model) Append(t *rapid.T) {
	m.t = t
	events := m.drawEvents()
	if len(m.ids) > 0 && rapid.IntRange(0, 4).Draw(t, "again") == 0 {
		id := rapid.SampledFrom(slices.SortedFunc(maps.Keys(m.ids), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })).Draw(t, "id")
		events = append(events, m.ids[id])
	}
	receipts, err := m.s.Append(context.Background(), events...)
	if err != nil {
		t.Fatalf("Append: %v", err)
	}
	m.added(events, receipts)
}

func (m *model) AppendTogether(t *rapid.T) {
	m.t = t
	batches := make([][]storage.Event, rapid.IntRange(2, 6).Draw(t, "batches"))
	receipts := make([][]storage.Receipt, len(batches))
	var wg sync.WaitGroup
	for i := range batches {
		batches[i] = m.drawEvents()
	}
	for i := range batches {
		wg.Go(func() {
			for {
				r, err := m.s.Append(context.Background(), batches[i]...)
				if errors.Is(err, storage.ErrFenced) {
					time.Sleep(time.Millisecond) // another batch's commit failed
					continue
				}
				if err == nil {
					receipts[i] = r
				}
				return
			}
		})
	}
	wg.Wait()
	// The order between them is the store's to choose.
	order := make([]int, len(batches))
	for i := range order {
		order[i] = i
		if receipts[i] == nil {
			t.Fatal("Append failed")
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		if receipts[a][0].HLC < receipts[b][0].HLC {
			return -1
		}
		return 1
	})
	for _, i := range order {
		m.added(batches[i], receipts[i])
	}
}

func (m *model) Conflict(t *rapid.T) {
	m.t = t
	for id, e := range m.ids {
		e.Body = append(slices.Clone(e.Body), ' ')
		fresh := m.drawEvents()
		if _, err := m.s.Append(context.Background(), append(fresh, e)...); !errors.Is(err, storage.ErrConflict) {
			t.Fatalf("other content under %s: %v", id, err)
		}
		return
	}
	t.Skip("nothing stored")
}

func (m *model) Update(t *rapid.T) {
	m.t = t
	key := rapid.SampledFrom(modelViewKeys).Draw(t, "key")
	value := []byte(rapid.String().Draw(t, "value"))
	drop := rapid.IntRange(0, 3).Draw(t, "drop") == 0
	name := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "cursor")
	at := rapid.Uint64().Draw(t, "at")
	fails := rapid.IntRange(0, 3).Draw(t, "fails") == 0
	events := m.drawEvents()
	changed := errors.New("changed my mind")
	var receipts []storage.Receipt
	err := m.s.Update(context.Background(), func(tx *storage.Tx) error {
		receipts = nil
		old, err := tx.GetIn("rows", []byte("g"), []byte(key))
		if err != nil {
			return err
		}
		if want, ok := m.views[key]; ok != (old != nil) || !bytes.Equal(old, want) {
			return fmt.Errorf("row %s is %q, want %q", key, old, want)
		}
		for _, e := range events {
			r, err := tx.Append(e)
			if err != nil {
				return err
			}
			if got, ok := tx.Lookup(e.ID); !ok || got.Seq != r.Seq {
				return fmt.Errorf("what was just appended is not found: %+v", got)
			}
			receipts = append(receipts, r)
		}
		if drop {
			err = tx.DeleteIn("rows", []byte("g"), []byte(key))
		} else {
			err = tx.PutIn("rows", []byte("g"), []byte(key), value)
		}
		if err == nil {
			err = tx.SetCursor(name, at)
		}
		if err == nil && fails {
			err = changed
		}
		return err
	})
	if fails && errors.Is(err, changed) {
		return
	}
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	m.added(events, receipts)
	if delete(m.views, key); !drop {
		m.views[key] = value
	}
	m.cursors[name] = at
}

func (m *model) Advance(t *rapid.T) {
	m.t = t
	channel := rapid.SampledFrom(modelChannels).Draw(t, "channel")
	st := m.streams[channel]
	if st == nil || st.sent == len(st.records) {
		t.Skip("nothing queued")
	}
	n := rapid.IntRange(1, len(st.records)-st.sent).Draw(t, "n")
	last := st.records[st.sent+n-1]
	outcome := rapid.SampledFrom([]storage.Outcome{storage.Delivered, storage.Delivered, storage.Quarantined}).Draw(t, "outcome")
	if err := m.s.Advance(context.Background(), channel, storage.Cursor{Inc: last.Inc, Seq: last.Seq}, outcome, "test", 1); err != nil {
		t.Fatalf("Advance: %v", err)
	}
	st.sent += n
	if outcome == storage.Delivered {
		st.delivered += uint64(n)
	} else {
		st.refused += uint64(n)
	}
}

// Retain lets everything that was sent grow old and go.
func (m *model) Retain(t *rapid.T) {
	m.t = t
	m.clock.step(25 * time.Hour)
	for channel, st := range m.streams {
		if channel == "audit.lobby-1" && st.sent > 0 {
			last := st.records[st.sent-1]
			if err := m.s.Receipt(context.Background(), channel, storage.Cursor{Inc: last.Inc, Seq: last.Seq}); err != nil {
				t.Fatalf("Receipt: %v", err)
			}
		}
	}
	if err := m.s.Retain(context.Background(), nil); err != nil {
		t.Fatalf("Retain: %v", err)
	}
	for _, st := range m.streams {
		st.pruned = st.sent
	}
	// Ids of what went two days ago are known no more.
	m.clock.step(50 * time.Hour)
	if err := m.s.Retain(context.Background(), nil); err != nil {
		t.Fatalf("Retain: %v", err)
	}
	for _, st := range m.streams {
		for i := range st.pruned {
			delete(m.ids, st.events[i].ID)
			delete(m.places, st.events[i].ID)
		}
	}
}

func (m *model) Compact(t *rapid.T) {
	m.t = t
	if err := m.s.Compact(context.Background(), nil); err != nil {
		t.Fatalf("Compact: %v", err)
	}
}

func (m *model) Checkpoint(t *rapid.T) {
	m.t = t
	if len(m.streams) == 0 {
		t.Skip("nothing stored")
	}
	// Its event goes to a stream of its own, which the model does not follow.
	if _, err := m.s.Checkpoint(context.Background()); err != nil {
		t.Fatalf("Checkpoint: %v", err)
	}
}

func (m *model) FailCommit(t *rapid.T) {
	m.t = t
	m.fail = rapid.SampledFrom([]string{"before", "after"}).Draw(t, "how")
}

func (m *model) Reopen(t *rapid.T) {
	m.t = t
	m.fail = ""
	if err := m.s.Close(context.Background()); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if opened := m.open(); !opened.Clean {
		t.Fatalf("not clean: %+v", opened.Report)
	}
}

// Kill goes on with a copy of the files as they are.
func (m *model) Kill(t *rapid.T) {
	m.t = t
	m.fail = ""
	m.copies++
	dst := filepath.Join(filepath.Dir(m.dir), fmt.Sprintf("life-%d", m.copies))
	if err := os.CopyFS(dst, os.DirFS(m.dir)); err != nil {
		t.Fatal(err)
	}
	old := m.s
	m.dir = dst
	m.open()
	if err := old.Close(context.Background()); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

// Check holds the store against the model. It runs after every action.
func (m *model) Check(t *rapid.T) {
	m.t = t
	ctx := context.Background()
	want := storage.Counts{}
	for channel, st := range m.streams {
		records, err := m.s.Read(ctx, channel, "", storage.Cursor{}, len(st.records)+1)
		if err != nil || len(records) != len(st.records)-st.pruned {
			t.Fatalf("%s holds %d records, %v; want %d", channel, len(records), err, len(st.records)-st.pruned)
		}
		for i, r := range records {
			e, at := st.events[st.pruned+i], st.records[st.pruned+i]
			if r.ID != e.ID || !bytes.Equal(r.Body, e.Body) || r.Inc != at.Inc || r.Seq != at.Seq || r.HLC != at.HLC || r.Kind != e.Kind {
				t.Fatalf("record %d of %s is %+v, want %+v at %+v", i, channel, r, e, at)
			}
		}
		queued, err := m.s.Outbox(ctx, channel, 5, 0)
		if err != nil || len(queued) != min(5, len(st.records)-st.sent) {
			t.Fatalf("outbox of %s gives %d, %v", channel, len(queued), err)
		}
		if len(queued) > 0 && queued[0].ID != st.events[st.sent].ID {
			t.Fatalf("outbox of %s begins at %s", channel, queued[0].ID)
		}
		want.Accepted += uint64(len(st.records))
		want.Delivered += st.delivered
		want.Quarantined += st.refused
		want.Queued += uint64(len(st.records) - st.sent)
	}
	got := m.s.Status()
	for _, st := range m.s.Streams() {
		if m.streams[st.Channel] == nil {
			got.Accepted -= st.Counts.Accepted
			got.Queued -= st.Counts.Queued
		}
	}
	if got.Counts != want {
		t.Fatalf("Counts = %+v, want %+v", got.Counts, want)
	}
	err := m.s.View(ctx, func(r *storage.Reader) error {
		n := 0
		if err := r.Walk("rows", []byte("g"), func(_, _ []byte) error { n++; return nil }); err != nil {
			return err
		}
		if n != len(m.views) {
			return fmt.Errorf("%d rows, want %d", n, len(m.views))
		}
		for _, k := range modelViewKeys {
			v, err := r.GetIn("rows", []byte("g"), []byte(k))
			if err != nil {
				return err
			}
			if want, ok := m.views[k]; ok != (v != nil) || !bytes.Equal(v, want) {
				return fmt.Errorf("row %s is %q, want %q", k, v, want)
			}
		}
		for name, want := range m.cursors {
			if v, err := r.Cursor(name); v != want || err != nil {
				return fmt.Errorf("cursor %s is %d, %v; want %d", name, v, err, want)
			}
		}
		for id, at := range m.places {
			if got, ok := r.Lookup(id); !ok || got.Seq != at.Seq {
				return fmt.Errorf("event %s is not found where it is: %+v", id, got)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestModel does random things to a store and a model of it: appends one by one
// and together, updates that fail, commits that fail, clean and unclean ends,
// retention, compaction.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "model")
		if err != nil {
			rt.Fatal(err)
		}
		m := &model{
			t: rt, tb: t, dir: filepath.Join(dir, "life-0"), clock: newClock(), inc: 1,
			streams: map[string]*modelStream{}, ids: map[uuid.UUID]storage.Event{}, places: map[uuid.UUID]storage.Receipt{},
			views: map[string][]byte{}, cursors: map[string]uint64{},
		}
		m.open()
		rt.Repeat(map[string]func(*rapid.T){
			"append": m.Append, "together": m.AppendTogether, "conflict": m.Conflict, "update": m.Update,
			"advance": m.Advance, "retain": m.Retain, "compact": m.Compact, "fail": m.FailCommit,
			"reopen": m.Reopen, "kill": m.Kill, "": m.Check,
		})
		m.fail = ""
		if err := m.s.Close(context.Background()); err != nil {
			rt.Fatal(err)
		}
		mustCheck(t, m.dir)
		mustAudit(t, m.dir)
		_ = os.RemoveAll(dir)
	})
}
