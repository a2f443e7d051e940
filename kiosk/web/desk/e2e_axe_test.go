//go:build e2e && axe

package desk_test

import (
	"context"
	"fmt"
	"testing"

	"clinicgate/kiosk/web/webtest/chromium"

	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestAxeDesk runs axe-core over every screen of the desk, with a question over it,
// with something refused and without its gateway, in each language and on each panel.
func TestAxeDesk(t *testing.T) {
	for _, language := range []string{"en", "es"} {
		k := newKit(t, func(k *kit) { k.full = true })
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- k.Run(ctx) }()
		b := chromium.Open(t, 1280, 800)
		if _, err := chromedp.Call(b.Ctx, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true}); err != nil {
			t.Fatal(err)
		}
		look := func(what string) {
			t.Helper()
			for _, p := range [][2]int64{{1280, 800}, {1920, 1080}, {1080, 1920}} {
				b.Do(chromedp.EmulateViewport(p[0], p[1]))
				chromium.Axe(b, fmt.Sprintf("%s, %s, %dx%d", what, language, p[0], p[1]))
			}
		}
		k.pin("ana", anaPIN)
		code, _, err := k.Pair(admin, "front desk")
		if err != nil {
			t.Fatal(err)
		}
		b.Open(k.open443())
		b.Do(chromedp.WaitVisible("#code"))
		look("pairing")
		b.Do(chromedp.Focus("#code"), chromedp.KeyEvent("AAAA-AAAA"+kb.Enter))
		b.Until("the refusal", `document.querySelector("#refused").textContent !== ""`)
		look("pairing refused")
		b.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#code").value = ""`), chromedp.Focus("#code"), chromedp.KeyEvent(code+kb.Enter))
		b.Until("the login", `document.body.dataset.state === "entrance" && document.activeElement.id === "staff"`)
		b.Do(chromedp.Evaluate[chromedp.Void](`(document.querySelector("#language").value = "` + language + `", document.querySelector("#language").onchange(), undefined)`))
		b.Until("the language", `document.documentElement.lang === "`+language+`"`)
		look("login")
		b.Do(chromedp.Focus("#staff"), chromedp.KeyEvent("ana"+kb.Tab+"000001"+kb.Enter))
		b.Until("the refusal", `document.querySelector("#login-refused").textContent !== ""`)
		look("login refused")
		b.Do(chromedp.Focus("#pin"), chromedp.KeyEvent(anaPIN+kb.Enter))
		b.Until("the queue", `document.body.dataset.state === "desk" && document.querySelectorAll(".rows li").length === 11`)
		look("queue")
		b.Do(chromedp.Focus(`[data-list="waiting"] .acts button:last-child`), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible("#more"))
		look("more about a visit")
		chromium.Evaluate[bool](b, `([...document.querySelectorAll("#more-acts button")].find((x) => ["Cancel visit", "Cancelar visita"].includes(x.textContent)).click(), true)`)
		b.Do(chromedp.WaitVisible("#more-question"))
		look("why a visit is removed")
		b.Do(chromedp.KeyEvent(kb.Escape), chromedp.Focus("#arrives"), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible("#arrive-at"))
		look("who arrives")
		b.Do(chromedp.KeyEvent(kb.Escape))
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		b.Until("gone", `!document.querySelector("#gone").hidden`)
		look("gone")
	}
}
