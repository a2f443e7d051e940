package simulation_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"clinicgate/gateway/uplink"
	"clinicgate/kiosk"
	"clinicgate/kiosk/queue"
	"clinicgate/storage"
)

// TestDayInTheClinic is a day of three departments, eight providers of whom one
// comes an hour late, two kiosks that are each cut off, restarted and killed, and
// 300 patients who come early, late or never, do not hear their call, leave, and
// become more urgent. Everybody is called or accounted for, on both kiosks alike.
func TestDayInTheClinic(t *testing.T) {
	first, n := *from, uint64(1)
	switch {
	case *oneSeed > 0:
		first = *oneSeed
	case *seeds > 0:
		n = uint64(*seeds+49) / 50
	}
	var all figures
	for seed := first; seed < first+n; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, seed)
			synctest.Test(t, func(t *testing.T) {
				d := newDay(t, seed)
				d.run()
				for _, f := range d.judge() {
					t.Error(f)
				}
				d.close()
				t.Log(d.figures.String())
				all.add(d.figures)
			})
		})
	}
	if n > 1 {
		t.Logf("%d days: %v", n, all.String())
	}
	all.check(t, n)
}

// hour is a time of the clock on the day, which a run begins at six.
func hour(h, m int) time.Duration {
	return time.Duration(h-6)*time.Hour + time.Duration(m)*time.Minute
}

var (
	opens, closes = hour(8, 0), hour(17, 30)
	dayStaff      = []queue.Provider{
		{ID: "dr-vega", Name: "Dr. Vega", Department: "cardiology", Room: "Room 1"},
		{ID: "dr-lee", Name: "Dr. Lee", Department: "cardiology", Room: "Room 2"},
		{ID: "dr-novak", Name: "Dr. Novak", Department: "cardiology", Room: "Room 3"},
		{ID: "dr-okafor", Name: "Dr. Okafor", Department: "radiology", Room: "X-ray 1"},
		{ID: "dr-silva", Name: "Dr. Silva", Department: "radiology", Room: "X-ray 2"},
		{ID: "dr-haddad", Name: "Dr. Haddad", Department: "general", Room: "Room 6"},
		{ID: "dr-costa", Name: "Dr. Costa", Department: "general", Room: "Room 7"},
		{ID: "dr-weber", Name: "Dr. Weber", Department: "general", Room: "Room 8"},
	}
)

const (
	patients    = 300
	lateDoctor  = 1 // of dayStaff
	lateBy      = time.Hour
	earliest    = time.Hour // before the appointment, in which a patient may check in alone
	latest      = 40 * time.Minute
	earlyCredit = 15 * time.Minute // before the appointment, from when an arrival counts
)

// day is one day's run.
type day struct {
	*clinic
	visitors []*visitor
	byEntry  map[kiosk.EntryID]*visitor
	doctors  []*doctor
	agenda   []errand
	figures  figures
}

// errand is something that a person will do.
type errand struct {
	at time.Duration
	do func()
}

func newDay(t *testing.T, seed uint64) *day {
	p := &plan{seed: seed, start: time.Date(2026, 1, 5, 11, 0, 0, 0, time.UTC).AddDate(0, 0, int(seed%300)*7), kiosks: make([]time.Duration, 2), // a Monday at six
		beat: 5 * time.Minute, batch: uplink.BatchGzip, departments: []kiosk.DepartmentID{"cardiology", "radiology", "general"}, providers: dayStaff,
		earliest: earliest, latest: latest}
	p.start = p.start.Add(time.Duration(6-p.start.In(calendar.Zone).Hour()) * time.Hour) // the same hour in summer
	dice := die(seed, "day")
	p.weather = &weather{start: p.start, end: hour(21, 0), rates: rates{loseRequest: 0.01, loseReply: 0.01, loseBell: 0.05, lateBell: 0.05, duplicate: 0.01, lateHistory: 0.05}}
	for i, from := range []time.Duration{hour(9, 20), hour(13, 40), hour(15, 10)} { // one kiosk, the other, both
		from += upTo(dice, 0, 30*time.Minute)
		p.weather.spells = append(p.weather.spells, spell{[]sky{noRoute, blackHole, noRoute}[i], []int{1, 0, -1}[i], from, from + upTo(dice, 15*time.Minute, 45*time.Minute)})
	}
	d := &day{clinic: newClinic(t, p), byEntry: map[kiosk.EntryID]*visitor{}}
	d.figures = figures{waits: map[kiosk.Priority][]time.Duration{}, ended: map[stage]int{}}
	d.book()
	for i, who := range dayStaff {
		doc := &doctor{day: d, Provider: who}
		d.doctors = append(d.doctors, doc)
		comes, lunch := opens+time.Duration(i)*time.Minute, hour(12, 0)+time.Duration(i%3)*30*time.Minute
		if i == lateDoctor {
			comes += lateBy
		}
		d.at(comes, func() { doc.set(kiosk.Available) })
		d.at(lunch, func() { doc.set(kiosk.Away) })
		d.at(lunch+30*time.Minute, func() { doc.set(kiosk.Available) })
	}
	d.at(hour(6, 5), d.list)
	for at := opens; at < hour(21, 0); at += 4 * time.Minute {
		d.at(at, d.round)
	}
	for i, fell := range []struct {
		at    time.Duration
		kiosk int
		end   func(*machine)
	}{{hour(10, 45), 1, (*machine).kill}, {hour(12, 10), 0, (*machine).stop}, {hour(16, 20), 0, (*machine).kill}} {
		m := d.machines[fell.kiosk]
		d.at(fell.at+upTo(dice, 0, 10*time.Minute), func() {
			fell.end(m)
			d.after(time.Duration(40+20*i)*time.Second, func() {
				m.begin()
				d.stir()
			})
		})
	}
	return d
}

func (d *day) at(when time.Duration, do func()) {
	i, _ := slices.BinarySearchFunc(d.agenda, when+1, func(e errand, at time.Duration) int { return cmp.Compare(e.at, at) })
	d.agenda = slices.Insert(d.agenda, i, errand{when, do})
}

func (d *day) after(wait time.Duration, do func()) { d.at(d.weather.now()+wait, do) }

// run lets everybody do what they came for, then waits until all is quiet.
func (d *day) run() {
	for len(d.agenda) > 0 {
		next := d.agenda[0]
		d.agenda = d.agenda[1:]
		time.Sleep(next.at - d.weather.now())
		next.do()
	}
	d.clinic.run()
}

// judge is what the simulation's oracle says, and that nobody was forgotten.
func (d *day) judge() []string {
	d.accountForAll()
	return d.clinic.judge()
}

// accountForAll compares what became of each patient with what each kiosk says.
func (d *day) accountForAll() {
	f := &d.figures
	forgotten := 0
	for _, v := range d.visitors {
		f.ended[v.stage]++
		if v.stage == expected {
			continue
		}
		want, removed := map[stage]kiosk.Status{served: kiosk.Completed, missed: kiosk.NoShow, left: kiosk.Cancelled}[v.stage],
			map[stage]kiosk.Removal{served: kiosk.RemovedCompleted, missed: kiosk.RemovedNoShow, left: kiosk.RemovedCancelled}[v.stage]
		for _, m := range d.machines {
			s, ok := m.process.Load().queue.State(v.entry)
			if !ok || s.Entry.Status != want || s.Removed != removed || s.Missed != v.missedCalls || len(s.Conflicts) > 0 {
				if forgotten++; forgotten > maxFailures {
					continue
				}
				d.t.Errorf("forgotten: patient %d ended as %q after missing %d calls; %s says %q, removed as %q, missed %d, conflicts %v",
					v.n, v.stage, v.missedCalls, m.id, s.Entry.Status, s.Removed, s.Missed, s.Conflicts)
			}
		}
	}
	total := 0
	for _, n := range f.ended {
		total += n
	}
	if total != patients || f.ended[waiting]+f.ended[called]+f.ended[inside]+f.ended[unfinished] > 0 {
		d.t.Errorf("of %d patients: %v", patients, f.ended)
	}
	f.judged = d.machines[0].process.Load().queue.Accuracy(calendar.Day(d.weather.start))
	d.callsMade()
}

// callsMade compares the calls that are in the stores with those that somebody
// made, and finds no no-show without a call before it.
func (d *day) callsMade() {
	made, first := map[kiosk.EntryID]int{}, map[kiosk.EntryID]storage.HLC{}
	type miss struct {
		entry kiosk.EntryID
		at    storage.HLC
	}
	var misses []miss
	for _, m := range d.machines {
		p := m.process.Load()
		for _, dep := range d.departments {
			list, err := p.store.Read(p.ctx, kiosk.QueueChannel(dep), "", storage.Cursor{}, 100_000)
			if err != nil {
				d.t.Fatal(err)
			}
			for _, r := range list {
				def, _ := kiosk.Defined(r.Kind)
				body, err := kiosk.Decode(def, r.Body)
				if err != nil {
					d.t.Fatal(err)
				}
				switch said := body.(type) {
				case *kiosk.Called:
					made[said.QueueEntryID]++
					if at, ok := first[said.QueueEntryID]; !ok || r.HLC < at {
						first[said.QueueEntryID] = r.HLC
					}
				case *kiosk.StatusUpdated:
					if said.NewStatus == kiosk.NoShow {
						misses = append(misses, miss{said.QueueEntryID, r.HLC})
					}
				}
			}
		}
	}
	for _, v := range d.visitors {
		if v.stage != expected && made[v.entry] != v.calls {
			d.t.Errorf("patient %d was called %d times, the stores have %d calls", v.n, v.calls, made[v.entry])
		}
	}
	for _, m := range misses {
		if at, ok := first[m.entry]; !ok || at > m.at {
			d.t.Errorf("%v became a no-show without a call", m.entry)
		}
	}
	d.figures.noShows += len(misses)
}

// book draws the day's patients.
func (d *day) book() {
	dice := die(d.seed, "patients")
	for n := range patients {
		who := dayStaff[dice.IntN(len(dayStaff))]
		v := &visitor{day: d, n: n, stage: expected, department: who.Department, kiosk: dice.IntN(2), priority: kiosk.Normal,
			takes: visitLength(dice.NormFloat64()), walks: upTo(dice, 20*time.Second, 90*time.Second)}
		open := closes - opens
		v.start = (opens + time.Duration(float64(open)*float64(n)/patients)).Truncate(5 * time.Minute)
		v.comes = v.start + time.Duration((dice.NormFloat64()*12-8)*float64(time.Minute))
		if dice.IntN(3) > 0 {
			v.provider = who.ID
		}
		switch roll := n % 20; {
		case roll < 3:
			v.start, v.provider = 0, "" // without an appointment
		case roll == 3:
			v.comes = v.start - upTo(dice, 61*time.Minute, 90*time.Minute) // too early: told when to come again
		case roll == 4:
			v.comes = v.start + upTo(dice, 41*time.Minute, 70*time.Minute) // too late: the desk
		case roll == 5:
			v.comes = 0 // never
		case roll == 6:
			v.deaf = 2 // not there when called, nor when called again
			v.returns = n%40 == 6
		case roll == 7 && n%3 == 0:
			v.patience = upTo(dice, 5*time.Minute, 40*time.Minute)
		case roll == 8:
			v.walksAway = n%40 == 8 // without pressing the last button
		case roll == 9:
			v.backInside = n%40 == 9 // sent out for a while, and seen again
		case roll == 10:
			v.triage, v.becomes = upTo(dice, time.Minute, 10*time.Minute), []kiosk.Priority{kiosk.Urgent, kiosk.Emergency, kiosk.FollowUp}[n/20%3]
		case roll == 11 && n%40 == 11:
			v.moves = upTo(dice, time.Minute, 8*time.Minute)
		}
		if v.comes != 0 {
			v.comes = max(v.comes, hour(7, 30)) + upTo(dice, 0, 59*time.Second)
			d.at(v.comes, v.arrive)
		}
		d.visitors = append(d.visitors, v)
	}
}

// visitLength is log-normal around twelve minutes and a half.
func visitLength(normal float64) time.Duration {
	const mean, cv = 12.5, 0.5
	s := math.Log(1 + cv*cv)
	return time.Duration(mean * math.Exp(normal*math.Sqrt(s)-s/2) * float64(time.Minute))
}
