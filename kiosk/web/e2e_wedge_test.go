//go:build e2e

package web_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/webtest/chromium"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// wedge is a gateway that notes what the page captured, and gives back what a
// scanner of its own would.
type wedge struct {
	mu  sync.Mutex
	got []string
}

func (w *wedge) captured(s **web.Server) func(context.Context, phi.Text) error {
	return func(ctx context.Context, keys phi.Text) error {
		w.mu.Lock()
		w.got = append(w.got, keys.Reveal())
		w.mu.Unlock()
		if code := keys.Reveal(); code == goodScan {
			return (*s).Scan(ctx, keys, "appointment-code")
		}
		return nil
	}
}

func (w *wedge) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.got)
}

// wants waits until this and nothing else is captured.
func (w *wedge) wants(t *testing.T, want ...string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !slices.Equal(w.all(), want); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("captured %q, want %q", w.all(), want)
		}
	}
}

// A scanner and a person. The gap is longer than it is at a clinic, because the
// page's timers run by a clock that a busy machine stretches.
const (
	scanGap = 500 * time.Millisecond
	fast    = 8 * time.Millisecond
	slow    = 700 * time.Millisecond
)

// types presses keys the given time apart, by the clock that the page sees: how
// busy this machine is makes no difference. A key and its character are sent as
// one, as a keyboard's are: whoever takes the key takes the character.
func (b *browser) types(text string, apart time.Duration) {
	b.t.Helper()
	if b.at.IsZero() {
		b.at = time.Now()
	}
	b.at = b.at.Add(2 * time.Second)
	b.typesOn(text, apart)
}

// typesOn goes on where types ended.
func (b *browser) typesOn(text string, apart time.Duration) {
	b.t.Helper()
	for _, r := range text {
		b.at = b.at.Add(apart)
		ctrl := r < ' ' && r != '\r' && r != '\t'
		if ctrl {
			r += 0x40 // 0x1d is Ctrl with ]
		}
		for _, k := range kb.Encode(r) {
			k.Timestamp = input.TimeSinceEpoch(float64(b.at.UnixMicro()) / 1e6)
			switch {
			case k.Type == kb.KeyChar:
				continue
			case ctrl:
				k.Modifiers = int64(chromedp.ModifierCtrl)
			case k.Type == kb.KeyDown && r != '\t':
				k.Text = string(r)
			}
			b.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
				_, err := cdp.Call(ctx, t, input.DispatchKeyEvent, *k)
				return err
			}))
		}
	}
}

// TestE2EWedge: what types as fast as a scanner is captured whole, is no typing,
// and presses nothing.
func TestE2EWedge(t *testing.T) {
	desk, w := newClinic(), &wedge{}
	var s *web.Server
	s = start(t, web.Config{ScanGap: scanGap}, web.Deps{CheckIn: desk, Captured: w.captured(&s)})
	b := openBrowser(t, 1280, 800)
	b.launch(s)
	wants := func(want ...string) { t.Helper(); w.wants(t, want...) }
	b.Screen("attract")
	b.types("\t\t\t\r \r", fast) // a code of keys that press buttons
	b.types("@HOME.1\r", fast)   // as long as a licence, from its "@" on: ended by a pause
	wants("@HOME.1\r")
	if got := chromium.Evaluate[string](b.Tab, `document.body.dataset.state`); got != "attract" {
		t.Fatalf("a code of Tab and Enter brought the page to %s", got)
	}

	b.Tap(`[data-act="start"]`)
	b.Screen("language")
	b.Tap(`[data-language="en"]`)
	b.noHelp()
	b.Screen("identify")
	hostile := "<img src=x onerror=document.title=1>"
	b.types(hostile+"\r", fast)
	b.types("]C10109521234543213\x1d21A\r", fast)
	b.types("@\n\x1e\rANSI 636000\nDCSSAMPLE\r", fast)
	wants("@HOME.1\r", hostile, "]C10109521234543213\x1d21A", "@\n\x1e\rANSI 636000\nDCSSAMPLE\r")
	if got := chromium.Evaluate[string](b.Tab, `document.getElementById("code").textContent + "|" + document.title.includes("1") + document.querySelectorAll("img[onerror]").length`); got != "|false0" {
		t.Errorf("after scans the page holds %q", got)
	}
	b.types("k7mq", slow) // a person
	b.Until("typed", `document.getElementById("code").textContent === "K7MQ"`)
	b.types(goodScan+"\r", fast)
	b.Screen("confirm")
	if n := len(desk.identify); n != 1 || desk.identify[0].Value.Reveal() != goodScan {
		t.Errorf("%d look-ups", n)
	}
	if text := b.Text(); strings.Contains(text, goodScan) || strings.Contains(text, "onerror") {
		t.Error("the page shows a scan")
	}
	b.clean(s.Addr())
}

// TestE2EWedgeEnds: a scanner whose end is Tab, or none.
func TestE2EWedgeEnds(t *testing.T) {
	for _, tt := range []struct {
		ends  []string
		types string
	}{{[]string{"Tab"}, goodScan + "\t"}, {[]string{}, goodScan}} {
		t.Run(fmt.Sprint(tt.ends), func(t *testing.T) {
			w := &wedge{}
			var s *web.Server
			s = start(t, web.Config{ScanEnds: tt.ends, ScanGap: scanGap}, web.Deps{CheckIn: newClinic(), Captured: w.captured(&s)})
			b := openBrowser(t, 1280, 800)
			b.launch(s)
			b.Do(chromedp.WaitVisible(`[data-act="start"]`))
			b.types(tt.types, fast)
			b.Screen("language")
			if got := w.all(); len(got) != 1 || got[0] != goodScan {
				t.Errorf("captured %q", got)
			}
			b.clean(s.Addr())
		})
	}
}

// TestE2EWedgeMeanwhile: what is scanned while the gateway has not answered yet, or the
// screen changes, is captured whole. What the session's end cuts in two is nobody's.
func TestE2EWedgeMeanwhile(t *testing.T) {
	t.Parallel()
	w := &wedge{}
	var s *web.Server
	s = start(t, web.Config{ScanGap: scanGap}, web.Deps{CheckIn: newClinic(), Captured: w.captured(&s)})
	b := openBrowser(t, 1280, 800)
	b.atFirst(`{
		const send = window.fetch;
		window.slow = [];
		window.late = 0;
		window.fetch = async (to, what) => {
			const answer = await send(to, what);
			const held = () => window.slow.some((event) => what?.body?.includes('"' + event + '"'));
			if (held()) window.late += 1;
			while (held()) await new Promise((done) => setTimeout(done, 20));
			return answer;
		};
	}`)
	b.launch(s)
	slowly := func(events ...string) {
		t.Helper()
		chromium.Evaluate[bool](b.Tab, fmt.Sprintf(`(window.slow = %q.split(" "), window.late = 0, true)`, strings.Join(events, " ")))
	}
	quickly := func() {
		t.Helper()
		chromium.Evaluate[bool](b.Tab, `(window.slow = [], true)`)
	}

	b.Tap(`[data-act="start"]`)
	b.Screen("language")
	slowly("scan")
	b.types("first-scan\r", fast) // its answer is long in coming, and it brings no screen
	b.Until("the answer is late", `window.late === 1`)
	b.types("second-scan\r", fast)
	b.types("third-scan\r", fast)
	w.wants(t, "first-scan")
	quickly()
	w.wants(t, "first-scan", "second-scan", "third-scan")

	b.types("fourth", fast)
	b.Tap(`[data-language="en"]`) // and the screen changes in the middle of a scan
	b.Screen("needs")
	b.typesOn("-scan\r", fast)
	w.wants(t, "first-scan", "second-scan", "third-scan", "fourth-scan")

	// Keys come in two parts, though they were pressed one right after the other: the
	// machine stood still, or the page did, for longer than a pause. They tell when they
	// were pressed.
	for _, late := range []struct {
		code         string
		early        int
		still, until time.Duration
	}{{"@licence", 6, 4 * scanGap, 100 * time.Millisecond}, {"fifth-scan", 2, 0, 2 * scanGap}} {
		want := append(w.all(), late.code+strings.Repeat("\r", strings.Count(late.code, "@")))
		chromium.Evaluate[bool](b.Tab, fmt.Sprintf(`(() => {
			const pressed = [...%q, "Enter"].map((key) => new KeyboardEvent("keydown", { key, bubbles: true }));
			for (const key of pressed.slice(0, %[2]d)) document.body.dispatchEvent(key);
			for (const until = performance.now() + %[3]d; performance.now() < until; ) ;
			setTimeout(() => { for (const key of pressed.slice(%[2]d)) document.body.dispatchEvent(key); }, %[4]d);
			return true;
		})()`, late.code, late.early, late.still.Milliseconds(), late.until.Milliseconds()))
		w.wants(t, want...)
	}

	b.types("half-a-", fast)
	b.Tap("#leave")
	b.Screen("attract")
	b.typesOn("scan-of-somebody\r", fast)
	b.types("the-next-one\r", fast)
	w.wants(t, "first-scan", "second-scan", "third-scan", "fourth-scan", "@licence\r", "fifth-scan", "the-next-one")
	b.clean(s.Addr())
}
