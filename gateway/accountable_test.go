package gateway_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/control"
	"clinicgate/kiosk"
)

// audited gives the actions of all audit events of a type.
func (c *clinic) audited(kind kiosk.AuditType) (actions []string) {
	c.t.Helper()
	list, err := c.control.AuditList(c.t.Context(), control.AuditQuery{Type: string(kind), Limit: 100})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, raw := range list.Events {
		var e kiosk.AuditEvent
		if err := json.Unmarshal(raw, &e); err != nil {
			c.t.Fatal(err)
		}
		actions = append(actions, e.Action)
	}
	return actions
}

func TestChangedSettingsAndTheUseOfTheChannelAreAudited(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	if got := c.audited(kiosk.ConfigChanged); len(got) != 0 {
		t.Errorf("a first start changed %q", got)
	}
	again := func() {
		if err := c.stop(); err != nil {
			t.Fatal(err)
		}
		c.start()
	}
	again()
	if got := c.audited(kiosk.ConfigChanged); len(got) != 0 {
		t.Errorf("the same settings changed %q", got)
	}
	c.cfg.CheckIn.Attempts++
	c.cfg.Queue.Grace.Duration += time.Minute
	again()
	if got := c.audited(kiosk.ConfigChanged); len(got) != 1 || got[0] != "changed checkin queue" {
		t.Errorf("two changed sections are %q", got)
	}
	if _, err := c.control.KeyList(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := c.audited(kiosk.TechnicianAccess)
	if strings.Count(strings.Join(got, " "), "keys/list") != 1 || strings.Count(strings.Join(got, " "), "audit/list") < 3 {
		t.Errorf("the use of the channel: %q", got)
	}
}
