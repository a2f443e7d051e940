//go:build e2e

package web_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"clinicgate/kiosk/web"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a fresh Chromium of nothing but one test. It notes every request,
// every complaint of the browser, and every violation of the page's policy.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	requests   []string
	complaints []string
}

func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("this test needs chromium: install Chromium, or set CHROMIUM to its path")
	return ""
}

func openBrowser(t *testing.T, w, h int) *browser {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(w, h),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("touch-events", "enabled"),
	)
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	limited, done := context.WithTimeout(alloc, 8*time.Minute)
	ctx, cancel := chromedp.NewContext(limited)
	t.Cleanup(func() {
		cancel()
		done()
		stop()
	})
	b := &browser{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, b.note); err != nil {
		t.Fatalf("cannot start the browser: %v", err)
	}
	if _, err := chromedp.Call(ctx, audits.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(int64(w), int64(h), chromedp.EmulateTouch))
	return b
}

func (b *browser) note(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	complain := func(format string, args ...any) { b.complaints = append(b.complaints, fmt.Sprintf(format, args...)) }
	switch e := ev.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.Method+" "+e.Request.URL)
	case *audits.EventIssueAdded:
		complain("issue %s %+v", e.Issue.Code, e.Issue.Details.ContentSecurityPolicyIssueDetails)
	case *runtime.EventExceptionThrown:
		complain("exception %s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception)
	case *log.EventEntryAdded:
		complain("log %s %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL)
	}
}

// seen returns the requests and the complaints so far.
func (b *browser) seen() (requests, complaints []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string{}, b.requests...), append([]string{}, b.complaints...)
}

// patience is for a step in a browser on a machine that does much else; no
// test measures by it.
const patience = 90 * time.Second

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	within, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(within, steps...); err != nil {
		b.t.Fatalf("%v\n%s", err, b.text())
	}
}

func (b *browser) open(url string) { b.t.Helper(); b.do(chromedp.Navigate(url)) }

func (b *browser) launch(s *web.Server) {
	b.t.Helper()
	path, err := s.NewLaunch(b.ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	b.open("http://" + s.Addr() + path)
	b.screen("attract")
}

// screen waits until the page shows a state and touches count again.
func (b *browser) screen(state string) {
	b.t.Helper()
	b.do(chromedp.WaitVisible(`body[data-state="`+state+`"] main > section h1`), chromedp.Sleep(350*time.Millisecond))
}

// tap touches what a selector finds, as a finger does.
func (b *browser) tap(selector string) {
	b.t.Helper()
	b.do(chromedp.Tap(chromedp.CSS(selector)))
}

// typeCode types on the pad.
func (b *browser) typeCode(code string) {
	b.t.Helper()
	for _, k := range code {
		b.tap(`[data-key="` + string(k) + `"]`)
	}
}

// text is what the page says, for messages.
func (b *browser) text() string {
	within, cancel := context.WithTimeout(b.ctx, 2*time.Second)
	defer cancel()
	said, err := chromedp.Run(within, chromedp.Evaluate[string](`document.body.dataset.state + ": " + document.body.innerText`))
	if err != nil {
		return "no page: " + err.Error()
	}
	return strings.Join(strings.Fields(said), " ")
}

func evaluate[T any](b *browser, script string) T {
	b.t.Helper()
	within, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(within, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
	return v
}

// until waits for a condition in the page.
func (b *browser) until(what, script string) {
	b.t.Helper()
	end := time.Now().Add(patience)
	for {
		// Between two documents there is nothing to ask.
		if yes, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](script)); err == nil && yes {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("never: %s\n%s", what, b.text())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// shoot saves what the page looks like.
func (b *browser) shoot(name string) {
	b.t.Helper()
	within, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	time.Sleep(500 * time.Millisecond)
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
