//go:build e2e

package desk_test

import (
	"fmt"
	"testing"
	"time"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web/desk"
	"clinicgate/kiosk/web/webtest/chromium"
)

// TestE2EDeskStaysLoggedOff: pictures that were on their way, while the kiosk does not
// know of the logoff yet, bring no patient back to the screen.
func TestE2EDeskStaysLoggedOff(t *testing.T) {
	k, b := serveDesk(t, 1280, 800)
	k.pin("ana", anaPIN)
	k.enter(b)
	chromium.Evaluate[bool](b, `{
		const send = window.fetch;
		window.told = 0;
		window.fetch = async (to, what) => {
			const logoff = what?.body?.includes('"logoff"');
			window.told += Number(Boolean(logoff));
			if (logoff && window.told === 1) return new Response(null, { status: 400 }); // this one is not heard
			while (logoff && !window.go) await new Promise((done) => setTimeout(done, 20));
			return send(to, what);
		};
		window.pictures = new MutationObserver((seen) => (window.drawn ||= document.querySelectorAll(".rows li").length > 0));
		true;
	}`)
	b.Tap("#logoff")
	b.Until("the login", `document.body.dataset.state === "entrance"`)
	chromium.Evaluate[bool](b, `(window.pictures.observe(document.body, { subtree: true, childList: true, attributes: true }), true)`)
	for n := range 3 {
		fullRoom{k.room}.amends(func(v *desk.View) { v.Entries[0].Name = phi.New(fmt.Sprint("Canary, Late ", n)) })
		time.Sleep(500 * time.Millisecond)
	}
	if chromium.Evaluate[bool](b, `window.drawn === true`) {
		t.Error("the patients are shown to whoever stands at the desk that was left")
	}
	chromium.Evaluate[bool](b, `(window.go = true)`)
	b.Until("nobody is logged in", `document.body.dataset.state === "entrance" && document.querySelector("#ended").hidden`)
	if told := chromium.Evaluate[int](b, `window.told`); told != 2 {
		t.Errorf("the kiosk was told %d times, want once more than it did not hear", told)
	}
}
