//go:build e2e

package web_test

import (
	"fmt"
	"math"
	"testing"

	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/webtest/chromium"
)

// TestE2EBoardIsReadFromTheFarthestChair measures the capitals of numbers and rooms:
// 0.7 degrees at the configured distance on the configured panel, with few and many
// calls, and nothing cut off.
func TestE2EBoardIsReadFromTheFarthestChair(t *testing.T) {
	t.Parallel()
	for _, p := range []struct{ w, h, inches, metres int }{
		{1920, 1080, 55, 6}, {1920, 1080, 43, 6}, {1080, 1920, 55, 6}, {1080, 1920, 43, 6}, {1280, 800, 32, 4}, {1920, 1080, 32, 6},
	} {
		name := fmt.Sprintf("%dx%d-%din-%dm", p.w, p.h, p.inches, p.metres)
		t.Run(name, func(t *testing.T) {
			room := newRoom()
			usual := room.view.Called
			room.view.Called = nil // a day begins with nobody called
			s := start(t, web.Config{Clinic: "Riverside Clinic", BoardPanel: p.inches, BoardDistance: p.metres}, web.Deps{Board: room})
			b := openBrowser(t, p.w, p.h)
			b.Open("http://" + s.Addr() + "/board")
			b.Until("board", `document.querySelectorAll("#next li").length > 0`)
			room.change(func(v *web.BoardView) { v.Called = usual })
			b.Until("calls", `document.querySelectorAll("#called li").length > 0`)
			want := float64(p.metres) * 1000 * math.Pi * 0.7 / 180
			check := func(what string) {
				t.Helper()
				b.Shoot("22-board-" + what + "-" + name)
				got := chromium.Evaluate[[]float64](b.Tab, fmt.Sprintf(`(() => {
					const c = document.createElement("canvas").getContext("2d");
					const perMM = Math.hypot(innerWidth, innerHeight) / (%d * 25.4);
					return [...document.querySelectorAll("#called .ticket, #called .room")].map((x) => {
						const s = getComputedStyle(x);
						c.font = s.fontWeight + " " + s.fontSize + " " + s.fontFamily;
						return c.measureText("H").actualBoundingBoxAscent / perMM;
					});
				})()`, p.inches))
				for _, mm := range got {
					if mm < want*0.995 {
						t.Errorf("%s: capitals of %.1f mm, want %.1f", what, mm, want)
					}
				}
				cut := chromium.Evaluate[string](b.Tab, `[...document.querySelectorAll("#called li")].filter((x) => {
					const r = x.getBoundingClientRect();
					return r.bottom > innerHeight || [...x.children].map((y) => y.getBoundingClientRect()).some((y) => y.width > 0 && (y.left < r.left || y.right > r.right || y.top < r.top || y.bottom > r.bottom));
				}).map((x) => x.textContent).join(", ") + (document.documentElement.scrollHeight > innerHeight ? " page" : "")`)
				if cut != "" {
					t.Errorf("%s: cut off: %s", what, cut)
				}
			}
			check("few")
			if alone := chromium.Evaluate[bool](b.Tab, `document.body.classList.contains("alone")`); alone != (p.inches < 40 && p.metres == 6) {
				t.Errorf("nothing but calls is shown: %v", alone)
			}
			room.change(func(v *web.BoardView) {
				for n := range 7 {
					v.Called = append(v.Called, web.Called{Ticket: web.Ticket{Letter: 'C', Number: uint16(n + 1)}, Room: "Room 5"})
				}
			})
			b.Until("many", `[...document.querySelectorAll("#called .ticket")].some((x) => x.textContent.startsWith("C-"))`)
			check("many")
		})
	}
}
