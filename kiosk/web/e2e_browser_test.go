//go:build e2e

package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/webtest/chromium"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// browser is a Chromium before the kiosk of these tests.
type browser struct {
	*chromium.Tab
	t  *testing.T
	at time.Time // of the last key of types
}

func openBrowser(t *testing.T, w, h int) *browser {
	t.Helper()
	return &browser{Tab: chromium.Open(t, w, h), t: t}
}

func (b *browser) launch(s *web.Server) {
	b.t.Helper()
	path, err := s.NewLaunch(b.Ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	b.Open("http://" + s.Addr() + path)
	b.Screen("attract")
}

// typeCode types on the pad.
func (b *browser) typeCode(code string) {
	b.t.Helper()
	for _, k := range code {
		b.Tap(`[data-key="` + string(k) + `"]`)
	}
}

// press comes to something by Tab and presses Enter, and tells how many keys that
// took. Each is pressed as a person does: what comes faster is a scanner's.
func (b *browser) press(selector string) (keys int) {
	b.t.Helper()
	for keys = 1; keys < 80; keys++ {
		if chromium.Evaluate[bool](b.Tab, fmt.Sprintf(`document.activeElement.matches(%q)`, selector)) {
			b.Do(chromedp.Sleep(50*time.Millisecond), chromedp.KeyEvent(kb.Enter))
			return keys
		}
		b.Do(chromedp.Sleep(50*time.Millisecond), chromedp.KeyEvent(kb.Tab))
	}
	b.t.Fatalf("Tab never reaches %s\n%s", selector, b.Text())
	return 0
}

// noHelp passes the question what help is needed with one touch.
func (b *browser) noHelp() {
	b.t.Helper()
	b.Screen("needs")
	b.Tap(`[data-act="ready"]`)
}

// confirmed says that the visit is right; the first form follows.
func (b *browser) confirmed() {
	b.t.Helper()
	b.Screen("confirm")
	time.Sleep(350 * time.Millisecond) // a second touch on a new screen does nothing
	b.Tap(`[data-act="confirm"]`)
	b.Screen("consent")
}

// decides answers the form on the screen, and waits for the form or screen that comes.
func (b *browser) decides(granted bool) {
	b.t.Helper()
	title := chromium.Evaluate[string](b.Tab, `document.querySelector("main h1").textContent`)
	b.Tap(fmt.Sprintf(`[data-granted="%t"]`, granted))
	b.Until("what comes after the form", fmt.Sprintf(`document.querySelector("main h1").textContent !== %q`, title))
	time.Sleep(400 * time.Millisecond) // touches count again
}

// clean checks what must hold after any test, for the server at an address.
func (b *browser) clean(s string) {
	b.t.Helper()
	b.Spotless([]string{s}, []string{goodTyped, goodScan, "A-017", "telehealth", "Cardiology", entryOne.String()})
}

// wiped checks that the DOM holds nothing of the patient.
func (b *browser) wiped() {
	b.t.Helper()
	dom := chromium.Evaluate[string](b.Tab, `document.documentElement.outerHTML`)
	if chromium.Evaluate[bool](b.Tab, `document.querySelector("main :is(.ink, .field-value)") !== null`) {
		b.t.Error("the page still holds what was drawn or typed")
	}
	for _, secret := range []string{"M… G…", "10:30", "Osei", "A-017", "Sharing your record", "We may see you", goodTyped[:4]} {
		if strings.Contains(dom, secret) {
			b.t.Errorf("the page still holds %q", secret)
		}
	}
}
