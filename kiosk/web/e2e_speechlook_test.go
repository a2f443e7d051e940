//go:build e2e

package web_test

import (
	"fmt"
	"testing"

	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/webtest/chromium"
)

// TestE2EReadAloudLook: the controls are large enough, Help does not move when they
// appear, what stands below the screen is one row on a wide panel, in each language,
// and nothing is cut off.
func TestE2EReadAloudLook(t *testing.T) {
	t.Parallel()
	for _, p := range []struct {
		w, h int
		tags []string
	}{{1080, 1920, []string{"en", "ar"}}, {1280, 800, everyLanguage}, {320, 640, []string{"en", "ar"}}} {
		tags := p.tags
		packs, _ := hummed(t, tags)
		s := start(t, web.Config{Clinic: "Riverside", Speech: packs, Languages: tags}, web.Deps{})
		b := openBrowser(t, p.w, p.h)
		b.launch(s)
		for _, tag := range tags {
			b.Tap(`[data-act="start"]`)
			b.Screen("language")
			b.Tap(`[data-language="` + tag + `"]`)
			b.noHelp()
			b.Screen("identify")
			const help = `JSON.stringify((({x, width, bottom}) => [x, width, innerHeight - bottom].map(Math.round))(document.getElementById("help-open").getBoundingClientRect()))`
			before := chromium.Evaluate[string](b.Tab, help)
			row := func(when string) {
				t.Helper()
				if high := chromium.Evaluate[float64](b.Tab, `document.getElementById("leave").getBoundingClientRect().bottom - document.getElementById("help-open").getBoundingClientRect().bottom`); p.w > p.h && (high < -1 || high > 1) {
					t.Errorf("%dx%d %s: %s two rows", p.w, p.h, tag, when)
				}
			}
			row("before")
			b.Tap(`[data-reader="read"]`)
			b.Until("reading", `document.getElementById("reader").dataset.on === "true"`)
			b.Until("at rest", `document.getAnimations().length === 0`) // a pressed button is smaller
			row("while reading")
			if after := chromium.Evaluate[string](b.Tab, help); p.w > 320 && after != before {
				t.Errorf("%dx%d %s: Help moves from %s to %s", p.w, p.h, tag, before, after)
			}
			if out := chromium.Evaluate[string](b.Tab, `[...document.querySelectorAll("#reader button")].map((e) => [e.dataset.reader, e.getBoundingClientRect()])
				.filter(([, r]) => Math.round(r.width) < 60 || Math.round(r.height) < 60 || r.left < 0 || r.right > innerWidth).map(([n, r]) => n + JSON.stringify(r)).join(" ")`); out != "" {
				t.Errorf("%dx%d %s: too small or cut off: %s", p.w, p.h, tag, out)
			}
			if wide := chromium.Evaluate[int](b.Tab, `document.documentElement.scrollWidth`); wide > p.w {
				t.Errorf("%dx%d %s: the page is %d wide", p.w, p.h, tag, wide)
			}
			b.Shoot(fmt.Sprintf("speech-%s-%dx%d", tag, p.w, p.h))
			b.Tap("#leave")
			b.Screen("attract")
		}
	}
}
