//go:build e2e

package diag_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web/diag"
	"clinicgate/kiosk/web/webtest/chromium"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// launch opens the check-in page in a browser.
func (k *kit) launch(b *chromium.Tab) {
	k.t.Helper()
	path, err := k.page.NewLaunch(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	b.Open("http://" + k.page.Addr() + path)
	b.Screen("attract")
}

// gesture touches the mark in the corner of the check-in page so often, in one or more
// parts, and tells after each whether the page is being left. The touches are made in the
// page, where the mark is: they may take 4 s, and the way to a browser takes time as well.
func gesture(b *chromium.Tab, times ...int) (left []bool) {
	parts, _ := json.Marshal(times)
	return chromium.Evaluate[[]bool](b, fmt.Sprintf(`(() => {
		const { x, y, width, height } = document.querySelector(".clinic img").getBoundingClientRect();
		const init = { bubbles: true, cancelable: true, clientX: x + width / 2, clientY: y + height / 2 };
		const mark = document.elementFromPoint(init.clientX, init.clientY);
		if (!mark.matches(".clinic img")) throw new Error("on the mark is " + mark.outerHTML);
		let left = false;
		navigation.addEventListener("navigate", () => (left = true), { once: true });
		return %s.map((times) => {
			for (let n = 0; n < times; n++) for (const what of ["pointerdown", "pointerup", "click"]) mark.dispatchEvent(new PointerEvent(what, init));
			return left;
		});
	})()`, parts))
}

// fingers are five real touches. Where they took too long nothing happened, and they
// are made again.
func fingers(b *chromium.Tab) {
	left := false
	for end := time.Now().Add(2 * time.Minute); !left && time.Now().Before(end); {
		chromium.Evaluate[bool](b, `(window.here = true, navigation.addEventListener("navigate", () => (window.here = false), { once: true }), true)`)
		b.TapFast(".clinic img", 5)
		for wait := time.Now().Add(3 * time.Second); !left && time.Now().Before(wait); time.Sleep(50 * time.Millisecond) {
			left = chromium.Evaluate[bool](b, `!window.here`) // the next document does not know it
		}
	}
	b.Until("the pad", onPad)
}

// enter types a code on the pad with a finger.
func enter(b *chromium.Tab, code string) {
	for _, c := range strings.ReplaceAll(code, " ", "") {
		b.Tap(`[data-key="` + string(c) + `"]`)
	}
	b.Tap("#go")
}

const (
	onPad  = `document.querySelector(".pad") !== null && document.querySelector("#typed").textContent !== ""`
	onPage = `document.querySelector("#facts dd") !== null && document.querySelector("#plot-queued svg") !== null && document.querySelector("#log p") !== null`
	onHome = `document.body.dataset.state !== undefined && location.pathname === "/"`
)

// open comes to the page with a good code.
func (k *kit) open(b *chromium.Tab) {
	k.t.Helper()
	gesture(b, 5)
	b.Until("the pad", onPad)
	code, _ := k.diag.Open(technician)
	enter(b, code)
	b.Until("the page", onPage)
	b.Until("the checks", `document.querySelector("#checks-state").textContent.includes("0417-AB")`)
}

// TestE2EDiag is a technician's visit in a real browser.
func TestE2EDiag(t *testing.T) {
	k := newKit(t, "en")
	k.run()
	for len(k.kiosk.lines) < 40 {
		k.kiosk.lines = append(k.kiosk.lines, k.kiosk.lines[len(k.kiosk.lines)%4])
	}
	b := chromium.Open(t, 1080, 1920)
	k.launch(b)

	// Four touches are none, and neither are five slow ones of a child.
	left := gesture(b, 4)
	time.Sleep(4200 * time.Millisecond)
	if left = append(left, gesture(b, 1, 4)...); left[0] || left[1] || !left[2] {
		t.Fatalf("after 4 touches, a fifth one later and 4 more right after it the page is left: %v", left)
	}
	b.Until("the pad", onPad)
	b.Shoot("diag-pad")
	code, _ := k.diag.Open(technician)
	for range 2 {
		enter(b, "00000000")
		b.Until("the refusal", `document.querySelector("#refused").textContent.startsWith("This code is not good")`)
		time.Sleep(1200 * time.Millisecond)
	}
	b.Shoot("diag-pad-refused")
	if got := chromium.Evaluate[int](b, `performance.getEntriesByType("resource").filter((r) => /diag\.(js|css)|plot|trial/.test(r.name)).length`); got != 0 {
		t.Errorf("%d files of the page came before the code", got)
	}
	enter(b, code)
	b.Until("the page", onPage)
	b.Until("the checks", `document.querySelector("#checks-state").textContent.includes("0417-AB")`)
	b.Shoot("diag-page")
	if got := chromium.Evaluate[string](b, `[...document.querySelectorAll("#checks-bad .name")].map((x) => x.textContent).join()`); got != "net-dns,roster-age" {
		t.Errorf("the checks found %s", got)
	}

	// The scanner: three readings, one bad, then it passes.
	b.Tap(`[data-device="front-scanner"]`)
	b.Until("the test", `!document.querySelector("#trial").hidden`)
	k.kiosk.readings <- diag.Trial{Read: true, Good: true, Kind: "ticket", Symbology: "QR", Length: 31, Micros: 1200}
	k.kiosk.readings <- diag.Trial{Read: true, Good: false, Why: "damaged"}
	k.kiosk.readings <- diag.Trial{Read: true, Good: true, Kind: "ticket", Symbology: "QR", Length: 31, Micros: 800}
	b.Until("three readings", `document.querySelector("#trial-said").textContent.startsWith("2 of 3 good · 1 ms on average")`)
	b.Shoot("diag-trial")
	b.Tap("#trial-good")
	b.Until("the verdict", `document.querySelector("#trial").hidden`)
	b.Tap(`[data-device="tickets"]`)
	b.Until("the reason", `document.querySelector("#trial-said").textContent.includes("no paper: put in a roll")`)
	b.Tap("#trial-stop")
	b.Tap(`[data-device="help-lamp"]`)
	b.Until("the lamp", `document.querySelector("#trial-said").textContent.includes("1 of 1 good")`)
	b.Tap("#trial-again")
	b.Until("the lamp again", `document.querySelector("#trial-said").textContent.includes("2 of 2 good")`)
	b.Tap("#trial-bad")
	b.Until("the verdict", `document.querySelector("#trial").hidden`)
	k.kiosk.mu.Lock()
	if got := strings.Join(k.kiosk.judged, "; "); got != "tess front-scanner passed; tess help-lamp failed" {
		t.Errorf("verdicts: %s", got)
	}
	k.kiosk.mu.Unlock()

	// The log, by part and level, and one more line as it comes.
	if chromium.Evaluate[bool](b, `document.querySelector("#log").textContent.includes("browser launched")`) {
		t.Error("debug lines are shown unasked")
	}
	chromium.Evaluate[bool](b, `(document.querySelector("#log-level").value = "debug", document.querySelector("#log-level").dispatchEvent(new Event("change")), true)`)
	b.Until("debug lines", `document.querySelector("#log").textContent.includes("browser launched")`)
	b.Tap("#log-set")
	b.Until("the level", `document.querySelector("#log-said").textContent.startsWith("debug is written of all parts")`)

	// In Spanish, as the picture is.
	chromium.Evaluate[bool](b, `(document.querySelector("#language").value = "es", document.querySelector("#language").dispatchEvent(new Event("change")), true)`)
	b.Until("Spanish", `document.documentElement.lang === "es" && document.querySelector("#leave").textContent === "Volver al registro"`)
	b.Shoot("diag-page-es")

	b.Tap("#leave")
	b.Until("the check-in", onHome)
	b.Screen("attract")
	if !strings.Contains(k.record(), "DIAG_CLOSED tess left") {
		t.Errorf("recorded:\n%s", k.record())
	}
	b.SpotlessBut([]string{"401", "403", "409"}, []string{k.page.Addr()}, []string{code, strings.ReplaceAll(code, " ", "")})
}

// TestE2EDiagUnderAFinger: the list changes while a finger is on a button of it. That
// button is the one that is pressed; it stays where it is, and the focus stays on it.
func TestE2EDiagUnderAFinger(t *testing.T) {
	k := newKit(t, "en")
	k.run()
	b := chromium.Open(t, 1080, 1920)
	k.launch(b)
	k.open(b)
	lamp := `[data-device="help-lamp"]`
	at := func() float64 {
		return chromium.Evaluate[float64](b, `document.querySelector('`+lamp+`').getBoundingClientRect().top + scrollY`)
	}
	before := at()
	b.Do(chromedp.Focus(chromedp.CSS(lamp)))
	b.Press(lamp, func() {
		k.kiosk.mu.Lock()
		k.kiosk.tested = time.Date(2026, 11, 22, 8, 30, 0, 0, time.UTC)
		k.kiosk.mu.Unlock()
		b.Until("the test of the scanner", `document.querySelector("#devices").textContent.includes("passed a test at 2026-11-22 08:30:00 UTC")`)
		if !chromium.Evaluate[bool](b, `document.activeElement.dataset.device === "help-lamp"`) {
			t.Error("the focus has gone from the lamp's button")
		}
	})
	b.Until("the test of the lamp", `document.querySelector("#trial-title").textContent.includes("help-lamp") && document.querySelector("#trial-said").textContent.includes("1 of 1 good")`)
	if now := at(); now != before {
		t.Errorf("the lamp's button went from %v to %v", before, now)
	}
}

// TestE2EDiagEnds: the page goes back by itself when nobody touches it, when a patient
// scans and when the service ends; a patient's session keeps it shut; all by keyboard.
func TestE2EDiagEnds(t *testing.T) {
	k := newKit(t, "en")
	stop := k.run()
	b := chromium.Open(t, 1280, 800)
	k.launch(b)

	// A patient is here.
	b.Tap("#stage")
	b.Screen("language")
	gesture(b, 6)
	ctrlAltD(b)
	time.Sleep(time.Second)
	if chromium.Evaluate[string](b, `location.pathname`) != "/" || k.page.Free() {
		t.Fatal("the gesture took the page from a patient")
	}
	b.Tap("#leave")
	b.Screen("attract")

	// By keyboard alone, on a technician's keyboard.
	ctrlAltD(b)
	b.Until("the pad", onPad)
	code, _ := k.diag.Open(technician)
	for _, c := range strings.ReplaceAll(code, " ", "") {
		b.Do(chromedp.KeyEvent(string(c)), chromedp.Sleep(80*time.Millisecond))
	}
	b.Do(chromedp.KeyEvent(kb.Enter))
	b.Until("the page", onPage)
	for n := 0; !chromium.Evaluate[bool](b, `document.activeElement.dataset.device === "help-lamp"`); n++ {
		if n > 40 {
			t.Fatal("Tab never reaches the lamp's test")
		}
		b.Do(chromedp.Sleep(60*time.Millisecond), chromedp.KeyEvent(kb.Tab))
	}
	b.Do(chromedp.Sleep(60*time.Millisecond), chromedp.KeyEvent(kb.Enter))
	b.Until("the lamp", `document.querySelector("#trial-said").textContent.includes("1 of 1 good")`)

	// Nobody touches it.
	k.later.Add(int64(2*time.Minute + 40*time.Second))
	b.Until("the warning", `document.querySelector("#strip").textContent.includes("closes in")`)
	b.Shoot("diag-idle")
	k.later.Add(int64(30 * time.Second))
	b.Until("the check-in", onHome)
	k.eventually("idle is recorded", func() bool { return strings.Contains(k.record(), "DIAG_CLOSED tess idle") })

	// A patient scans: the page is hers, and what she scanned is not lost.
	b.Screen("attract")
	k.open(b)
	if err := k.page.Scan(t.Context(), phi.New("K7MQ-4RT2"), ""); err != nil {
		t.Fatal(err)
	}
	b.Screen("language")
	b.Tap("#leave")
	b.Screen("attract")

	// A scanner that types.
	fingers(b)
	chromium.Evaluate[bool](b, `([..."K7MQ4RT2", "Enter"].forEach((key) => document.body.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}))), true)`)
	b.Screen("language")
	b.Tap("#leave")
	b.Screen("attract")

	k.open(b)
	stop()
	b.Until("the strip", `document.querySelector("#strip")?.textContent.startsWith("The service does not answer") || location.pathname === "/"`)
}

func ctrlAltD(b *chromium.Tab) {
	chromium.Evaluate[bool](b, `(dispatchEvent(new KeyboardEvent("keydown", {key: "d", code: "KeyD", ctrlKey: true, altKey: true})), true)`)
}

// TestScreensDiag saves pictures of the pad and the page on every panel and at 320 px.
func TestScreensDiag(t *testing.T) {
	k := newKit(t, "en")
	k.run()
	b := chromium.Open(t, 1280, 800)
	shoot := func(what string) {
		t.Helper()
		for _, p := range [][2]int64{{1080, 1920}, {1280, 800}, {1920, 1080}, {320, 800}} {
			b.Do(chromedp.EmulateViewport(p[0], p[1]))
			if over := chromium.Evaluate[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
				t.Errorf("%s at %d px is %d px too wide", what, p[0], over)
			}
			b.Shoot(fmt.Sprintf("diag-%s-%dx%d", what, p[0], p[1]))
		}
		b.Do(chromedp.EmulateViewport(1280, 800, chromedp.EmulateTouch))
	}
	k.launch(b)
	gesture(b, 5)
	b.Until("the pad", onPad)
	shoot("pad")
	b.Tap("#leave")
	b.Screen("attract")
	k.open(b)
	shoot("page")
	b.Tap(`[data-device="front-scanner"]`)
	b.Until("the test", `!document.querySelector("#trial").hidden`)
	shoot("trial")
}
