//go:build e2e

package web_test

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk/consent"
	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/webtest/chromium"

	"github.com/chromedp/chromedp"
)

const hasInk = `document.querySelector("main .ink")?.getAttribute("d").length > 20`

// pen draws strokes of the grid where the sheet is.
func (b *browser) pen(move func(x, y float64, what string), strokes [][]int) {
	b.t.Helper()
	at := chromium.Evaluate[[]float64](b.Tab, `(() => { const m = document.querySelector("main .drawing").getScreenCTM(); return [m.e, m.f, m.a]; })()`)
	place := func(s []int, i int) (x, y float64) { return at[0] + at[2]*float64(s[i]), at[1] + at[2]*float64(s[i+1]) }
	for _, s := range strokes {
		x, y := place(s, 0)
		move(x, y, "down")
		for i := 2; i < len(s); i += 2 {
			x, y = place(s, i)
			move(x, y, "on")
		}
		move(x, y, "up")
	}
}

var pathPoint = regexp.MustCompile(`[ML](\d+) (\d+)`)

// near checks that a picture goes through the points that were drawn, and how many
// strokes it has.
func near(t *testing.T, svg string, strokes [][]int) {
	t.Helper()
	if n := strings.Count(svg, "M"); n != len(strokes) {
		t.Errorf("%d strokes, want %d: %s", n, len(strokes), svg)
	}
	for _, s := range strokes {
		for i := 0; i < len(s); i += 2 {
			best := math.Inf(1)
			for _, m := range pathPoint.FindAllStringSubmatch(svg, -1) {
				x, _ := strconv.Atoi(m[1])
				y, _ := strconv.Atoi(m[2])
				best = min(best, math.Hypot(float64(x-s[i]), float64(y-s[i+1])))
			}
			if best > 8 {
				t.Errorf("nothing is drawn at %d,%d: %s", s[i], s[i+1], svg)
			}
		}
	}
}

// TestE2EDrawn: with a finger on a totem, with a mouse on a page that reads from right
// to left: the same strokes come out. What was drawn is gone with its screen.
func TestE2EDrawn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		language string
		w, h     int
		finger   bool
	}{{"en", 1080, 1920, true}, {"ar", 1280, 800, false}} {
		t.Run(c.language, func(t *testing.T) {
			b := openBrowser(t, c.w, c.h)
			p, s := stage(t, b, c.language, web.Config{Languages: everyLanguage})
			move := b.Mouse
			if c.finger {
				move = b.Touch
			}
			b.launch(s)
			p.toForm(codeDraw)
			b.Screen("sign-drawn")
			b.Shoot("40-draw-" + c.language)
			ready := `document.getElementById("draw-go").getAttribute("aria-disabled") !== "true"`
			if chromium.Evaluate[bool](b.Tab, ready) {
				t.Error("an empty sheet may be sent")
			}
			b.Tap("#draw-go")
			b.pen(move, [][]int{{500, 200, 600, 300}})
			b.Until("ink", hasInk)
			b.Tap("#draw-clear")
			b.Until("cleared", `document.querySelector("main .ink").getAttribute("d") === ""`)
			b.pen(move, wave)
			b.Until("may be sent", ready)
			// A larger text moves nothing of it, and the rest goes where the finger is.
			b.Tap("#display-open")
			b.Tap(`[data-mode="large"]`)
			b.Until("larger", `document.documentElement.classList.contains("large")`)
			b.Tap("#display-close")
			b.Until("closed", `!document.getElementById("display").open`)
			chromium.Evaluate[bool](b.Tab, `(document.querySelector("main .drawing").scrollIntoView({block: "center", behavior: "instant"}), true)`)
			time.Sleep(300 * time.Millisecond)
			last := []int{700, 350, 900, 50}
			b.pen(move, [][]int{last})
			b.Shoot("41-drawn-" + c.language)
			b.Tap("#draw-go")
			b.Screen("consent")
			b.Until("no sheet", `document.querySelector("main .drawing") === null`)
			b.Tap(`[data-granted="true"]`)
			b.Screen("done")
			near(t, p.clinic.finish[0].Decisions[0].Signature.SVG().Reveal(), append(wave, last))
			b.Tap(`[data-act="leave"]`)
			b.Screen("attract")
			b.wiped()
			// The next one finds an empty sheet.
			p.toForm(codeDraw)
			b.Screen("sign-drawn")
			if chromium.Evaluate[bool](b.Tab, hasInk+" || "+ready) {
				t.Error("the next signer finds ink")
			}
			// So does who went back and came again.
			b.pen(move, wave)
			b.Until("ink", hasInk)
			b.Tap("#back")
			b.Screen("consent")
			b.Tap(`[data-granted="true"]`)
			b.Screen("sign-drawn")
			if chromium.Evaluate[bool](b.Tab, hasInk) {
				t.Error("there is ink after going back")
			}
			b.pen(move, wave)
			b.idle(p.pass, "the end of the session", `document.body.dataset.state === "attract"`)
			b.Screen("attract")
			b.wiped()
			b.clean(s.Addr())
		})
	}
}

// TestE2ESignedByKeyboardOnly: asked for a drawing, a person who cannot draw a path
// types her name, with Tab, Enter and letters; a second form begins empty.
func TestE2ESignedByKeyboardOnly(t *testing.T) {
	b := openBrowser(t, 1280, 800)
	p, s := stage(t, b, "en", web.Config{Languages: everyLanguage})
	p.clinic.set(func(c *clinic) { c.outcome[codeDraw] = signing(consent.Drawn, consent.Typed) })
	b.launch(s)
	p.confirm(codeDraw)
	b.Screen("consent")
	name := func(text string) {
		t.Helper()
		for _, k := range text {
			b.Do(chromedp.KeyEvent(string(k)), chromedp.Sleep(120*time.Millisecond))
		}
		b.Until("typed", fmt.Sprintf(`document.querySelector('[data-field="name"] .field-value').textContent === %q`, strings.ToUpper(text)))
	}
	b.press(`[data-granted="true"]`)
	b.Screen("sign-drawn")
	b.press(`[data-act="type"]`)
	b.Screen("sign-typed")
	name("ada fictional")
	b.Shoot("42-typed-en")
	b.press("[data-go]")
	b.Screen("consent")
	b.press(`[data-granted="true"]`)
	b.Screen("sign-typed")
	if left := b.field("name"); left != "" {
		t.Errorf("the second form begins with %q", left)
	}
	name("ada f")
	b.press("[data-go]")
	b.Screen("done")
	var got []string
	for _, d := range p.clinic.finish[0].Decisions {
		got = append(got, string(d.Signature.Method())+" "+d.Signature.SVG().Reveal())
	}
	if len(got) != 2 || !strings.Contains(got[0], "typed") || !strings.Contains(got[0], ">ADA FICTIONAL<") || !strings.Contains(got[1], ">ADA F<") {
		t.Errorf("signed %q", got)
	}
	if dom := chromium.Evaluate[string](b.Tab, `document.documentElement.outerHTML`); strings.Contains(dom, "FICTIONAL") || strings.Contains(dom, "ADA F") {
		t.Error("the page still holds the name")
	}
	b.clean(s.Addr())
}

// TestE2ESignedOnEveryPanel: both screens fit, in each mode and in a narrow window, and
// what is touched is large enough and within reach.
func TestE2ESignedOnEveryPanel(t *testing.T) {
	t.Parallel()
	for i, panel := range []struct{ w, h, mm int }{{1080, 1920, 268}, {1280, 800, 323}, {1920, 1080, 476}, {320, 700, 0}} {
		b := openBrowser(t, panel.w, panel.h)
		for k, modes := range []string{"", "large", "contrast", "low", "large contrast low"} {
			language := everyLanguage[(2*i+k)%len(everyLanguage)]
			p, s := stage(t, b, language, web.Config{Languages: everyLanguage, PanelWidth: panel.mm})
			b.launch(s)
			b.Tap("#display-open")
			for mode := range strings.FieldsSeq(modes) {
				b.Tap(`[data-mode="` + mode + `"]`)
				b.Until(mode, `document.documentElement.classList.contains("`+mode+`")`)
			}
			b.Tap("#display-close")
			// How it is touched is other tests' matter: a narrow window scrolls under a finger.
			press := func(state, selector string) {
				t.Helper()
				b.Screen(state)
				chromium.Evaluate[bool](b.Tab, fmt.Sprintf(`(document.querySelector(%q).click(), true)`, selector))
			}
			p.scan(codeDraw)
			press("language", `[data-language="`+language+`"]`)
			press("needs", `[data-act="ready"]`)
			press("confirm", `[data-act="confirm"]`)
			press("consent", `[data-granted="true"]`)
			look := func(state string) {
				t.Helper()
				b.Screen(state)
				name := fmt.Sprintf("%s-%s-%s-%dx%d", state, strings.ReplaceAll(modes, " ", "-"), language, panel.w, panel.h)
				b.Shoot(name)
				fails := chromium.Evaluate[string](b.Tab, misfits)
				if strings.Contains(modes, "contrast") {
					fails += chromium.Evaluate[string](b.Tab, paleInk)
				}
				if panel.mm > 0 && strings.Contains(modes, "large") {
					fails += chromium.Evaluate[string](b.Tab, strings.ReplaceAll(smallLetters, "{mm}", fmt.Sprint(panel.mm)))
				}
				if panel.mm > 0 && strings.Contains(modes, "low") {
					fails += chromium.Evaluate[string](b.Tab, highUp)
				}
				for line := range strings.Lines(fails) {
					tall := strings.HasPrefix(line, "what is asked does not fit") || strings.HasPrefix(line, "is cut off below")
					if !tall || !strings.Contains(modes, "large") && panel.mm > 0 {
						t.Errorf("%s: %s", name, line)
					}
				}
				small := chromium.Evaluate[string](b.Tab, `[...document.querySelectorAll("button, .drawing")].filter((x) => x.checkVisibility()).map((x) => [x.textContent.trim(), x.getBoundingClientRect()])
					.filter(([, r]) => r.width < 44 || r.height < 44).map(([t, r]) => t + " " + r.width.toFixed() + "x" + r.height.toFixed()).join(", ")`)
				if small != "" {
					t.Errorf("%s: too small: %s", name, small)
				}
			}
			look("sign-drawn")
			press("sign-drawn", `[data-act="type"]`)
			look("sign-typed")
			press("sign-typed", "#leave")
			b.Screen("attract")
		}
	}
}
