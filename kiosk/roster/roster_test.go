package roster_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests must not depend on the machine's zone files

	"clinicgate/kiosk"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/roster"
	"clinicgate/kiosk/roster/feed"
	"clinicgate/storage"
	"clinicgate/storage/storagetest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

var (
	refKey = []byte("a reference key of a made-up clinic")
	maker  = roster.Maker{Site: "main", RefKey: refKey, Key: ed25519.NewKeyFromSeed(make([]byte, 32))}
	public = maker.Key.Public().(ed25519.PublicKey)
	ana    = kiosk.Actor{Kind: kiosk.ActorStaff, ID: "ana"}
	today  = kiosk.Day("2026-11-23")
)

func calendar() kiosk.Calendar {
	loc, err := time.LoadLocation("America/New_York")
	if err != nil {
		panic(err)
	}
	return kiosk.Calendar{Zone: loc, DayStarts: 3 * time.Hour}
}

func rules() roster.Rules {
	return roster.Rules{Calendar: calendar(), Departments: []kiosk.DepartmentID{"cardiology", "radiology"},
		Providers: map[kiosk.ProviderID]kiosk.DepartmentID{"dr-vega": "cardiology", "dr-okafor": "radiology"}}
}

type kit struct {
	t       testing.TB
	options storage.Options
	store   *storage.Store
	now     storage.Instant
	*roster.Roster
}

func newKit(t testing.TB, id string) *kit {
	k := &kit{t: t, now: storage.Instant{Wall: time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC), Boot: uuid.New(), Synced: true}}
	k.options = storage.Options{
		Dir: t.TempDir(), Kiosk: id, Kinds: kiosk.Kinds(), NoSync: true, Now: func() storage.Instant { return k.now },
		Keys: storagetest.NewKeys(id).Preload("roster", "audit", storage.ClassStore, storage.ClassView),
	}
	k.open()
	t.Cleanup(k.close)
	return k
}

func (k *kit) open() {
	k.t.Helper()
	var err error
	if k.store, _, err = storage.Open(context.Background(), k.options); err != nil {
		k.t.Fatal(err)
	}
	k.Roster, err = roster.New(roster.Config{Organization: "riverside", Calendar: calendar(), RefKey: refKey, Codes: roster.Checker{Site: "main", Key: public}}, k.store)
	if err != nil {
		k.t.Fatal(err)
	}
	if err := k.Load(context.Background()); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) close() { _ = k.store.Close(context.Background()) }

func (k *kit) find(m roster.Method, text string, day kiosk.Day) (a roster.Appointment, err error) {
	_ = k.store.View(context.Background(), func(r *storage.Reader) error {
		a, err = k.Find(r, m, phi.New(text), day)
		return nil
	})
	return a, err
}

func (k *kit) events() []storage.Record {
	k.t.Helper()
	var all []storage.Record
	for _, s := range k.store.Streams() {
		list, err := k.store.Read(context.Background(), s.Channel, "", storage.Cursor{}, 1000)
		if err != nil {
			k.t.Fatal(err)
		}
		all = append(all, list...)
	}
	return all
}

const head = "appointment_id,patient_id,family_name,given_name,birth_date,department,provider,start,mode,language,phone_last2,code\n"

func parse(t testing.TB, text string) []roster.Appointment {
	t.Helper()
	list, err := feed.Read([]byte(text), feed.Mapping{Rules: rules()})
	if err != nil || len(list.Problems) > 0 {
		t.Fatalf("Read: %v, %v", list.Problems, err)
	}
	return list.Appointments
}

func TestOurColumns(t *testing.T) {
	list := parse(t, "\ufeff"+head+
		"apt-1,MRN-1,Roe,Jane,1980-02-29,cardiology,dr-vega,2026-11-23 09:30,,es,07,\r\n"+
		"apt-2,MRN-2,\"O'Brien-Smith, Jr.\",,,radiology,,2026-11-23T09:30:00-05:00,VIDEO,,,kv-7712\r\n"+
		"\r\n"+
		"apt-3,MRN-3,李,,,cardiology,,2026-11-24 01:30,in-person,zh-Hans,,\n")
	if len(list) != 3 {
		t.Fatalf("%d rows", len(list))
	}
	a, b, c := list[0], list[1], list[2]
	nine := time.Date(2026, 11, 23, 14, 30, 0, 0, time.UTC)
	if a.ID != "apt-1" || a.Family.Reveal() != "Roe" || a.Given.Reveal() != "Jane" || a.Birth.Reveal() != "1980-02-29" || a.PhoneLast2.Reveal() != "07" ||
		a.Provider != "dr-vega" || !a.Start.Equal(nine) || a.Day != today || a.Mode != kiosk.InPerson || a.Language != "es" {
		t.Errorf("first row: %+v at %v", a, a.Start)
	}
	if b.Mode != kiosk.Video || !b.Start.Equal(nine) || b.Code.Reveal() != "KV7712" || b.Family.Reveal() != "O'Brien-Smith, Jr." {
		t.Errorf("second row: %+v", b)
	}
	if c.Day != today || c.Family.Reveal() != "李" { // half past one belongs to the clinic day before
		t.Errorf("third row: %s, day %s", c.ID, c.Day)
	}
	// Other columns in another order.
	if list := parse(t, "start,department,family_name,patient_id,appointment_id\n2026-11-23 09:30,cardiology,Roe,MRN-1,apt-1\n"); len(list) != 1 || list[0].ID != "apt-1" {
		t.Errorf("fewer columns: %+v", list)
	}
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	text := "" +
		"apt-1,MRN-1,Roe,Jane,1980-02-29,cardiology,dr-vega,2026-11-23 09:30,,,,\n" +
		"apt 2,MRN-2,Secret,Jane,1980-02-29,cardiology,,2026-11-23 09:30,,,,\n" +
		"apt-3,,Secret,Jane,,cardiology,,2026-11-23 09:30,,,,\n" +
		"apt-4,MRN-4,,Secret,,cardiology,,2026-11-23 09:30,,,,\n" +
		"apt-5,MRN-5,Secret,Jane,29.02.1980,cardiology,,2026-11-23 09:30,,,,\n" +
		"apt-6,MRN-6,Secret,Jane,,oncology,,2026-11-23 09:30,,,,\n" +
		"apt-7,MRN-7,Secret,Jane,,cardiology,dr-who,2026-11-23 09:30,,,,\n" +
		"apt-8,MRN-8,Secret,Jane,,cardiology,dr-okafor,2026-11-23 09:30,,,,\n" +
		"apt-9,MRN-9,Secret,Jane,,cardiology,,tomorrow,,,,\n" +
		"apt-10,MRN-10,Secret,Jane,,cardiology,,2026-11-23 09:30,phone,,,\n" +
		"apt-11,MRN-11,Secret,Jane,,cardiology,,2026-11-23 09:30,,,7a,\n" +
		"apt-12,MRN-12,Secret,Jane,,cardiology,,2026-11-23 09:30,,,,ab\n" +
		"apt-16,MRN-16,Sec\x00ret,Jane,,cardiology,,2026-11-23 09:30,,,,\n" +
		"apt-17,MRN-17,Sec\xffret,Jane,,cardiology,,2026-11-23 09:30,,,,\n" +
		"apt-18,MRN-18," + strings.Repeat("Secret", 40) + ",Jane,,cardiology,,2026-11-23 09:30,,,,\n" +
		"apt-19,MRN-19,Roe,Jim,,radiology,,1900-01-01 09:30,,,,\n" +
		"apt-20,MRN-20,Roe,Jim,,radiology,,2026-11-23 10:00,,,,\n"
	var got []string
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		cells := strings.Split(line, ",")
		a, column, reason := rules().Check(func(name string) string {
			if at := slices.Index(strings.Split(strings.TrimSpace(head), ","), name); at >= 0 {
				return cells[at]
			}
			return ""
		})
		if (reason == "") != (a.ID != "") || strings.Contains(reason, "Sec") || strings.Contains(reason, "MRN") || strings.Contains(reason, "tomorrow") {
			t.Errorf("row %d: %s, %s", i, a.ID, reason)
		}
		if reason != "" {
			got = append(got, fmt.Sprintf("%s %s", strings.Split(cells[0], "-")[0]+fmt.Sprint(i), column))
		}
	}
	want := []string{"apt 21 appointment_id", "apt2 patient_id", "apt3 family_name", "apt4 birth_date", "apt5 department", "apt6 provider", "apt7 provider", "apt8 start", "apt9 mode",
		"apt10 phone_last2", "apt11 code", "apt12 family_name", "apt13 family_name", "apt14 family_name", "apt15 start"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestImportIsDurableAndIdempotent(t *testing.T) {
	k := newKit(t, "lobby-1")
	ctx := context.Background()
	text := head
	for i := range 150 {
		text += fmt.Sprintf("apt-%d,MRN-%d,Roe,Jane,1980-02-29,%s,,2026-11-2%d 09:%02d,,,,OWN%04d\n", i, i, []string{"cardiology", "radiology"}[i%2], 3+i%3/2, i%60, i)
	}
	done, err := k.Import(ctx, kiosk.NewAct(ana), parse(t, text))
	if err != nil || done.New != 150 || done.Changed+done.Same != 0 || len(done.Days) != 2 {
		t.Fatalf("Import = %+v, %v", done, err)
	}
	events := k.events()
	rows := 0
	for _, e := range events {
		if e.Kind != "roster/ROSTER" {
			continue
		}
		var m kiosk.Roster
		if err := json.Unmarshal(e.Body, &m); err != nil {
			t.Fatal(err)
		}
		rows += len(m.Rows)
		if len(e.Body) > 18<<10 || m.Part < 1 || m.Part > m.Of || bytes.Contains(e.Body, []byte("MRN-")) {
			t.Errorf("part %d of %d with %d bytes", m.Part, m.Of, len(e.Body))
		}
	}
	if rows != 150 {
		t.Errorf("%d rows were published", rows)
	}
	// The same file again: one audit event, nothing else.
	done, err = k.Import(ctx, kiosk.NewAct(ana), parse(t, text))
	if err != nil || done.Same != 150 || done.New+done.Changed != 0 || len(k.events()) != len(events)+1 {
		t.Errorf("again: %+v, %v, %d more events", done, err, len(k.events())-len(events))
	}
	// One row changes; the others, and those that the file lacks, stay.
	done, err = k.Import(ctx, kiosk.NewAct(ana), parse(t, head+"apt-0,MRN-0,Roe,Janet,1980-02-29,cardiology,,2026-11-23 09:00,,,,NEW0000\n"))
	if err != nil || done.Changed != 1 || done.New+done.Same != 0 {
		t.Errorf("changed row: %+v, %v", done, err)
	}
	if a, err := k.find(roster.Typed, "new0000", today); err != nil || a.Given.Reveal() != "Janet" {
		t.Errorf("by its new code: %+v, %v", a, err)
	}
	if _, err := k.find(roster.Typed, "OWN0000", today); !errors.Is(err, roster.ErrUnknown) {
		t.Errorf("by its old code: %v", err)
	}
	if list, err := k.List(ctx, today); err != nil || len(list) != 100 {
		t.Errorf("%d rows today, %v", len(list), err)
	}
	// A fresh start knows the days.
	again, _ := roster.New(roster.Config{Organization: "riverside", Calendar: calendar(), RefKey: refKey}, k.store)
	if err := again.Load(ctx); err != nil || again.Days()[today].Rows != 100 || again.Days()["2026-11-24"].Rows != 50 || again.Days()[today] != k.Days()[today] {
		t.Errorf("days after a start: %v, %v", again.Days(), err)
	}
	// The names go when the day is over.
	if err := k.Forget(ctx, "2026-11-24"); err != nil {
		t.Fatal(err)
	}
	if list, _ := k.List(ctx, today); len(list) != 0 || k.Days()[today].Rows != 0 {
		t.Errorf("%d rows are left of a forgotten day", len(list))
	}
	if _, err := k.find(roster.Typed, "NEW0000", today); !errors.Is(err, roster.ErrUnknown) {
		t.Errorf("a forgotten appointment is found: %v", err)
	}
	if list, _ := k.List(ctx, "2026-11-24"); len(list) != 50 {
		t.Errorf("%d rows are left of the day that was kept", len(list))
	}
}

func TestOtherKiosksGetTheListAndTheLaterRowCounts(t *testing.T) {
	a, b := newKit(t, "lobby-1"), newKit(t, "lobby-2")
	ctx := context.Background()
	for _, name := range []string{"Jane", "Janet"} {
		a.now.Wall = a.now.Wall.Add(time.Minute)
		if _, err := a.Import(ctx, kiosk.NewAct(ana), parse(t, head+"apt-1,MRN-1,Roe,"+name+",,cardiology,,2026-11-23 09:00,,,,\napt-2,MRN-2,Doe,Jim,,cardiology,,2026-11-23 10:00,,,,\n")); err != nil {
			t.Fatal(err)
		}
	}
	records := a.events()
	slices.Reverse(records) // the later import arrives first
	for _, r := range records {
		if r.Kind != "roster/ROSTER" {
			continue
		}
		d, _ := kiosk.Defined(r.Kind)
		m, err := kiosk.Decode(d, r.Body)
		if err != nil {
			t.Fatal(err)
		}
		msg := kiosk.Received{Channel: r.Channel, ID: r.ID, Message: m, Origin: storage.Origin{Kiosk: "lobby-1", Inc: r.Inc, Seq: r.Seq, HLC: r.HLC, Synced: true}}
		for range 2 { // taken in again, as after a salvage, it is not counted again
			if err := b.store.Update(ctx, func(tx *storage.Tx) error { _, err := b.Apply(tx, msg); return err }); err != nil {
				t.Fatal(err)
			}
		}
	}
	if a, b := a.Days()[today], b.Days()[today]; a != b || a.Rows == 0 {
		t.Errorf("held %+v here, %+v there", a, b)
	}
	code := roster.TypedCode(refKey, "apt-1", today)
	if got, err := b.find(roster.Typed, code, today); err != nil || got.Given.Reveal() != "Janet" || got.Department != "cardiology" {
		t.Errorf("at the other kiosk: %+v, %v", got, err)
	}
	// Rows that cannot be used are left out, the others of the message count.
	bad := &kiosk.Roster{Day: today, Rows: []kiosk.RosterRow{
		{AppointmentID: "apt 3", PatientID: "x"},
		{AppointmentID: "apt-4", PatientID: kiosk.NewPatientRef(refKey, phi.New("4")), FamilyName: "Poe", Start: kiosk.At(a.now.Wall), Mode: kiosk.InPerson},
	}}
	err := b.store.Update(ctx, func(tx *storage.Tx) error {
		got, err := b.Apply(tx, kiosk.Received{Channel: "roster.cardiology", Message: bad, Origin: storage.Origin{Kiosk: "lobby-1"}})
		if got != kiosk.Applied {
			t.Errorf("a message with one good row: %s", got)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if list, _ := b.List(ctx, today); len(list) != 3 {
		t.Errorf("%d rows", len(list))
	}
}

func TestCodesFindTheirAppointmentOnTheirDayOnly(t *testing.T) {
	k := newKit(t, "lobby-1")
	list := parse(t, head+
		"apt-1,MRN-1,Roe,Jane,,cardiology,,2026-11-23 09:00,,,,\n"+
		"apt-2,MRN-2,Doe,Jim,,cardiology,,2026-11-23 10:00,,,,TWIN01\n"+
		"apt-3,MRN-3,Doe,Tim,,cardiology,,2026-11-23 10:00,,,,TWIN01\n"+
		"apt-4,MRN-4,Poe,Ann,,cardiology,,2026-11-24 10:00,,,,\n")
	if _, err := k.Import(context.Background(), kiosk.NewAct(ana), list); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := maker.WriteCodes(&out, list); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(lines) != 5 || !slices.Equal(lines[0], []string{"appointment_id", "qr", "typed"}) || lines[2][2] != "TWIN01" {
		t.Fatalf("codes: %v, %v", lines, err)
	}
	qr, typed := lines[1][1], lines[1][2]
	forged := roster.Maker{Site: "main", RefKey: refKey, Key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))}
	forgedQR, _ := forged.QR("apt-1", today)
	elsewhere := maker
	elsewhere.Site = "branch"
	elsewhereQR, _ := elsewhere.QR("apt-1", today)
	unlisted, _ := maker.QR("apt-99", today)
	for _, c := range []struct {
		name string
		m    roster.Method
		text string
		want error
	}{
		{"its QR code", roster.Scanned, qr, nil},
		{"with a line end", roster.Scanned, qr + "\r\n", nil},
		{"its typed code", roster.Typed, typed, nil},
		{"in small letters, spaced", roster.Typed, " " + strings.ToLower(typed[:2]) + " " + typed[2:], nil},
		{"QR of tomorrow", roster.Scanned, lines[4][1], roster.ErrOtherDay},
		{"typed of tomorrow", roster.Typed, lines[4][2], roster.ErrOtherDay},
		{"forged QR", roster.Scanned, forgedQR, roster.ErrUnknown},
		{"QR of another site", roster.Scanned, elsewhereQR, roster.ErrUnknown},
		{"genuine, not on the list", roster.Scanned, unlisted, roster.ErrUnknown},
		{"QR typed in", roster.Typed, qr, roster.ErrUnknown},
		{"typed code scanned", roster.Scanned, typed, roster.ErrUnknown},
		{"cut short", roster.Scanned, qr[:len(qr)-1], roster.ErrUnknown},
		{"the clinic's own, twice", roster.Scanned, "twin-01", roster.ErrUnknown},
		{"nothing", roster.Typed, "", roster.ErrUnknown},
		{"very long", roster.Scanned, strings.Repeat("A", 10_000), roster.ErrUnknown},
		{"look-up key", roster.Typed, "own\nTWIN01", roster.ErrUnknown},
	} {
		got, err := k.find(c.m, c.text, today)
		if !errors.Is(err, c.want) || c.want == nil && got.ID != "apt-1" {
			t.Errorf("%s: %s, %v; want %v", c.name, got.ID, err, c.want)
		}
	}
	// Opaque: neither code shows the appointment or the patient.
	if strings.Contains(qr+typed, "apt") || len(qr) > 150 || strings.ToUpper(qr) != qr {
		t.Errorf("QR text %s", qr)
	}
}

// Every single wrong character and every swap of neighbours is noticed.
func TestPropertyTypedCodeNoticesSlips(t *testing.T) {
	const alphabet = "23456789ACEFHJKMNPRTWXY"
	rapid.Check(t, func(t *rapid.T) {
		code := roster.TypedCode(refKey, kiosk.AppointmentID(rapid.StringMatching(`[a-z0-9-]{1,20}`).Draw(t, "appointment")), today)
		if back, ok := roster.CheckTyped(roster.Normalize(roster.Display(code))); !ok || back != code {
			t.Fatalf("%s is not accepted", code)
		}
		i := rapid.IntRange(0, 7).Draw(t, "place")
		b := []byte(code)
		if b[i] = alphabet[rapid.IntRange(0, len(alphabet)-1).Draw(t, "character")]; string(b) != code {
			if _, ok := roster.CheckTyped(string(b)); ok {
				t.Fatalf("%s passes for %s", b, code)
			}
		}
		b = []byte(code)
		j := rapid.IntRange(0, 6).Draw(t, "swap")
		if b[j], b[j+1] = b[j+1], b[j]; string(b) != code {
			if _, ok := roster.CheckTyped(string(b)); ok {
				t.Fatalf("%s passes for %s", b, code)
			}
		}
	})
}

func TestCodesAreFixedByTheirInputs(t *testing.T) {
	// Kiosks and the maker of codes may be of different versions.
	if got, want := roster.TypedCode(refKey, "apt-1", today), "FJPEJAW9"; got != want {
		t.Errorf("typed code %s, want %s", got, want)
	}
	qr, err := maker.QR("apt-1", today)
	if err != nil || !strings.HasPrefix(qr, "CHK1:") {
		t.Fatal(qr, err)
	}
	if got, want := qr[:35], "CHK1:AFOEJ2XQEZP6RB3P63OKUA3NSXA2QC"; got != want {
		t.Errorf("QR begins %s, want %s", got, want)
	}
	for _, day := range []kiosk.Day{"1999-12-31", "2999-01-01", "x"} {
		if _, err := maker.QR("apt-1", day); err == nil {
			t.Errorf("a code was made for %s", day)
		}
	}
}

// With no trusted time the newest list says which day it is.
func TestTodayWithoutTrustedTime(t *testing.T) {
	k := newKit(t, "lobby-1")
	wrong := storage.Instant{Wall: time.Date(2019, 1, 1, 12, 0, 0, 0, time.UTC)}
	if got := k.Today(wrong); got != "2019-01-01" {
		t.Errorf("with no list: %s", got)
	}
	if _, err := k.Import(context.Background(), kiosk.NewAct(ana), parse(t, head+"apt-1,MRN-1,Roe,Jane,,cardiology,,2026-11-23 09:00,,,,\n")); err != nil {
		t.Fatal(err)
	}
	if got := k.Today(wrong); got != today {
		t.Errorf("with a list: %s", got)
	}
	wrong.Synced = true
	if got := k.Today(wrong); got != "2019-01-01" {
		t.Errorf("with trusted time: %s", got)
	}
}

func FuzzFind(f *testing.F) {
	k := newKit(f, "lobby-1")
	list := parse(f, head+"apt-1,MRN-1,Roe,Jane,,cardiology,,2026-11-23 09:00,,,,OWN1\n")
	if _, err := k.Import(context.Background(), kiosk.NewAct(ana), list); err != nil {
		f.Fatal(err)
	}
	qr, _ := maker.QR("apt-1", today)
	good := []string{qr, roster.TypedCode(refKey, "apt-1", today), "OWN1", "own-1"}
	for _, s := range append(good, "CHK1:", "CHK1:AAAA", "", "\x00", "TKT1:AAAA", "'; drop table", "<b>", strings.Repeat("9", 7089), "%PDF", "０１２３") {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, text string, scanned bool) {
		m := roster.Typed
		if scanned {
			m = roster.Scanned
		}
		a, err := k.find(m, text, today)
		if err == nil && !slices.Contains(good, strings.TrimSpace(text)) {
			// What else finds it must be the same code written in another way.
			n := roster.Normalize(text)
			if typed, ok := roster.CheckTyped(n); n != "OWN1" && (!ok || typed != good[1]) {
				t.Errorf("%q finds %s", text, a.ID)
			}
		}
	})
}
