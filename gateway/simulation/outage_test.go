package simulation_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"clinicgate/gateway/uplink"
	"clinicgate/kiosk"
	"clinicgate/storage"

	gocmp "github.com/google/go-cmp/cmp"
)

// The outage of TestOutageOfTheInternet.
const (
	outageBegins = 20 * time.Minute
	lanHeals     = 3 * time.Hour // until then the broker and the ways to it fail too
	lanAgrees    = lanHeals + 15*time.Minute
	outageEnds   = lanAgrees + 30*time.Minute
)

// newOutage is a site of three kiosks with a broker. One has never been told the
// time; one is off for a while; all lose the internet for hours, and now and then
// each other.
func newOutage(seed uint64) *plan {
	d := die(seed, "outage")
	p := &plan{seed: seed, departments: departments, providers: providers, beat: 20 * time.Second, batch: uplink.BatchGzip, care: d.IntN(2) == 0,
		start: time.Date(2026, 3, 2, 13, 0, 0, 0, time.UTC).AddDate(0, 0, int(seed%200)), kiosks: []time.Duration{0, outageClock(d), outageClock(d)}, lists: 1}
	const untold = 2
	p.weather = &weather{start: p.start, end: outageEnds, rates: rates{loseRequest: 0.02, loseReply: 0.02, lateBell: 0.1, slowDisk: 0.02, unknownCommit: 0.01},
		spells: []spell{{noRoute, untold, 0, outageEnds}, {outage(d), -1, outageBegins, outageEnds}}}
	p.lan = lan(d, p.start, lanHeals, len(p.kiosks))
	// What happened before the queue is common; then everybody works on.
	p.people(d, 160)
	p.steps = slices.DeleteFunc(p.steps, func(s step) bool {
		// What an app says unsigned is never taken from the broker, so that who has not
		// had internet cannot know it.
		return s.at > lanHeals || s.what == providerDo && s.at < outageBegins
	})
	p.accidents(d, 1)
	p.steps = slices.DeleteFunc(p.steps, func(s step) bool {
		return s.at+s.for_ > lanHeals || s.kiosk == untold && (s.what == reboot || s.what == powerCut)
	})
	for i := range p.steps {
		p.steps[i].ahead = outageClock(d)
	}
	p.steps = append(p.steps, step{at: outageBegins + upTo(d, 10*time.Minute, time.Hour), what: restart, kiosk: 1, for_: upTo(d, 20*time.Minute, 50*time.Minute)})
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

// outageClock is how far a clock is off that nobody has set: hours, within the day
// that the list tells. A clock of another year shows other things alone: by it, no
// consent holds.
func outageClock(d *rand.Rand) time.Duration { return upTo(d, -3*time.Hour, 3*time.Hour) }

// TestOutageOfTheInternet: while there is no internet, the kiosks of a site show
// one order and one board, whatever else goes wrong, and what an attacker says on
// the broker changes nothing. When the internet is back, everything is with PubNub
// once.
func TestOutageOfTheInternet(t *testing.T) {
	n := uint64(2)
	if *seeds > 0 {
		n = uint64(*seeds+9) / 10
	}
	first := *from
	if *oneSeed > 0 {
		first, n = *oneSeed, 1
	}
	total := newTotals()
	for seed := first; seed < first+n; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, seed)
			synctest.Test(t, func(t *testing.T) {
				c := newClinic(t, newOutage(seed))
				defer func() {
					if testing.Verbose() && *oneSeed != 0 {
						t.Log(c.tale())
					}
				}()
				c.acts.Go(func() {
					time.Sleep(lanAgrees - c.weather.now())
					c.agree()
				})
				c.run()
				for _, f := range c.judge() {
					t.Error(f)
				}
				c.close()
				total.add(c)
			})
		})
	}
	t.Log(total)
	if total.site.Taken == 0 || total.site.Repeated == 0 || n > 4 && len(total.site.Refused) < 7 {
		t.Errorf("nothing much was exchanged: %+v", total.site)
	}
}

// agree fails where the kiosks of a site without internet show different things.
func (c *clinic) agree() {
	o := &oracle{clinic: c}
	queued := uint64(0)
	for _, m := range c.machines {
		queued += m.process.Load().store.Status().Counts.Queued
	}
	if queued == 0 {
		o.fail("there is internet: nothing waits for it")
	}
	if c.machines[2].process.Load().clock.Now().Synced {
		o.fail("kiosk %s knows the time", c.machines[2].id)
	}
	for _, m := range c.machines {
		for _, of := range c.machines {
			o.holds(m, of)
		}
	}
	o.converged()
	first := c.machines[0]
	for _, m := range c.machines[1:] {
		if diff := gocmp.Diff(shown(first), shown(m)); diff != "" {
			o.fail("boards of %s and %s differ:\n%s", first.id, m.id, diff)
		}
	}
	o.nothingForged()
	for _, f := range o.failures {
		c.t.Errorf("without internet: %s", f)
	}
}

// holds fails where a kiosk lacks what another of the site has made, though it be
// by the broker alone.
func (o *oracle) holds(m, of *machine) {
	if m == of {
		return
	}
	p := m.process.Load()
	for _, channel := range o.durable() {
		if ch, _ := kiosk.ParseChannel(channel); ch.Family == kiosk.DeviceFamily {
			continue // a heartbeat may be on its way
		}
		made, err := of.process.Load().store.Read(p.ctx, channel, "", storage.Cursor{}, 100_000)
		if err != nil {
			o.fail("kiosk %s: %v", of.id, err)
		}
		got, err := p.store.Read(p.ctx, channel, string(of.id), storage.Cursor{}, 100_000)
		if err != nil || len(got) != len(made) {
			o.fail("kiosk %s holds %d of %d events of %s on %s (%v): %+v", m.id, len(got), len(made), of.id, channel, err, p.exchange.Status())
		}
	}
}

// shown is what a board shows, but for the waits, which are guessed from the time.
func shown(m *machine) []string {
	b := m.process.Load().queue.Board()
	var list []string
	for _, c := range b.Called {
		list = append(list, fmt.Sprintf("%v to %v", c.Ticket, c.Room))
	}
	list = append(list, fmt.Sprint("next ", b.Next))
	for _, w := range b.Waits {
		list = append(list, fmt.Sprint(w.Department, " ", w.Waiting))
	}
	for _, p := range b.Providers {
		list = append(list, fmt.Sprint(p))
	}
	return list
}
