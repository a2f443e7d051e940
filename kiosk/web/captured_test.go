package web_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"
)

// TestCaptured: what a scanner typed into the page goes out as it is, and the
// code that comes back is looked up; nothing else is.
func TestCaptured(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	var logged journal
	var s *web.Server
	var got []string
	s = start(t, web.Config{}, web.Deps{CheckIn: desk, Logger: slog.New(slog.NewTextHandler(&logged, nil)),
		Captured: func(ctx context.Context, keys phi.Text) error {
			got = append(got, keys.Reveal())
			switch code, mine := strings.CutPrefix(keys.Reveal(), "S:"); {
			case mine:
				return s.Scan(ctx, phi.New(code), "appointment-code")
			case strings.HasPrefix(code, "4111"):
				return s.Scan(ctx, phi.Text{}, "")
			}
			return errors.New("device is not attached")
		}})
	c := launched(t, s)
	stream := openEvents(t, s.Addr(), "/events", c.cookie)
	stream.until(t, "view", nil)
	until := func(state web.State) picture {
		t.Helper()
		for range 200 {
			if c.look().State == state {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		return c.want(state)
	}
	c.act("scan", map[string]any{"code": "4111111111111111"})
	c.want(web.Attract) // nobody is asked for a code
	c.act("start", nil)
	c.choose("en")
	c.act("scan", map[string]any{"code": "S" + goodScan})
	c.want(web.Identifying)
	c.act("scan", map[string]any{"code": "4111111111111111"})
	if p := until(web.Turned); p.Refusal.Sentence != "unreadable" || !p.Refusal.Again {
		t.Errorf("refusal %+v", *p.Refusal)
	}
	c.act("again", nil)
	if identified, _, _, _ := desk.counts(); identified != 1 || !desk.identify[0].Value.IsZero() {
		t.Errorf("%d were looked up, want one without a value, for the audit log", identified)
	}
	request := newRequestID()
	for range 2 { // the answer was lost
		c.post(request, c.now.Session, "scan", map[string]any{"code": "S:" + goodScan})
	}
	until(web.Confirming)
	if identified, _, _, _ := desk.counts(); identified != 2 || len(got) != 4 {
		t.Errorf("%d were looked up, %d captured", identified, len(got))
	}
	if strings.Contains(logged.String(), goodScan) || strings.Contains(logged.String(), "41111111") {
		t.Error("a scan is logged")
	}
	if !strings.Contains(logged.String(), "scan of the page was not taken") {
		t.Error("a scan that the gateway did not take leaves no trace")
	}
}
