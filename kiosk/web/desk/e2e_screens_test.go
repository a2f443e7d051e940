//go:build e2e

package desk_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"clinicgate/kiosk/web/webtest/chromium"
)

// TestScreensDesk saves pictures of the desk's screens, as TestScreens does of the
// patient's.
func TestScreensDesk(t *testing.T) {
	k, b := serveDesk(t, 1280, 800)
	k.pin("ana", anaPIN)
	shoot := func(what string) {
		t.Helper()
		for _, p := range [][2]int64{{1280, 800}, {1920, 1080}, {1080, 1920}} {
			b.Do(chromedp.EmulateViewport(p[0], p[1]))
			b.Shoot(fmt.Sprintf("desk-%s-%dx%d", what, p[0], p[1]))
		}
	}
	b.Open(k.open443())
	b.Do(chromedp.WaitVisible("#code"))
	shoot("pairing")
	k.enter(b)
	shoot("queue")
	b.Do(chromedp.Focus(`[data-list="waiting"] .acts button:last-child`), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible("#more"))
	shoot("more")
	b.Do(chromedp.KeyEvent(kb.Escape), chromedp.Focus("#logoff"), chromedp.KeyEvent(kb.Enter))
	b.Until("the login again", `document.body.dataset.state === "entrance"`)
	shoot("login")
	if held := chromium.Evaluate[int](b, `document.querySelectorAll(".rows li").length`); held != 0 {
		t.Errorf("after the logoff %d rows are there", held)
	}
}
