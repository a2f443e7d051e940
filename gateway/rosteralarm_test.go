package gateway_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/kiosk"
)

// A list of another day in the watched folder is shown at the desk, which says by
// which command it is decided; the decision is on record under a person's name, and
// the file's name nowhere.
func TestAHeldRosterRaisesAnAlarmAtTheDesk(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	c := newClinic(t, withDesk, func(c *config.Config) { c.Roster.Folder = folder })
	put := func(name string, start time.Time) string {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), bytes.ReplaceAll(c.row("apt-7", start), []byte("Ada"), []byte("Canary")), 0o600); err != nil {
			t.Fatal(err)
		}
		var id string
		c.eventually("the list held", func() bool {
			list, err := c.control.RosterHeld(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(list.Lists) == 1 {
				id = list.Lists[0].ID
			}
			return id != ""
		})
		return id
	}
	gone := func() bool { entries, err := os.ReadDir(folder); return err == nil && len(entries) == 0 }
	b := c.deskOf()
	id := put("Canary-Wanda.csv", time.Now().AddDate(0, -2, 0))
	v := b.see("the alarm", func(v deskView) bool { return v.Clinic != nil && len(v.Clinic.Held) == 1 })
	if h := v.Clinic.Held[0]; h.ID != id || h.Why != "other-day" || !h.Importable {
		t.Errorf("the desk shows %+v", h)
	}
	if s, err := c.control.Status(t.Context()); err != nil || s.Roster.Held != 1 {
		t.Errorf("status: %+v, %v", s.Roster, err)
	}
	if _, err := c.control.RosterAccept(t.Context(), control.HeldDecision{ID: "00000000"}); err == nil {
		t.Error("a list that nobody holds was accepted")
	}
	if in, err := c.control.RosterAccept(t.Context(), control.HeldDecision{ID: id}); err != nil || in.Rows != 1 {
		t.Errorf("accept: %+v, %v", in, err)
	}
	b.see("no alarm", func(v deskView) bool { return v.Clinic != nil && len(v.Clinic.Held) == 0 })
	c.eventually("the file removed", gone)
	id = put("Canary-Wanda-2.csv", time.Now().AddDate(0, -3, 0))
	if left, err := c.control.RosterRefuse(t.Context(), control.HeldDecision{ID: id}); err != nil || len(left.Lists) != 0 || !gone() {
		t.Errorf("refuse: %+v, %v", left, err)
	}
	for kind, want := range map[kiosk.AuditType][]string{
		kiosk.RosterHeld: {"other-day", "other-day"}, kiosk.RosterAccepted: {"other-day"}, kiosk.RosterRefused: {"other-day"},
	} {
		if got := c.audited(kind); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
	}
	if strings.Contains(c.log.String(), "Canary") {
		t.Error("the log holds a file's name")
	}
}
