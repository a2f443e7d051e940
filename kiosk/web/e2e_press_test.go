//go:build e2e

package web_test

import (
	"testing"
	"time"

	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/webtest/chromium"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestE2ESlowFingers: a touch that lasts is a press, once, whether or not the browser
// makes a click of it; one that slides away is none.
func TestE2ESlowFingers(t *testing.T) {
	t.Parallel()
	s := start(t, web.Config{}, web.Deps{})
	b := openBrowser(t, 1280, 800)
	b.launch(s)
	// Chromium's own touch, for a time; without a window it never makes a click of one.
	rests := func(selector string, ms int64) {
		t.Helper()
		x, y := b.Middle(selector)
		if _, err := chromedp.Call(b.Ctx, input.SynthesizeTapGesture, input.SynthesizeTapGestureParams{X: x, Y: y, Duration: &ms, GestureSourceType: input.GestureSourceTypeTouch}); err != nil {
			t.Fatal(err)
		}
	}
	pressed := func(selector string) bool {
		t.Helper()
		return chromium.Evaluate[bool](b.Tab, `document.querySelector('`+selector+`').getAttribute("aria-pressed") === "true"`)
	}
	rests(".attract-art svg", 900) // the whole screen is the button
	b.Screen("language")
	rests(`[data-language="en"]`, 2500)
	b.Screen("needs")

	const need = `[data-need="hearing"]`
	for _, held := range []time.Duration{0, 600 * time.Millisecond, 1500 * time.Millisecond} { // with the browser's click
		before := pressed(need)
		b.Press(need, func() { time.Sleep(held) })
		b.Until("turned once", `document.querySelector('`+need+`').getAttribute("aria-pressed") === "`+map[bool]string{true: "false", false: "true"}[before]+`"`)
		time.Sleep(1200 * time.Millisecond)
		if pressed(need) == before {
			t.Errorf("held for %v it is pressed twice", held)
		}
	}
	before := pressed(need)
	rests(need, 700) // without one
	b.Until("turned", `document.querySelector('`+need+`').getAttribute("aria-pressed") === "`+map[bool]string{true: "false", false: "true"}[before]+`"`)

	before = pressed(need)
	x, y := b.Middle(need)
	away, far := b.Middle(`[data-need="seeing"]`)
	b.Touch(x, y, "down")
	b.Touch((x+away)/2, (y+far)/2, "on")
	b.Touch(away, far, "on")
	time.Sleep(500 * time.Millisecond)
	b.Touch(away, far, "up")
	time.Sleep(500 * time.Millisecond)
	if pressed(need) != before || pressed(`[data-need="seeing"]`) {
		t.Error("a finger that slid to another button presses one")
	}

	b.Tap(`[data-act="ready"]`)
	b.Screen("identify")
	rests(`[data-key="4"]`, 700)
	b.Until("a key", `document.getElementById("code").textContent === "4"`)
	b.Tap(`[data-key="4"]`) // and again, with the browser's click
	b.Until("two keys", `document.getElementById("code").textContent === "44"`)
	rests(`[data-key="4"]`, 700)
	b.Until("three keys", `document.getElementById("code").textContent === "444"`)
	b.Do(chromedp.Focus(`[data-key="4"]`), chromedp.Sleep(1500*time.Millisecond), chromedp.KeyEvent(kb.Enter)) // with a keyboard, much later
	b.Until("four keys", `document.getElementById("code").textContent === "4444"`)
	b.clean(s.Addr())
}

// TestE2EFingersAtTheQuestion: whether somebody is still there is answered with a finger
// that rests for as long as fingers do; nothing beneath the question is touched.
func TestE2EFingersAtTheQuestion(t *testing.T) {
	t.Parallel()
	now, pass := still()
	s := start(t, web.Config{IdleAfter: time.Minute}, web.Deps{Now: now})
	b := openBrowser(t, 1280, 800)
	b.launch(s)
	b.Tap(`[data-act="start"]`)
	b.Screen("language")
	b.Tap(`[data-language="en"]`)
	b.noHelp()
	b.Screen("identify")
	b.typeCode("K7MQ")
	const question = `document.getElementById("idle").open`
	for _, held := range []time.Duration{150 * time.Millisecond, 700 * time.Millisecond} {
		b.idle(pass, "the question", question)
		time.Sleep(400 * time.Millisecond)
		b.Press("#idle-more", func() { time.Sleep(held) })
		b.Until("answered", `!`+question)
		time.Sleep(400 * time.Millisecond)
		if got := chromium.Evaluate[string](b.Tab, `document.body.dataset.state + document.getElementById("code").textContent`); got != "identifyK7MQ" {
			t.Fatalf("held for %v: %s", held, got)
		}
	}
	b.idle(pass, "the question", question)
	time.Sleep(400 * time.Millisecond)
	b.Press("#idle-stop", func() { time.Sleep(300 * time.Millisecond) })
	b.Screen("attract")
	b.clean(s.Addr())
}
