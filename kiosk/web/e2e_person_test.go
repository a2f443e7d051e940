//go:build e2e

package web_test

import (
	"fmt"
	"testing"
	"time"

	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/webtest/chromium"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// put taps keys of the screen, one after the other.
func (b *browser) put(keys ...string) {
	b.t.Helper()
	for _, k := range keys {
		b.Tap(fmt.Sprintf(`[data-put=%q]`, k))
	}
}

func (b *browser) field(name string) string {
	b.t.Helper()
	return chromium.Evaluate[string](b.Tab, fmt.Sprintf(`document.querySelector('[data-field=%q] .field-value').textContent`, name))
}

// TestE2EByName: a patient without a code, on every panel. English asks for the
// month first and tells halves of the day apart; Spanish does neither.
func TestE2EByName(t *testing.T) {
	t.Parallel()
	for _, p := range panels {
		name := fmt.Sprintf("%dx%d", p.w, p.h)
		desk := newClinic()
		desk.outcome[goodPerson] = web.Identified{Outcome: web.Asked, Ask: web.AppointmentTime}
		desk.outcome["1957-02-28 MARLOW GRETA 22:30 "] = web.Identified{Outcome: web.Asked, Ask: web.PhoneDigits}
		desk.outcome["1957-02-28 MARLOW GRETA 22:30 42"] = web.Identified{Outcome: web.Found, Entry: entryOne}
		s := start(t, web.Config{}, web.Deps{CheckIn: desk})
		b := openBrowser(t, p.w, p.h)
		b.launch(s)
		b.Tap(`[data-act="start"]`)
		b.Screen("language")
		b.Tap(`[data-language="en"]`)
		b.noHelp()
		b.Screen("identify")
		b.Shoot("30-identify-" + name)
		b.Tap(`[data-act="no-code"]`)
		b.Screen("birth")
		time.Sleep(400 * time.Millisecond)
		b.Shoot("31-birth-" + name)
		b.put("2", "3", "0", "1", "9", "5", "7") // February, 30
		b.Tap("[data-go]")
		b.Until("told that there is no such date", `document.getElementById("strip").textContent.includes("does not exist")`)
		b.Tap(`[data-field="day"]`)
		b.Tap("[data-erase]")
		b.Tap("[data-erase]")
		b.put("2", "8")
		b.Shoot("32-birth-entered-" + name)
		if m, d, y := b.field("month"), b.field("day"), b.field("year"); m != "February" || d != "28" || y != "1957" {
			t.Errorf("entered %q %q %q", m, d, y)
		}
		b.Tap("[data-go]")
		b.Screen("name")
		time.Sleep(400 * time.Millisecond)
		b.put("M", "A", "R", "L", "O", "W")
		b.Tap(`[data-field="given"]`)
		for _, k := range "greta" {
			b.Do(chromedp.KeyEvent(string(k)), chromedp.Sleep(100*time.Millisecond)) // a person, not a scanner
		}
		b.Until("typed on a keyboard", `document.querySelector('[data-field="given"] .field-value').textContent === "GRETA"`)
		b.Shoot("33-name-" + name)
		b.Tap("#back")
		b.Screen("birth")
		if y := b.field("year"); y != "1957" {
			t.Errorf("after going back the year is %q", y)
		}
		time.Sleep(400 * time.Millisecond)
		b.Tap("[data-go]")
		b.Screen("name")
		time.Sleep(400 * time.Millisecond)
		b.Tap("[data-go]")
		b.Screen("time")
		time.Sleep(400 * time.Millisecond)
		b.put("1", "0", "3", "0", "p")
		b.Shoot("34-time-" + name)
		b.Tap("[data-go]")
		b.Screen("phone")
		time.Sleep(400 * time.Millisecond)
		b.put("4", "2")
		b.Shoot("35-phone-" + name)
		b.Tap("[data-go]")
		b.Screen("confirm")
		b.Tap("#leave")
		b.Screen("attract")
		b.wiped()

		b.Tap(`[data-act="start"]`)
		b.Screen("language")
		b.Tap(`[data-language="es"]`)
		b.noHelp()
		b.Screen("identify")
		b.Tap(`[data-act="no-code"]`)
		b.Screen("birth")
		time.Sleep(400 * time.Millisecond)
		if y := b.field("year"); y != "" {
			t.Errorf("the next patient sees the year %q", y)
		}
		b.Do(chromedp.KeyEvent("1"), chromedp.Sleep(100*time.Millisecond), chromedp.KeyEvent("2"))
		b.Until("the day, first", `document.querySelector('[data-field="day"] .field-value').textContent === "12"`)
		b.Shoot("36-birth-month-es-" + name)
		b.put("12", "1", "9", "9", "9")
		b.Tap("[data-go]")
		b.Screen("name")
		time.Sleep(400 * time.Millisecond)
		b.Shoot("37-name-es-" + name)
		b.put("N", "A")
		b.Do(chromedp.KeyEvent(kb.Backspace))
		b.Until("erased", `document.querySelector('[data-field="family"] .field-value').textContent === "N"`)
		b.Tap("[data-go]")
		b.Screen("refused")
		b.Shoot("38-refused-es-" + name)
		b.clean(s.Addr())
	}
}
