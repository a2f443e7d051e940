package web_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/kiosk/web"
)

// TestDisplayEndsWithTheSession: what a patient chose stays on every screen and
// is nobody else's, whichever way the session ends.
func TestDisplayEndsWithTheSession(t *testing.T) {
	c := launched(t, newServer(t, web.Config{}, web.Deps{}))
	c.look()
	c.refused("display", map[string]any{"mode": "loud"})
	c.act("display", map[string]any{"mode": "large"})
	c.act("display", map[string]any{"mode": "contrast"})
	c.act("start", nil)
	if d := c.act("choose", map[string]any{"language": "es"}).Display; !d.Large || !d.Contrast || d.Low {
		t.Errorf("after the language: %+v", d)
	}
	if d := c.act("display", map[string]any{"mode": "contrast"}).Display; !d.Large || d.Contrast {
		t.Errorf("switched off: %+v", d)
	}
	if d := c.act("display", map[string]any{"mode": "normal"}).Display; d.Large {
		t.Errorf("as usual: %+v", d)
	}
	c.act("display", map[string]any{"mode": "low"})
	if d := c.act("leave", nil).Display; d.Low {
		t.Errorf("the next patient meets %+v", d)
	}
}

// TestDisplayOfTheStartScreen: who changes the start screen and goes away leaves
// it as it was; who needs another display has twice the time.
func TestDisplayOfTheStartScreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, web.Config{IdleAfter: time.Minute}, web.Deps{})
		c := launched(t, s)
		go s.Watching(t.Context())
		c.look()
		c.act("display", map[string]any{"mode": "large"})
		first := c.now.Session
		time.Sleep(95 * time.Second)
		if p := c.look(); p.Session != first || !p.Display.Large {
			t.Error("forgotten while the patient may still be reading")
		}
		time.Sleep(10 * time.Second)
		if p := c.look(); p.Session == first || p.Display.Large {
			t.Error("the start screen keeps what somebody chose who went away")
		}
		c.act("start", nil)
		c.act("display", map[string]any{"mode": "low"})
		time.Sleep(70 * time.Second)
		if p := c.look(); p.IdleMs != 0 {
			t.Errorf("asked after 70 s, with %d ms left", p.IdleMs)
		}
		time.Sleep(15 * time.Second)
		if p := c.look(); p.IdleMs == 0 {
			t.Error("not asked after 85 s")
		}
	})
}

// TestCapitalHeight: 36 CFR 1194 appendix C 402.4, and the table of EN 301 549 5.1.4.
func TestCapitalHeight(t *testing.T) {
	for distance, want := range map[int]float64{0: 4.887, 200: 4.8, 400: 4.887, 600: 7.330, 1000: 12.217} {
		if got := web.CapitalHeight(distance); math.Abs(got-want) > 0.001 {
			t.Errorf("read from %d mm: capitals of %.3f mm, want %.3f", distance, got, want)
		}
	}
}
