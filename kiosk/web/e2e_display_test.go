//go:build e2e

package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/webtest/chromium"
)

// Each script gives what a mode promises and a screen does not keep, a line each.
const (
	// Every letter is as large as a capital of 4.8 mm makes it, on a panel of {mm}.
	smallLetters = `(() => {
		const pen = document.createElement("canvas").getContext("2d");
		const out = new Set();
		const all = document.createTreeWalker(document.querySelector("dialog[open]") ?? document.body, NodeFilter.SHOW_TEXT);
		while (all.nextNode()) {
			const el = all.currentNode.parentElement;
			if (!all.currentNode.data.trim() || !el.checkVisibility() || el.closest("[hidden], template, script")) continue;
			const style = getComputedStyle(el);
			pen.font = style.fontWeight + " " + style.fontSize + " Hyperlegible";
			const high = pen.measureText("H").actualBoundingBoxAscent * {mm} / innerWidth;
			if (high < 4.75) out.add(el.textContent.trim().slice(0, 30) + ": capitals of " + high.toFixed(2) + " mm"); // drawn in whole pixels
		}
		return [...out].join("\n");
	})()`
	// Text is 7:1 on what is behind it, and what is touched has an edge of 3:1.
	paleInk = `(() => {
		const parse = (c) => c.match(/[0-9.]+/g).map(Number);
		const light = (c) => c.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
		const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
		const behind = (el) => { for (; el; el = el.parentElement) { const c = parse(getComputedStyle(el).backgroundColor); if ((c[3] ?? 1) > 0.99) return c; } return [255, 255, 255]; };
		const out = new Set();
		for (const el of (document.querySelector("dialog[open]") ?? document.body).querySelectorAll("*")) {
			if (!el.checkVisibility() || el.closest("svg, [aria-hidden]")) continue;
			const style = getComputedStyle(el);
			const says = [...el.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
			if (says && ratio(parse(style.color), behind(el)) < 7) out.add(el.textContent.trim().slice(0, 30) + ": ink " + style.color);
			if (el.matches("button, .sign, dialog") && Math.max(ratio(parse(style.borderTopColor), behind(el.parentElement)), ratio(behind(el), behind(el.parentElement))) < 3) out.add(el.textContent.trim().slice(0, 30) + ": edge " + style.borderTopColor);
		}
		return [...out].join("\n");
	})()`
	// Whatever is touched is in the lower part of the panel.
	highUp = `(() => {
		const top = innerHeight * (innerHeight > innerWidth ? 0.4 : 0.2) - 1;
		return [...(document.querySelector("dialog[open]") ?? document.body).querySelectorAll("button")].filter((b) => b.checkVisibility())
			.filter((b) => b.getBoundingClientRect().top < top).map((b) => b.textContent.trim() + " at " + b.getBoundingClientRect().top.toFixed()).join("\n");
	})()`
)

// TestE2EDisplay goes through a check-in in each mode, and in all at once, on each
// panel and on a narrow window; the languages take turns. What a patient chose
// is gone for the next one.
func TestE2EDisplay(t *testing.T) {
	t.Parallel()
	tags := everyLanguage
	for i, p := range []struct{ w, h, mm int }{{1080, 1920, 268}, {1280, 800, 323}, {1920, 1080, 476}, {320, 700, 0}} {
		for k, modes := range []string{"large", "contrast", "low", "large contrast low"} {
			tag := tags[(2*i+k)%len(tags)]
			name := fmt.Sprintf("%s-%s-%dx%d", strings.ReplaceAll(modes, " ", "-"), tag, p.w, p.h)
			t.Run(name, func(t *testing.T) {
				s := start(t, web.Config{Clinic: "Riverside Clinic", Languages: tags, PanelWidth: p.mm, IdleAfter: 10 * time.Minute}, web.Deps{Licences: licences})
				b := openBrowser(t, p.w, p.h)
				look := func(what string) {
					t.Helper()
					b.Shoot(name + "-" + what)
					for line := range strings.Lines(chromium.Evaluate[string](b.Tab, misfits)) {
						tall := strings.HasPrefix(line, "what is asked does not fit") || strings.HasPrefix(line, "is cut off below")
						if !tall || !strings.Contains(modes, "large") && p.mm > 0 {
							t.Errorf("%s: %s", what, line)
						}
					}
					if strings.Contains(modes, "large") && p.mm > 0 {
						if out := chromium.Evaluate[string](b.Tab, strings.ReplaceAll(smallLetters, "{mm}", fmt.Sprint(p.mm))); out != "" {
							t.Errorf("%s: %s", what, out)
						}
					}
					if strings.Contains(modes, "contrast") {
						if out := chromium.Evaluate[string](b.Tab, paleInk); out != "" {
							t.Errorf("%s: %s", what, out)
						}
					}
					if strings.Contains(modes, "low") && p.mm > 0 {
						if out := chromium.Evaluate[string](b.Tab, highUp); out != "" {
							t.Errorf("%s: high up: %s", what, out)
						}
					}
				}
				screen := func(state string) { t.Helper(); b.Screen(state); look(state) }
				b.launch(s)
				b.Tap("#display-open")
				for mode := range strings.FieldsSeq(modes) {
					b.Tap(`[data-mode="` + mode + `"]`)
					b.Until(mode, `document.documentElement.classList.contains("`+mode+`")`)
				}
				look("display")
				b.Tap("#display-close")
				look("attract")
				b.Tap(`[data-act="start"]`)
				screen("language")
				b.Tap(`[data-language="` + tag + `"]`)
				screen("needs")
				b.Tap(`[data-act="tongues"]`)
				screen("interpreter")
				b.Tap(`[data-tongue="hi"]`)
				b.Screen("needs")
				b.Tap(`[data-need="hearing"]`)
				b.Until("ticked", `document.querySelectorAll('main [aria-pressed="true"]').length === 2`)
				look("needs-stated")
				b.Tap(`[data-act="ready"]`)
				screen("identify")
				b.Tap("#help-open")
				look("help")
				b.Tap("#help-close")
				b.Tap(`[data-act="no-code"]`)
				screen("birth")
				b.Tap(`[data-field="month"]`)
				look("months")
				b.Tap("#back")
				b.Screen("identify")
				b.typeCode("WRONG123")
				b.Tap("#code-go")
				screen("refused")
				b.Tap(`[data-act="again"]`)
				b.Screen("identify")
				b.typeCode(goodTyped)
				b.Tap("#code-go")
				screen("confirm")
				b.Tap(`[data-act="confirm"]`)
				screen("consent")
				b.decides(true)
				b.decides(true)
				screen("done")
				b.Tap(`[data-act="leave"]`)
				b.Screen("attract")
				if got := chromium.Evaluate[string](b.Tab, `document.documentElement.className`); got != "normal" {
					t.Errorf("the next patient meets the display %q", got)
				}
				b.clean(s.Addr())
			})
		}
	}
}
