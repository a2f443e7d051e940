//go:build e2e && axe

package desk_test

import (
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"clinicgate/kiosk/web/webtest/chromium"
)

// With axe-core, whose file AXE names, nothing is found on any screen, and
// nothing that it could not decide.
func TestDeskAxe(t *testing.T) {
	src, err := os.ReadFile(os.Getenv("AXE"))
	if err != nil {
		t.Fatal(err)
	}
	k, b := serveDesk(t, 1280, 800)
	k.pin("ana", anaPIN)
	axe := func(what string) {
		t.Helper()
		time.Sleep(600 * time.Millisecond)
		chromium.Evaluate[bool](b, string(src)+";true")
		out := chromium.Evaluate[string](b, `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then((r) =>
			[...r.violations, ...r.incomplete].map((v) => v.id + ": " + v.nodes.map((n) => n.target + " " + n.failureSummary).join(" | ")).join("\n"))`)
		if out != "" {
			t.Errorf("%s: %s", what, out)
		}
	}
	b.Open(k.open443())
	b.Do(chromedp.WaitVisible("#code"))
	axe("pairing")
	k.enter(b)
	axe("queue")
	b.Do(chromedp.Focus(`[data-list="waiting"] .acts button:last-child`), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible("#more"))
	axe("dialog")
	chromium.Evaluate[bool](b, `([...document.querySelectorAll("#more-acts button")].find((x) => x.textContent === "Cancel visit").click(), true)`)
	b.Do(chromedp.WaitVisible("#more-question"))
	axe("why a visit is removed")
	b.Do(chromedp.KeyEvent(kb.Escape), chromedp.Focus("#arrives"), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible("#arrive-at"))
	axe("who arrives")
	b.Do(chromedp.KeyEvent(kb.Escape), chromedp.Focus("#logoff"), chromedp.KeyEvent(kb.Enter))
	b.Until("the login again", `document.body.dataset.state === "entrance"`)
	axe("login")
}
