//go:build e2e

package web_test

import (
	"fmt"
	"testing"

	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/webtest/chromium"
)

// TestE2EDevices tries the browser's own test camera and microphone, and a kiosk
// that has none.
func TestE2EDevices(t *testing.T) {
	t.Parallel()
	for _, p := range panels {
		t.Run(fmt.Sprintf("%dx%d", p.w, p.h), func(t *testing.T) {
			desk := newClinic()
			desk.video, desk.noForms = true, true
			s := start(t, web.Config{TryDevices: true}, web.Deps{CheckIn: desk})
			b := openBrowser(t, p.w, p.h)
			b.launch(s)
			toDevices := func() {
				t.Helper()
				b.Tap(`[data-act="start"]`)
				b.Screen("language")
				b.Tap(`[data-language="en"]`)
				b.noHelp()
				b.Screen("identify")
				b.typeCode(goodTyped)
				b.Tap("#code-go")
				b.Screen("confirm")
				b.Tap(`[data-act="confirm"]`)
				b.Screen("devices")
			}
			toDevices()
			b.Until("camera", `document.querySelector("[data-slot=camera]").dataset.state === "ok" && document.querySelector("video").videoWidth > 0`)
			b.Until("speech", `document.querySelector("[data-slot=microphone]").dataset.state === "ok"`)
			b.Shoot(fmt.Sprintf("17-devices-%dx%d", p.w, p.h))
			if small := chromium.Evaluate[string](b.Tab, `[...document.querySelectorAll("button")].filter((x) => x.checkVisibility()).map((x) => x.getBoundingClientRect())
				.filter((r) => r.width < 44 || r.height < 44 || r.left < 0 || r.bottom > innerHeight + 1 || r.right > innerWidth + 1).length + " " + (document.querySelector("main").scrollHeight - document.querySelector("main").clientHeight)`); small != "0 0" {
				t.Errorf("buttons too small or outside, and scrolling: %s", small)
			}
			b.Tap(`[data-ready="true"]`)
			b.Screen("done")
			if live := chromium.Evaluate[bool](b.Tab, `document.querySelector("video") !== null`); live {
				t.Error("the picture stayed")
			}
			b.Tap(`[data-act="leave"]`)
			b.Screen("attract")
			chromium.Evaluate[bool](b.Tab, `(navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error("none")), true)`)
			toDevices()
			b.Until("none found", `document.querySelector("[data-slot=camera]").dataset.state === "none" && document.querySelector("[data-slot=microphone]").dataset.state === "none"`)
			b.Tap(`[data-ready="true"]`) // does nothing yet
			b.Shoot(fmt.Sprintf("18-devices-none-%dx%d", p.w, p.h))
			b.Tap(`[data-ready="false"]`)
			b.Screen("done")
			if got := desk.finish[1].Devices; got != web.DevicesFail {
				t.Errorf("devices %q", got)
			}
		})
	}
}
