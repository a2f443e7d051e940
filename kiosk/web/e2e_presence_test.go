//go:build e2e

package web_test

import (
	"fmt"
	"testing"

	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/webtest/chromium"
)

// TestE2EPresence: the start screen is another one for who comes, nothing on it
// moves out of its place, and the panel is kept lit as long as somebody is there.
func TestE2EPresence(t *testing.T) {
	t.Parallel()
	for _, p := range []struct{ w, h int }{{1080, 1920}, {1280, 800}} {
		t.Run(fmt.Sprintf("%dx%d", p.w, p.h), func(t *testing.T) {
			s := start(t, web.Config{Clinic: "Riverside Clinic", Languages: everyLanguage}, web.Deps{})
			b := openBrowser(t, p.w, p.h)
			b.launch(s)
			b.Screen("attract")
			chromium.Evaluate[bool](b.Tab, `(() => {
				const ask = navigator.wakeLock.request.bind(navigator.wakeLock);
				globalThis.lit = 0;
				navigator.wakeLock.request = async (kind) => {
					const lock = await ask(kind);
					lit += 1;
					lock.addEventListener("release", () => (lit -= 1));
					return lock;
				};
				return true;
			})()`)
			looks := `getComputedStyle(document.querySelector(".start")).boxShadow`
			before := chromium.Evaluate[string](b.Tab, looks)
			s.Present(true)
			b.Until("greeted", `document.body.hasAttribute("data-present")`)
			b.Until("lit", `lit === 1`)
			if after := chromium.Evaluate[string](b.Tab, looks); after == before {
				t.Errorf("the sign looks the same for who comes: %s", after)
			}
			if out := chromium.Evaluate[string](b.Tab, misfits); out != "" {
				t.Error(out)
			}
			b.Shoot(fmt.Sprintf("present-%dx%d", p.w, p.h))
			s.Present(false)
			b.Until("alone", `!document.body.hasAttribute("data-present") && lit === 0`)
			s.Present(true)
			b.Tap(`[data-act="start"]`)
			b.Screen("language")
			if out := chromium.Evaluate[string](b.Tab, misfits); out != "" {
				t.Error(out)
			}
			b.clean(s.Addr())
		})
	}
}
