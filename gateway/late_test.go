package gateway_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests must not depend on the machine's zone files

	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/kiosk"
)

// deskOf opens a browser in which ana has logged in.
func (c *clinic) deskOf() *deskBrowser {
	c.t.Helper()
	p, err := c.control.DeskPair(c.t.Context(), control.DeskPair{})
	if err != nil {
		c.t.Fatal(err)
	}
	b := c.deskAt(p.Fingerprint)
	if _, err := c.control.DeskPIN(c.t.Context(), control.DeskPIN{Staff: "ana", PIN: "730184"}); err != nil {
		c.t.Fatal(err)
	}
	for _, step := range []struct {
		path   string
		fields map[string]any
	}{{"/pair", map[string]any{"code": p.Code}}, {"/login", map[string]any{"staff": "ana", "pin": "730184"}}} {
		if status, text := b.post(step.path, step.fields); status != http.StatusOK {
			c.t.Fatalf("%s: %d %s", step.path, status, text)
		}
	}
	return b
}

// After an outage of the kiosk staff enter what is on paper, at the desk's page and at
// the terminal, by the same rules; the messages and the audit log have both times.
func TestPaperNotesAreEnteredAfterAnOutage(t *testing.T) {
	t.Parallel()
	c := newClinic(t, withDesk, func(c *config.Config) {
		c.CheckIn.WalkInReasons = []string{"medicine"}
		c.Kiosk.Zone = "Etc/UTC" // whose clock shows no hour twice
		c.Kiosk.DayStarts.Duration = farFrom(time.Now().UTC())
	})
	clock := func(in time.Duration) string { return time.Now().Add(in).UTC().Format("15:04") }
	c.admit("apt-1")
	b := c.deskOf()
	v := b.see("an empty queue", func(v deskView) bool { return v.Clinic != nil })
	came := clock(0)
	for _, r := range []struct {
		event  string
		fields map[string]any
		status int
		text   string
	}{
		{"admit", map[string]any{"appointment": "apt-1", "happenedAt": clock(5 * time.Minute)}, http.StatusConflict, `{"refused":"future"}`},
		{"admit", map[string]any{"appointment": "apt-1", "happenedAt": "soon"}, http.StatusBadRequest, ""},
		{"match", map[string]any{"appointment": "apt-1", "entry": kiosk.RandomEntryID(), "happenedAt": came}, http.StatusBadRequest, ""},
		{"admit", map[string]any{"appointment": "apt-1", "happenedAt": came}, http.StatusOK, ""},
		{"walk-in", map[string]any{"department": "cardiology", "reason": "medicine", "happenedAt": came}, http.StatusOK, ""},
	} {
		if status, text := b.act(v.Session, r.event, r.fields); status != r.status || r.text != "" && text != r.text {
			t.Fatalf("%s %v: %d %s", r.event, r.fields, status, text)
		}
	}
	v = b.see("two patients", func(v deskView) bool { return len(v.Clinic.Entries) == 2 })
	first, second := v.Clinic.Entries[0], v.Clinic.Entries[1]
	if status, text := b.act(v.Session, "call", map[string]any{"entry": first.ID, "happenedAt": came}); status != http.StatusOK {
		t.Fatalf("call: %d %s", status, text)
	}
	if status, text := b.act(v.Session, "status", map[string]any{"entry": first.ID, "status": "in-consultation", "happenedAt": came}); status != http.StatusOK {
		t.Fatalf("status: %d %s", status, text)
	}
	// The terminal goes on where the page left off.
	if e, err := c.control.SetStatus(t.Context(), control.SetStatus{Entry: first.Ticket, Status: kiosk.Completed, HappenedAt: time.Now().Format(time.RFC3339)}); err != nil || e.Status != kiosk.Completed {
		t.Errorf("complete: %+v, %v", e, err)
	}
	for text, want := range map[string]string{
		"25:00":                "cannot be read",
		clock(5 * time.Minute): "later than now",
		time.Now().AddDate(0, 0, -2).Format(time.RFC3339):      "before the clinic day began",
		time.Now().Add(-10 * time.Minute).Format(time.RFC3339): "before",
	} {
		_, err := c.control.CallEntry(t.Context(), control.CallEntry{Entry: second.Ticket, HappenedAt: text})
		if e, ok := errors.AsType[*control.Error](err); !ok || !strings.Contains(e.Message, want) || e.Next == "" {
			t.Errorf("called at %s: %v, want %q with a next step", text, err, want)
		}
	}
	if _, err := c.control.WalkIn(t.Context(), control.WalkIn{Department: "cardiology", Reason: "medicine", HappenedAt: clock(5 * time.Minute)}); err == nil || !strings.Contains(err.Error(), "later than now") {
		t.Errorf("walk-in of the future: %v", err)
	}
	got := c.audited(kiosk.QueueStatusChanged)
	for _, want := range []string{"waiting to in-consultation, late entry", "in-consultation to completed, late entry"} {
		if !slices.Contains(got, want) {
			t.Errorf("audit has no %q: %q", want, got)
		}
	}
	c.eventually("everything delivered", c.drained)
	keys, err := c.control.KeyList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	published := c.read("queue.cardiology", keys.Public)
	for _, action := range []string{"PATIENT_ADDED", "STATUS_UPDATED", "CALLED", "PATIENT_REMOVED"} {
		both := slices.ContainsFunc(published, func(m string) bool {
			return strings.Contains(m, fmt.Sprintf(`"action":%q`, action)) && strings.Contains(m, `"happenedAt":"20`) && strings.Contains(m, `"timestamp":"20`)
		})
		if !both {
			t.Errorf("no %s was published with both times", action)
		}
	}
}

// Who will not be seen today leaves for a reason that staff give, at the page as at
// the terminal; a patient who leaves alone is asked nothing.
func TestStaffSayWhyAVisitIsRemoved(t *testing.T) {
	t.Parallel()
	c := newClinic(t, withDesk)
	for _, id := range []string{"apt-1", "apt-2"} {
		c.admit(id)
		if _, err := c.control.Admit(t.Context(), control.Admit{Appointment: kiosk.AppointmentID(id)}); err != nil {
			t.Fatal(err)
		}
	}
	b := c.deskOf()
	v := b.see("two patients", func(v deskView) bool { return v.Clinic != nil && len(v.Clinic.Entries) == 2 })
	first, second := v.Clinic.Entries[0], v.Clinic.Entries[1]
	for why, want := range map[string]struct {
		status int
		text   string
	}{"": {http.StatusBadRequest, ""}, "vanished": {http.StatusBadRequest, ""}, "no-show": {http.StatusConflict, `{"refused":"removal"}`}} {
		if status, text := b.act(v.Session, "remove", map[string]any{"entry": first.ID, "removal": why}); status != want.status || want.text != "" && text != want.text {
			t.Errorf("%q: %d %s", why, status, text)
		}
	}
	if status, text := b.act(v.Session, "remove", map[string]any{"entry": first.ID, "removal": "rescheduled"}); status != http.StatusOK {
		t.Fatalf("rescheduled: %d %s", status, text)
	}
	v = b.see("who left", func(v deskView) bool { return len(v.Clinic.Left) == 1 })
	if l := v.Clinic.Left[0]; l.ID != first.ID || l.Removed != "rescheduled" || l.Status != "cancelled" {
		t.Errorf("left: %+v", l)
	}
	_, err := c.control.Remove(t.Context(), control.Remove{Entry: second.Ticket, Reason: kiosk.RemovedCompleted})
	if e, ok := errors.AsType[*control.Error](err); !ok || e.Code != control.Invalid || e.Next == "" {
		t.Errorf("removed as completed: %v", err)
	}
	if e, err := c.control.Remove(t.Context(), control.Remove{Entry: second.Ticket, Reason: kiosk.RemovedCancelled}); err != nil || e.Removed != kiosk.RemovedCancelled {
		t.Errorf("removed as cancelled: %+v, %v", e, err)
	}
	if got := c.audited(kiosk.QueueEntryRemoved); !slices.Contains(got, "rescheduled") || !slices.Contains(got, "cancelled") {
		t.Errorf("audit has %q", got)
	}
}
