package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	_ "time/tzdata" // the tests must not depend on the machine's zone files

	"clinicgate/kiosk"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/queue"
	"clinicgate/storage"
	"clinicgate/storage/storagetest"

	"github.com/google/uuid"
)

// T is what the fixtures need of *testing.T and *rapid.T.
type T interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

var (
	refKey  = []byte("a reference key of a made-up clinic")
	morning = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC) // 09:00 in New York
	ana     = kiosk.Actor{Kind: kiosk.ActorStaff, ID: "ana"}
	patient = kiosk.Actor{Kind: kiosk.ActorPatient, ID: "s1"}
	vega    = kiosk.Actor{Kind: kiosk.ActorProvider, ID: "dr-vega"}
)

// clock is a machine's clock that a test moves.
type clock struct {
	mu     sync.Mutex
	wall   time.Time
	skew   time.Duration
	boot   uuid.UUID
	booted time.Time
	synced bool
}

func newClock(at time.Time) *clock {
	return &clock{wall: at, boot: uuid.New(), booted: at, synced: true}
}

func (c *clock) now() storage.Instant {
	c.mu.Lock()
	defer c.mu.Unlock()
	return storage.Instant{Wall: c.wall.Add(c.skew), Boot: c.boot, Mono: c.wall.Sub(c.booted), Synced: c.synced}
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall = c.wall.Add(d)
}

func newYork() *time.Location {
	loc, err := time.LoadLocation("America/New_York")
	if err != nil {
		panic(err)
	}
	return loc
}

func config(id kiosk.KioskID, letter byte, now func() storage.Instant) queue.Config {
	return queue.Config{
		Kiosk: id, Organization: "riverside", Letter: letter,
		Calendar:    kiosk.Calendar{Zone: newYork(), DayStarts: 3 * time.Hour},
		Departments: []kiosk.DepartmentID{"cardiology", "radiology"},
		Providers: []queue.Provider{
			{ID: "dr-vega", Name: "Dr. Vega", Department: "cardiology", Room: "Room 4"},
			{ID: "dr-lee", Name: "Dr. Lee", Department: "cardiology", Room: "Room 5"},
			{ID: "dr-okafor", Name: "Dr. Okafor", Department: "radiology", Room: "X-ray 1"},
		},
		Now: now,
	}
}

// kit is one kiosk: a store and a queue on it.
type kit struct {
	t     T
	id    kiosk.KioskID
	dir   string
	clock *clock
	cfg   queue.Config
	keys  *storagetest.Keys
	store *storage.Store
	*queue.Queue
}

func newKit(t T, dir string, id kiosk.KioskID, letter byte, c *clock) *kit {
	k := &kit{t: t, id: id, dir: dir, clock: c, cfg: config(id, letter, c.now)}
	k.keys = storagetest.NewKeys(string(id)).Preload("queue", "consent", "audit", "telemetry", "roster", storage.ClassStore, storage.ClassView)
	k.open()
	return k
}

func (k *kit) open() {
	k.t.Helper()
	var err error
	k.store, _, err = storage.Open(context.Background(), storage.Options{
		Dir: k.dir, Kiosk: string(k.id), Kinds: kiosk.Kinds(), Keys: k.keys, Now: k.clock.now, NoSync: true})
	if err != nil {
		k.t.Fatal(err)
	}
	k.renew()
}

// renew makes a fresh queue on the store, as after a start.
func (k *kit) renew() {
	k.t.Helper()
	var err error
	if k.Queue, err = queue.New(k.cfg, k.store, nil); err != nil {
		k.t.Fatal(err)
	}
	if err := k.Load(context.Background()); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) close() {
	if err := k.store.Close(context.Background()); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) reopen() { k.close(); k.open() }

func (k *kit) do(fn func(tx *storage.Tx) error) {
	k.t.Helper()
	if err := k.Update(context.Background(), fn); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) visit(appointment string) kiosk.Entry {
	now := k.clock.now().Wall
	day := k.Today()
	return kiosk.Entry{
		ID: kiosk.NewEntryID(refKey, kiosk.AppointmentID(appointment), day), Patient: kiosk.NewPatientRef(refKey, phi.New("MRN-"+appointment)),
		Appointment: kiosk.AppointmentID(appointment), Provider: "dr-vega", Department: "cardiology", Status: kiosk.CheckedIn, Priority: kiosk.Normal,
		CheckInTime: now, Metadata: kiosk.Metadata{Day: day, OrderAt: now, Mode: kiosk.InPerson, Language: "en"},
	}
}

// add puts a visit with a ticket into the queue.
func (k *kit) add(e kiosk.Entry) kiosk.EntryID {
	k.t.Helper()
	k.do(func(tx *storage.Tx) error {
		ticket, err := k.NextTicket(tx, e.Metadata.Day)
		if err != nil {
			return err
		}
		e.Metadata.Ticket = ticket.String()
		_, _, err = k.Add(tx, kiosk.NewAct(patient), e)
		return err
	})
	return e.ID
}

func (k *kit) set(actor kiosk.Actor, id kiosk.EntryID, to kiosk.Status) {
	k.t.Helper()
	if err := k.trySet(actor, id, to); err != nil {
		k.t.Fatalf("%s to %s: %v", id, to, err)
	}
}

func (k *kit) trySet(actor kiosk.Actor, id kiosk.EntryID, to kiosk.Status) error {
	act := kiosk.NewAct(actor)
	return k.Act(context.Background(), act, func(tx *storage.Tx) error {
		_, err := k.SetStatus(tx, act, id, to)
		return err
	})
}

func (k *kit) call(actor kiosk.Actor, id kiosk.EntryID, room string) {
	k.t.Helper()
	k.do(func(tx *storage.Tx) error {
		_, err := k.Call(tx, kiosk.NewAct(actor), id, room)
		return err
	})
}

func (k *kit) provider(id kiosk.ProviderID, a kiosk.Availability) {
	k.t.Helper()
	k.do(func(tx *storage.Tx) error { return k.SetProvider(tx, kiosk.NewAct(ana), id, a, "") })
}

func (k *kit) status(id kiosk.EntryID) kiosk.Status {
	e, ok := k.Entry(id)
	if !ok {
		return "none"
	}
	return e.Status
}

// records gives everything that this kiosk wrote, stream by stream.
func (k *kit) records() []storage.Record {
	k.t.Helper()
	var all []storage.Record
	for _, s := range k.store.Streams() {
		var after storage.Cursor
		for {
			list, err := k.store.Read(context.Background(), s.Channel, "", after, 500)
			if err != nil {
				k.t.Fatal(err)
			}
			if len(list) == 0 {
				break
			}
			all = append(all, list...)
			last := list[len(list)-1]
			after = storage.Cursor{Inc: last.Inc, Seq: last.Seq}
		}
	}
	return all
}

// kinds counts what was written since a number of records, as in
// "1 audit/QUEUE_ENTRY_ADDED".
func kinds(records []storage.Record) []string {
	count := map[string]int{}
	for _, r := range records {
		name := r.Kind
		if name == "audit/EVENT" {
			d, _ := kiosk.Defined(name)
			m, err := kiosk.Decode(d, r.Body)
			if err != nil {
				panic(err)
			}
			name = "audit/" + string(m.(*kiosk.AuditEvent).EventType)
		}
		count[name]++
	}
	var list []string
	for name, n := range count {
		list = append(list, fmt.Sprintf("%d %s", n, name))
	}
	slices.Sort(list)
	return list
}

// since gives the records that are in now and were not in before.
func since(before, now []storage.Record) []storage.Record {
	seen := map[uuid.UUID]bool{}
	for _, r := range before {
		seen[r.ID] = true
	}
	return slices.DeleteFunc(slices.Clone(now), func(r storage.Record) bool { return seen[r.ID] })
}

// received is a record as another kiosk gets it.
func received(t T, from kiosk.KioskID, r storage.Record, timetoken uint64) kiosk.Received {
	d, ok := kiosk.Defined(r.Kind)
	if !ok {
		t.Fatalf("unknown kind %s", r.Kind)
	}
	m, err := kiosk.Decode(d, r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return kiosk.Received{Channel: r.Channel, ID: r.ID, Message: m, Origin: storage.Origin{
		Kiosk: string(from), Inc: r.Inc, Seq: r.Seq, HLC: r.HLC, Boot: r.Boot, Mono: r.Mono, Synced: r.Synced, Timetoken: timetoken}}
}

// unsigned is a message of a provider's own app.
func unsigned(p kiosk.ProviderID, d kiosk.DepartmentID, at time.Time, message any) kiosk.Received {
	tt := uint64(at.UnixNano() / 100)
	return kiosk.Received{
		Channel: kiosk.QueueChannel(d), ID: kiosk.DeriveID(uuid.Nil, string(p), at.String()), Publisher: p, Message: message,
		Origin: storage.Origin{Kiosk: "@" + string(p), HLC: storage.NewHLC(at), Synced: true, Timetoken: tt},
	}
}

func (k *kit) apply(m kiosk.Received) kiosk.Result {
	k.t.Helper()
	var got kiosk.Result
	k.do(func(tx *storage.Tx) error {
		var err error
		got, err = k.Apply(tx, m)
		return err
	})
	return got
}

func refusedBy(err, want error) bool {
	var r *queue.Refusal
	return errors.As(err, &r) && errors.Is(err, want) && r.Hint() != "" && !strings.Contains(err.Error(), "MRN")
}

func openClinic(t *testing.T) *kit {
	k := newKit(t, t.TempDir(), "lobby-1", 'A', newClock(morning))
	t.Cleanup(k.close)
	return k
}
