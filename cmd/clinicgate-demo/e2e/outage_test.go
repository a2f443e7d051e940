//go:build e2e

package e2e_test

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestE2ENothingIsLost is the promise of the whole: while patients check in by
// themselves the network is cut, the gateway is killed twice and the store runs
// full once. Afterwards a reader with the key has every accepted event exactly
// once, in the order of its stream, and the loss equation holds.
//
// It runs alone: filling the store takes the machine.
func TestE2ENothingIsLost(t *testing.T) {
	d := startDemo(t, "--auto", "240")
	checkedIn := func(n int) {
		t.Helper()
		before := d.state().Patients.CheckedIn
		eventually(t, time.Minute, "patients check in", func() bool { return d.state().Patients.CheckedIn >= before+n })
	}
	killed := func() {
		t.Helper()
		s := d.state()
		began := time.Now()
		if err := syscall.Kill(s.GatewayPid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, 30*time.Second, "the gateway is back", func() bool {
			now := d.state()
			return now.Starts > s.Starts && now.GatewayPid != 0 && now.Counts != nil
		})
		t.Logf("killed %d, back after %s", s.GatewayPid, time.Since(began).Round(100*time.Millisecond))
	}
	checkedIn(6)
	d.act("network", `{"state":"cut"}`)
	checkedIn(6)
	killed()
	checkedIn(6)
	killed()
	if s := d.state(); s.Counts == nil || s.Counts.Queued < 12 {
		t.Errorf("with the network cut the outbox holds %+v", s.Counts)
	}
	checkedIn(2)
	d.act("network", `{"state":"up"}`)

	t.Log(d.act("limit", `{"state":"exhausted"}`))
	full := d.state()
	t.Logf("the store uses %d of %d bytes", full.Used, full.Budget)
	// What is left is kept for patients: they use it up, and then are sent to the
	// desk by the page itself.
	d.act("auto", `{"perMinute":600}`)
	eventually(t, 90*time.Second, "the page sends patients to the desk", func() bool {
		return strings.HasPrefix(d.state().Patients.Trouble, "refused")
	})
	full = d.state()
	t.Logf("then %d of %d bytes, %d patients: %s", full.Used, full.Budget, full.Patients.CheckedIn, full.Patients.Trouble)
	d.act("limit", `{"state":"free"}`)
	checkedIn(6)
	d.act("auto", `{"perMinute":0}`)

	s := d.settled(2 * time.Minute)
	c, l := *s.Counts, s.Ledger
	t.Logf("%d patients checked in; gateway %+v; reader %+v", s.Patients.CheckedIn, c, l)
	if !s.Balanced || c.Accepted != c.Delivered+c.Queued+c.Quarantined+c.Expired+c.Dropped+c.Unreadable {
		t.Errorf("the loss equation does not hold: %+v", c)
	}
	if l.Events != c.Accepted {
		t.Errorf("the reader has %d events, the gateway accepted %d", l.Events, c.Accepted)
	}
	if l.Missing != 0 || l.Inversions != 0 {
		t.Errorf("the reader misses %d and has %d out of order", l.Missing, l.Inversions)
	}
	if l.BadSignatures+l.Unreadable+l.Plaintext != 0 {
		t.Errorf("the reader could not believe or read everything: %+v", l)
	}
	if out, err := exec.Command(program("clinicgate"), "audit", "verify", "--config", d.ready.Config).CombinedOutput(); err != nil {
		t.Errorf("audit verify: %v\n%s", err, out)
	} else {
		t.Logf("%s", out)
	}
}
