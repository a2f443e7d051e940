//go:build e2e && axe

package web_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"testing"

	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/webtest/chromium"

	"github.com/chromedp/chromedp"
)

// reviewed are findings of axe-core's that it could not decide and a person has.
var reviewed = []string{
	`label-content-name-mismatch button[data-put="-"]`, // a key that shows a sign is called by the sign's name
	`label-content-name-mismatch button[data-put="’"]`,
}

// TestAxe runs axe-core over the check-in page: with nothing over a screen, with a
// question over it and with help called; every screen in every language and every
// two of the other factors together, or with AXE_ALL everything with everything.
// Nothing may be found, and nothing left undecided.
func TestAxe(t *testing.T) {
	conditions, panelNames := conditions(), []string{}
	for _, p := range panels {
		panelNames = append(panelNames, fmt.Sprintf("%dx%d", p.w, p.h))
	}
	screens, names := scenes(), []string{}
	rows := everything
	if os.Getenv("AXE_ALL") == "" {
		rows = pairwise
		screens = slices.DeleteFunc(screens, func(s scene) bool { return s.like })
	}
	for _, s := range screens {
		names = append(names, s.name)
	}
	var over []string
	for _, c := range conditions {
		over = append(over, c.name)
	}
	factors := []factor{{"screen", names}, {"language", everyLanguage}, {"panel", panelNames}, {"condition", over}, {"display", displayModes}}
	all := rows(factors)
	var looked atomic.Int32
	t.Cleanup(func() {
		t.Logf("%d combinations of %d screens, %d languages, %d panels, %d conditions and %d displays", looked.Load(), len(screens), len(everyLanguage), len(panels), len(conditions), len(displayModes))
	})
	for language, tag := range everyLanguage {
		t.Run(tag, func(t *testing.T) {
			t.Parallel()
			for part := range slices.Chunk(slices.DeleteFunc(slices.Clone(all), func(r []int) bool { return r[1] != language }), 40) { // a browser does not live for ever
				b := openBrowser(t, 1080, 1920)
				p, s := stage(t, b, tag, web.Config{Clinic: "Riverside Clinic", Languages: everyLanguage})
				b.launch(s)
				for _, row := range part {
					screen, panel, over := screens[row[0]], panels[row[2]], conditions[row[3]]
					if slices.Contains(over.not, screen.state) {
						over = conditions[0]
					}
					b.Do(chromedp.EmulateViewport(int64(panel.w), int64(panel.h), chromedp.EmulateTouch))
					p.dress(displayModes[row[4]])
					p.play(screen)
					over.set(p)
					chromium.Axe(b.Tab, fmt.Sprintf("%s, %s, %s, %s, %s", screen.name, tag, panelNames[row[2]], over.name, displayModes[row[4]]), reviewed...)
					looked.Add(1)
					over.end(p)
					p.over(screen)
				}
			}
		})
	}
}

// TestAxeAround does the same for what stands before and beside a check-in: a page
// that nobody let in, one whose gateway is gone, and the board.
func TestAxeAround(t *testing.T) {
	rows := everything
	if os.Getenv("AXE_ALL") == "" {
		rows = pairwise
	}
	around := []string{"locked", "board", "board without anybody", "gone", "board out of date"}
	all := rows([]factor{{"screen", around}, {"first language", everyLanguage}, {"panel", make([]string, len(panels))}})
	for first, tag := range everyLanguage {
		languages := append([]string{tag}, slices.DeleteFunc(slices.Clone(everyLanguage), func(l string) bool { return l == tag })...)
		hall := newRoom()
		s := newServer(t, web.Config{Clinic: "Riverside Clinic", Languages: languages}, web.Deps{Board: hall})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		b := openBrowser(t, 1080, 1920)
		look := func(screen int) {
			t.Helper()
			for _, row := range all {
				if row[0] == screen && row[1] == first {
					panel := panels[row[2]]
					b.Do(chromedp.EmulateViewport(int64(panel.w), int64(panel.h), chromedp.EmulateTouch))
					chromium.Axe(b.Tab, fmt.Sprintf("%s, %s, %dx%d", around[screen], tag, panel.w, panel.h))
				}
			}
		}
		b.Open("http://" + s.Addr() + "/")
		look(0)
		b.launch(s)
		screen := b.Tab
		board := &browser{Tab: b.Another(1080, 1920), t: t}
		b.Tab = board.Tab
		b.Open("http://" + s.Addr() + "/board")
		b.Until("numbers", `document.querySelector("#called li") !== null`)
		look(1)
		hall.change(func(v *web.BoardView) { v.Called, v.Next = nil, nil })
		b.Until("nobody", `document.querySelector("#called li") === null`)
		look(2)
		hall.change(func(v *web.BoardView) { *v = newRoom().view })
		b.Until("numbers again", `document.querySelector("#called li") !== null`)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		b.Until("out of date", `!document.getElementById("age").hidden`)
		look(4)
		b.Tab = screen
		b.Until("gone", `!document.getElementById("gone").hidden`)
		look(3)
	}
}
