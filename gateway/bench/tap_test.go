//go:build bench

package bench

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"clinicgate/gateway/control"
	"clinicgate/kiosk/web/webtest"
)

// patient is who stands at the kiosk.
type patient struct {
	browser *webtest.Browser
	// The page takes 20 acts a second; nobody is quicker than that.
	pace *rate.Limiter
}

func (c *clinic) open() *patient {
	c.t.Helper()
	l, err := c.control.Launch(c.t.Context(), control.Launch{})
	if err != nil {
		c.t.Fatal(err)
	}
	b, err := webtest.Open(c.t.Context(), l.URL)
	if err != nil {
		c.t.Fatal(err)
	}
	go b.Follow(c.t.Context())
	return &patient{b, rate.NewLimiter(18, 1)}
}

func (p *patient) press(ctx context.Context, event string, more map[string]any) (time.Duration, error) {
	if err := p.pace.Wait(ctx); err != nil {
		return 0, err
	}
	begin := time.Now()
	err := p.browser.Press(ctx, event, more)
	return time.Since(begin), err
}

// checkIn goes from a scanned code to the last screen, and tells how long the
// last button took: from the tap until the page has the answer that says done.
// last is called just before it.
func (p *patient) checkIn(ctx context.Context, code string, last func()) (took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if _, err := p.browser.Until(ctx, "attract"); err != nil {
		return 0, err
	}
	if _, err := p.press(ctx, "scan", map[string]any{"code": code}); err != nil {
		return 0, err
	}
	for {
		v, err := p.browser.Until(ctx, "needs", "signer", "confirm", "consent", "devices", "done", "already", "refused")
		if err != nil {
			return 0, err
		}
		switch v.State {
		case "consent":
			sum := sha256.Sum256([]byte(v.Form.Text))
			last() // a form's answer is the last button of the last form
			took, err = p.press(ctx, "decide", map[string]any{"form": v.Form.ID, "shown": hex.EncodeToString(sum[:]), "granted": true})
		case "needs":
			_, err = p.press(ctx, "ready", nil)
		case "signer":
			_, err = p.press(ctx, "sign", map[string]any{"signer": v.Signing.Signers[0]})
		case "devices":
			last() // the last button of a visit by video
			took, err = p.press(ctx, "tried", map[string]any{"ready": true})
		case "confirm":
			last() // the last button of a visit without forms
			took, err = p.press(ctx, "confirm", nil)
		case "done":
			if v.Done == nil || v.Done.Ticket == "" {
				return 0, fmt.Errorf("the last screen has no number")
			}
			_, err = p.press(ctx, "leave", nil)
			return took, err
		default:
			return 0, fmt.Errorf("the page says %q", v.State)
		}
		if err != nil {
			return 0, err
		}
	}
}

const (
	tapTurns = 3
	settle   = 2 * time.Second // for the devices to get into their rhythm
)

func benchTap(t *testing.T, results *table) {
	results.part("tap on the last button of a check-in, until the page has the answer that says done")
	results.most("commits of the last button", "", 1, lastButton(t)...)

	d := newDouble(t)
	c := newClinic(t, d.addr)
	c.start()
	codes := c.admit("visit", setting("BENCH_CHECKINS", 600))
	devices := newFleet(t, c.mqtt)
	p := c.open()
	taps := map[bool][]float64{}
	var messages, seconds float64
	each := len(codes) / (2 * tapTurns)
	for turn := range 2 * tapTurns {
		busy := turn%2 == 1
		devices.busy.Store(busy)
		time.Sleep(settle)
		acked, begin := devices.acked.Load(), time.Now()
		for _, code := range codes[turn*each : (turn+1)*each] {
			took, err := p.checkIn(t.Context(), code, func() {})
			if err != nil {
				t.Fatal(err)
			}
			taps[busy] = append(taps[busy], float64(took)/float64(time.Millisecond))
		}
		if busy {
			messages += float64(devices.acked.Load() - acked)
			seconds += time.Since(begin).Seconds()
		}
	}
	devices.busy.Store(true)
	time.Sleep(settle)
	stopped := c.stop().Seconds()
	results.most(fmt.Sprintf("p99 of %d", len(taps[false])), " ms", 50, percentile(taps[false], 0.99))
	results.note("half of them", " ms", median(taps[false]))
	results.most(fmt.Sprintf("p99 of %d beside %d devices", len(taps[true]), fleetSize), " ms", 50, percentile(taps[true], 0.99))
	results.note("half of them", " ms", median(taps[true]))
	results.note("device messages acknowledged in a second", "", messages/seconds)
	results.most("stop under this load", " s", 5, stopped)
	_ = devices.end() // they lost their broker
}

// lastButton counts the commits of the last button, on a gateway that has no
// network and so nothing else to write.
func lastButton(t *testing.T) (commits []float64) {
	t.Helper()
	c := newClinic(t, "127.0.0.1:1")
	c.start()
	defer c.stop()
	p := c.open()
	count := func() float64 {
		s, err := c.control.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return float64(s.Store.Commits)
	}
	for _, code := range c.admit("visit", 9) {
		var before float64
		var after float64
		_, err := p.checkIn(t.Context(), code, func() { before = count() })
		if err != nil {
			t.Fatal(err)
		}
		after = count()
		// Leaving the page ends the session, which is none of the button's.
		commits = append(commits, after-before)
	}
	return commits
}
