package simulation_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/downlink"
	"clinicgate/gateway/exchange"
)

// totals say what a row of runs amounted to, to show that they were not idle.
type totals struct {
	runs, kiosks, events, conflicts int
	time                            time.Duration
	cloud                           counts
	done, refused                   map[deed]int
	unasked                         map[downlink.Refusal]int
	sites                           int // runs with a broker
	site                            exchange.Status
}

func newTotals() *totals {
	return &totals{done: map[deed]int{}, refused: map[deed]int{}, unasked: map[downlink.Refusal]int{}}
}

func (t *totals) add(c *clinic) {
	if t == nil {
		return
	}
	t.runs++
	t.kiosks += len(c.machines)
	t.time += c.weather.end
	for _, m := range c.machines {
		t.events += len(m.ledger.events)
		for _, a := range m.ledger.events {
			if a.kind == "audit/EVENT" && a.conflict {
				t.conflicts++
			}
		}
	}
	n := c.cloud.count
	t.cloud.requests += n.requests
	t.cloud.accepted += n.accepted
	t.cloud.lostRequests += n.lostRequests
	t.cloud.lostReplies += n.lostReplies
	t.cloud.repeats += n.repeats
	t.cloud.batches += n.batches
	t.cloud.refused += n.refused
	for what, n := range c.done {
		t.done[what] += n
	}
	for what, n := range c.refused {
		t.refused[what] += n
	}
	for why, n := range c.unasked {
		t.unasked[why] += n
	}
	if c.site != nil {
		t.sites++
		t.site = sum(t.site, c.site.told)
	}
}

func (t *totals) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d runs of %d kiosks over %.0f days: %d events, %d conflicts, %+v\n", t.runs, t.kiosks, t.time.Hours()/24, t.events, t.conflicts, t.cloud)
	for _, what := range slices.Sorted(maps.Keys(t.done)) {
		fmt.Fprintf(&b, "%s %d (refused %d), ", what, t.done[what], t.refused[what])
	}
	fmt.Fprintf(&b, "\nnot believed: %v\nwith a broker %d: %+v", t.unasked, t.sites, t.site)
	return b.String()
}

// check fails where a long row of runs never did something.
func (t *totals) check(test *testing.T, n int) {
	if n < 40 {
		return
	}
	for _, what := range []deed{checkIn, walkIn, setStatus, call, priority, transfer, undo, setShift, help, answer, revoke, providerDo, collide, importList, forge, restart, kill, reboot, powerCut} {
		if t.done[what] == 0 {
			test.Errorf("%d runs and nobody did this: %s", n, what)
		}
	}
	if t.conflicts == 0 || t.cloud.lostReplies == 0 || t.cloud.batches == 0 || t.cloud.refused == 0 || len(t.unasked) < 5 || t.site.Taken == 0 || t.site.Forwarded == 0 || len(t.site.Refused) < 7 {
		test.Errorf("%d runs were too calm: %v", n, t)
	}
}
