//go:build e2e

package web_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/webtest/chromium"

	"github.com/chromedp/chromedp"
)

// everyLanguage is a page that offers all that there are.
var everyLanguage = []string{"en", "es", "zh-Hans", "vi", "ar"}

// misfits lists what sticks out of the window or of what clips it, and texts
// that are missing.
const misfits = `(() => {
	const out = [];
	const name = (el) => el.tagName + "." + el.className + " " + el.textContent.trim().slice(0, 40);
	if (document.documentElement.scrollWidth > innerWidth) out.push("the page is wider than the window");
	const main = document.querySelector("main");
	if (main.scrollHeight > main.clientHeight + 1) out.push("what is asked does not fit: " + main.scrollHeight + " > " + main.clientHeight);
	for (const el of document.querySelectorAll("body *")) {
		const box = el.getBoundingClientRect();
		if (!box.width || el.closest("svg, [aria-hidden]")) continue;
		if (box.left < -1 || box.right > innerWidth + 1) out.push("sticks out: " + name(el));
		const style = getComputedStyle(el);
		if (style.overflowX !== "visible" && el.scrollWidth > el.clientWidth + 1) out.push("is cut off: " + name(el));
		if (style.overflowY === "hidden" && el.clientHeight && el.scrollHeight > el.clientHeight + 1) out.push("is cut off below: " + name(el));
		const sign = el.closest(".sign")?.getBoundingClientRect();
		if (sign && (box.top < sign.top - 1 || box.bottom > sign.bottom + 1)) out.push("sticks out of its sign: " + name(el));
		if (el.dataset.text && !el.textContent.trim()) out.push("says nothing: " + el.dataset.text);
	}
	return out.join("\n");
})()`

// key presses what a keyboard of another script has.
func (b *browser) key(k string) {
	b.t.Helper()
	b.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: %q, bubbles: true, cancelable: true}))`, k)), chromedp.Sleep(120*time.Millisecond))
}

// walk is a whole check-in in one language, by touch, of a patient who typed a
// wrong code, has none, is one of two of her name, and signs two forms.
type walk struct {
	tag, dir     string
	birth        []string // what is tapped for 7 February 1957
	family       []string // keys for the family name
	given        []string
	time         []string // for half past ten at night
	person       string   // what the clinic is asked for
	month, title string   // as shown: February, and the first heading
	fonts        []string // fetched for this language
}

func (w walk) run(t *testing.T, width, height int) {
	t.Helper()
	panel := fmt.Sprintf("%dx%d", width, height)
	desk := newClinic()
	desk.outcome[w.person+"  "] = web.Identified{Outcome: web.Asked, Ask: web.AppointmentTime}
	desk.outcome[w.person+" 22:30 "] = web.Identified{Outcome: web.Asked, Ask: web.PhoneDigits}
	found, err := desk.Identify(t.Context(), web.Identify{Value: phi.New(goodTyped), Language: w.tag})
	if err != nil {
		t.Fatal(err)
	}
	desk.outcome[w.person+" 22:30 42"] = found
	warned := width > height // once is enough
	idle := 10 * time.Minute
	if warned {
		idle = time.Minute
	}
	packs, _ := hummed(t, everyLanguage) // the controls that read aloud take room too
	s := start(t, web.Config{Clinic: "Riverside Clinic", Languages: everyLanguage, IdleAfter: idle, Speech: packs}, web.Deps{CheckIn: desk, Licences: licences})
	b := openBrowser(t, width, height)
	shown := 0
	look := func(what string) {
		t.Helper()
		shown++
		b.Shoot(fmt.Sprintf("%s-%02d-%s-%s", w.tag, shown, what, panel))
		if out := chromium.Evaluate[string](b.Tab, misfits); out != "" {
			t.Errorf("%s in %s on %s:\n%s", what, w.tag, panel, out)
		}
	}
	own := func(what string) {
		t.Helper()
		if got := chromium.Evaluate[string](b.Tab, `document.documentElement.lang + " " + getComputedStyle(document.querySelector("main h1")).direction`); got != w.tag+" "+w.dir {
			t.Errorf("%s is %q, want %q", what, got, w.tag+" "+w.dir)
		}
		look(what)
	}
	screen := func(state string) {
		t.Helper()
		b.Screen(state)
		own(state)
	}

	b.launch(s)
	look("attract")
	b.Tap(`[data-act="start"]`)
	b.Screen("language")
	look("language")
	b.Tap(`[data-language="` + w.tag + `"]`)
	b.noHelp()
	screen("identify")
	if got := chromium.Evaluate[string](b.Tab, `document.querySelector("main h1").textContent`); got != w.title {
		t.Errorf("the first heading is %q", got)
	}
	b.key("٧") // counts a little later, when no more came as from a scanner
	b.Until("a digit of another script", `document.getElementById("code").textContent === "7"`)
	b.typeCode("QM4")
	b.Until("typed", `document.getElementById("code").textContent === "7QM4"`)
	b.Tap("#help-open")
	own("help")
	b.Tap(`[data-help="need-help"]`)
	b.Until("called", `document.getElementById("strip").textContent !== ""`)
	own("help-called")
	desk.set(func(c *clinic) { c.state = web.HelpNone })
	b.Until("help came, and nothing moves any more", `document.getElementById("strip").textContent === ""`)
	b.Tap("#code-go")
	screen("refused")
	b.Tap(`[data-act="no-code"]`)
	screen("birth")
	b.put(w.birth...)
	own("birth-entered")
	if m := b.field("month"); m != w.month {
		t.Errorf("the month is %q, want %q", m, w.month)
	}
	b.Tap("[data-go]")
	screen("name")
	b.put(w.family...)
	b.Tap(`[data-field="given"]`)
	if chromium.Evaluate[bool](b.Tab, `document.querySelector("[data-letters]") !== null`) {
		b.Tap("[data-letters]")
		own("name-latin")
		b.put("A", "L")
		own("name-latin-entered")
		b.Tap("[data-erase]")
		b.Tap("[data-erase]")
		b.Tap("[data-letters]")
	}
	b.put(w.given...)
	own("name-entered")
	b.Tap("[data-go]")
	screen("time")
	b.put(w.time...)
	own("time-entered")
	b.Tap("[data-go]")
	screen("phone")
	time.Sleep(400 * time.Millisecond)
	b.put("4")
	b.Until("tapped", `document.querySelector('[data-field="last"] .field-value').textContent === "4"`)
	b.key("٢")
	b.Until("typed on a keyboard", `document.querySelector('[data-field="last"] .field-value').textContent === "42"`)
	b.Tap("[data-go]")
	screen("confirm")
	b.Tap(`[data-act="not-right"]`)
	screen("consent")
	b.Tap(`[data-granted="true"]`)
	b.Until("second form", `document.querySelector("main h1").textContent === `+fmt.Sprintf("%q", abroad[w.tag].share))
	own("consent-2")
	time.Sleep(400 * time.Millisecond)
	b.Tap(`[data-granted="false"]`)
	screen("done")
	if warned {
		b.Until("asked for more time", `document.getElementById("idle").open`)
		own("idle")
		time.Sleep(400 * time.Millisecond)
		b.Tap("#idle-stop")
	} else {
		b.Tap(`[data-act="leave"]`)
	}
	b.Screen("attract")
	desk.set(func(c *clinic) { c.noForms = true })
	if err := s.Scan(b.Ctx, phi.New(goodScan), "qr"); err != nil {
		t.Fatal(err)
	}
	b.Screen("language")
	look("language-scanned")
	b.Tap(`[data-language="` + w.tag + `"]`)
	b.noHelp()
	screen("confirm")
	b.Tap("#leave")
	b.Screen("attract")
	if d := desk.finish[0].Decisions; !d[0].Granted || d[1].Granted || d[0].Language != w.tag {
		t.Errorf("decisions %+v", d)
	}

	// What was fetched for this patient: of the letters of others, those that the
	// start screen greets with.
	got := strings.Fields(chromium.Evaluate[string](b.Tab, `performance.getEntriesByType("resource").map((e) => e.name.split("/").pop()).filter((n) => n.endsWith("woff2")).sort().join(" ")`))
	want := slices.Sorted(slices.Values(slices.Concat(greeting, w.fonts)))
	if !slices.Equal(got, want) {
		t.Errorf("letters fetched:\n%s\nwant:\n%s", got, want)
	}
	b.clean(s.Addr())

	b.Open("http://" + s.Addr() + "/board")
	b.Until("board", `document.querySelector("#called li") !== null`)
	look("board")
}

// TestE2ERightToLeft is the whole check-in in Arabic.
func TestE2ERightToLeft(t *testing.T) {
	t.Parallel()
	w := walk{tag: "ar", dir: "rtl", title: "البحث عن موعدك", month: "فبراير (2)", birth: []string{"7", "2", "1", "9", "5", "7"},
		family: []string{"أ", "ح", "م", "د"}, given: []string{"ه", "د", "ى"}, time: []string{"1", "0", "3", "0", "p"}, person: "1957-02-07 أحمد هدى"}
	w.run(t, 1280, 800)
	w.run(t, 1080, 1920)
}

// TestE2EAwayInEveryLanguage: before the page is let in, and after the gateway is
// gone, when no letters can be fetched any more.
func TestE2EAwayInEveryLanguage(t *testing.T) {
	t.Parallel()
	for _, p := range panels {
		panel := fmt.Sprintf("%dx%d", p.w, p.h)
		s := newServer(t, web.Config{Languages: everyLanguage}, web.Deps{})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		b := openBrowser(t, p.w, p.h)
		look := func(what string) {
			t.Helper()
			b.Letters()
			b.Shoot(what + "-" + panel)
			if out := chromium.Evaluate[string](b.Tab, misfits); out != "" {
				t.Errorf("%s on %s:\n%s", what, panel, out)
			}
			if missing := chromium.Evaluate[string](b.Tab, `[...document.fonts].filter((f) => f.status === "loading" || f.status === "error").map((f) => f.family).join()`); missing != "" {
				t.Errorf("%s on %s: no letters of %s", what, panel, missing)
			}
		}
		b.Open("http://" + s.Addr() + "/")
		look("locked")
		b.launch(s)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		b.Until("gone", `!document.getElementById("gone").hidden`)
		look("gone")
	}
}

// TestE2EChineseVietnamese is the whole check-in in each of the two.
func TestE2EChineseVietnamese(t *testing.T) {
	t.Parallel()
	zh := walk{tag: "zh-Hans", dir: "ltr", title: "查找您的预约", month: "二月", birth: []string{"1", "9", "5", "7", "2", "7"},
		family: []string{"L", "I"}, given: []string{"N", "A"}, time: []string{"2", "2", "3", "0"}, person: "1957-02-07 LI NA",
		fonts: []string{"text-han.woff2", "text-han-more.woff2"}}
	vi := walk{tag: "vi", dir: "ltr", title: "Tìm lịch hẹn của quý vị", month: "Tháng 2", birth: []string{"7", "2", "1", "9", "5", "7"},
		family: []string{"Đ", "O"}, given: []string{"L", "A", "N"}, time: []string{"2", "2", "3", "0"}, person: "1957-02-07 ĐO LAN",
		fonts: []string{"text-viet.woff2", "text-viet-latin.woff2"}}
	for _, w := range []walk{vi, zh} {
		t.Run(w.tag, func(t *testing.T) {
			w.run(t, 1280, 800)
			w.run(t, 1080, 1920)
		})
	}
}
