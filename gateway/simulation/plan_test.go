package simulation_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"clinicgate/gateway/uplink"
	"clinicgate/kiosk"
	"clinicgate/kiosk/queue"
)

// plan is everything that a run decides before it begins. It depends on the
// seed alone.
type plan struct {
	seed    uint64
	start   time.Time
	kiosks  []time.Duration // how far each machine's wall clock is ahead at first
	beat    time.Duration
	care    bool // the stores' own chores run: checkpoints, retention, scrubbing
	batch   uplink.BatchMode
	poison  float64 // share of consent and audit events that PubNub refuses for good
	weather *weather
	lan     *weather // over the site's broker; nil: there is none
	steps   []step

	departments      []kiosk.DepartmentID
	providers        []queue.Provider
	lists            int           // days that an imported list is for; 0: one to four
	earliest, latest time.Duration // in which a patient may check in alone; 0: any time
}

// step is one thing that somebody or something does.
type step struct {
	at    time.Duration
	what  deed
	kiosk int
	for_  time.Duration // of a machine: how long it is down
	ahead time.Duration // of a boot: how far the wall clock is ahead
	n     int           // number of the step: its dice
}

type deed string

const (
	checkIn    deed = "check in"
	walkIn     deed = "walk in"
	setStatus  deed = "set status"
	call       deed = "call"
	priority   deed = "change priority"
	transfer   deed = "transfer"
	undo       deed = "undo"
	setShift   deed = "set provider"
	help       deed = "help"
	answer     deed = "answer help"
	revoke     deed = "revoke consent"
	providerDo deed = "provider's app"
	collide    deed = "collide" // two kiosks do different things to one entry
	importList deed = "import roster"
	forge      deed = "forge"
	restart    deed = "restart"
	kill       deed = "kill"
	reboot     deed = "reboot"
	powerCut   deed = "power cut"
	look       deed = "look" // the outside oracle notes what is acknowledged
)

func (s step) String() string {
	text := fmt.Sprintf("%v kiosk %c: %s", s.at.Round(time.Millisecond), 'a'+s.kiosk, s.what)
	if s.for_ > 0 {
		text += fmt.Sprintf(", down for %v", s.for_.Round(time.Second))
	}
	if s.ahead != 0 {
		text += fmt.Sprintf(", clock ahead by %v", s.ahead.Round(time.Second))
	}
	return text
}

func (p *plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %d kiosks from %v for %v, batch %s, beat %v, care %v, poison %.2f, rates %+v\n",
		p.seed, len(p.kiosks), p.start.Format(time.RFC3339), p.weather.end.Round(time.Second), p.batch, p.beat, p.care, p.poison, p.weather.rates)
	for i, ahead := range p.kiosks {
		fmt.Fprintf(&b, "  kiosk %c begins with its clock ahead by %v\n", 'a'+i, ahead)
	}
	for _, s := range p.weather.spells {
		fmt.Fprintf(&b, "  %v\n", s)
	}
	if p.lan != nil {
		fmt.Fprintf(&b, "  the site's broker: rates %+v\n", p.lan.rates)
		for _, s := range p.lan.spells {
			fmt.Fprintf(&b, "  broker: %v\n", s)
		}
	}
	for _, s := range p.steps {
		if s.what != look {
			fmt.Fprintf(&b, "  %v\n", s)
		}
	}
	return b.String()
}

// What follows the last fault: time for every wait, overlap and timer (a no-show
// and the grace period after it) to run out, then time without heartbeats and
// checkpoints for what is on its way to arrive.
const (
	quietTime = 25 * time.Minute
	stillTime = 5 * time.Minute
)

func newPlan(seed uint64) *plan {
	d := die(seed, "plan")
	p := &plan{seed: seed, departments: departments, providers: providers, start: time.Date(2026, 1, 5, 11, 0, 0, 0, time.UTC).AddDate(0, 0, 10*int(seed%2000))}
	p.weather = &weather{start: p.start, end: length(d)}
	hours := p.weather.end.Hours()
	for range 1 + weighed(d, 1, 5, 4, 1) {
		p.kiosks = append(p.kiosks, clockError(d))
	}
	p.batch = []uplink.BatchMode{uplink.BatchGzip, uplink.BatchPlain, uplink.BatchNever}[weighed(d, 5, 2, 1)]
	p.beat = 10 * time.Minute
	p.care = d.IntN(3) == 0
	if hours < 2 && len(p.kiosks) < 3 {
		p.beat = []time.Duration{20 * time.Second, 2 * time.Minute}[d.IntN(2)]
	}
	if d.IntN(4) == 0 {
		p.poison = 0.03
	}
	share := func(most float64) float64 { return []float64{0, 0.05, 0.3, 1}[d.IntN(4)] * most }
	p.weather.rates = rates{
		loseRequest: share(0.3), loseReply: share(0.3), duplicate: share(0.2), slow: share(0.1),
		loseBell: share(1), lateBell: share(0.5), lateHistory: share(0.5),
		slowDisk: share(0.1), unknownCommit: share(0.03), fenced: share(0.02),
	}
	p.weather.spells = spells(d, len(p.kiosks), p.weather.end)
	if own := die(seed, "lan"); own.IntN(2) == 0 {
		p.lan = lan(own, p.start, p.weather.end, len(p.kiosks))
	}
	p.people(d, int(min(40+hours*14, 200)))
	p.accidents(d, hours)
	for at := time.Duration(0); at < p.weather.end+quietTime; at += 20 * time.Minute {
		for k := range p.kiosks {
			p.steps = append(p.steps, step{at: at, what: look, kiosk: k})
		}
	}
	slices.SortStableFunc(p.steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	for i := range p.steps {
		p.steps[i].n = i
	}
	return p
}

// length is how long things go wrong: mostly some hours, now and then days.
func length(d *rand.Rand) time.Duration {
	switch weighed(d, 76, 16, 6, 2) {
	case 0:
		return upTo(d, 40*time.Minute, 150*time.Minute)
	case 1:
		return upTo(d, 150*time.Minute, 8*time.Hour)
	case 2:
		return upTo(d, 8*time.Hour, 20*time.Hour)
	}
	return upTo(d, 20*time.Hour, 70*time.Hour)
}

// weighed draws an index, by weight.
func weighed(d *rand.Rand, weights ...int) int {
	total := 0
	for _, w := range weights {
		total += w
	}
	roll := d.IntN(total)
	for i, w := range weights {
		if roll -= w; roll < 0 {
			return i
		}
	}
	return 0
}

// flat stands for a clock whose battery is empty: it begins in 1970.
const flat = time.Duration(-1 << 63)

func clockError(d *rand.Rand) time.Duration {
	switch weighed(d, 10, 3, 3, 2, 1, 1) {
	case 1:
		return flat
	case 2:
		return upTo(d, time.Hour, 30*time.Hour)
	case 3:
		return -upTo(d, time.Hour, 30*time.Hour)
	case 4:
		return 366 * 24 * time.Hour
	case 5:
		return -40 * 24 * time.Hour
	}
	return upTo(d, 0, 6*time.Second) - 3*time.Second
}

// spells draws outages and phases of refusals.
func spells(d *rand.Rand, kiosks int, end time.Duration) (list []spell) {
	add := func(s sky, kiosk int, from, lasts time.Duration) {
		list = append(list, spell{s, kiosk, from, min(from+lasts, end)})
	}
	for k := range kiosks {
		if d.IntN(3) == 0 { // it starts without a network, and so without the time
			add(outage(d), k, 0, upTo(d, time.Minute, min(end, 20*time.Hour)))
		}
		for range d.IntN(4) {
			lasts := upTo(d, 10*time.Second, 20*time.Minute)
			if d.IntN(2) == 0 {
				lasts = upTo(d, 20*time.Minute, end)
			}
			add(outage(d), k, upTo(d, 0, end), lasts)
		}
	}
	for range d.IntN(4) {
		who := d.IntN(kiosks+1) - 1
		add([]sky{denied, throttled, broken, blackHole}[d.IntN(4)], who, upTo(d, 0, end), upTo(d, 10*time.Second, 15*time.Minute))
	}
	slices.SortStableFunc(list, func(a, b spell) int { return cmp.Compare(a.from, b.from) })
	return list
}

// lan draws what goes wrong between the kiosks and the site's broker.
func lan(d *rand.Rand, start time.Time, end time.Duration, kiosks int) *weather {
	share := func(most float64) float64 { return []float64{0, 0.05, 0.3, 1}[d.IntN(4)] * most }
	w := &weather{start: start, end: end, rates: rates{loseRequest: share(0.3), loseReply: share(0.1), duplicate: share(0.2), slow: share(0.2)}}
	for k := -1; k < kiosks; k++ { // -1: the broker itself
		for range d.IntN(3) {
			from := upTo(d, 0, end)
			w.spells = append(w.spells, spell{noRoute, k, from, min(end, from+upTo(d, 10*time.Second, max(time.Minute, end/3)))})
		}
	}
	return w
}

func outage(d *rand.Rand) sky { return []sky{noRoute, blackHole}[d.IntN(2)] }

// people draws what patients, the desk, providers and an attacker do.
func (p *plan) people(d *rand.Rand, count int) {
	deeds := []deed{checkIn, walkIn, setStatus, call, priority, transfer, undo, setShift, help, answer, revoke, providerDo, collide, forge}
	weights := []int{30, 6, 22, 14, 6, 5, 6, 5, 3, 4, 2, 12, 8, 6}
	p.steps = append(p.steps, step{at: upTo(d, time.Second, 3*time.Minute), what: importList, kiosk: d.IntN(len(p.kiosks))})
	for day := time.Duration(0); day < p.weather.end; day += 12 * time.Hour {
		p.steps = append(p.steps, step{at: day + upTo(d, 4*time.Minute, 2*time.Hour), what: importList, kiosk: d.IntN(len(p.kiosks))})
	}
	for range count {
		at := upTo(d, time.Minute, p.weather.end)
		if d.IntN(3) == 0 && len(p.steps) > 2 { // things come in bursts
			at = min(p.steps[len(p.steps)-1].at+upTo(d, 0, 30*time.Second), p.weather.end)
		}
		p.steps = append(p.steps, step{at: at, what: deeds[weighed(d, weights...)], kiosk: d.IntN(len(p.kiosks))})
	}
}

// accidents draws restarts, kills and boots.
func (p *plan) accidents(d *rand.Rand, hours float64) {
	for k := range p.kiosks {
		for range d.IntN(3 + int(min(hours/2, 6))) {
			s := step{at: upTo(d, 0, p.weather.end), kiosk: k, for_: upTo(d, time.Second, 2*time.Minute), ahead: clockError(d),
				what: []deed{restart, kill, reboot, powerCut}[weighed(d, 3, 5, 2, 2)]}
			if d.IntN(8) == 0 {
				s.for_ = upTo(d, time.Minute, 3*time.Hour)
			}
			p.steps = append(p.steps, s)
		}
	}
}
