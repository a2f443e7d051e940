//go:build e2e && axe

package diag_test

import (
	"fmt"
	"testing"

	"clinicgate/kiosk/web/webtest/chromium"

	"github.com/chromedp/chromedp"
)

// TestAxeDiag runs axe-core over the pad, a refused code, the page and a device's test,
// in each language, on each panel and at 320 px.
func TestAxeDiag(t *testing.T) {
	for _, language := range []string{"en", "es"} {
		k := newKit(t, language)
		k.run()
		b := chromium.Open(t, 1080, 1920)
		look := func(what string) {
			t.Helper()
			for _, p := range [][2]int64{{1280, 800}, {1920, 1080}, {320, 800}, {1080, 1920}} {
				b.Do(chromedp.EmulateViewport(p[0], p[1], chromedp.EmulateTouch))
				chromium.Axe(b, fmt.Sprintf("%s, %s, %dx%d", what, language, p[0], p[1]))
			}
		}
		k.launch(b)
		gesture(b, 5)
		b.Until("the pad", onPad)
		look("pad")
		enter(b, "00000000")
		b.Until("the refusal", `document.querySelector("#refused").textContent !== ""`)
		look("pad refused")
		b.Tap("#leave")
		b.Screen("attract")
		k.open(b)
		b.Do(chromedp.Evaluate[chromedp.Void](`(document.querySelector("#checks-rest").open = true, undefined)`))
		look("page")
		b.Tap(`[data-device="help-lamp"]`)
		b.Until("the test", `document.querySelector("#trial-said").textContent.includes("4")`)
		look("a device's test")
	}
}
