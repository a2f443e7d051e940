//go:build bench

package bench

import (
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"clinicgate/gateway/control"
	"clinicgate/kiosk/web/webtest/chromium"
)

const (
	paintTurns = 7
	slowDown   = 6    // of the processor: a kiosk's is weaker than a developer's
	paintLimit = 1000 // ms
)

// benchPaint opens the check-in page with nothing cached on a processor that is
// slowed down, and tells when something is first painted and when the start screen
// stands there.
func benchPaint(t *testing.T, results *table) {
	results.part("first paint of the check-in page, nothing cached, processor slowed down 6 times")
	d := newDouble(t)
	c := newClinic(t, d.addr)
	c.start()
	b := chromium.Open(t, 1080, 1920)
	if _, err := chromedp.Call(b.Ctx, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: slowDown}); err != nil {
		t.Fatal(err)
	}
	var first, there []float64
	for range paintTurns {
		l, err := c.control.Launch(t.Context(), control.Launch{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := chromedp.Call(b.Ctx, network.ClearBrowserCache, cdp.Empty{}); err != nil {
			t.Fatal(err)
		}
		b.Open(l.URL)
		b.Until("the start screen", `document.querySelector("main h1") !== null && performance.getEntriesByName("first-contentful-paint").length > 0`)
		first = append(first, chromium.Evaluate[float64](b, `performance.getEntriesByName("first-contentful-paint")[0].startTime`))
		there = append(there, chromium.Evaluate[float64](b, `performance.getEntriesByType("resource").reduce((last, e) => Math.max(last, e.responseEnd), 0)`))
	}
	c.stop()
	results.most("first contentful paint", " ms", paintLimit, first...)
	results.most("the same by the limit of one second", "", 1, scaled(first, 1./paintLimit)...)
	results.note("the last file of the page has come", " ms", there...)
}

func scaled(values []float64, by float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = v * by
	}
	return out
}
