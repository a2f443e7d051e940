package queue_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/queue"
	"clinicgate/storage"

	"pgregory.net/rapid"
)

// The board's types have no place for a person's name: every text in them is a
// number, a room of the config, a day, or the clinic's own word.
func TestBoardCannotHoldAName(t *testing.T) {
	allowed := map[string]bool{ // type and field of every text that is left
		"BoardView.Day": true, "BoardWait.Department": true,
		"BoardProvider.Name": true, "BoardProvider.Department": true, "BoardProvider.Status": true,
	}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		if typ == reflect.TypeFor[time.Time]() || typ == reflect.TypeFor[queue.Room]() || typ == reflect.TypeFor[queue.Ticket]() {
			return // Room is filled from the config alone, Ticket is a letter and a number
		}
		for f := range typ.Fields() {
			at := f.Type
			for at.Kind() == reflect.Slice || at.Kind() == reflect.Pointer {
				at = at.Elem()
			}
			switch at.Kind() {
			case reflect.Struct:
				walk(at)
			case reflect.String, reflect.Map, reflect.Interface:
				if name := typ.Name() + "." + f.Name; !allowed[name] {
					t.Errorf("%s can hold any text", name)
				}
			}
		}
	}
	walk(reflect.TypeFor[queue.BoardView]())
}

func TestBoardShowsNumbersAndRoomsOnly(t *testing.T) {
	k := openClinic(t)
	k.provider("dr-vega", kiosk.Available)
	k.provider("dr-lee", kiosk.Away)
	var ids []kiosk.EntryID
	for i := range 4 {
		ids = append(ids, k.add(k.visit(fmt.Sprint("apt-", i))))
		k.clock.pass(time.Minute)
		if i < 3 {
			k.set(ana, ids[i], kiosk.Waiting)
		}
	}
	k.clock.pass(time.Second)
	// A foreign app puts a name where the room belongs, and a foreign kiosk one
	// where the number belongs.
	if got := k.apply(unsigned("dr-vega", "cardiology", k.clock.now().Wall, &kiosk.Called{QueueEntryID: ids[0], Room: "Jane Roe", CalledBy: "dr-vega"})); got != kiosk.Applied {
		t.Fatal(got)
	}
	strange := k.visit("apt-9")
	strange.Metadata.Ticket, strange.Status = "Jane Roe", kiosk.Waiting
	shape := strange.Shape()
	m := received(t, "lobby-2", k.records()[0], 1)
	m.Channel, m.Message, m.ID = "queue.cardiology", &kiosk.PatientAdded{Entry: shape}, kiosk.NewAct(ana).ID
	if got := k.apply(m); got != kiosk.Applied {
		t.Fatal(got)
	}
	k.clock.pass(time.Second)
	k.call(ana, ids[1], "room 5")
	b := k.Board("cardiology")
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"Jane", "Roe", "MRN", "p-", "apt-", ids[0].String()} {
		if strings.Contains(string(text), secret) {
			t.Errorf("the board holds %q: %s", secret, text)
		}
	}
	if got := fmt.Sprint(b.Called[0].Ticket, b.Called[0].Room, b.Called[1].Ticket, b.Called[1].Room); got != "A-002 Room 5 A-001 Room 4" {
		t.Errorf("called: %s", got)
	}
	if got := fmt.Sprint(b.Next); got != "[A-003]" {
		t.Errorf("next: %s", got)
	}
	if len(b.Providers) != 2 || b.Providers[0].Status != "Available" || b.Providers[1].Status != "Away" {
		t.Errorf("providers: %+v", b.Providers)
	}
	// Dr. Vega has a patient: busy, until set otherwise.
	k.set(vega, ids[0], kiosk.InConsultation)
	if got := k.Board("cardiology").Providers[0].Status; got != "Busy" {
		t.Errorf("with a patient the provider is %s", got)
	}
	k.clock.pass(time.Minute)
	k.provider("dr-vega", kiosk.Offline)
	if got := k.Board("cardiology").Providers[0].Status; got != "Offline" {
		t.Errorf("set later, the provider is %s", got)
	}
	if b := k.Board(); len(b.Providers) != 3 || len(b.Waits) != 2 || b.Providers[2].Status != "Offline" {
		t.Errorf("the board of all departments: %+v", b)
	}
}

// Of desk and presence the later one counts, in whatever order they arrive.
func TestLaterOfDeskAndPresenceCounts(t *testing.T) {
	k := openClinic(t)
	present := func(a kiosk.Availability, at time.Time) kiosk.Result {
		var got kiosk.Result
		k.do(func(tx *storage.Tx) (err error) {
			got, err = k.Present(tx, "cardiology", "dr-vega", a, uint64(at.UnixNano()/100))
			return err
		})
		return got
	}
	k.clock.pass(time.Hour)
	k.provider("dr-vega", kiosk.Away)
	if got := present(kiosk.Available, morning); got != kiosk.Applied || k.Availability("dr-vega") != kiosk.Away {
		t.Errorf("an older presence: %s, %s", got, k.Availability("dr-vega"))
	}
	later := k.clock.now().Wall.Add(time.Minute)
	if present(kiosk.Available, later); k.Availability("dr-vega") != kiosk.Available {
		t.Errorf("a later presence: %s", k.Availability("dr-vega"))
	}
	if got := present(kiosk.Available, later); got != kiosk.Known {
		t.Errorf("the same presence again: %s", got)
	}
	if got := present("asleep", later.Add(time.Hour)); got != kiosk.Ignored {
		t.Errorf("an unknown status: %s", got)
	}
}

// A letter and a day give each number once, over restarts, failures, and while
// several check in at once.
func TestPropertyTicketsNeverRepeat(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "tickets")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		k := newKit(t, dir, "lobby-1", 'A', newClock(morning))
		defer func() { k.close() }()
		var mu sync.Mutex
		given := map[string]bool{}
		days := []kiosk.Day{"2026-11-23", "2026-11-24"}
		take := func(day kiosk.Day, fail bool) {
			var ticket queue.Ticket
			err := k.Update(t.Context(), func(tx *storage.Tx) error {
				var err error
				if ticket, err = k.NextTicket(tx, day); err == nil && fail {
					err = storage.ErrFull
				}
				return err
			})
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			name := string(day) + ticket.String()
			if given[name] {
				t.Errorf("%s was given twice", name)
			}
			given[name] = true
			if back, err := queue.ParseTicket(ticket.String()); err != nil || back != ticket {
				t.Errorf("%v does not come back: %v", ticket, err)
			}
		}
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				k.reopen()
			case 1:
				take(rapid.SampledFrom(days).Draw(t, "day"), true)
			default:
				day := rapid.SampledFrom(days).Draw(t, "day")
				var wg sync.WaitGroup
				for range rapid.IntRange(1, 8).Draw(t, "at once") {
					wg.Go(func() { take(day, false) })
				}
				wg.Wait()
			}
		}
		// No holes either: what failed did not use a number up.
		for _, day := range days {
			n := 0
			for name := range given {
				if strings.HasPrefix(name, string(day)) {
					n++
				}
			}
			if n > 0 && !given[string(day)+queue.Ticket{Letter: 'A', Number: uint32(n)}.String()] {
				t.Errorf("%d tickets of %s, and A-%03d is not among them", n, day, n)
			}
		}
	})
}

func FuzzParseTicket(f *testing.F) {
	for _, s := range []string{"A-001", "Z-99999", "A-1", "A-0001", "A-000", "a-001", "A-100000", "Jane", "", "A-", "A-+12", "Ä-001"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ticket, err := queue.ParseTicket(s)
		if err == nil && ticket.String() != s {
			t.Errorf("ParseTicket(%q) = %v", s, ticket)
		}
		if err != nil && ticket != (queue.Ticket{}) {
			t.Errorf("ParseTicket(%q) failed and gave %v", s, ticket)
		}
	})
}

func TestTicketCodeIsKeyedAndFixed(t *testing.T) {
	id := kiosk.NewEntryID(refKey, "apt-1", "2026-11-22")
	code := queue.TicketCode([]byte("ticket key"), id)
	if want := "TKT1:K7FJR4G4PEYBMNPNY6LWE6NCLY"; code != want {
		t.Errorf("code = %s, want %s", code, want)
	}
	if code == queue.TicketCode([]byte("another key"), id) || strings.Contains(code, id.String()[:8]) {
		t.Error("the code does not depend on the key")
	}
}

// The order is total, does not change while people wait, and bounds overtaking.
func TestPropertyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 30).Draw(t, "n")
		list := make([]kiosk.Entry, n)
		for i := range list {
			list[i] = kiosk.Entry{ID: kiosk.RandomEntryID(), Priority: rapid.SampledFrom(kiosk.Priorities()).Draw(t, "priority"),
				Metadata: kiosk.Metadata{OrderAt: morning.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "minute")) * time.Minute)}}
		}
		sorted := slices.SortedFunc(slices.Values(list), queue.Compare)
		for i, a := range sorted {
			for _, b := range sorted[i+1:] { // a is called before b
				if queue.Compare(a, b) >= 0 || queue.Compare(b, a) <= 0 {
					t.Fatal("the order is not strict")
				}
				if a.Priority != kiosk.Emergency && b.Priority == kiosk.Emergency {
					t.Fatal("somebody goes before an emergency")
				}
				if a.Priority == kiosk.Emergency {
					continue
				}
				lead := a.Metadata.OrderAt.Sub(b.Metadata.OrderAt) // how much later a came
				if most := a.Priority.HeadStart() - b.Priority.HeadStart(); lead > most {
					t.Fatalf("%s overtakes %s that came %v earlier, more than %v", a.Priority, b.Priority, lead, most)
				}
			}
		}
		// Who joins or leaves changes nobody else's order.
		some := slices.DeleteFunc(slices.Clone(sorted), func(kiosk.Entry) bool { return rapid.Bool().Draw(t, "leaves") })
		if !slices.IsSortedFunc(some, queue.Compare) {
			t.Fatal("the order of those who stay changed")
		}
	})
}

func TestOrderAtDoesNotRewardComingVeryEarly(t *testing.T) {
	appointment := morning.Add(2 * time.Hour)
	for arrival, want := range map[time.Duration]time.Duration{0: 90 * time.Minute, 100 * time.Minute: 100 * time.Minute, 150 * time.Minute: 150 * time.Minute} {
		if got := queue.OrderAt(morning.Add(arrival), appointment, 30*time.Minute); !got.Equal(morning.Add(want)) {
			t.Errorf("arriving after %v: ordered at %v, want %v", arrival, got.Sub(morning), want)
		}
	}
	if got := queue.OrderAt(morning, time.Time{}, 30*time.Minute); !got.Equal(morning) {
		t.Error("a walk-in is not ordered by arrival")
	}
}

func TestWaitIsARangeOrUnknown(t *testing.T) {
	k := openClinic(t)
	var ids []kiosk.EntryID
	for i := range 4 {
		e := k.visit(fmt.Sprint("apt-", i))
		e.Provider = ""
		ids = append(ids, k.add(e))
		k.set(ana, ids[i], kiosk.Waiting)
		k.clock.pass(time.Second)
	}
	if _, _, known := k.Wait(ids[0]); known {
		t.Error("a wait is known while no provider is at work")
	}
	k.provider("dr-vega", kiosk.Available)
	k.provider("dr-lee", kiosk.Available)
	for i, want := range [][2]int{{0, 5}, {0, 5}, {5, 15}, {15, 25}} { // both are free: two at once, then (ahead-2+1) x 15 / 2
		if low, high, known := k.Wait(ids[i]); !known || low != want[0] || high != want[1] {
			t.Errorf("%d ahead: %d to %d, %v; want %v", i, low, high, known, want)
		}
	}
	// One provider, with a visit that runs for ten minutes of fifteen.
	k.provider("dr-lee", kiosk.Away)
	k.set(vega, ids[0], kiosk.InConsultation)
	k.clock.pass(10 * time.Minute)
	if low, high, known := k.Wait(ids[1]); !known || low != 5 || high != 15 {
		t.Errorf("next while a visit runs: %d to %d, %v", low, high, known)
	}
	// Nobody waits before the appointment's early call.
	e := k.visit("apt-9")
	e.Provider, e.Metadata.AppointmentTime = "", k.clock.now().Wall.Add(3*time.Hour)
	id := k.add(e)
	if low, _, known := k.Wait(id); !known || low != 165 {
		t.Errorf("three hours early: from %d minutes", low)
	}
	if _, _, known := k.Wait(kiosk.RandomEntryID()); known {
		t.Error("a wait is known for an entry that does not exist")
	}
	if _, high, known := k.Wait(ids[1]); !known || high == 0 {
		t.Error("the upper bound is zero")
	}
}

// After five finished visits the mean is theirs, not the configured length.
func TestWaitLearnsFromFinishedVisits(t *testing.T) {
	k := openClinic(t)
	k.provider("dr-vega", kiosk.Available)
	for i := range 6 {
		id := k.add(k.visit(fmt.Sprint("apt-", i)))
		k.set(ana, id, kiosk.Waiting)
		k.set(vega, id, kiosk.InConsultation)
		k.clock.pass(time.Hour)
		k.set(vega, id, kiosk.Completed)
	}
	first := k.add(k.visit("apt-8"))
	k.set(ana, first, kiosk.Waiting)
	k.set(vega, first, kiosk.InConsultation)
	id := k.add(k.visit("apt-9"))
	k.set(ana, id, kiosk.Waiting)
	// The visits seen were all alike, so less is added above than usual.
	if low, high, known := k.Wait(id); !known || low != 60 || high != 90 {
		t.Errorf("wait is %d to %d, %v", low, high, known)
	}
}
