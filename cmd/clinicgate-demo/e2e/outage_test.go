//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestE2ENothingIsLost is the promise of the whole, in one run: while patients
// check in by themselves the network is cut, the gateway is killed twice, once in
// the outage and once while it catches up over a slow network, and the store runs
// full. Afterwards a reader with the key has every accepted event exactly once, in
// the order of its stream, and the loss equation holds.
//
// Who checked in and which desk acts were acknowledged is known here from outside
// the gateway. The test runs alone: filling the store takes the machine.
func TestE2ENothingIsLost(t *testing.T) {
	d := startDemo(t, "--auto", "240")
	r := newReader(t, d)
	r.listen(t, d.channels())

	d.checkedIn(6)
	d.act("network", `{"state":"cut"}`)
	cut := time.Now()
	d.checkedIn(6)
	d.killed("in the outage")
	d.checkedIn(20)
	waits := d.counted().Counts
	if waits.Queued < 40 {
		t.Fatalf("with the network cut the outbox holds %+v", waits)
	}
	t.Logf("the network was cut for %s; %d events wait", time.Since(cut).Round(time.Second), waits.Queued)

	caughtUp := d.state().Ledger.Messages
	d.act("network", `{"state":"slow"}`)
	eventually(t, time.Minute, "the gateway catches up", func() bool { return d.state().Ledger.Messages > caughtUp })
	d.killed("while it catches up")
	d.act("network", `{"state":"up"}`)
	d.checkedIn(2)

	// Staff acts fill the store until they are refused. What is left is kept for
	// patients: they use it up, and then are sent to the desk by the page itself.
	acts := 0
	said := struct{ Done string }{}
	began := time.Now()
	if err := json.Unmarshal([]byte(d.act("limit", `{"state":"exhausted"}`)), &said); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(said.Done, "the data limit of 8MiB is reached after %d desk acts", &acts); err != nil || acts == 0 {
		t.Fatalf("%q: %v", said.Done, err)
	}
	full := d.state()
	t.Logf("%s, in %s: %d of %d bytes in use", said.Done, time.Since(began).Round(time.Second), full.Used, full.Budget)
	eventually(t, 20*time.Second, "a desk act is refused for want of space", func() bool {
		out, err := d.clinicgate("provider", "set", "dr-okafor", []string{"away", "available"}[time.Now().UnixNano()%2])
		return err != nil && strings.Contains(out, "the store is full")
	})
	d.act("auto", `{"perMinute":600}`)
	eventually(t, 2*time.Minute, "the page sends patients to the desk", func() bool {
		full = d.state()
		return full.Patients.Trouble == "refused: unavailable"
	})
	t.Logf("patients are sent to the desk at %d of %d bytes, after %d check-ins", full.Used, full.Budget, full.Patients.CheckedIn)
	d.act("limit", `{"state":"free"}`)
	d.checkedIn(6)
	d.act("auto", `{"perMinute":0}`)

	// Providers still see patients: history is of a moment when nothing was made.
	var s state
	eventually(t, 3*time.Minute, "nothing happens while history is read", func() bool {
		s = d.settled(2 * time.Minute)
		r.history(t, slices.Sorted(maps.Keys(s.Streams)))
		after := d.state()
		return after.Counts != nil && *after.Counts == *s.Counts
	})
	c := *s.Counts
	t.Logf("gateway started %d times; %d patients got a number, %d gave up; accepted %d = delivered %d + queued %d + quarantined %d + expired %d + dropped %d + unreadable %d",
		s.Starts, s.Patients.CheckedIn, s.Patients.Failed, c.Accepted, c.Delivered, c.Queued, c.Quarantined, c.Expired, c.Dropped, c.Unreadable)
	t.Logf("history: %s", r.stored)
	t.Logf("live:    %s", r.live)
	t.Logf("demo's own ledger: %+v", s.Ledger)
	if !s.Balanced || c.Accepted != c.Delivered+c.Queued+c.Quarantined+c.Expired+c.Dropped+c.Unreadable {
		t.Errorf("the loss equation does not hold: %+v", c)
	}
	if c.Delivered != c.Accepted {
		t.Errorf("of %d accepted events %d were delivered", c.Accepted, c.Delivered)
	}
	// Live delivery is a doorbell and may lack a message; history may not.
	h := r.stored
	if h.events() != c.Accepted || h.missing() != 0 {
		t.Errorf("the reader has %d events and misses %d; the gateway accepted %d", h.events(), h.missing(), c.Accepted)
	}
	if len(h.patients) < s.Patients.CheckedIn || h.rooms < acts {
		t.Errorf("%d patients got a number and %d desk acts were acknowledged; the reader has %d and %d", s.Patients.CheckedIn, acts, len(h.patients), h.rooms)
	}
	if r.live.events() == 0 || !r.live.within(h) {
		t.Error("what came live is not what history has")
	}
	for _, a := range []*reading{h, r.live} {
		if a.wrong+a.conflicts+a.inversions != 0 {
			t.Errorf("not believed, in conflict or out of order: %s", a)
		}
	}
	if l := s.Ledger; l.Events != c.Accepted || l.Missing+l.Inversions+l.BadSignatures+l.Unreadable+l.Plaintext != 0 {
		t.Errorf("the demo's own ledger: %+v", l)
	}
	out, err := d.clinicgate("audit", "verify")
	if err != nil {
		t.Errorf("audit verify: %v", err)
	}
	t.Logf("%s", out)
}

// checkedIn waits until n more patients have their numbers.
func (d *demo) checkedIn(n int) {
	d.t.Helper()
	before := d.state().Patients.CheckedIn
	eventually(d.t, 5*time.Minute, "patients check in", func() bool { return d.state().Patients.CheckedIn >= before+n })
}

// killed ends the gateway as a power cut ends a process, and waits for the next.
func (d *demo) killed(when string) {
	d.t.Helper()
	s, began := d.state(), time.Now()
	if err := syscall.Kill(s.GatewayPid, syscall.SIGKILL); err != nil {
		d.t.Fatal(err)
	}
	eventually(d.t, 30*time.Second, "the gateway is back", func() bool {
		now := d.state()
		return now.Starts > s.Starts && now.GatewayPid != 0 && now.Counts != nil
	})
	d.t.Logf("killed %s with -9, back after %s", when, time.Since(began).Round(100*time.Millisecond))
}

// clinicgate runs a subcommand at the demo's gateway.
func (d *demo) clinicgate(args ...string) (string, error) {
	out, err := exec.Command(program("clinicgate"), append(args, "--config", d.ready.Config)...).CombinedOutput()
	return string(out), err
}

// channels are those whose names a staff app knows beforehand.
func (d *demo) channels() []string {
	list := []string{"audit." + d.ready.Organization, "consent." + d.ready.Organization, "device." + d.ready.KioskID}
	for _, dep := range d.ready.Departments {
		list = append(list, "queue."+dep, "roster."+dep, "emergency."+dep)
	}
	for _, p := range d.ready.PubNub.Providers {
		list = append(list, "waiting-room."+p.ID, "notification."+p.ID)
	}
	return list
}
