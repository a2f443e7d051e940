//go:build e2e

package web_test

import (
	"fmt"
	"testing"
	"time"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"
)

var panels = []struct{ w, h int }{{1080, 1920}, {1280, 800}, {1920, 1080}}

// TestScreens draws every screen on every panel and saves the pictures in
// CLINICGATE_SCREENSHOTS, or among the test's artifacts.
func TestScreens(t *testing.T) {
	for _, p := range panels {
		name := fmt.Sprintf("%dx%d", p.w, p.h)
		t.Run(name, func(t *testing.T) {
			c := newClinic()
			s := start(t, web.Config{Clinic: "Riverside Clinic", IdleAfter: 30 * time.Second}, web.Deps{CheckIn: c})
			b := openBrowser(t, p.w, p.h)
			pic := func(what string) { t.Helper(); b.shoot(what + "-" + name) }
			scan := func(code string) {
				t.Helper()
				if err := s.Scan(b.ctx, phi.New(code), "qr"); err != nil {
					t.Fatal(err)
				}
			}
			b.open("http://" + s.Addr() + "/")
			pic("00-locked")
			b.launch(s)
			pic("01-attract")
			b.tap(`[data-act="start"]`)
			b.screen("language")
			pic("02-language")
			b.tap(`[data-language="es"]`)
			b.screen("identify")
			pic("03-identify-es")
			b.tap("#back")
			b.screen("language")
			b.tap(`[data-language="en"]`)
			b.screen("identify")
			b.typeCode(goodTyped)
			pic("04-identify-typed")
			b.tap("#help-open")
			pic("05-help")
			b.tap("#help-close")
			hold := make(chan struct{})
			c.set(func(c *clinic) { c.hold = hold })
			b.tap("#code-go")
			b.screen("checking")
			pic("06-checking")
			c.set(func(c *clinic) { c.hold = nil })
			close(hold)
			b.screen("consent")
			pic("07-consent")
			b.tap("#help-open")
			b.tap(`[data-help="need-help"]`)
			pic("08-consent-help-called")
			c.set(func(c *clinic) { c.state = web.HelpComing })
			b.tap(`[data-granted="true"]`)
			b.until("second form", `document.querySelector("main h1").textContent.includes("Sharing")`)
			pic("09-consent-2-help-coming")
			c.set(func(c *clinic) { c.state = web.HelpNone })
			time.Sleep(400 * time.Millisecond)
			b.tap(`[data-granted="true"]`)
			b.screen("done")
			pic("10-done")
			b.tap(`[data-act="leave"]`)
			b.screen("attract")

			c.set(func(c *clinic) { c.noForms = true })
			scan(goodScan)
			b.screen("language")
			pic("11-language-scanned")
			b.tap(`[data-language="en"]`)
			b.screen("ready")
			pic("12-ready")
			c.set(func(c *clinic) { c.noForms = false })
			b.tap("#leave")
			b.screen("attract")
			scan("nobody's code")
			b.screen("language")
			b.tap(`[data-language="es"]`)
			b.screen("refused")
			pic("13-refused-es")
			b.tap(`[data-act="again"]`)
			b.screen("identify")
			scan(goodScan)
			b.screen("consent")
			pic("14-consent-es")
			b.tap(`[data-granted="false"]`)
			time.Sleep(time.Second)
			b.tap(`[data-granted="false"]`)
			b.screen("done")
			pic("15-done-staff-es")
			b.until("asked for more time", `document.getElementById("idle").open`)
			pic("16-idle-es")
			b.open("http://" + s.Addr() + "/board")
			b.until("board", `document.querySelector("#called li") !== null`)
			pic("20-board")
		})
	}
}
