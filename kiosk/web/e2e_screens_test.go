//go:build e2e

package web_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"clinicgate/kiosk/web"
)

var panels = []struct{ w, h int }{{1080, 1920}, {1280, 800}, {1920, 1080}}

// TestScreens draws every screen of the check-in and the board on every panel, and
// what may come over one, and saves the pictures in CLINICGATE_SCREENSHOTS, or among
// the test's artifacts.
func TestScreens(t *testing.T) {
	for _, panel := range panels {
		size := fmt.Sprintf("%dx%d", panel.w, panel.h)
		t.Run(size, func(t *testing.T) {
			b := openBrowser(t, panel.w, panel.h)
			p, s := stage(t, b, "en", web.Config{Clinic: "Riverside Clinic", Languages: everyLanguage})
			shot := 0
			shoot := func(what string) {
				t.Helper()
				b.Shoot(fmt.Sprintf("%02d-%s-%s", shot, strings.NewReplacer(", ", "-", " ", "-").Replace(what), size))
				shot++
			}
			b.Open("http://" + s.Addr() + "/")
			shoot("locked")
			b.launch(s)
			for _, screen := range scenes() {
				p.play(screen)
				shoot(screen.name)
				p.over(screen)
			}
			for _, over := range conditions()[1:] {
				consent := scene{state: "consent", way: (*player).toConsent}
				p.play(consent)
				over.set(p)
				shoot("consent " + over.name)
				over.end(p)
				p.over(consent)
			}
			b.Open("http://" + s.Addr() + "/board")
			b.Until("board", `document.querySelector("#called li") !== null`)
			shoot("board")
		})
		t.Run(size+" away", func(t *testing.T) {
			s := newServer(t, web.Config{Clinic: "Riverside Clinic", Languages: everyLanguage}, web.Deps{})
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- s.Run(ctx) }()
			b := openBrowser(t, panel.w, panel.h)
			b.launch(s)
			board := b.Another(panel.w, panel.h)
			board.Open("http://" + s.Addr() + "/board")
			board.Until("board", `document.querySelector("#called li") !== null`)
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			board.Until("out of date", `!document.getElementById("age").hidden`)
			board.Shoot("91-board-out-of-date-" + size)
			b.Until("gone", `!document.getElementById("gone").hidden`)
			b.Shoot("90-gone-" + size)
		})
	}
}
