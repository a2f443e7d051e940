//go:build e2e

package web_test

import (
	"fmt"
	"strings"
	"testing"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/webtest/chromium"
)

// TestE2EMeasure: what a device measures is on the patient's screen at once, in large
// digits; what cannot be is to be measured again; all of it can be skipped; and
// nothing of it is left.
func TestE2EMeasure(t *testing.T) {
	t.Parallel()
	for _, at := range panels {
		t.Run(fmt.Sprintf("%dx%d", at.w, at.h), func(t *testing.T) {
			b := openBrowser(t, at.w, at.h)
			p, s := stage(t, b, "en", web.Config{})
			b.launch(s)
			p.confirm(codeMeasure)
			b.Screen("measure")
			b.Until("waits", `[...document.querySelectorAll(".measured")].map((x) => x.textContent).join("|") === "We will show the number here.|"`)
			if label := chromium.Evaluate[string](b.Tab, `document.querySelector("[data-act=measured]").textContent.trim()`); label != "Skip" {
				t.Errorf("the way on is called %q", label)
			}
			b.Shoot(fmt.Sprintf("19-measure-%dx%d", at.w, at.h))
			p.vital(web.Vital{Kind: "blood-pressure", Again: true})
			b.Until("again", `document.querySelector(".measured").textContent === "Please measure again."`)
			p.vital(web.Vital{Kind: "blood-pressure", Value: phi.New("122/78"), Unit: "mmHg"})
			b.Until("the value", `document.querySelector(".measured").textContent === "122/78 mmHg"`)
			if px := chromium.Evaluate[float64](b.Tab, `parseFloat(getComputedStyle(document.querySelector(".measured strong")).fontSize)`); px < 48 {
				t.Errorf("the digits are %.0f px high", px)
			}
			p.vital(web.Vital{Kind: "temperature", Value: phi.New("103.9"), Unit: "°F"})
			b.Until("both", `document.querySelectorAll(".measured strong").length === 2`)
			// A fever looks like any other number.
			if same := chromium.Evaluate[bool](b.Tab, `new Set([...document.querySelectorAll(".measured")].flatMap((x) => [x, ...x.children]).map((x) => getComputedStyle(x).color + getComputedStyle(x).backgroundColor)).size <= 2 &&
				new Set([...document.querySelectorAll(".measured strong")].map((x) => getComputedStyle(x).color)).size === 1`); !same {
				t.Error("the numbers do not look alike")
			}
			b.Shoot(fmt.Sprintf("20-measured-%dx%d", at.w, at.h))
			if small := chromium.Evaluate[string](b.Tab, `[...document.querySelectorAll("button")].filter((x) => x.checkVisibility()).map((x) => x.getBoundingClientRect())
				.filter((r) => r.width < 44 || r.height < 44 || r.left < 0 || r.bottom > innerHeight + 1 || r.right > innerWidth + 1).length + " " + (document.querySelector("main").scrollHeight - document.querySelector("main").clientHeight)`); small != "0 0" {
				t.Errorf("buttons too small or outside, and scrolling: %s", small)
			}
			b.Until("goes on", `document.querySelector("main .button.go[data-act=measured]")?.textContent.trim() === "Continue"`)
			b.Tap(`[data-act="measured"]`)
			b.Screen("done")
			if text := b.Text(); strings.Contains(text, "122") || strings.Contains(text, "103.9") {
				t.Errorf("a number stayed on the screen:\n%s", text)
			}
			p.settled()
			b.Tap(`[data-act="leave"]`)
			b.Screen("attract")

			p.confirm(codeMeasure)
			b.Screen("measure")
			p.settled()
			b.Tap(`[data-act="measured"]`) // skipped
			b.Screen("done")
		})
	}
}
