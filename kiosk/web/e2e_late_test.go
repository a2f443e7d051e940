//go:build e2e

package web_test

import (
	"testing"
	"time"

	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/webtest/chromium"

	"github.com/chromedp/chromedp"
)

// TestE2ELatePictures: a gateway that takes longer for its first picture than the page
// looks for one is there again, and no stream is given up before.
func TestE2ELatePictures(t *testing.T) {
	t.Parallel()
	s := start(t, web.Config{}, web.Deps{})
	b := openBrowser(t, 1280, 800)
	b.atFirst(`{
		const Source = window.EventSource;
		window.opened = 0;
		window.EventSource = class extends Source {
			constructor(...args) {
				super(...args);
				window.opened += 1;
			}
			addEventListener(name, heard) {
				const late = (e) => {
					if (window.deaf) setTimeout(late, 100, e);
					else if (this.readyState < 2) heard(e);
				};
				super.addEventListener(name, (e) => setTimeout(late, 800, e));
			}
		};
	}`)
	b.launch(s)
	chromium.Evaluate[bool](b.Tab, `(window.deaf = true)`)
	b.Until("gone", `document.body.dataset.state === "gone"`)
	opened := chromium.Evaluate[int](b.Tab, `(window.deaf = false, window.opened)`)
	b.Screen("attract")
	if again := chromium.Evaluate[int](b.Tab, `window.opened`) - opened; again > 2 {
		t.Errorf("%d streams were opened until one was waited for", again)
	}
	b.clean(s.Addr())
}

// TestE2ELateTouches: a touch is of the screen that was there when it was made, however
// late the page takes it, and an answer is to the form that was there.
func TestE2ELateTouches(t *testing.T) {
	t.Parallel()
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
	b.Tap("#code-go")
	b.confirmed()
	chromium.Evaluate[bool](b.Tab, `(window.touch = new MouseEvent("click", { bubbles: true }), true)`)
	b.decides(true)
	chromium.Evaluate[bool](b.Tab, `document.querySelector('[data-granted="true"]').dispatchEvent(window.touch)`)
	b.Do(chromedp.Sleep(time.Second))
	if n := chromium.Evaluate[string](b.Tab, `document.body.dataset.state`); n != "consent" {
		t.Errorf("a touch of the form before answers the one that came after it, and brings %s", n)
	}

	// The hash of the text is not there yet when the session ends.
	chromium.Evaluate[bool](b.Tab, `{
		const digest = crypto.subtle.digest.bind(crypto.subtle);
		crypto.subtle.digest = async (...args) => {
			while (document.body.dataset.state !== "attract") await new Promise(requestAnimationFrame);
			window.digested = true;
			return digest(...args);
		};
		true;
	}`)
	b.Tap(`[data-granted="true"]`)
	b.Tap("#leave")
	b.Screen("attract")
	b.Until("hashed", `window.digested === true`)
	b.Do(chromedp.Sleep(300 * time.Millisecond))
	if _, finished, _, _ := desk.counts(); finished != 0 {
		t.Errorf("%d finished", finished)
	}
	b.clean(s.Addr())
}
