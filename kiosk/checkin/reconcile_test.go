package checkin_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/queue"
	"clinicgate/storage"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// pair is two kiosks of one clinic, and what came to pass there.
type pair struct {
	*rapid.T
	kits  [2]*kit
	given [2]map[uuid.UUID]bool  // by kiosk: which of the other's events it has
	came  map[kiosk.EntryID]bool // entries that were made
	said  map[kiosk.EntryID]int  // what person a provisional arrival said to be
	order []kiosk.EntryID        // and in which order
	rows  map[int]bool           // people on the list
}

// The people: person n has appointment late-n, and the first two one name and
// birth date.
func (p *pair) row(n int) string {
	return fmt.Sprintf("late-%d,MRN-L%d,%s,cardiology,,2026-11-23 09:%02d,in-person,en\n", n, n, p.csv(n), 20+n)
}

func (p *pair) csv(n int) string {
	return fmt.Sprintf("Quixote,%s,1990-01-%02d", [...]string{"Hermione", "Hermione", "Isidora", "Josephina"}[n], max(1, n))
}

func (p *pair) step() {
	i, n := rapid.IntRange(0, 1).Draw(p.T, "kiosk"), rapid.IntRange(0, 3).Draw(p.T, "person")
	if rapid.Bool().Draw(p.T, "the usual one") {
		n = 2
	}
	k := p.kits[i]
	for _, one := range p.kits {
		one.pass(time.Duration(rapid.IntRange(1, 30_000).Draw(p.T, "pass ms")) * time.Millisecond)
	}
	appointment := kiosk.AppointmentID(fmt.Sprint("late-", n))
	switch rapid.IntRange(0, 9).Draw(p.T, "what") {
	case 0, 1, 2:
		name := [...]string{"Quixote, Hermione", "Quixote, Hermione", "Quixote, Isidora", "Quixote, Josephina"}[n]
		got := k.provisional(uuid.NewString(), claim(fmt.Sprintf("1990-01-%02d", max(1, n)), name))
		if got.Entry != (kiosk.EntryID{}) {
			p.came[got.Entry], p.said[got.Entry] = true, n
			p.order = append(p.order, got.Entry)
		}
	case 3:
		for j, one := range p.kits { // the export reaches one kiosk or both
			if j == i || rapid.Bool().Draw(p.T, "both") {
				one.importRows(head + p.row(n))
			}
		}
		p.rows[n] = true
	case 4: // with the code on paper
		if got := k.typed(uuid.NewString(), appointment); got.Entry != (kiosk.EntryID{}) {
			p.came[got.Entry] = true
		}
	case 5:
		if s, err := k.admit(appointment); err == nil {
			p.came[s.Entry.ID] = true
		}
	case 6:
		if len(p.order) > 0 {
			_, _ = k.match(rapid.SampledFrom(p.order).Draw(p.T, "entry"), appointment)
		}
	case 7:
		k.reconcile()
	case 8:
		k.reopen(byte('A' + i))
	case 9:
		p.exchange(1-i, i, rapid.IntRange(1, 40).Draw(p.T, "events"))
	}
}

// exchange brings some of what one kiosk wrote to the other, in any order.
func (p *pair) exchange(from, to, most int) {
	list := p.kits[from].records()
	list = slices.DeleteFunc(list, func(r storage.Record) bool { return p.given[to][r.ID] || r.Kind == "audit/EVENT" })
	if len(list) > 1 {
		list = rapid.Permutation(list).Draw(p.T, "order")
	}
	for _, r := range list[:min(len(list), most)] {
		p.given[to][r.ID] = true
		give(p.kits[to].t.(*testing.T), p.kits[from], p.kits[to], r)
	}
}

func (p *pair) picture(k *kit) map[string]string {
	list := map[string]string{}
	for _, s := range slices.Concat(k.queue.States(today), k.queue.Left(today)) {
		flags := slices.Clone(s.Entry.Metadata.Flags)
		slices.Sort(flags)
		list[s.Entry.ID.String()] = fmt.Sprint(s.Entry.Appointment, s.Entry.Patient, s.Entry.Status, s.Entry.Department, s.Entry.Metadata.OrderAt, s.Tickets, flags, len(s.Conflicts))
	}
	return list
}

// Whatever the order in which lists come, people come, staff match and kiosks
// hear of each other, and however often one restarts: in the end both show the
// same, every arrival is there, no appointment has two entries that staff are not
// told of, and who can be matched is.
func TestPropertyNoArrivalIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		p := &pair{T: r, came: map[kiosk.EntryID]bool{}, said: map[kiosk.EntryID]int{}, rows: map[int]bool{}}
		for i := range p.kits {
			p.kits[i] = newKit(t, kiosk.KioskID(fmt.Sprint("lobby-", i+1)), byte('A'+i))
			p.given[i] = map[uuid.UUID]bool{}
		}
		defer func() {
			for _, k := range p.kits {
				_ = k.store.Close(context.Background())
			}
		}()
		for range rapid.IntRange(4, 16).Draw(r, "steps") {
			p.step()
		}
		for range 4 { // a match is news to the other, and may free somebody
			p.exchange(0, 1, 1<<20)
			p.exchange(1, 0, 1<<20)
			for i, k := range p.kits {
				k.reopen(byte('A' + i)) // lists that were looked at before are looked at again
				k.reconcile()
			}
		}
		a, b := p.picture(p.kits[0]), p.picture(p.kits[1])
		if diff := cmp.Diff(a, b); diff != "" {
			r.Fatalf("the kiosks differ:\n%s", diff)
		}
		if len(a) != len(p.came) {
			r.Fatalf("%d entries of %d arrivals", len(a), len(p.came))
		}
		byAppointment := map[kiosk.AppointmentID][]queue.State{}
		for id := range p.came {
			s, ok := p.kits[0].queue.State(id)
			if !ok {
				r.Fatalf("arrival %s is lost", id)
			}
			if len(s.Tickets) == 0 {
				r.Fatalf("arrival %s has no number", id)
			}
			if s.Entry.Appointment != "" {
				byAppointment[s.Entry.Appointment] = append(byAppointment[s.Entry.Appointment], s)
			}
		}
		for appointment, list := range byAppointment {
			for _, s := range list {
				if len(list) > 1 && !s.Entry.HasFlag(kiosk.FlagArrived) {
					r.Fatalf("%s has %d entries and staff are not told", appointment, len(list))
				}
			}
		}
		for id, n := range p.said {
			s, _ := p.kits[0].queue.State(id)
			alone := n > 1 || !p.rows[1-n] // nobody else of the name is on the list
			if s.Entry.Appointment == "" && p.rows[n] && alone && !s.Entry.HasFlag(kiosk.FlagArrived) {
				r.Fatalf("arrival %s of person %d was not matched, and staff are not told", id, n)
			}
		}
	})
}
