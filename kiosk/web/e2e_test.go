//go:build e2e

package web_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// clean checks what must hold after any test: the browser complained of
// nothing, asked nobody else, put nothing about a person into an address, and
// keeps nothing.
func (b *browser) clean(s string) {
	b.t.Helper()
	requests, complaints := b.seen()
	for _, c := range complaints {
		b.t.Errorf("the browser says: %s", c)
	}
	for _, r := range requests {
		_, url, _ := strings.Cut(r, " ")
		if !strings.HasPrefix(url, "http://"+s+"/") {
			b.t.Errorf("a request left the origin: %s", r)
		}
		for _, secret := range []string{goodTyped, goodScan, "A-017", "telehealth", "Cardiology", entryOne.String()} {
			if strings.Contains(url, secret) {
				b.t.Errorf("%s is in an address: %s", secret, r)
			}
		}
	}
	if kept := evaluate[string](b, `(async () => JSON.stringify([localStorage.length, sessionStorage.length, document.cookie,
		(await indexedDB.databases()).length, (await caches.keys()).length, (await navigator.serviceWorker.getRegistrations()).length]))()`); kept != `[0,0,"",0,0,0]` {
		b.t.Errorf("the browser keeps %s", kept)
	}
}

// wiped checks that the DOM holds nothing of the patient.
func (b *browser) wiped() {
	b.t.Helper()
	dom := evaluate[string](b, `document.documentElement.outerHTML`)
	for _, secret := range []string{"M… G…", "10:30", "Osei", "A-017", "Sharing your record", "We may see you", goodTyped[:4]} {
		if strings.Contains(dom, secret) {
			b.t.Errorf("the page still holds %q", secret)
		}
	}
}

func TestE2ETouch(t *testing.T) {
	desk := newClinic()
	s := start(t, web.Config{}, web.Deps{CheckIn: desk})
	b := openBrowser(t, 1080, 1920)
	b.launch(s)
	b.tap(`[data-act="start"]`)
	b.screen("language")
	b.tap(`[data-language="en"]`)
	b.screen("identify")
	b.typeCode(goodTyped)
	b.tap("#code-go")
	b.screen("consent")
	if text := evaluate[string](b, `document.getElementById("form-text").textContent`); text != formText {
		t.Errorf("the form's text is %q", text)
	}
	b.tap(`[data-granted="true"]`)
	b.until("second form", `document.querySelector("main h1").textContent === "Sharing your record"`)
	time.Sleep(400 * time.Millisecond)
	b.tap(`[data-granted="false"]`)
	b.screen("done")
	if got := evaluate[string](b, `document.querySelector(".tile-number").textContent`); got != "A-017" {
		t.Errorf("number %q", got)
	}
	if d := desk.finish[0].Decisions; !d[0].Granted || d[1].Granted {
		t.Errorf("decisions %+v", d)
	}
	b.tap(`[data-act="leave"]`)
	b.screen("attract")
	b.wiped()
	b.do(chromedp.NavigateBack())
	b.wiped()
	b.do(chromedp.NavigateForward())
	b.screen("attract")
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
	if err := s.Scan(b.ctx, phi.New(goodScan+"\r"), "qr"); err != nil {
		t.Fatal(err)
	}
	b.screen("language")
	b.until("code read", `!document.querySelector(".read").hidden`)
	b.tap(`[data-language="es"]`)
	b.screen("consent")
	b.tap("#leave")
	b.screen("attract")

	// Made first and sent then: the page goes by the time at which a key was pressed.
	wedge := `for (const e of [...` + "`" + goodScan + "`" + `, "Enter"].map((key) => new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}))) document.activeElement.dispatchEvent(e)`
	b.do(chromedp.Evaluate[chromedp.Void](wedge))
	b.screen("language")
	b.tap(`[data-language="en"]`)
	b.screen("consent")
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
	press := func(selector string) {
		t.Helper()
		for range 60 {
			if evaluate[bool](b, `document.activeElement.matches(`+"`"+selector+"`"+`)`) {
				b.do(chromedp.KeyEvent(kb.Enter))
				return
			}
			b.do(chromedp.KeyEvent(kb.Tab))
		}
		t.Fatalf("Tab never reaches %s\n%s", selector, b.text())
	}
	press(`[data-act="start"]`)
	b.screen("language")
	if !evaluate[bool](b, `document.activeElement.tagName === "H1"`) {
		t.Error("the focus is not at the new screen's heading")
	}
	press(`[data-language="en"]`)
	b.screen("identify")
	for _, k := range strings.ToLower(goodTyped) {
		b.do(chromedp.KeyEvent(string(k)), chromedp.Sleep(120*time.Millisecond))
	}
	b.until("typed", `document.getElementById("code").textContent === "K7MQ 4RT2"`)
	b.do(chromedp.KeyEvent(kb.Backspace), chromedp.KeyEvent("2"), chromedp.Sleep(120*time.Millisecond))
	press("#code-go")
	b.screen("consent")
	press(`[data-granted="true"]`)
	b.until("second form", `document.querySelector("main h1").textContent === "Sharing your record"`)
	time.Sleep(400 * time.Millisecond)
	press(`[data-granted="true"]`)
	b.screen("done")
	press("#help-open")
	b.until("help", `document.getElementById("help").open`)
	press(`[data-help="need-help"]`)
	b.until("called", `document.getElementById("strip").textContent.includes("We have called someone")`)
	press(`[data-act="leave"]`)
	b.screen("attract")
	b.clean(s.Addr())
}

// TestE2ELostReplyInTheBrowser: the answer to the last button is lost after the
// commit; the page asks again under the same id, and there is one number.
func TestE2ELostReplyInTheBrowser(t *testing.T) {
	desk := newClinic()
	s := start(t, web.Config{}, web.Deps{CheckIn: desk})
	b := openBrowser(t, 1280, 800)
	b.launch(s)
	b.tap(`[data-act="start"]`)
	b.screen("language")
	b.tap(`[data-language="en"]`)
	b.screen("identify")
	b.typeCode(goodTyped)

	var mu sync.Mutex
	lost := 0
	paused := make(chan *fetch.EventRequestPaused, 64)
	if err := chromedp.Listen(b.ctx, func(ev any) {
		if e, ok := ev.(*fetch.EventRequestPaused); ok {
			paused <- e
		}
	}); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			select {
			case <-b.ctx.Done():
				return
			case e := <-paused:
				mu.Lock()
				lose := lost < 2
				lost++
				mu.Unlock()
				if lose {
					_, _ = chromedp.Call(b.ctx, fetch.FailRequest, fetch.FailRequestParams{RequestID: e.RequestID, ErrorReason: network.ErrorReasonConnectionReset})
				} else {
					_, _ = chromedp.Call(b.ctx, fetch.ContinueResponse, fetch.ContinueResponseParams{RequestID: e.RequestID})
				}
			}
		}
	}()
	if _, err := chromedp.Call(b.ctx, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{{URLPattern: "*/act", RequestStage: fetch.RequestStageResponse}}}); err != nil {
		t.Fatal(err)
	}
	b.tap("#code-go")
	b.screen("consent")
	mu.Lock()
	lost = 0
	mu.Unlock()
	b.tap(`[data-granted="true"]`)
	b.until("second form", `document.querySelector("main h1").textContent === "Sharing your record"`)
	time.Sleep(time.Second)
	mu.Lock()
	lost = 0
	mu.Unlock()
	b.tap(`[data-granted="true"]`)
	b.screen("done")
	if identified, finished, _, tickets := desk.counts(); identified != 1 || finished != 1 || tickets != 1 {
		t.Errorf("%d identified, %d finished, %d numbers, want 1 each", identified, finished, tickets)
	}
	if _, err := chromedp.Call(b.ctx, fetch.Disable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
}

// TestE2EIdleInTheBrowser: the question, an extension by a touch anywhere, the wipe.
func TestE2EIdleInTheBrowser(t *testing.T) {
	s := start(t, web.Config{IdleAfter: 25 * time.Second}, web.Deps{})
	b := openBrowser(t, 1280, 800)
	b.launch(s)
	b.tap(`[data-act="start"]`)
	b.screen("language")
	b.tap(`[data-language="en"]`)
	b.screen("identify")
	b.typeCode("K7MQ")
	b.until("the question", `document.getElementById("idle").open`)
	b.do(chromedp.TapXY(40, 40)) // beside the dialog: anywhere counts
	b.until("extended", `!document.getElementById("idle").open`)
	if got := evaluate[string](b, `document.getElementById("code").textContent`); got != "K7MQ" {
		t.Errorf("after the extension the code is %q", got)
	}
	b.until("the question again", `document.getElementById("idle").open`)
	time.Sleep(14 * time.Second)
	b.screen("attract")
	b.wiped()
	b.clean(s.Addr())
}

// TestE2ESecondBrowser: a new launch locks the page that was open, which says so
// and holds nothing.
func TestE2ESecondBrowser(t *testing.T) {
	s := start(t, web.Config{}, web.Deps{})
	b := openBrowser(t, 1280, 800)
	b.launch(s)
	b.tap(`[data-act="start"]`)
	b.screen("language")
	_ = launched(t, s)
	b.until("locked", `document.body.dataset.state === "locked" && document.body.innerText.includes("Please go to the desk")`)
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
	os.Exit(m.Run())
}

func child(listen, dir string) error {
	s, err := web.New(web.Config{Listen: listen, Languages: []string{"en", "es"}, Signs: signs, Clinic: "Riverside Clinic"},
		web.Deps{CheckIn: newClinic(), Board: newRoom(), Logger: slog.New(slog.DiscardHandler), Pass: web.PassFile(filepath.Join(dir, "pass"))})
	if err != nil {
		return err
	}
	go func() {
		lines := bufio.NewScanner(os.Stdin) // each line asks for a launch
		for lines.Scan() {
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

// TestE2EKilled kills the gateway on several screens: within three seconds the
// page holds nothing and sends people to the desk in every language, and it
// comes back by itself.
func TestE2EKilled(t *testing.T) {
	dir := t.TempDir()
	g := startGateway(t, "127.0.0.1:0", dir)
	b := openBrowser(t, 1080, 1920)
	b.open(g.launch(t))
	b.screen("attract")
	steps := []struct {
		screen string
		do     func()
	}{
		{"attract", func() {}},
		{"language", func() { b.tap(`[data-act="start"]`) }},
		{"identify", func() { b.tap(`[data-language="en"]`) }},
		{"consent", func() { b.typeCode(goodTyped); b.tap("#code-go") }},
		{"done", func() {
			b.tap(`[data-granted="true"]`)
			b.until("second form", `document.querySelector("main h1").textContent === "Sharing your record"`)
			time.Sleep(400 * time.Millisecond)
			b.tap(`[data-granted="true"]`)
		}},
	}
	for n := range steps {
		for _, step := range steps[:n+1] {
			step.do()
			b.screen(step.screen)
		}
		b.do(chromedp.Evaluate[chromedp.Void](`globalThis.goneAfter = 0;
			new MutationObserver(() => { if (!document.getElementById("gone").hidden && !goneAfter) goneAfter = performance.now() }).observe(document.getElementById("gone"), {attributes: true})`))
		began := evaluate[float64](b, `performance.now()`)
		g.kill()
		b.until("gone", `!document.getElementById("gone").hidden`)
		took := evaluate[float64](b, `goneAfter`) - began
		t.Logf("on %s: noticed after %.0f ms", steps[n].screen, took)
		if took > 3000 {
			t.Errorf("on %s: noticed after %.0f ms, want 3000 at most", steps[n].screen, took)
		}
		said := evaluate[string](b, `document.getElementById("gone").innerText`)
		if !strings.Contains(said, "Please go to the desk") || !strings.Contains(said, "Pase a la recepción") {
			t.Errorf("the page says %q", said)
		}
		b.wiped()
		if n == 3 {
			b.shoot("17-gone-1080x1920")
		}
		g = startGateway(t, g.addr, dir)
		b.screen("attract")
		if !evaluate[bool](b, `document.getElementById("gone").hidden`) {
			t.Error("the page did not come back")
		}
	}
}

// TestE2EBoardSurvives: the board goes on by itself after a restart, and says how
// old it is meanwhile.
func TestE2EBoardSurvives(t *testing.T) {
	g := startGateway(t, "127.0.0.1:0", t.TempDir())
	b := openBrowser(t, 1920, 1080)
	b.open("http://" + g.addr + "/board")
	b.until("numbers", `document.querySelector("#called .ticket")?.textContent === "A-014"`)
	b.clean(g.addr)
	if !evaluate[bool](b, `document.getElementById("age").hidden`) {
		t.Error("a fresh board says that it is old")
	}
	g.kill()
	b.until("age", `!document.getElementById("age").hidden && document.getElementById("age").textContent === "Not up to date"`)
	b.shoot("21-board-stale-1920x1080")
	_ = startGateway(t, g.addr, t.TempDir())
	b.until("fresh again", `document.getElementById("age").hidden`)
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
				b.screen(screen)
				small := evaluate[string](b, `[...document.querySelectorAll("button")].filter((x) => x.checkVisibility()).map((x) => [x.textContent.trim(), x.getBoundingClientRect()])
					.filter(([, r]) => r.width < 44 || r.height < 44 || r.left < 0 || Math.floor(r.right) > innerWidth).map(([t, r]) => t + " " + r.width.toFixed() + "x" + r.height.toFixed()).join(", ")`)
				if small != "" {
					t.Errorf("%s: too small or outside: %s", screen, small)
				}
				if wide := evaluate[string](b, `[document.documentElement, document.querySelector("main")].map((x) => x.scrollWidth - x.clientWidth).join()`); wide != "0,0" {
					t.Errorf("%s: wider than the screen by %s px", screen, wide)
				}
				if p.h > 700 {
					if tall := evaluate[int](b, `Math.max(document.documentElement.scrollHeight - innerHeight, document.querySelector("main").scrollHeight - document.querySelector("main").clientHeight)`); tall > 0 {
						t.Errorf("%s: taller than the panel by %d px", screen, tall)
					}
					place := evaluate[string](b, `(({left, bottom}) => left.toFixed() + "," + bottom.toFixed())(document.getElementById("help-open").getBoundingClientRect())`)
					if help == "" {
						help = place
					}
					if place != help {
						t.Errorf("%s: Help is at %s, elsewhere at %s", screen, place, help)
					}
				}
				if lang := evaluate[string](b, `document.documentElement.lang`); screen != "attract" && screen != "language" && lang != "es" {
					t.Errorf("%s: the page's language is %q", screen, lang)
				}
				if n := evaluate[int](b, `[...document.querySelectorAll("h1")].filter((x) => x.checkVisibility()).length`); n != 1 {
					t.Errorf("%s: %d headings of the first rank", screen, n)
				}
				if names := evaluate[string](b, `[...document.querySelectorAll("button")].filter((x) => x.checkVisibility() && !(x.textContent.trim() || x.ariaLabel)).length + ""`); names != "0" {
					t.Errorf("%s: %s buttons without a name", screen, names)
				}
			}
			look("attract")
			b.tap(`[data-act="start"]`)
			look("language")
			b.tap(`[data-language="es"]`)
			look("identify")
			b.typeCode("WRONG123")
			b.tap("#code-go")
			look("refused")
			b.tap(`[data-act="again"]`)
			b.screen("identify")
			b.typeCode(goodTyped)
			b.tap("#code-go")
			look("consent")
			b.tap(`[data-granted="false"]`)
			b.until("second form", `document.querySelector("main h1").textContent.startsWith("Compartir")`)
			time.Sleep(400 * time.Millisecond)
			b.tap(`[data-granted="false"]`)
			look("done")
			b.clean(s.Addr())
		})
	}
}
