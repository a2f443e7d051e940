package storage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"clinicgate/storage"
	"clinicgate/storage/storagetest"
)

var kinds = []storage.Kind{
	{Name: "queue/PATIENT_ADDED", KeyClass: "queue", Lane: storage.LaneQueue, Priority: true},
	{Name: "audit/AUDIT_EVENT", KeyClass: "audit", Lane: storage.LaneAudit, Priority: true},
	{Name: "device/VITALS", KeyClass: "telemetry", Lane: storage.LaneTelemetry, Droppable: true},
	{Name: "local/NOTE", KeyClass: "audit", Lane: storage.LaneAudit, Local: true, Priority: true},
}

func testKeys() *storagetest.Keys {
	return storagetest.NewKeys("test").Preload("queue", "audit", "telemetry", storage.ClassStore, storage.ClassView)
}

func options(dir string) storage.Options {
	boot := uuid.MustParse("0190a5a0-0000-7000-8000-000000000001")
	return storage.Options{
		Dir: dir, Kiosk: "lobby-1", Kinds: kinds, Keys: testKeys(), NoSync: true,
		Now: func() storage.Instant {
			return storage.Instant{Wall: time.Now(), Boot: boot, Mono: time.Second, Synced: true}
		},
	}
}

func open(t testing.TB, o storage.Options) *storage.Store {
	t.Helper()
	s, _, err := storage.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

func event(channel, kind, body string) storage.Event {
	id, err := uuid.NewV7()
	if err != nil {
		panic(err)
	}
	return storage.Event{ID: id, Channel: channel, Kind: kind, Body: []byte(body)}
}

func TestAppendIsIdempotent(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := open(t, options(dir))
	a := event("queue.er", "queue/PATIENT_ADDED", `{"a":1}`)
	b := event("queue.er", "queue/PATIENT_ADDED", `{"b":1}`)
	first, err := s.Append(ctx, a, b)
	if err != nil {
		t.Fatal(err)
	}
	if first[0].Seq != 1 || first[1].Seq != 2 || first[0].Duplicate {
		t.Fatalf("Append = %+v", first)
	}
	again, err := s.Append(ctx, b)
	if err != nil || !again[0].Duplicate || again[0].Seq != 2 || again[0].HLC != first[1].HLC {
		t.Fatalf("Append again = %+v, %v", again, err)
	}
	changed := b
	changed.Body = []byte(`{"b":2}`)
	if _, err := s.Append(ctx, changed); !errors.Is(err, storage.ErrConflict) {
		t.Fatalf("other content under the same id: %v", err)
	}
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	s = open(t, options(dir))
	again, err = s.Append(ctx, a)
	if err != nil || !again[0].Duplicate || again[0].Seq != 1 {
		t.Fatalf("Append after reopening = %+v, %v", again, err)
	}
	records, err := s.Outbox(ctx, "queue.er", 10, 0)
	if err != nil || len(records) != 2 || !bytes.Equal(records[1].Body, b.Body) || records[1].ID != b.ID {
		t.Fatalf("Outbox = %+v, %v", records, err)
	}
}

func TestUpdateIsAllOrNothing(t *testing.T) {
	ctx := context.Background()
	s := open(t, options(t.TempDir()))
	fail := errors.New("changed my mind")
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			err := s.Update(ctx, func(tx *storage.Tx) error {
				if _, err := tx.Append(event("queue.er", "queue/PATIENT_ADDED", "{}")); err != nil {
					return err
				}
				if _, err := tx.Append(event(fmt.Sprintf("queue.%d", i), "queue/PATIENT_ADDED", "{}")); err != nil {
					return err
				}
				if err := tx.PutIn("entries", []byte("day"), fmt.Append(nil, i), []byte("x")); err != nil {
					return err
				}
				if i%2 == 1 {
					return fail
				}
				return nil
			})
			if want := i%2 == 1; errors.Is(err, fail) != want {
				t.Errorf("Update %d = %v", i, err)
			}
		})
	}
	wg.Wait()
	n := 0
	err := s.View(ctx, func(r *storage.Reader) error {
		for i := range 64 {
			v, err := r.GetIn("entries", []byte("day"), fmt.Append(nil, i))
			if err != nil {
				return err
			}
			if (v != nil) != (i%2 == 0) {
				t.Errorf("row %d = %q", i, v)
			}
		}
		return r.Walk("entries", []byte("day"), func(_, v []byte) error { n++; return nil })
	})
	if err != nil || n != 32 {
		t.Fatalf("walked %d rows, %v", n, err)
	}
	st := s.Status()
	if st.Accepted != 64 || !st.Balanced() || len(s.Streams()) != 33 {
		t.Fatalf("Status = %+v, %d streams", st, len(s.Streams()))
	}
	records, err := s.Read(ctx, "queue.er", "", storage.Cursor{}, 100)
	if err != nil || len(records) != 32 {
		t.Fatalf("Read = %d records, %v", len(records), err)
	}
	for i, r := range records {
		if r.Seq != uint64(i)+1 {
			t.Fatalf("record %d has sequence %d", i, r.Seq)
		}
	}
}

func TestUpdatePassesPanicOn(t *testing.T) {
	s := open(t, options(t.TempDir()))
	defer func() {
		if p := recover(); p != "boom" {
			t.Fatalf("recovered %v", p)
		}
		if got := s.Status().Accepted; got != 0 {
			t.Fatalf("%d events of a panicked update were kept", got)
		}
	}()
	_ = s.Update(context.Background(), func(tx *storage.Tx) error {
		if _, err := tx.Append(event("queue.er", "queue/PATIENT_ADDED", "{}")); err != nil {
			return err
		}
		panic("boom")
	})
}

func TestAdvance(t *testing.T) {
	ctx := context.Background()
	s := open(t, options(t.TempDir()))
	for range 5 {
		if _, err := s.Append(ctx, event("audit.lobby-1", "audit/AUDIT_EVENT", "{}")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Advance(ctx, "audit.lobby-1", storage.Cursor{Inc: 1, Seq: 3}, storage.Delivered, "", 17); err != nil {
		t.Fatal(err)
	}
	if err := s.Advance(ctx, "audit.lobby-1", storage.Cursor{Inc: 1, Seq: 4}, storage.Quarantined, "too old", 0); err != nil {
		t.Fatal(err)
	}
	if err := s.Advance(ctx, "audit.lobby-1", storage.Cursor{Inc: 1, Seq: 2}, storage.Delivered, "", 3); err != nil {
		t.Fatal(err)
	}
	if err := s.Advance(ctx, "audit.lobby-1", storage.Cursor{Inc: 1, Seq: 6}, storage.Delivered, "", 3); err == nil {
		t.Fatal("advanced past the end")
	}
	got := s.Status().Counts
	want := storage.Counts{Accepted: 5, Delivered: 3, Queued: 1, Quarantined: 1}
	if got != want {
		t.Fatalf("Counts = %+v, want %+v", got, want)
	}
	records, err := s.Outbox(ctx, "audit.lobby-1", 10, 0)
	if err != nil || len(records) != 1 || records[0].Seq != 5 {
		t.Fatalf("Outbox = %+v, %v", records, err)
	}
	if st := s.Streams()[0]; st.Oldest.IsZero() || st.Token != 17 {
		t.Fatalf("Streams = %+v", st)
	}
}

func TestForeignEvents(t *testing.T) {
	ctx := context.Background()
	s := open(t, options(t.TempDir()))
	e := event("queue.er", "queue/PATIENT_ADDED", `{"gw":{}}`)
	e.Origin = &storage.Origin{Kiosk: "lobby-2", Inc: 3, Seq: 9, HLC: storage.NewHLC(time.Now()), Synced: true, Timetoken: 5}
	r, err := s.Append(ctx, e)
	if err != nil || r[0].Inc != 3 || r[0].Seq != 9 {
		t.Fatalf("Append = %+v, %v", r, err)
	}
	other := event("queue.er", "queue/PATIENT_ADDED", `{"gw":{"x":1}}`)
	other.Origin = e.Origin
	if _, err := s.Append(ctx, other); !errors.Is(err, storage.ErrConflict) {
		t.Fatalf("another event in the same place: %v", err)
	}
	if st := s.Status(); st.Accepted != 0 || len(s.Streams()) != 0 {
		t.Fatalf("a foreign event is in the loss equation: %+v", st)
	}
	records, err := s.Read(ctx, "queue.er", "lobby-2", storage.Cursor{}, 10)
	if err != nil || len(records) != 1 || *records[0].Origin != *e.Origin {
		t.Fatalf("Read = %+v, %v", records, err)
	}
}

func TestFollow(t *testing.T) {
	s := open(t, options(t.TempDir()))
	first, stop := s.Follow()
	second, stopSecond := s.Follow()
	defer stopSecond()
	add := func(e storage.Event) {
		t.Helper()
		if _, err := s.Append(context.Background(), e); err != nil {
			t.Fatal(err)
		}
	}
	rang := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	add(event("queue.cardiology", "queue/PATIENT_ADDED", `{}`))
	add(event("queue.cardiology", "queue/PATIENT_ADDED", `{}`))
	if !rang(first) || !rang(second) || !rang(s.Changed()) || rang(first) {
		t.Error("not everybody was told once of what is new")
	}
	foreign := event("queue.cardiology", "queue/PATIENT_ADDED", `{}`)
	foreign.Origin = &storage.Origin{Kiosk: "lobby-2", Inc: 1, Seq: 1}
	add(foreign)
	if rang(first) {
		t.Error("another kiosk's event is taken for one of the outbox")
	}
	stop()
	add(event("queue.cardiology", "queue/PATIENT_ADDED", `{}`))
	if rang(first) || !rang(second) {
		t.Error("who has stopped is told, or who has not is not")
	}
}

func TestCursors(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := open(t, options(dir))
	if err := s.Update(ctx, func(tx *storage.Tx) error { return tx.SetCursor("queue.er", 1<<60) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	s = open(t, options(dir))
	err := s.View(ctx, func(r *storage.Reader) error {
		if v, err := r.Cursor("queue.er"); v != 1<<60 || err != nil {
			t.Errorf("Cursor = %d, %v", v, err)
		}
		if v, err := r.Cursor("none"); v != 0 || err != nil {
			t.Errorf("Cursor = %d, %v", v, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
