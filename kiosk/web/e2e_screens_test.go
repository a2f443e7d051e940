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
			pic := func(what string) { t.Helper(); b.Shoot(what + "-" + name) }
			scan := func(code string) {
				t.Helper()
				if err := s.Scan(b.Ctx, phi.New(code), "qr"); err != nil {
					t.Fatal(err)
				}
			}
			b.Open("http://" + s.Addr() + "/")
			pic("00-locked")
			b.launch(s)
			pic("01-attract")
			b.Tap(`[data-act="start"]`)
			b.Screen("language")
			pic("02-language")
			b.Tap(`[data-language="es"]`)
			b.noHelp()
			b.Screen("identify")
			pic("03-identify-es")
			b.Tap("#back")
			b.Screen("needs")
			pic("03-needs-es")
			b.Tap(`[data-act="tongues"]`)
			b.Screen("interpreter")
			pic("03-interpreter-es")
			b.Tap("#back")
			b.Screen("needs")
			b.Tap("#back")
			b.Screen("language")
			b.Tap(`[data-language="en"]`)
			b.noHelp()
			b.Screen("identify")
			b.typeCode(goodTyped)
			pic("04-identify-typed")
			b.Tap("#help-open")
			pic("05-help")
			b.Tap("#help-close")
			hold := make(chan struct{})
			c.set(func(c *clinic) { c.hold = hold })
			b.Tap("#code-go")
			b.Screen("checking")
			pic("06-checking")
			c.set(func(c *clinic) { c.hold = nil })
			close(hold)
			b.confirmed()
			pic("07-consent")
			b.Tap("#help-open")
			b.Tap(`[data-help="need-help"]`)
			pic("08-consent-help-called")
			c.set(func(c *clinic) { c.state = web.HelpComing })
			b.Tap(`[data-granted="true"]`)
			b.Until("second form", `document.querySelector("main h1").textContent.includes("Sharing")`)
			pic("09-consent-2-help-coming")
			c.set(func(c *clinic) { c.state = web.HelpNone })
			time.Sleep(400 * time.Millisecond)
			b.Tap(`[data-granted="true"]`)
			b.Screen("done")
			pic("10-done")
			b.Tap(`[data-act="leave"]`)
			b.Screen("attract")

			c.set(func(c *clinic) { c.noForms = true })
			scan(goodScan)
			b.Screen("language")
			pic("11-language-scanned")
			b.Tap(`[data-language="en"]`)
			b.noHelp()
			b.Screen("confirm")
			pic("12-confirm-only")
			c.set(func(c *clinic) { c.noForms = false })
			b.Tap("#leave")
			b.Screen("attract")
			scan("nobody's code")
			b.Screen("language")
			b.Tap(`[data-language="es"]`)
			b.noHelp()
			b.Screen("refused")
			pic("13-refused-es")
			b.Tap(`[data-act="again"]`)
			b.Screen("identify")
			scan(goodScan)
			b.confirmed()
			pic("14-consent-es")
			b.Tap(`[data-granted="false"]`)
			time.Sleep(time.Second)
			b.Tap(`[data-granted="false"]`)
			b.Screen("done")
			pic("15-done-staff-es")
			b.Until("asked for more time", `document.getElementById("idle").open`)
			pic("16-idle-es")
			b.Open("http://" + s.Addr() + "/board")
			b.Until("board", `document.querySelector("#called li") !== null`)
			pic("20-board")
		})
	}
}
