//go:build e2e

package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk/web/webtest/chromium"
)

// TestE2EVitals turns the demo's vitals station on by its panel: whoever checks in is
// measured, sees what came of it and is asked to measure again what cannot be; the
// numbers are on no screen and on no wire after that. While it is off nobody is sent to
// it.
func TestE2EVitals(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	v := &visit{d: d, b: chromium.Open(t, 1080, 1920)}
	b := v.b
	b.Open(d.ready.Kiosk)
	b.Screen("attract")
	d.act("device", `{"device":"vitals","state":"on"}`)
	d.act("device", `{"device":"licence"}`)
	b.Screen("language")
	b.Tap(`[data-language="en"]`)
	b.Screen("needs")
	b.Tap(`[data-act="ready"]`)
	b.Screen("confirm")
	time.Sleep(400 * time.Millisecond) // a touch right after a new screen does nothing
	b.Tap(`[data-act="confirm"]`)
	for range 5 {
		b.Until("consents, then the measuring", `["consent", "measure"].includes(document.body.dataset.state)`)
		if chromium.Evaluate[string](b, `document.body.dataset.state`) == "measure" {
			break
		}
		before := chromium.Evaluate[string](b, `document.querySelector("main h1").textContent`)
		time.Sleep(400 * time.Millisecond)
		b.Tap(`[data-granted="true"]`)
		b.Until("the next step", fmt.Sprintf(`document.body.dataset.state !== "consent" || document.querySelector("main h1").textContent !== %q`, before))
	}
	b.Screen("measure")
	measures := func(state, says string) {
		t.Helper()
		// The station hears of who stands there by another way than the page.
		eventually(t, time.Minute, "the station measures", func() bool {
			_, err := d.tryAct("device", `{"device":"vitals","state":"`+state+`"}`)
			return err == nil
		})
		b.Until(says, fmt.Sprintf(`document.querySelector("main").innerText.includes(%q)`, says))
	}
	measures("out-of-range", "Please measure again.")
	b.Shoot("vitals-again")
	if text := chromium.Evaluate[string](b, `document.querySelector("main").innerText`); strings.Contains(text, "299") {
		t.Errorf("what cannot be is shown: %s", text)
	}
	measures("well", "124/79")
	measures("well", "71.4")
	b.Shoot("vitals-well")
	time.Sleep(400 * time.Millisecond)
	b.Tap(`[data-act="measured"]`)
	b.Screen("done")
	if text := chromium.Evaluate[string](b, `document.body.innerText`); strings.Contains(text, "124/79") || strings.Contains(text, "71.4") {
		t.Errorf("a measurement stays on the screen: %s", text)
	}
	b.Tap(`[data-act="leave"]`)
	b.Screen("attract")

	d.act("device", `{"device":"vitals","state":"off"}`)
	d.act("device", `{"device":"licence"}`)
	b.Screen("language")
	b.Tap(`[data-language="en"]`)
	b.Screen("needs")
	b.Tap(`[data-act="ready"]`)
	v.take("your number") // straight to the end
}
