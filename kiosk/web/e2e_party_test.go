//go:build e2e

package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/webtest/chromium"
)

// TestE2ETogether: a parent and a child in one session, who signs, and the question
// that a second code raises, in languages that run both ways and on both kinds of
// panel.
func TestE2ETogether(t *testing.T) {
	t.Parallel()
	for _, p := range panels[:2] {
		for _, language := range []string{"en", "ar", "zh-Hans"} {
			name := fmt.Sprintf("%s-%dx%d", language, p.w, p.h)
			t.Run(name, func(t *testing.T) {
				desk := family(1)
				child := desk.outcome["CHK1:CHILD1"]
				child.Signers = []web.Signer{web.SignerSelf, web.SignerParent, web.SignerGuardian, web.SignerRepresentative, web.SignerProxy}
				desk.outcome["CHK1:CHILD1"] = child
				paper := &paperPrinter{}
				s := start(t, web.Config{Clinic: "Riverside Clinic", Languages: []string{"en", "es", "zh-Hans", "vi", "ar"}}, web.Deps{CheckIn: desk, Tickets: paper})
				b := openBrowser(t, p.w, p.h)
				scan := func(code string) {
					t.Helper()
					if err := s.Scan(b.Ctx, phi.New(code), "qr"); err != nil {
						t.Fatal(err)
					}
				}
				tap := func(selector string) {
					t.Helper()
					time.Sleep(350 * time.Millisecond) // a second touch on a new screen does nothing
					b.Tap(selector)
				}
				fits := func(what string) {
					t.Helper()
					time.Sleep(400 * time.Millisecond)
					b.Shoot(what + "-" + name)
					if out := chromium.Evaluate[string](b.Tab, `[...document.querySelectorAll("main button, main h1, main p, main li")].filter((e) => {
						const r = e.getBoundingClientRect();
						return r.width > 0 && (r.top < 0 || r.bottom > innerHeight + 1 || r.left < -1 || r.right > innerWidth + 1 || e.scrollWidth > e.clientWidth + 1);
					}).map((e) => e.textContent).join(" | ")`); out != "" {
						t.Errorf("%s: does not fit: %s", what, out)
					}
				}
				b.launch(s)
				scan(goodScan)
				b.Screen("language")
				tap(fmt.Sprintf(`[data-language=%q]`, language))
				b.noHelp()
				b.confirmed()
				scan("CHK1:CHILD1")
				b.Screen("together")
				b.wiped()
				fits("60-together")
				tap(`[data-act="together"]`)
				b.Screen("consent")
				b.decides(true)
				b.decides(true)
				b.Screen("done")
				fits("61-done-next")
				tap(`[data-act="another"]`)
				b.Screen("confirm")
				tap(`[data-act="confirm"]`)
				b.Screen("signer")
				tap(`#interpreter`)
				fits("62-signer")
				tap(`[data-signer="parent"]`)
				b.Screen("consent")
				tap(`[data-granted="true"]`)
				b.Screen("done")
				fits("63-done-all")
				const remember = `document.querySelector('[data-slot="remember"]').textContent`
				before := chromium.Evaluate[string](b.Tab, remember)
				paper.mu.Lock()
				paper.state = web.TicketPrinted
				paper.mu.Unlock()
				s.TicketChanged()
				b.Until("told to take the tickets", fmt.Sprintf("%s !== %q", remember, before))
				if got := chromium.Evaluate[string](b.Tab, remember); language == "en" && !strings.HasPrefix(got, "Please take your tickets.") {
					t.Errorf("with both tickets out the page says %q", got)
				}
				fits("64-done-tickets")
				if f := desk.finish[1]; f.Signer != web.SignerParent || !f.Interpreter {
					t.Errorf("signed by %q, interpreter %v", f.Signer, f.Interpreter)
				}
				if n := chromium.Evaluate[int](b.Tab, `document.querySelectorAll(".party li").length`); n != 2 {
					t.Errorf("%d numbers", n)
				}
				scan("CHK1:NEXT")
				b.Screen("together")
				b.wiped()
				tap(`[data-act="apart"]`)
				b.Screen("language")
				b.wiped()
				b.clean(s.Addr())
			})
		}
	}
}
