package roster_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/identity"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/roster"
	"clinicgate/storage"

	"pgregory.net/rapid"
)

const tomorrow = kiosk.Day("2026-11-24")

func (k *kit) take(text string) roster.Imported {
	k.t.Helper()
	k.now.Wall = k.now.Wall.Add(time.Minute)
	done, err := k.Import(context.Background(), kiosk.NewAct(ana), parse(k.t, head+text))
	if err != nil {
		k.t.Fatal(err)
	}
	return done
}

func (k *kit) cancel(list ...roster.Cancellation) roster.Cancelled {
	k.t.Helper()
	k.now.Wall = k.now.Wall.Add(time.Minute)
	done, err := k.Cancel(context.Background(), kiosk.NewAct(ana), list)
	if err != nil {
		k.t.Fatal(err)
	}
	return done
}

// ids lists a day as "id id", and checks that every way of asking agrees.
func (k *kit) ids(day kiosk.Day) string {
	k.t.Helper()
	list, err := k.List(context.Background(), day)
	if err != nil {
		k.t.Fatal(err)
	}
	var ids []string
	for _, a := range list {
		ids = append(ids, string(a.ID))
		if got, err := k.find(roster.Typed, roster.TypedCode(refKey, a.ID, day), day); err != nil || got.ID != a.ID {
			k.t.Errorf("%s is listed and not found: %v", a.ID, err)
		}
	}
	again, _ := roster.New(roster.Config{Organization: "riverside", Calendar: calendar(), RefKey: refKey}, k.store)
	if err := again.Load(context.Background()); err != nil || again.Days()[day] != k.Days()[day] || again.Days()[day].Rows != len(list) {
		k.t.Errorf("%s: %d rows, held %+v, after a start %+v, %v", day, len(list), k.Days()[day], again.Days()[day], err)
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// events of a kiosk, as another takes them in.
func (k *kit) received() (list []kiosk.Received) {
	k.t.Helper()
	for _, r := range k.events() {
		if r.Kind != "roster/ROSTER" {
			continue
		}
		d, _ := kiosk.Defined(r.Kind)
		m, err := kiosk.Decode(d, r.Body)
		if err != nil {
			k.t.Fatal(err)
		}
		list = append(list, kiosk.Received{Channel: r.Channel, ID: r.ID, Message: m, Origin: storage.Origin{Kiosk: "lobby-1", Inc: r.Inc, Seq: r.Seq, HLC: r.HLC, Synced: true}})
	}
	return list
}

func (k *kit) apply(list ...kiosk.Received) {
	k.t.Helper()
	for _, m := range list {
		if err := k.store.Update(context.Background(), func(tx *storage.Tx) error { _, err := k.Apply(tx, m); return err }); err != nil {
			k.t.Fatal(err)
		}
	}
}

func TestCancelledAppointmentsGo(t *testing.T) {
	k, other, late := newKit(t, "lobby-1"), newKit(t, "lobby-2"), newKit(t, "lobby-3")
	k.take("apt-1,MRN-1,Roe,Jane,1980-02-29,cardiology,,2026-11-23 09:00,,,,OWN1\napt-2,MRN-2,Doe,Jim,1980-02-28,radiology,,2026-11-23 10:00,,,,\n" +
		"apt-3,MRN-3,Poe,Ann,,radiology,,2026-11-24 10:00,,,,\n")
	done := k.cancel(roster.Cancellation{ID: "apt-1", Day: today}, roster.Cancellation{ID: "apt-3"}, roster.Cancellation{ID: "apt-2", Day: tomorrow}, roster.Cancellation{ID: "apt-9"})
	if done.Gone != 2 || done.Unknown != 2 || !slices.Equal(done.Days, []kiosk.Day{today, tomorrow}) {
		t.Errorf("cancelled: %+v", done)
	}
	if again := k.cancel(roster.Cancellation{ID: "apt-1", Day: today}); again.Gone != 0 || again.Unknown != 1 {
		t.Errorf("cancelled again: %+v", again)
	}
	events := k.received()
	other.apply(events...)
	other.apply(events...)
	slices.Reverse(events) // the older rows come last
	late.apply(events...)
	for name, k := range map[string]*kit{"here": k, "elsewhere": other, "late": late} {
		if got := k.ids(today) + "/" + k.ids(tomorrow); got != "apt-2/" {
			t.Errorf("%s: %s", name, got)
		}
		// The clinic's own code is of the person and goes; ours says what became of it.
		for code, want := range map[string]error{"OWN1": roster.ErrUnknown, roster.TypedCode(refKey, "apt-1", today): roster.ErrCancelled} {
			if _, err := k.find(roster.Typed, code, today); !errors.Is(err, want) {
				t.Errorf("%s: found by code: %v, want %v", name, err, want)
			}
		}
		if v, _ := k.person(identity.Claim{Birth: phi.New("1980-02-29"), Name: phi.New("Jane Roe")}, today); v != identity.None {
			t.Errorf("%s: found by name: %d", name, v)
		}
	}
	for _, m := range events {
		for _, row := range m.Message.(*kiosk.Roster).Rows {
			if row.Cancelled && (row.FamilyName != "" || row.Code != "" || row.BirthDate != "") {
				t.Errorf("a mark has a person in it: %s", row.AppointmentID)
			}
		}
	}
	// A later list brings it back.
	if done := k.take("apt-1,MRN-1,Roe,Jane,1980-02-29,cardiology,,2026-11-23 09:00,,,,OWN1\n"); done.New != 1 || done.Changed+done.Same != 0 {
		t.Errorf("booked again: %+v", done)
	}
	if got := k.ids(today); got != "apt-1 apt-2" {
		t.Errorf("booked again: %s", got)
	}
	if err := k.Forget(context.Background(), "2026-12-01"); err != nil || k.ids(today) != "" {
		t.Errorf("forgotten: %v", err)
	}
}

func TestMovedAppointmentsLeaveTheOldDay(t *testing.T) {
	k, other := newKit(t, "lobby-1"), newKit(t, "lobby-2")
	k.take("apt-1,MRN-1,Roe,Jane,,cardiology,,2026-11-23 09:00,,,,\napt-2,MRN-2,Doe,Jim,,radiology,,2026-11-23 10:00,,,,\n")
	if done := k.take("apt-1,MRN-1,Roe,Jane,,radiology,,2026-11-24 09:00,,,,\n"); done.New != 1 || done.Moved != 1 {
		t.Errorf("moved: %+v", done)
	}
	other.apply(k.received()...)
	for _, k := range []*kit{k, other} {
		if got := k.ids(today) + "/" + k.ids(tomorrow); got != "apt-2/apt-1" {
			t.Errorf("lists %s", got)
		}
	}
}

// A clinic that numbers its appointments anew each day has moved nobody.
func TestTheSameNumberOfAnotherPersonIsNoMove(t *testing.T) {
	k := newKit(t, "lobby-1")
	k.take("1,MRN-1,Roe,Jane,,cardiology,,2026-11-23 09:00,,,,\n2,MRN-2,Doe,Jim,,cardiology,,2026-11-23 10:00,,,,\n")
	if done := k.take("1,MRN-7,Poe,Ann,,cardiology,,2026-11-24 09:00,,,,\n2,MRN-8,Moe,Ben,,cardiology,,2026-11-24 10:00,,,,\n"); done.Moved != 0 {
		t.Errorf("moved: %+v", done)
	}
	if got := k.ids(today) + "/" + k.ids(tomorrow); got != "1 2/1 2" {
		t.Errorf("lists %s", got)
	}
}

// Whatever is imported, moved and cancelled, and in whichever order another kiosk
// hears of it, both hold the same, also after a start.
func TestPropertyCancellationsConverge(t *testing.T) {
	days := []kiosk.Day{today, tomorrow}
	rapid.Check(t, func(rt *rapid.T) {
		k, other := newKit(t, "lobby-1"), newKit(t, "lobby-2")
		held := map[string]kiosk.Day{}
		for range rapid.IntRange(1, 8).Draw(rt, "acts") {
			id := fmt.Sprintf("apt-%d", rapid.IntRange(1, 3).Draw(rt, "id"))
			day := rapid.SampledFrom(days).Draw(rt, "day")
			switch rapid.IntRange(0, 3).Draw(rt, "act") {
			case 0:
				k.take(fmt.Sprintf("%s,M-%s,Roe,Jane,,cardiology,,%s 09:00,,,,OWN%s\n", id, id, day, id))
				held[id] = day
			case 1:
				k.cancel(roster.Cancellation{ID: kiosk.AppointmentID(id)})
				delete(held, id)
			case 2:
				k.cancel(roster.Cancellation{ID: kiosk.AppointmentID(id), Day: day})
				if held[id] == day {
					delete(held, id)
				}
			case 3:
				k.close()
				k.open()
			}
			for id, day := range held { // and whose code it is
				if a, err := k.find(roster.Typed, "OWN"+id, day); err != nil || string(a.ID) != id {
					rt.Fatalf("the code of %s of %s: %v", id, day, err)
				}
			}
		}
		events := k.received()
		if len(events) > 0 {
			events = rapid.Permutation(events).Draw(rt, "order")
		}
		other.apply(events...)
		for _, day := range days {
			var want []string
			for _, id := range slices.Sorted(maps.Keys(held)) {
				if held[id] == day {
					want = append(want, id)
				}
			}
			if here, there := k.ids(day), other.ids(day); here != strings.Join(want, " ") || there != here {
				rt.Fatalf("%s: %s here, %s there, want %v", day, here, there, want)
			}
		}
	})
}
