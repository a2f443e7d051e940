// Package chromium drives a real browser in tests as a patient's finger does, and
// watches what the browser asks for, keeps and complains of. It needs Chromium on
// the machine, and fails where there is none. Only tests import it.
package chromium

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Tab is a tab of a fresh Chromium. It notes every request and every complaint
// of the browser: console, exceptions, violations of the page's policy.
type Tab struct {
	Ctx context.Context // ends with the test; for chromedp's own calls

	t *testing.T

	mu         sync.Mutex
	urls       []string
	posts      map[network.RequestID]string // what was sent: which act of the page a complaint is about
	at         string                       // the screen that was waited for last
	complaints []string
}

// Open starts a browser of nothing but this test, with one tab.
func Open(t *testing.T, w, h int) *Tab {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(find(t)), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(w, h),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("autoplay-policy", "no-user-gesture-required"), // as the kiosk starts it
		chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true), // a test picture, and beeps
		chromedp.Flag("no-first-run", true), chromedp.Flag("touch-events", "enabled"),
	)
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	limited, done := context.WithTimeout(alloc, 50*time.Minute) // less than make e2e gives a package
	t.Cleanup(func() { done(); stop() })
	return openTab(t, limited, w, h)
}

func find(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("this test needs chromium: install Chromium, or set CHROMIUM to its path")
	return ""
}

// Another opens a second tab of the same browser.
func (b *Tab) Another(w, h int) *Tab { return openTab(b.t, b.Ctx, w, h) }

func openTab(t *testing.T, parent context.Context, w, h int) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent)
	t.Cleanup(cancel)
	b := &Tab{t: t, Ctx: ctx, posts: map[network.RequestID]string{}}
	if err := chromedp.Listen(ctx, b.note); err != nil {
		t.Fatalf("cannot start the browser: %v", err)
	}
	if _, err := chromedp.Call(ctx, audits.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	b.Do(chromedp.EmulateViewport(int64(w), int64(h), chromedp.EmulateTouch))
	return b
}

func (b *Tab) note(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	complain := func(format string, args ...any) { b.complaints = append(b.complaints, fmt.Sprintf(format, args...)) }
	switch e := ev.(type) {
	case *network.EventRequestWillBeSent:
		b.urls = append(b.urls, e.Request.URL)
		for _, part := range e.Request.PostDataEntries {
			b.posts[e.RequestID] += string(part.Bytes)
		}
	case *audits.EventIssueAdded:
		complain("issue %s %+v", e.Issue.Code, e.Issue.Details.ContentSecurityPolicyIssueDetails)
	case *runtime.EventExceptionThrown:
		complain("exception %s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception)
	case *runtime.EventConsoleAPICalled:
		complain("console.%s", e.Type)
	case *log.EventEntryAdded:
		complain("log %s %s %s %.200s, after screen %q", e.Entry.Level, e.Entry.Text, e.Entry.URL, b.posts[e.Entry.NetworkRequestID], b.at)
	}
}

// patience is for a step in a browser on a machine that does much else; no
// test measures by it.
const patience = 90 * time.Second

// Do takes steps, or ends the test.
func (b *Tab) Do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	within, cancel := context.WithTimeout(b.Ctx, patience)
	defer cancel()
	if err := chromedp.Do(within, steps...); err != nil {
		b.t.Fatalf("%v\n%s", err, b.Text())
	}
}

// Open goes to an address.
func (b *Tab) Open(url string) { b.t.Helper(); b.Do(chromedp.Navigate(url)) }

// Screen waits until the page shows a state in its own letters and touches count again.
func (b *Tab) Screen(state string) {
	b.t.Helper()
	b.mu.Lock()
	b.at = state
	b.mu.Unlock()
	b.Do(chromedp.WaitVisible(`body[data-state="` + state + `"] main > section h1`))
	b.Letters()
	b.Do(chromedp.Sleep(400 * time.Millisecond))
}

// Letters waits until the letters that the page needs are there, 5 s at most: where
// none come, the page shows others.
func (b *Tab) Letters() {
	within, cancel := context.WithTimeout(b.Ctx, patience)
	defer cancel()
	// A document that is just going away needs none: that is no failure.
	_, _ = chromedp.Run(within, chromedp.Evaluate[bool](`Promise.race([document.fonts.ready, new Promise((done) => setTimeout(done, 5000))]).then(() => true)`, chromedp.EvalAwaitPromise))
}

// Tap touches what a selector finds, as a finger does: it is brought into view
// first, and touched when it has come to rest there and been drawn.
func (b *Tab) Tap(selector string) {
	b.t.Helper()
	b.rest(selector)
	b.Do(chromedp.Tap(chromedp.CSS(selector)))
}

// Click presses what a selector finds with a mouse, as Tap does with a finger.
func (b *Tab) Click(selector string) {
	b.t.Helper()
	b.rest(selector)
	b.Do(chromedp.Click(chromedp.CSS(selector)))
}

// rest brings what a selector finds into view and waits until it stands still there,
// and a press on it counts again.
func (b *Tab) rest(selector string) {
	b.t.Helper()
	b.Do(chromedp.WaitVisible(chromedp.CSS(selector)))
	Evaluate[bool](b, fmt.Sprintf(`(async () => {
		const el = document.querySelector(%q), drawn = () => new Promise(requestAnimationFrame);
		let at;
		for (let frames = 0; el && frames < 60; frames += 1) {
			el.scrollIntoViewIfNeeded();
			const { x, y } = el.getBoundingClientRect();
			if (at === x + "," + y && !("moved" in el.dataset)) break;
			at = x + "," + y;
			await drawn();
			await drawn();
		}
		return true;
	})()`, selector))
}

// TapFast touches what a selector finds several times, one right after the other.
func (b *Tab) TapFast(selector string, times int) {
	b.t.Helper()
	b.rest(selector)
	x, y := b.Middle(selector)
	for range times {
		b.Do(chromedp.TapXY(x, y))
	}
}

// Middle gives x and y of what a selector finds, in pixels of the viewport.
func (b *Tab) Middle(selector string) (x, y float64) {
	b.t.Helper()
	at := Evaluate[[]float64](b, fmt.Sprintf(`(({x, y, width, height}) => [x + width / 2, y + height / 2])(document.querySelector(%q).getBoundingClientRect())`, selector))
	return at[0], at[1]
}

// Press holds a finger on what a selector finds until meanwhile has ended.
func (b *Tab) Press(selector string, meanwhile func()) {
	b.t.Helper()
	b.rest(selector)
	x, y := b.Middle(selector)
	b.Touch(x, y, "down")
	meanwhile()
	b.Touch(x, y, "up")
}

// Touch brings a finger "down", "on" to another place, or "up".
func (b *Tab) Touch(x, y float64, what string) {
	b.t.Helper()
	p := input.DispatchTouchEventParams{Type: map[string]input.DispatchTouchEventType{
		"down": input.DispatchTouchEventTypeTouchStart, "on": input.DispatchTouchEventTypeTouchMove, "up": input.DispatchTouchEventTypeTouchEnd}[what],
		TouchPoints: []*input.TouchPoint{}}
	if what != "up" {
		p.TouchPoints = append(p.TouchPoints, &input.TouchPoint{X: x, Y: y, RadiusX: new(1.0), RadiusY: new(1.0), Force: new(1.0), ID: new(0.0)})
	}
	within, cancel := context.WithTimeout(b.Ctx, patience)
	defer cancel()
	if _, err := chromedp.Call(within, input.DispatchTouchEvent, p); err != nil {
		b.t.Fatal(err)
	}
}

// Mouse brings the left button of a mouse "down", the mouse "on" to another place, or
// the button "up".
func (b *Tab) Mouse(x, y float64, what string) {
	b.t.Helper()
	typ := map[string]input.DispatchMouseEventType{"down": input.DispatchMouseEventTypeMousePressed, "on": input.DispatchMouseEventTypeMouseMoved, "up": input.DispatchMouseEventTypeMouseReleased}[what]
	b.Do(chromedp.MouseEvent(typ, x, y, chromedp.ButtonLeft, chromedp.ClickCount(1)))
}

// Text is what the page says.
func (b *Tab) Text() string {
	within, cancel := context.WithTimeout(b.Ctx, 2*time.Second)
	defer cancel()
	said, err := chromedp.Run(within, chromedp.Evaluate[string](`document.body.dataset.state + ": " + document.body.innerText`))
	if err != nil {
		return "no page: " + err.Error()
	}
	return strings.Join(strings.Fields(said), " ")
}

// Evaluate gives what a script in the page comes to; promises are waited for.
func Evaluate[T any](b *Tab, script string) T {
	b.t.Helper()
	within, cancel := context.WithTimeout(b.Ctx, patience)
	defer cancel()
	v, err := chromedp.Run(within, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
	return v
}

// Until waits for a condition in the page.
func (b *Tab) Until(what, script string) {
	b.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		// Between two documents there is nothing to ask.
		if yes, err := chromedp.Run(b.Ctx, chromedp.Evaluate[bool](script)); err == nil && yes {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("never: %s\n%s", what, b.Text())
		}
	}
}

// Shoot saves what the page looks like, in CLINICGATE_SCREENSHOTS or among the
// test's artifacts.
func (b *Tab) Shoot(name string) {
	b.t.Helper()
	within, cancel := context.WithTimeout(b.Ctx, patience)
	defer cancel()
	time.Sleep(300 * time.Millisecond) // what moves has moved
	png, err := chromedp.Run(within, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	dir := os.Getenv("CLINICGATE_SCREENSHOTS")
	if dir == "" {
		dir = b.t.ArtifactDir()
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// Spotless checks what must hold after any visit: the browser complained of
// nothing, asked nobody else, put nothing about a person into an address, and
// keeps nothing.
func (b *Tab) Spotless(hosts, secrets []string) { b.t.Helper(); b.SpotlessBut(nil, hosts, secrets) }

// SpotlessBut is Spotless for a visit in which the page was refused something
// on purpose: complaints of the browser about one of these statuses are meant.
func (b *Tab) SpotlessBut(statuses, hosts, secrets []string) {
	b.t.Helper()
	b.mu.Lock()
	complaints, urls := slices.Clone(b.complaints), slices.Clone(b.urls)
	b.mu.Unlock()
	for _, c := range complaints {
		if slices.ContainsFunc(statuses, func(s string) bool { return strings.Contains(c, "with a status of "+s+" ") }) {
			continue
		}
		b.t.Errorf("the browser says: %s", c)
	}
	for _, address := range urls {
		u, err := url.Parse(address)
		if err != nil || !slices.Contains(hosts, u.Host) {
			b.t.Errorf("a request left the clinic's pages: %s", address)
			continue
		}
		if u.RawQuery != "" && u.Path != "/launch" {
			b.t.Errorf("a request has parameters in its address: %s", address)
		}
		for _, secret := range secrets {
			if strings.Contains(address, secret) || strings.Contains(address, url.QueryEscape(secret)) {
				b.t.Errorf("%q is in an address: %s", secret, address)
			}
		}
	}
	// Last: asking is itself something that the browser remarks on.
	if kept := Evaluate[string](b, `(async () => JSON.stringify([localStorage.length, sessionStorage.length, document.cookie,
		(await indexedDB.databases()).length, (await caches.keys()).length, (await navigator.serviceWorker.getRegistrations()).length]))()`); kept != `[0,0,"",0,0,0]` {
		b.t.Errorf("the browser keeps %s", kept)
	}
}
