//go:build e2e

package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/webtest/chromium"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// check is one of the checks of accessibility that a browser can show on any screen:
// a script that gives what is wrong, one thing a line.
type check struct{ name, script string }

// every names them by the numbers of the clinic's requirements. What is not here: A2
// and A7 in full are axe-core's (make axe), A3 is TestContrast, A5 and A6 are
// TestE2EIdleInTheBrowser, A10 is TestE2EKeyboardOnly, A15 is a test of the board, A19
// is TestE2EHiddenScreen, A21 is TestE2EByName (what was entered stays for who entered
// it) and each check-in by scan (nothing to remember).
var every = []check{
	{"A1 targets of at least 44 pixels, the main one 60 high", `targets.filter(({r, el}) => r.width < 44 || r.height < 44 || el.matches(".button.go, .start") && r.height < 60).map(told)`},
	{"A4 colour is never alone: what can be pressed or is told has words or a name", `[...targets.map(({el}) => el), ...seen(".facts li, .strip span")].filter((el) => !el.textContent.trim() && !el.ariaLabel).map((el) => el.outerHTML.slice(0, 80))`},
	{"A7 every control has a name, and a role of its own", `seen("[onclick], [tabindex='0']").filter((el) => !el.matches("button, a, [role]")).map((el) => el.outerHTML.slice(0, 80))`},
	{"A8 there is a place where news are announced", `document.querySelector('#strip[role="status"]') && document.querySelector('#gone[role="alert"]') ? [] : ["none"]`},
	{"A9 the focus is at the new screen's heading", `document.activeElement.tagName === "H1" ? [] : [document.activeElement.outerHTML.slice(0, 80)]`},
	{"A11 nothing must be dragged, and more text has a button", `[...seen("[draggable=true]").map((el) => el.outerHTML), ...seen(".form-text").filter((el) => el.scrollHeight - el.clientHeight - el.scrollTop > 12 && !seen("#form-more").length).map(() => "no button for the rest of the form"), ...seen(".drawing").filter(() => !seen('[data-act="type"]').length).map(() => "no name instead of a drawing")]`},
	{"A12 the page and its parts say their language", `[...(["attract", "language"].includes(state) || document.documentElement.lang === language ? [] : [document.documentElement.lang]), ...seen("main [lang]").filter((el) => !el.lang).map((el) => el.outerHTML)]`},
	{"A13 no word of a heading or a button is torn", `language === "zh-Hans" ? [] : seen("h1, h2, button:not([lang])").flatMap((el) => {
		const torn = [], words = document.createTreeWalker(el, NodeFilter.SHOW_TEXT), at = new Range();
		while (words.nextNode()) for (const word of words.currentNode.data.matchAll(/[\p{L}\p{M}]+/gu)) {
			at.setStart(words.currentNode, word.index);
			at.setEnd(words.currentNode, word.index + word[0].length);
			if (new Set([...at.getClientRects()].map((r) => Math.round(r.top))).size > 1) torn.push(word[0]);
		}
		return torn;
	})`},
	{"A22 nothing moves where less motion is asked for", `document.getAnimations().filter((a) => a.playState === "running" && a.effect.getComputedTiming().duration > 10).map((a) => a.effect.target.outerHTML.slice(0, 80))`},
	{"A23 Help is there, and first at the foot", `seen("#help-open").length === 1 && document.querySelector(".bar > *").id === "help-open" ? [] : ["elsewhere"]`},
	{"A24 an error is named in words, with what to do", `state !== "refused" ? [] : seen("main h1, main .say p").filter((el) => !el.textContent.trim()).map((el) => el.outerHTML)`},
	{"A26 who is refused can ask for a person", `state !== "refused" || seen("#help-open").length ? [] : ["no help"]`},
}

const checkScript = `(() => {
	const language = %q, state = document.body.dataset.state;
	const seen = (what) => [...document.querySelectorAll(what)].filter((el) => el.checkVisibility());
	const targets = seen("button, a, input, select").map((el) => ({el, r: el.getBoundingClientRect()}));
	const told = ({el, r}) => (el.ariaLabel || el.textContent.trim()) + " " + r.width.toFixed() + "x" + r.height.toFixed();
	return (%s).join("\n");
})()`

// TestE2EChecks looks at every screen, each in another language, on a desk panel.
func TestE2EChecks(t *testing.T) {
	t.Parallel()
	b := openBrowser(t, 1280, 800)
	if _, err := chromedp.Call(b.Ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}}}); err != nil {
		t.Fatal(err)
	}
	p, s := stage(t, b, "en", web.Config{Clinic: "Riverside Clinic", Languages: everyLanguage})
	b.launch(s)
	wrong := map[string][]string{}
	narrow := []string{}
	for n, screen := range scenes() {
		p.language = everyLanguage[n%len(everyLanguage)]
		p.play(screen)
		for _, c := range every {
			if screen.acted && strings.HasPrefix(c.name, "A9 ") {
				continue
			}
			if out := chromium.Evaluate[string](b.Tab, fmt.Sprintf(checkScript, p.language, c.script)); out != "" {
				wrong[c.name] = append(wrong[c.name], screen.name+" in "+p.language+": "+out)
			}
		}
		// 320 pixels wide, and 1280x800 with everything twice as large.
		for _, size := range [][2]int64{{320, 640}, {640, 400}} {
			b.Do(chromedp.EmulateViewport(size[0], size[1], chromedp.EmulateTouch))
			p.settled() // the page has come to rest at this size
			if out := chromium.Evaluate[string](b.Tab, lost); out != "" {
				narrow = append(narrow, fmt.Sprintf("%s in %s at %dx%d: %s", screen.name, p.language, size[0], size[1], out))
			}
		}
		b.Do(chromedp.EmulateViewport(1280, 800, chromedp.EmulateTouch))
		p.over(screen)
	}
	for _, c := range every {
		t.Run(c.name, func(t *testing.T) {
			for _, said := range wrong[c.name] {
				t.Error(said)
			}
		})
	}
	t.Run("A13 text at 200 percent, and 320 pixels wide, without loss", func(t *testing.T) {
		for _, said := range narrow {
			t.Error(said)
		}
	})
}

// lost lists what cannot be read or reached by scrolling down.
const lost = `(() => {
	const out = [];
	if (document.documentElement.scrollWidth > innerWidth) out.push("wider than the window");
	for (const el of document.querySelectorAll("body *")) {
		const box = el.getBoundingClientRect();
		if (!box.width || !el.checkVisibility() || el.closest("svg, [aria-hidden]")) continue;
		const style = getComputedStyle(el);
		const said = el.tagName + "." + el.className + " " + el.textContent.trim().slice(0, 30);
		if (box.left < -1 || box.right > innerWidth + 1) out.push("sticks out: " + said);
		if (style.overflowX !== "visible" && el.scrollWidth > el.clientWidth + 1) out.push("is cut off: " + said);
		if (style.overflowY === "hidden" && el.clientHeight && el.scrollHeight > el.clientHeight + 1) out.push("is cut off below: " + said);
	}
	return out.join("\n");
})()`

// TestE2EFocus (A9): Tab goes round through every control of a screen, each with a
// visible mark and inside the window.
func TestE2EFocus(t *testing.T) {
	t.Parallel()
	b := openBrowser(t, 1280, 800)
	p, s := stage(t, b, "en", web.Config{Languages: everyLanguage})
	b.launch(s)
	for _, screen := range scenes() {
		if screen.like || screen.busy {
			continue
		}
		p.play(screen)
		want := chromium.Evaluate[int](b.Tab, `[...document.querySelectorAll("button, a, input, select, [tabindex='0']")].filter((el) => el.checkVisibility()).length`)
		met := map[string]bool{}
		look := func() string {
			return chromium.Evaluate[string](b.Tab, `(() => {
				const el = document.activeElement, r = el.getBoundingClientRect(), style = getComputedStyle(el);
				if (el === document.body) return "";
				const hidden = r.top < 0 || r.left < 0 || r.bottom > innerHeight + 1 || r.right > innerWidth + 1;
				const marked = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 || style.boxShadow !== "none";
				return [[...document.querySelectorAll("*")].indexOf(el), hidden ? "hidden" : "", marked ? "" : "unmarked", el.matches(":focus-visible"), el.outerHTML.slice(0, 80)].join("|");
			})()`)
		}
		for range 2*want + 5 {
			b.Do(chromedp.Sleep(50*time.Millisecond), chromedp.KeyEvent(kb.Tab)) // a person, not a scanner
			at := look()
			for tries := 0; strings.Contains(at, "|unmarked|") && tries < 10; tries++ {
				time.Sleep(100 * time.Millisecond) // a machine with more to do draws it later
				at = look()
			}
			number, rest, _ := strings.Cut(at, "|")
			if number == "" {
				continue
			}
			if met[number] && len(met) >= want {
				break
			}
			met[number] = true
			if strings.HasPrefix(rest, "hidden") || strings.Contains(rest, "unmarked") {
				t.Errorf("%s: %s", screen.name, rest)
			}
		}
		if len(met) < want {
			t.Errorf("%s: Tab reaches %d of %d controls", screen.name, len(met), want)
		}
		p.over(screen)
	}
}

// TestE2EManyExtensions (A5): more time can be asked for ten times, and what was
// entered is there all along.
func TestE2EManyExtensions(t *testing.T) {
	t.Parallel()
	b := openBrowser(t, 1280, 800)
	p, s := stage(t, b, "en", web.Config{Languages: everyLanguage})
	b.launch(s)
	p.toIdentify()
	p.typeCode("K7MQ")
	ask := conditions()[2]
	for n := range 10 {
		ask.set(p)
		ask.end(p)
		time.Sleep(50 * time.Millisecond)
		if got := chromium.Evaluate[string](b.Tab, `document.getElementById("code").textContent`); got != "K7MQ" {
			t.Fatalf("after %d extensions the code is %q", n+1, got)
		}
	}
}
