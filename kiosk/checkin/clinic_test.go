package checkin_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	_ "time/tzdata" // the tests must not depend on the machine's zone files

	"clinicgate/kiosk"
	"clinicgate/kiosk/checkin"
	"clinicgate/kiosk/consent"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/queue"
	"clinicgate/kiosk/roster"
	"clinicgate/kiosk/roster/feed"
	"clinicgate/storage"
	"clinicgate/storage/storagetest"

	"github.com/google/uuid"
)

var (
	refKey  = []byte("a reference key of a made-up clinic")
	morning = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC) // 09:00 in New York
	today   = kiosk.Day("2026-11-23")
	ana     = kiosk.Actor{Kind: kiosk.ActorStaff, ID: "ana"}
	maker   = roster.Maker{Site: "main", RefKey: refKey, Key: ed25519.NewKeyFromSeed(make([]byte, 32))}
)

const list = `appointment_id,patient_id,family_name,given_name,birth_date,department,provider,start,mode,language
apt-1,MRN-1,Quixote,Marguerite,1980-02-29,cardiology,dr-vega,2026-11-23 09:15,in-person,en
apt-2,MRN-2,Quixote,Bartholomew,1981-03-01,cardiology,,2026-11-23 09:30,in-person,en
apt-3,MRN-3,Quixote,Clementine,1982-04-02,cardiology,dr-vega,2026-11-23 09:45,video,en
apt-4,MRN-4,Quixote,Dorothea,1983-05-03,radiology,dr-okafor,2026-11-23 10:00,in-person,en
apt-5,MRN-5,Quixote,Ebenezer,1984-06-04,cardiology,,2026-11-23 14:00,in-person,en
apt-6,MRN-6,Quixote,Florentina,1985-07-05,cardiology,,2026-11-23 06:00,in-person,en
apt-7,MRN-7,Quixote,Gwendolyn,1986-08-06,cardiology,,2026-11-24 09:00,in-person,en
apt-8,MRN-8,Quixote,Hildegard,1987-09-07,radiology,,2026-11-23 09:30,elsewhere,en
`

// secrets must never leave the roster.
var secrets = []string{"Quixote", "Marguerite", "Bartholomew", "Clementine", "Dorothea", "Ebenezer", "MRN-", "1980-02-29"}

// flaky is a store that counts, fails or forgets to say that it succeeded.
type flaky struct {
	*storage.Store
	updates atomic.Int32
	mu      sync.Mutex
	fail    error // returned instead of doing it
	lie     error // returned after doing it
}

func (f *flaky) set(fail, lie error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail, f.lie = fail, lie
}

func (f *flaky) Update(ctx context.Context, fn func(tx *storage.Tx) error) error {
	f.mu.Lock()
	fail, lie := f.fail, f.lie
	f.mu.Unlock()
	if fail != nil {
		return fail
	}
	f.updates.Add(1)
	if err := f.Store.Update(ctx, fn); err != nil {
		return err
	}
	return lie
}

type kit struct {
	t     testing.TB
	id    kiosk.KioskID
	dir   string
	keys  *storagetest.Keys
	store *flaky
	mu    sync.Mutex
	now   storage.Instant
	logs  bytes.Buffer
	queue *queue.Queue
	cons  *consent.Service
	list  *roster.Roster
	cfg   checkin.Config
	*checkin.Service
}

func newKit(t testing.TB, id kiosk.KioskID, letter byte, change ...func(*checkin.Config)) *kit {
	k := &kit{t: t, id: id, dir: t.TempDir(), now: storage.Instant{Wall: morning, Boot: uuid.New(), Synced: true}}
	k.keys = storagetest.NewKeys(string(id)).Preload("queue", "consent", "audit", "telemetry", "roster", storage.ClassStore, storage.ClassView)
	k.cfg = checkin.Config{
		Kiosk: id, Organization: "riverside", Language: "en", RefKey: refKey, Now: k.instant,
		Departments: []checkin.Department{
			{ID: "cardiology", Name: map[string]string{"en": "Cardiology", "es": "Cardiología"}, Where: map[string]string{"en": "blue seats"}},
			{ID: "radiology", Name: map[string]string{"en": "Radiology"}, Where: map[string]string{"en": "second floor"}},
		},
		Served:    []kiosk.DepartmentID{"cardiology"},
		Providers: []queue.Provider{{ID: "dr-vega", Name: "Dr. Vega", Department: "cardiology", Room: "Room 4"}, {ID: "dr-okafor", Name: "Dr. Okafor", Department: "radiology", Room: "X-ray 1"}},
		Earliest:  2 * time.Hour, Latest: 2 * time.Hour,
	}
	for _, c := range change {
		c(&k.cfg)
	}
	k.open(letter)
	t.Cleanup(func() { _ = k.store.Close(context.Background()) })
	k.importRows(list)
	return k
}

func (k *kit) importRows(text string) {
	k.t.Helper()
	rows, err := feed.Read([]byte(text), feed.Mapping{Rules: roster.Rules{Calendar: calendar(),
		Departments: []kiosk.DepartmentID{"cardiology", "radiology"}, Providers: map[kiosk.ProviderID]kiosk.DepartmentID{"dr-vega": "cardiology", "dr-okafor": "radiology"}}})
	if err != nil || len(rows.Problems) > 0 {
		k.t.Fatal(err, rows.Problems)
	}
	if _, err := k.list.Import(context.Background(), kiosk.NewAct(ana), rows.Appointments); err != nil {
		k.t.Fatal(err)
	}
}

func calendar() kiosk.Calendar {
	loc, err := time.LoadLocation("America/New_York")
	if err != nil {
		panic(err)
	}
	return kiosk.Calendar{Zone: loc, DayStarts: 3 * time.Hour}
}

func (k *kit) instant() storage.Instant {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.now
}

func (k *kit) pass(d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.now.Wall, k.now.Mono = k.now.Wall.Add(d), k.now.Mono+d
}

func (k *kit) open(letter byte) {
	k.t.Helper()
	ctx := context.Background()
	log := slog.New(slog.NewTextHandler(&k.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	store, _, err := storage.Open(ctx, storage.Options{Dir: k.dir, Kiosk: string(k.id), Kinds: kiosk.Kinds(), Keys: k.keys, Now: k.instant, NoSync: true})
	if err != nil {
		k.t.Fatal(err)
	}
	k.store = &flaky{Store: store}
	if k.cons, err = consent.New("riverside", consent.EmbeddedForms()); err != nil {
		k.t.Fatal(err)
	}
	k.queue, err = queue.New(queue.Config{Kiosk: k.id, Organization: "riverside", Letter: letter, Calendar: calendar(),
		Departments: []kiosk.DepartmentID{"cardiology", "radiology"}, Providers: k.cfg.Providers, Now: k.instant,
		Today:    func(now storage.Instant) kiosk.Day { return k.list.Today(now) },
		Consents: func(r *storage.Reader, p kiosk.PatientRef) (kiosk.Consents, error) { return k.cons.Consents(r, p) }}, k.store, log)
	if err != nil {
		k.t.Fatal(err)
	}
	k.list, err = roster.New(roster.Config{Organization: "riverside", Calendar: calendar(), RefKey: refKey,
		Codes: roster.Checker{Site: "main", Key: maker.Key.Public().(ed25519.PublicKey)}}, k.queue)
	if err != nil {
		k.t.Fatal(err)
	}
	if k.Service, err = checkin.New(k.cfg, k.queue, k.cons, k.list, log); err != nil {
		k.t.Fatal(err)
	}
	if err := errors.Join(k.queue.Load(ctx), k.list.Load(ctx), k.Load(ctx)); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) reopen(letter byte) {
	k.t.Helper()
	if err := k.store.Close(context.Background()); err != nil {
		k.t.Fatal(err)
	}
	k.open(letter)
}

func qr(t testing.TB, appointment string) phi.Text {
	t.Helper()
	day := today
	if appointment == "apt-7" {
		day = today.Add(1)
	}
	code, err := maker.QR(kiosk.AppointmentID(appointment), day)
	if err != nil {
		t.Fatal(err)
	}
	return phi.New(code)
}

func (k *kit) scan(session, appointment, language string) checkin.Identified {
	k.t.Helper()
	got, err := k.Identify(context.Background(), checkin.IdentifyInput{Session: session, Method: roster.Scanned, Value: qr(k.t, appointment), Language: language, Request: uuid.New()})
	if err != nil {
		k.t.Fatal(err)
	}
	return got
}

func (k *kit) typed(session string, appointment kiosk.AppointmentID) checkin.Identified {
	k.t.Helper()
	got, err := k.Identify(context.Background(), checkin.IdentifyInput{Session: session, Method: roster.Typed,
		Value: phi.New(roster.TypedCode(refKey, appointment, today)), Language: "en", Request: uuid.New()})
	if err != nil {
		k.t.Fatal(err)
	}
	return got
}

func (k *kit) finish(session string, id checkin.Identified, granted bool) checkin.Done {
	k.t.Helper()
	got, err := k.Finish(context.Background(), checkin.FinishInput{Session: session, Entry: id.Entry, Decisions: decisions(id.Forms, granted), Request: uuid.New()})
	if err != nil {
		k.t.Fatal(err)
	}
	return got
}

func decisions(forms []consent.Form, granted bool) []consent.Decision {
	var list []consent.Decision
	for _, f := range forms {
		list = append(list, consent.Decision{FormID: f.ID, Version: f.Version, Language: f.Language, SHA256: f.SHA256, Granted: granted})
	}
	return list
}

func (k *kit) records() []storage.Record {
	k.t.Helper()
	var all []storage.Record
	for _, s := range k.store.Streams() {
		list, err := k.store.Read(context.Background(), s.Channel, "", storage.Cursor{}, 2000)
		if err != nil {
			k.t.Fatal(err)
		}
		all = append(all, list...)
	}
	return all
}

// wrote lists what was written by fn, as in "1 audit/QUEUE_ENTRY_ADDED".
func (k *kit) wrote(fn func()) []string {
	k.t.Helper()
	seen := map[uuid.UUID]bool{}
	for _, r := range k.records() {
		seen[r.ID] = true
	}
	fn()
	count := map[string]int{}
	for _, r := range k.records() {
		if seen[r.ID] {
			continue
		}
		name := r.Kind
		d, _ := kiosk.Defined(name)
		m, err := kiosk.Decode(d, r.Body)
		if err != nil {
			k.t.Fatal(err)
		}
		if a, ok := m.(*kiosk.AuditEvent); ok {
			name = "audit/" + string(a.EventType)
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

// bring delivers what one kiosk wrote to another.
func bring(t *testing.T, from, to *kit) {
	t.Helper()
	for _, r := range from.records() {
		give(t, from, to, r)
	}
}

func give(t *testing.T, from, to *kit, r storage.Record) {
	t.Helper()
	d, _ := kiosk.Defined(r.Kind)
	m, err := kiosk.Decode(d, r.Body)
	if err != nil {
		t.Fatal(err)
	}
	msg := kiosk.Received{Channel: r.Channel, ID: r.ID, Message: m, Origin: storage.Origin{
		Kiosk: string(from.id), Inc: r.Inc, Seq: r.Seq, HLC: r.HLC, Boot: r.Boot, Mono: r.Mono, Synced: r.Synced, Timetoken: 1}}
	if err := to.queue.Update(context.Background(), func(tx *storage.Tx) error { _, err := to.Apply(tx, msg); return err }); err != nil {
		t.Fatal(err)
	}
}

func (k *kit) cancel(act kiosk.Act, id kiosk.EntryID) error {
	return k.queue.Act(context.Background(), act, func(tx *storage.Tx) error {
		_, err := k.queue.SetStatus(tx, act, id, kiosk.Cancelled)
		return err
	})
}
