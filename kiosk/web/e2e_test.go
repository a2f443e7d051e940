//go:build e2e

package web_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/webtest/chromium"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func TestE2ETouch(t *testing.T) {
	desk := newClinic()
	s := start(t, web.Config{}, web.Deps{CheckIn: desk})
	b := openBrowser(t, 1080, 1920)
	b.launch(s)
	b.Tap(`[data-act="start"]`)
	b.Screen("language")
	b.Tap(`[data-language="en"]`)
	b.noHelp()
	b.Screen("identify")
	b.typeCode(goodTyped)
	b.Tap("#code-go")
	b.confirmed()
	if text := chromium.Evaluate[string](b.Tab, `document.getElementById("form-text").textContent`); text != formText {
		t.Errorf("the form's text is %q", text)
	}
	b.decides(true)
	b.Tap(`[data-granted="false"]`)
	b.Screen("done")
	if got := chromium.Evaluate[string](b.Tab, `document.querySelector(".tile-number").textContent`); got != "A-017" {
		t.Errorf("number %q", got)
	}
	if d := desk.finish[0].Decisions; !d[0].Granted || d[1].Granted {
		t.Errorf("decisions %+v", d)
	}
	b.Tap(`[data-act="leave"]`)
	b.Screen("attract")
	b.wiped()
	b.Do(chromedp.NavigateBack())
	b.wiped()
	b.Do(chromedp.NavigateForward())
	b.Screen("attract")
	b.wiped()
	b.clean(s.Addr())
}

// TestE2EScanner: a code from the serial line, and one from a scanner that types
// like a keyboard.
func TestE2EScanner(t *testing.T) {
	desk := newClinic()
	s := start(t, web.Config{}, web.Deps{CheckIn: desk})
	b := openBrowser(t, 1280, 800)
	b.launch(s)
	if err := s.Scan(b.Ctx, phi.New(goodScan+"\r"), "qr"); err != nil {
		t.Fatal(err)
	}
	b.Screen("language")
	b.Until("code read", `!document.querySelector(".read").hidden`)
	b.Tap(`[data-language="es"]`)
	b.noHelp()
	b.confirmed()
	b.Tap("#leave")
	b.Screen("attract")

	// Made first and sent then: the page goes by the time at which a key was pressed.
	wedge := `for (const e of [...` + "`" + goodScan + "`" + `, "Enter"].map((key) => new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}))) document.activeElement.dispatchEvent(e)`
	b.Do(chromedp.Evaluate[chromedp.Void](wedge))
	b.Screen("language")
	b.Tap(`[data-language="en"]`)
	b.noHelp()
	b.confirmed()
	if in := desk.identify[len(desk.identify)-1]; in.Value.Reveal() != goodScan || in.Method != web.Scanned {
		t.Errorf("the keyboard scanner gave a %s of %d bytes", in.Method, len(in.Value.Reveal()))
	}
	b.clean(s.Addr())
}

// TestE2EKeyboardOnly goes through the whole check-in with Tab, Enter and typing.
func TestE2EKeyboardOnly(t *testing.T) {
	desk := newClinic()
	s := start(t, web.Config{}, web.Deps{CheckIn: desk})
	b := openBrowser(t, 1280, 800)
	b.launch(s)
	b.press(`[data-act="start"]`)
	b.Screen("language")
	if !chromium.Evaluate[bool](b.Tab, `document.activeElement.tagName === "H1"`) {
		t.Error("the focus is not at the new screen's heading")
	}
	b.press(`[data-language="en"]`)
	b.Screen("needs")
	b.press(`[data-act="ready"]`)
	b.Screen("identify")
	for _, k := range strings.ToLower(goodTyped) {
		b.Do(chromedp.KeyEvent(string(k)), chromedp.Sleep(120*time.Millisecond))
	}
	b.Until("typed", `document.getElementById("code").textContent === "K7MQ 4RT2"`)
	b.Do(chromedp.KeyEvent(kb.Backspace), chromedp.KeyEvent("2"), chromedp.Sleep(120*time.Millisecond))
	b.press("#code-go")
	b.Screen("confirm")
	b.press(`[data-act="confirm"]`)
	b.Screen("consent")
	b.press(`[data-granted="true"]`)
	b.Until("second form", `document.querySelector("main h1").textContent === "Sharing your record"`)
	time.Sleep(400 * time.Millisecond)
	b.press(`[data-granted="true"]`)
	b.Screen("done")
	b.press("#help-open")
	b.Until("help", `document.getElementById("help").open`)
	b.press(`[data-help="need-help"]`)
	b.Until("called", `document.getElementById("strip").textContent.includes("We have called someone")`)
	b.press(`[data-act="leave"]`)
	b.Screen("attract")
	b.clean(s.Addr())
}

// TestE2ELostReplyInTheBrowser: the answer to the last button is lost after the
// commit; the page asks again under the same id, and there is one number.
func TestE2ELostReplyInTheBrowser(t *testing.T) {
	desk := newClinic()
	s := start(t, web.Config{}, web.Deps{CheckIn: desk})
	b := openBrowser(t, 1280, 800)
	b.launch(s)
	b.Tap(`[data-act="start"]`)
	b.Screen("language")
	b.Tap(`[data-language="en"]`)
	b.noHelp()
	b.Screen("identify")
	b.typeCode(goodTyped)

	var mu sync.Mutex
	lost := 0
	paused := make(chan *fetch.EventRequestPaused, 64)
	if err := chromedp.Listen(b.Ctx, func(ev any) {
		if e, ok := ev.(*fetch.EventRequestPaused); ok {
			paused <- e
		}
	}); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			select {
			case <-b.Ctx.Done():
				return
			case e := <-paused:
				mu.Lock()
				lose := lost < 2
				lost++
				mu.Unlock()
				if lose {
					_, _ = chromedp.Call(b.Ctx, fetch.FailRequest, fetch.FailRequestParams{RequestID: e.RequestID, ErrorReason: network.ErrorReasonConnectionReset})
				} else {
					_, _ = chromedp.Call(b.Ctx, fetch.ContinueResponse, fetch.ContinueResponseParams{RequestID: e.RequestID})
				}
			}
		}
	}()
	if _, err := chromedp.Call(b.Ctx, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{{URLPattern: "*/act", RequestStage: fetch.RequestStageResponse}}}); err != nil {
		t.Fatal(err)
	}
	b.Tap("#code-go")
	b.confirmed()
	mu.Lock()
	lost = 0
	mu.Unlock()
	b.Tap(`[data-granted="true"]`)
	b.Until("second form", `document.querySelector("main h1").textContent === "Sharing your record"`)
	time.Sleep(time.Second)
	mu.Lock()
	lost = 0
	mu.Unlock()
	b.Tap(`[data-granted="true"]`)
	b.Screen("done")
	if identified, finished, _, tickets := desk.counts(); identified != 1 || finished != 1 || tickets != 1 {
		t.Errorf("%d identified, %d finished, %d numbers, want 1 each", identified, finished, tickets)
	}
	if _, err := chromedp.Call(b.Ctx, fetch.Disable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
}

// TestE2EIdleInTheBrowser: the question, an extension by a touch anywhere, the wipe.
func TestE2EIdleInTheBrowser(t *testing.T) {
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
	b.Until("typed", `document.getElementById("code").textContent === "K7MQ"`)
	const question = `document.getElementById("idle").open`
	// Who was just going on as the question comes has not answered it.
	chromium.Evaluate[bool](b.Tab, `(window.going = false, new MutationObserver((_, watch) => {
		watch.disconnect();
		for (const sign of ["pointerdown", "pointerup", "click"]) document.getElementById("idle-stop").dispatchEvent(new PointerEvent(sign, { bubbles: true, detail: 1 }));
		window.going = true;
	}).observe(document.getElementById("idle"), { attributeFilter: ["open"] }), true)`)
	b.idle(pass, "the first question", `window.going`)
	b.Until("extended by the way", `!document.getElementById("idle").open`)
	b.idle(pass, "the question", question)
	b.Do(chromedp.TapXY(40, 40)) // beside the dialog: anywhere counts
	b.Until("extended", `!document.getElementById("idle").open`)
	if got := chromium.Evaluate[string](b.Tab, `document.getElementById("code").textContent`); got != "K7MQ" {
		t.Errorf("after the extension the code is %q", got)
	}
	b.idle(pass, "the question again", question)
	pass(20 * time.Second)
	b.Screen("attract")
	b.wiped()
	b.clean(s.Addr())
}

// TestE2ELateSignOfLife: the sign of life that a touch gives, and that comes after the
// touch itself has ended the session, is no mistake of the page.
func TestE2ELateSignOfLife(t *testing.T) {
	t.Parallel()
	s := start(t, web.Config{}, web.Deps{})
	b := openBrowser(t, 1280, 800)
	b.atFirst(`{
		const send = window.fetch;
		window.late = 0;
		window.fetch = async (to, what) => {
			const late = what?.body?.includes('"active"');
			if (late) while (document.body.dataset.state !== "attract") await new Promise(requestAnimationFrame);
			const answer = await send(to, what);
			window.late += Number(Boolean(late));
			return answer;
		};
	}`)
	b.launch(s)
	b.Tap(`[data-act="start"]`)
	b.Screen("language")
	b.Until("touches count as signs of life", `performance.now() > 4100`)
	b.Tap("#leave")
	b.Until("a late one", `window.late > 0`)
	b.Screen("attract")
	b.clean(s.Addr())
}

// TestE2ESecondBrowser: a new launch locks the page that was open, which says so
// and holds nothing.
func TestE2ESecondBrowser(t *testing.T) {
	s := start(t, web.Config{}, web.Deps{})
	b := openBrowser(t, 1280, 800)
	b.launch(s)
	b.Tap(`[data-act="start"]`)
	b.Screen("language")
	_ = launched(t, s)
	b.Until("locked", `document.body.dataset.state === "locked" && document.body.innerText.includes("Please go to the desk")`)
	b.launch(s)
	// The refused requests of the locked page are in the console, as they should be.
}

// ---- the gateway killed

const childEnv = "CLINICGATE_WEB_CHILD"

// TestMain is also the gateway that a test kills: the same binary, started
// again with a port and a folder.
func TestMain(m *testing.M) {
	if args := os.Getenv(childEnv); args != "" {
		listen, dir, _ := strings.Cut(args, "|")
		if err := child(listen, dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if err := flag.Set("test.parallel", "4"); err != nil { // browsers wait most of the time; -parallel still counts
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// child serves a scenic clinic. Each line that it reads is a code under the scanner;
// an empty one asks for a launch.
func child(listen, dir string) error {
	s, err := web.New(web.Config{Listen: listen, Languages: everyLanguage, TryDevices: true, Signs: signs, Clinic: "Riverside Clinic"},
		web.Deps{CheckIn: scenic(), Board: newRoom(), Logger: slog.New(slog.DiscardHandler), Pass: web.PassFile(filepath.Join(dir, "pass"))})
	if err != nil {
		return err
	}
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			if code := lines.Text(); code != "" {
				_ = s.Scan(context.Background(), phi.New(code), "qr")
				continue
			}
			path, _ := s.NewLaunch(context.Background())
			fmt.Println("http://" + s.Addr() + path)
		}
	}()
	fmt.Println(s.Addr())
	return s.Run(context.Background())
}

type gateway struct {
	cmd  *exec.Cmd
	in   io.Writer
	out  *bufio.Scanner
	addr string
}

func startGateway(t *testing.T, listen, dir string) *gateway {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+listen+"|"+dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	g := &gateway{cmd: cmd, in: in, out: bufio.NewScanner(out)}
	t.Cleanup(g.kill)
	if !g.out.Scan() {
		t.Fatal("the gateway did not start")
	}
	g.addr = g.out.Text()
	return g
}

func (g *gateway) kill() {
	_ = g.cmd.Process.Kill() // SIGKILL
	_ = g.cmd.Wait()
}

func (g *gateway) launch(t *testing.T) string {
	t.Helper()
	_, _ = fmt.Fprintln(g.in)
	if !g.out.Scan() {
		t.Fatal("no launch")
	}
	return g.out.Text()
}

// TestE2EKilled kills the gateway on every screen, and with each question over one:
// the page notices, holds nothing, sends people to the desk in every language, and
// comes back by itself. That it notices within three seconds is its own promise; the
// test is more patient, for a machine that does much else.
func TestE2EKilled(t *testing.T) {
	const patience = 10_000 // ms
	dir := t.TempDir()
	g := startGateway(t, "127.0.0.1:0", dir)
	b := openBrowser(t, 1080, 1920)
	b.Open(g.launch(t))
	b.Screen("attract")
	p := &player{browser: b, scan: func(code string) { _, _ = fmt.Fprintln(g.in, code) }}
	list := slices.DeleteFunc(scenes(), func(s scene) bool { return s.like || s.device })
	for _, question := range []string{"help", "idle"} {
		list = append(list, scene{name: "consent, " + question, state: "consent", way: func(p *player) {
			p.toConsent()
			chromium.Evaluate[bool](p.Tab, `(document.getElementById("`+question+`").showModal(), true)`)
		}})
	}
	var took []float64
	for n, s := range list {
		p.language = everyLanguage[n%len(everyLanguage)]
		p.play(s)
		b.Do(chromedp.Evaluate[chromedp.Void](`globalThis.goneAfter = 0;
			new MutationObserver(() => { if (!document.getElementById("gone").hidden && !goneAfter) goneAfter = performance.now() }).observe(document.getElementById("gone"), {attributes: true})`))
		began := chromium.Evaluate[float64](b.Tab, `performance.now()`)
		g.kill()
		b.Until("gone", `!document.getElementById("gone").hidden`)
		after := chromium.Evaluate[float64](b.Tab, `goneAfter`) - began
		took = append(took, after)
		if after > patience {
			t.Errorf("%s: noticed after %.0f ms", s.name, after)
		}
		said := chromium.Evaluate[string](b.Tab, `document.getElementById("gone").innerText`)
		for _, desk := range []string{"Please go to the desk", "Pase a la recepción", "请到服务台", "Xin đến quầy", "مكتب الاستقبال"} {
			if !strings.Contains(said, desk) {
				t.Errorf("%s: the page does not say %q: %q", s.name, desk, said)
			}
		}
		if open := chromium.Evaluate[int](b.Tab, `document.querySelectorAll("dialog[open]").length`); open > 0 {
			t.Errorf("%s: a question stays open", s.name)
		}
		b.wiped()
		g = startGateway(t, g.addr, dir)
		b.Screen("attract")
		if !chromium.Evaluate[bool](b.Tab, `document.getElementById("gone").hidden`) {
			t.Errorf("%s: the page did not come back", s.name)
		}
	}
	slices.Sort(took)
	t.Logf("%d screens: noticed after %.0f ms at the median, %.0f ms at most; the promise is 3000", len(took), took[len(took)/2], took[len(took)-1])
}

// TestE2EBoardSurvives: the board goes on by itself after a restart, and says how
// old it is meanwhile.
func TestE2EBoardSurvives(t *testing.T) {
	g := startGateway(t, "127.0.0.1:0", t.TempDir())
	b := openBrowser(t, 1920, 1080)
	b.Open("http://" + g.addr + "/board")
	b.Until("numbers", `document.querySelector("#called .ticket")?.textContent === "A-014"`)
	b.clean(g.addr)
	if !chromium.Evaluate[bool](b.Tab, `document.getElementById("age").hidden`) {
		t.Error("a fresh board says that it is old")
	}
	g.kill()
	b.Until("age", `!document.getElementById("age").hidden && document.getElementById("age").textContent === "Not up to date"`)
	b.Shoot("21-board-stale-1920x1080")
	_ = startGateway(t, g.addr, t.TempDir())
	b.Until("fresh again", `document.getElementById("age").hidden`)
}

// TestReach measures what a hand and an eye meet on every screen.
func TestReach(t *testing.T) {
	for _, p := range append(panels, struct{ w, h int }{320, 640}, struct{ w, h int }{960, 540}) {
		t.Run(fmt.Sprintf("%dx%d", p.w, p.h), func(t *testing.T) {
			desk := newClinic()
			s := start(t, web.Config{}, web.Deps{CheckIn: desk})
			b := openBrowser(t, p.w, p.h)
			b.launch(s)
			var help string
			look := func(screen string) {
				t.Helper()
				b.Screen(screen)
				small := chromium.Evaluate[string](b.Tab, `[...document.querySelectorAll("button")].filter((x) => x.checkVisibility()).map((x) => [x.textContent.trim(), x.getBoundingClientRect()])
					.filter(([, r]) => r.width < 44 || r.height < 44 || r.left < 0 || Math.floor(r.right) > innerWidth).map(([t, r]) => t + " " + r.width.toFixed() + "x" + r.height.toFixed()).join(", ")`)
				if small != "" {
					t.Errorf("%s: too small or outside: %s", screen, small)
				}
				if wide := chromium.Evaluate[string](b.Tab, `[document.documentElement, document.querySelector("main")].map((x) => x.scrollWidth - x.clientWidth).join()`); wide != "0,0" {
					t.Errorf("%s: wider than the screen by %s px", screen, wide)
				}
				if p.h > 700 {
					if tall := chromium.Evaluate[int](b.Tab, `Math.max(document.documentElement.scrollHeight - innerHeight, document.querySelector("main").scrollHeight - document.querySelector("main").clientHeight)`); tall > 0 {
						t.Errorf("%s: taller than the panel by %d px", screen, tall)
					}
					place := chromium.Evaluate[string](b.Tab, `(({left, bottom}) => left.toFixed() + "," + bottom.toFixed())(document.getElementById("help-open").getBoundingClientRect())`)
					if help == "" {
						help = place
					}
					if place != help {
						t.Errorf("%s: Help is at %s, elsewhere at %s", screen, place, help)
					}
				}
				if lang := chromium.Evaluate[string](b.Tab, `document.documentElement.lang`); screen != "attract" && screen != "language" && lang != "es" {
					t.Errorf("%s: the page's language is %q", screen, lang)
				}
				if n := chromium.Evaluate[int](b.Tab, `[...document.querySelectorAll("h1")].filter((x) => x.checkVisibility()).length`); n != 1 {
					t.Errorf("%s: %d headings of the first rank", screen, n)
				}
				if names := chromium.Evaluate[string](b.Tab, `[...document.querySelectorAll("button")].filter((x) => x.checkVisibility() && !(x.textContent.trim() || x.ariaLabel)).length + ""`); names != "0" {
					t.Errorf("%s: %s buttons without a name", screen, names)
				}
			}
			look("attract")
			b.Tap(`[data-act="start"]`)
			look("language")
			b.Tap(`[data-language="es"]`)
			b.noHelp()
			look("identify")
			b.typeCode("WRONG123")
			b.Tap("#code-go")
			look("refused")
			b.Tap(`[data-act="again"]`)
			b.Screen("identify")
			b.typeCode(goodTyped)
			b.Tap("#code-go")
			look("confirm")
			b.Tap(`[data-act="confirm"]`)
			look("consent")
			b.decides(false)
			b.Tap(`[data-granted="false"]`)
			look("done")
			b.clean(s.Addr())
		})
	}
}

// TestE2EOneLongForm: where there is one form alone, its text scrolls within its frame
// all the same, and what follows is not covered.
func TestE2EOneLongForm(t *testing.T) {
	desk := newClinic()
	desk.outcome["LONG"] = web.Identified{Outcome: web.Found, Entry: entryOne, Visit: web.Visit{Department: "Cardiology"},
		Forms: []web.Form{form("telehealth", "Visits by video", strings.Repeat(formText+"\n\n", 6))}}
	s := start(t, web.Config{}, web.Deps{CheckIn: desk})
	b := openBrowser(t, 1280, 800)
	b.launch(s)
	if err := s.Scan(b.Ctx, phi.New("LONG"), "qr"); err != nil {
		t.Fatal(err)
	}
	b.Screen("language")
	b.Tap(`[data-language="en"]`)
	b.noHelp()
	b.confirmed()
	b.Until("read on", `!document.getElementById("form-more").hidden`)
	if wrong := chromium.Evaluate[string](b.Tab, `(() => {
		const box = (x) => document.querySelector(x).getBoundingClientRect();
		const text = document.getElementById("form-text");
		return [text.scrollHeight > text.clientHeight ? "" : "the text does not scroll", box("#form-text").bottom <= box("#form-more").top + 1 ? "" : "the text is under the button",
			box("#form-more").bottom <= box(".form").bottom ? "" : "the button is out of the frame", box(".form").bottom <= box(".choices").top + 1 || box(".form").right <= box(".choices").left ? "" : "the frame covers the answers"].filter(Boolean).join(", ");
	})()`); wrong != "" {
		t.Error(wrong)
	}
}
