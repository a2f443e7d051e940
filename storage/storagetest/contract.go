package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"clinicgate/storage"
)

// Kinds are the kinds of events that the contract appends: one of each sort.
func Kinds() []storage.Kind {
	return []storage.Kind{
		{Name: "test/queue", KeyClass: "queue", Lane: storage.LaneQueue, Priority: true},
		{Name: "test/audit", KeyClass: "audit", Lane: storage.LaneAudit, Priority: true},
		{Name: "test/telemetry", KeyClass: "telemetry", Lane: storage.LaneTelemetry, Droppable: true},
		{Name: "test/local", KeyClass: "audit", Lane: storage.LaneAudit, Local: true, Priority: true},
	}
}

// Options are those of a small store with keys in memory, for tests of what uses
// one. Nothing is synced.
func Options(dir string) storage.Options {
	boot := uuid.New()
	begin := time.Now()
	return storage.Options{
		Dir: dir, Kiosk: "kiosk-1", Kinds: Kinds(), Keys: NewKeys("storagetest"), NoSync: true,
		Now: func() storage.Instant {
			now := time.Now()
			return storage.Instant{Wall: now, Boot: boot, Mono: now.Sub(begin), Synced: true}
		},
	}
}

// NewEvent makes an event with an id of its own.
func NewEvent(channel, kind, body string) storage.Event {
	return storage.Event{ID: uuid.Must(uuid.NewV7()), Channel: channel, Kind: kind, Body: []byte(body)}
}

// Contract is what every store does, however it is opened: call it with each way
// of opening one that the program uses. options gives the options for a
// directory; Kinds must be among its kinds.
func Contract(t *testing.T, options func(t testing.TB, dir string) storage.Options) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, k *kit)
	}{
		{"an id is stored once", idIsStoredOnce},
		{"an id has one content", idHasOneContent},
		{"events of one call are stored together", storedTogether},
		{"an update is all or nothing", updateIsAllOrNothing},
		{"an update sees what came before", updateSeesWhatCameBefore},
		{"numbers of a stream have no holes", numbersHaveNoHoles},
		{"the outbox keeps its order until it is advanced", outboxKeepsItsOrder},
		{"local and foreign events are not published", onlyOwnArePublished},
		{"the clock never goes back", clockNeverGoesBack},
		{"a reader sees one moment", readerSeesOneMoment},
		{"what is too large is refused", tooLargeIsRefused},
		{"a closed store refuses", closedRefuses},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			k := &kit{T: t, dir: dir, options: options(t, dir)}
			k.open()
			c.run(t, k)
			if st := k.s.Status(); !st.Balanced() {
				t.Errorf("counts do not balance: %+v", st.Counts)
			}
			if err := k.s.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}

type kit struct {
	*testing.T
	dir     string
	options storage.Options
	s       *storage.Store
}

func (k *kit) open() {
	k.Helper()
	s, _, err := storage.Open(context.Background(), k.options)
	if err != nil {
		k.Fatal(err)
	}
	k.s = s
	k.Cleanup(func() { _ = s.Close(context.Background()) })
}

func (k *kit) reopen() {
	k.Helper()
	if err := k.s.Close(context.Background()); err != nil {
		k.Fatal(err)
	}
	k.open()
}

func (k *kit) append(events ...storage.Event) []storage.Receipt {
	k.Helper()
	r, err := k.s.Append(context.Background(), events...)
	if err != nil {
		k.Fatal(err)
	}
	return r
}

func (k *kit) read(channel string) []storage.Record {
	k.Helper()
	records, err := k.s.Read(context.Background(), channel, "", storage.Cursor{}, 10_000)
	if err != nil {
		k.Fatal(err)
	}
	return records
}

func idIsStoredOnce(t *testing.T, k *kit) {
	e := NewEvent("queue.a", "test/queue", `{"n":1}`)
	first := k.append(e)[0]
	for range 2 {
		again := k.append(e)[0]
		first.Duplicate = true
		if again != first {
			t.Errorf("Append again = %+v, want %+v", again, first)
		}
		k.reopen()
	}
	// Also twice in one call, and from many at once.
	f := NewEvent("queue.a", "test/queue", `{"n":2}`)
	both := k.append(f, f)
	if both[0].Duplicate || !both[1].Duplicate || both[0].Seq != both[1].Seq {
		t.Errorf("Append of one event twice = %+v", both)
	}
	g := NewEvent("queue.a", "test/queue", `{"n":3}`)
	var wg sync.WaitGroup
	fresh := make(chan storage.Receipt, 20)
	for range cap(fresh) {
		wg.Go(func() {
			r, err := k.s.Append(context.Background(), g)
			if err != nil {
				t.Error(err)
			} else if !r[0].Duplicate {
				fresh <- r[0]
			}
		})
	}
	wg.Wait()
	if len(fresh) != 1 || len(k.read("queue.a")) != 3 {
		t.Errorf("%d of many got a place; %d records", len(fresh), len(k.read("queue.a")))
	}
}

func idHasOneContent(t *testing.T, k *kit) {
	e := NewEvent("queue.a", "test/queue", `{"n":1}`)
	k.append(e)
	for _, change := range []func(e *storage.Event){
		func(e *storage.Event) { e.Body = []byte(`{"n":2}`) },
		func(e *storage.Event) { e.Channel = "queue.b" },
		func(e *storage.Event) { e.Kind = "test/telemetry" },
	} {
		other := e
		change(&other)
		if _, err := k.s.Append(context.Background(), other); !errors.Is(err, storage.ErrConflict) {
			t.Errorf("Append of %+v = %v", other, err)
		}
	}
}

func storedTogether(t *testing.T, k *kit) {
	good, bad := NewEvent("queue.a", "test/queue", "{}"), NewEvent("queue.a", "no such kind", "{}")
	if _, err := k.s.Append(context.Background(), good, bad); err == nil {
		t.Error("an unknown kind was taken")
	}
	if n := len(k.read("queue.a")); n != 0 {
		t.Errorf("%d records of a call that failed", n)
	}
	if r := k.append(good); r[0].Duplicate || r[0].Seq != 1 {
		t.Errorf("Append after it = %+v", r)
	}
}

func updateIsAllOrNothing(t *testing.T, k *kit) {
	ctx := context.Background()
	sorry := errors.New("sorry")
	write := func(value string, result error) error {
		return k.s.Update(ctx, func(tx *storage.Tx) error {
			if _, err := tx.Append(NewEvent("queue.a", "test/queue", "{}")); err != nil {
				return err
			}
			for _, key := range []string{"one", "two"} {
				if err := tx.PutIn("view", []byte("g"), []byte(key), []byte(value)); err != nil {
					return err
				}
			}
			if err := tx.SetCursor("cursor", uint64(len(value))); err != nil {
				return err
			}
			return result
		})
	}
	if err := write("first", nil); err != nil {
		t.Fatal(err)
	}
	if err := write("second time", sorry); !errors.Is(err, sorry) {
		t.Fatalf("Update = %v", err)
	}
	check := func() {
		t.Helper()
		err := k.s.View(ctx, func(r *storage.Reader) error {
			n := 0
			err := r.Walk("view", []byte("g"), func(_, v []byte) error {
				if n++; string(v) != "first" {
					t.Errorf("row is %q", v)
				}
				return nil
			})
			if c, cerr := r.Cursor("cursor"); n != 2 || c != 5 || cerr != nil {
				t.Errorf("%d rows, cursor %d, %v", n, c, cerr)
			}
			return err
		})
		if err != nil || len(k.read("queue.a")) != 1 {
			t.Errorf("%d records, %v", len(k.read("queue.a")), err)
		}
	}
	check()
	k.reopen()
	check()
}

func updateSeesWhatCameBefore(t *testing.T, k *kit) {
	const each, workers = 25, 8
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				err := k.s.Update(context.Background(), func(tx *storage.Tx) error {
					v, err := tx.Get("counter", []byte("n"))
					if err != nil {
						return err
					}
					return tx.Put("counter", []byte("n"), append(v, 'x'))
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	err := k.s.Update(context.Background(), func(tx *storage.Tx) error {
		v, err := tx.Get("counter", []byte("n"))
		if len(v) != each*workers {
			t.Errorf("counted %d of %d", len(v), each*workers)
		}
		if err := tx.Delete("counter", []byte("n")); err != nil {
			return err
		}
		if v, _ := tx.Get("counter", []byte("n")); v != nil {
			t.Errorf("a deleted row is %q", v)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func numbersHaveNoHoles(t *testing.T, k *kit) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 20 {
				e := NewEvent("queue.a", "test/queue", "{}")
				if i%3 == 2 {
					e.Kind = "no such kind"
				}
				_, _ = k.s.Append(context.Background(), NewEvent("queue.b", "test/queue", "{}"), e)
			}
		})
	}
	wg.Wait()
	for _, channel := range []string{"queue.a", "queue.b"} {
		for i, r := range k.read(channel) {
			if r.Seq != uint64(i)+1 || channel == "queue.b" && r.Channel != channel {
				t.Errorf("record %d of %s has number %d", i, channel, r.Seq)
			}
		}
	}
	if n := len(k.read("queue.a")); n != 8*14 {
		// Each third call failed, and with it its other event.
		t.Errorf("%d records", n)
	}
}

func outboxKeepsItsOrder(t *testing.T, k *kit) {
	ctx := context.Background()
	var ids []uuid.UUID
	for i := range 10 {
		e := NewEvent("audit.a", "test/audit", fmt.Sprintf("%q", bytes.Repeat([]byte{'x'}, 100*i)))
		ids = append(ids, e.ID)
		k.append(e)
	}
	select {
	case <-k.s.Changed():
	default:
		t.Error("nobody was told of new events")
	}
	for len(ids) > 0 {
		for range 2 { // reading removes nothing
			got, err := k.s.Outbox(ctx, "audit.a", 3, 0)
			if err != nil || len(got) != min(3, len(ids)) || got[0].ID != ids[0] {
				t.Fatalf("Outbox = %d records, %v", len(got), err)
			}
		}
		if got, err := k.s.Outbox(ctx, "audit.a", 3, 1); err != nil || len(got) != 1 {
			t.Fatalf("Outbox with one byte to spare = %d records, %v", len(got), err)
		}
		st := k.s.Streams()
		if len(st) != 1 || st[0].Queued != uint64(len(ids)) || st[0].Oldest.IsZero() || st[0].Lane != storage.LaneAudit {
			t.Fatalf("Streams = %+v", st)
		}
		to := st[0].Sent
		to.Inc, to.Seq = st[0].Next.Inc, to.Seq+1
		if err := k.s.Advance(ctx, "audit.a", to, storage.Delivered, "", 7); err != nil {
			t.Fatal(err)
		}
		ids = ids[1:]
		if len(ids) == 5 {
			k.reopen()
		}
	}
	if st := k.s.Streams()[0]; st.Queued != 0 || st.Counts.Delivered != 10 || st.Token != 7 || !st.Oldest.IsZero() {
		t.Errorf("Streams = %+v", st)
	}
	if err := k.s.Advance(ctx, "audit.a", storage.Cursor{Inc: 1, Seq: 11}, storage.Delivered, "", 7); err == nil {
		t.Error("advanced past the end")
	}
	if err := k.s.Advance(ctx, "no.such", storage.Cursor{Inc: 1, Seq: 1}, storage.Delivered, "", 7); err == nil {
		t.Error("advanced a stream that is not there")
	}
}

func onlyOwnArePublished(t *testing.T, k *kit) {
	foreign := NewEvent("queue.a", "test/queue", `{"gw":{}}`)
	foreign.Origin = &storage.Origin{Kiosk: "kiosk-2", Inc: 4, Seq: 7, HLC: storage.NewHLC(time.Now()), Boot: uuid.New(), Mono: 9, Synced: true, Timetoken: 17}
	r := k.append(NewEvent("local.a", "test/local", "{}"), foreign)
	if r[1].Inc != 4 || r[1].Seq != 7 {
		t.Errorf("a foreign event got %+v", r[1])
	}
	if st := k.s.Status(); st.Accepted != 0 || len(k.s.Streams()) != 0 {
		t.Errorf("counted: %+v", st.Counts)
	}
	got, err := k.s.Read(context.Background(), "queue.a", "kiosk-2", storage.Cursor{}, 10)
	if err != nil || len(got) != 1 || *got[0].Origin != *foreign.Origin || !bytes.Equal(got[0].Body, foreign.Body) {
		t.Errorf("Read = %+v, %v", got, err)
	}
	other := NewEvent("queue.a", "test/queue", `{"gw":{"other":1}}`)
	other.Origin = foreign.Origin
	if _, err := k.s.Append(context.Background(), other); !errors.Is(err, storage.ErrConflict) {
		t.Errorf("another event in the same place: %v", err)
	}
}

func clockNeverGoesBack(t *testing.T, k *kit) {
	now := k.options.Now
	back := time.Duration(0)
	k.options.Now = func() storage.Instant {
		i := now()
		i.Wall, i.Synced = i.Wall.Add(-back), false
		return i
	}
	k.reopen()
	var last storage.HLC
	for range 6 {
		r := k.append(NewEvent("queue.a", "test/queue", "{}"))
		if r[0].HLC <= last {
			t.Errorf("%v after %v", r[0].HLC, last)
		}
		last = r[0].HLC
		back += time.Hour
		k.reopen()
	}
}

func readerSeesOneMoment(t *testing.T, k *kit) {
	ctx := context.Background()
	put := func(v string) error {
		return k.s.Update(ctx, func(tx *storage.Tx) error {
			return errors.Join(tx.Put("view", []byte("a"), []byte(v)), tx.Put("view", []byte("b"), []byte(v)))
		})
	}
	if err := put("old"); err != nil {
		t.Fatal(err)
	}
	err := k.s.View(ctx, func(r *storage.Reader) error {
		a, err := r.Get("view", []byte("a"))
		if err != nil {
			return err
		}
		if err := put("new"); err != nil {
			return err
		}
		b, err := r.Get("view", []byte("b"))
		if !slices.Equal(a, b) {
			t.Errorf("read %q and %q", a, b)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func tooLargeIsRefused(t *testing.T, k *kit) {
	for size, want := range map[int]bool{1000: false, 19 << 10: false, 20 << 10: true, 1 << 20: true} {
		_, err := k.s.Append(context.Background(), NewEvent("queue.a", "test/queue", fmt.Sprintf("%q", bytes.Repeat([]byte{'x'}, size))))
		if errors.Is(err, storage.ErrTooLarge) != want {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func closedRefuses(t *testing.T, k *kit) {
	ctx := context.Background()
	if err := k.s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if err := k.s.Close(ctx); err != nil {
		t.Errorf("Close again = %v", err)
	}
	if _, err := k.s.Append(ctx, NewEvent("queue.a", "test/queue", "{}")); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("Append = %v", err)
	}
	if err := k.s.View(ctx, func(*storage.Reader) error { return nil }); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("View = %v", err)
	}
	k.open()
}
