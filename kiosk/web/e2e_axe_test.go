//go:build e2e && axe

package web_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"clinicgate/kiosk/web"
)

// TestAxe runs axe-core, whose file AXE names, over every screen: nothing found,
// and nothing that it could not decide. axe-core is not part of this
// repository; it comes from npm.
func TestAxe(t *testing.T) {
	src, err := os.ReadFile(os.Getenv("AXE"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range panels {
		panel := fmt.Sprintf("%dx%d", p.w, p.h)
		desk := newClinic()
		desk.outcome["ALREADY1"] = web.Identified{Outcome: web.Already, Entry: entryOne, Standing: web.StandingWaiting, MayLeave: true,
			Done: web.Done{Ticket: "A-003", Where: "Hall", WaitLow: 5, WaitHigh: 15, WaitKnown: true}}
		s := start(t, web.Config{Clinic: "Riverside"}, web.Deps{CheckIn: desk})
		b := openBrowser(t, p.w, p.h)
		axe := func(what string) {
			t.Helper()
			time.Sleep(600 * time.Millisecond)
			evaluate[bool](b, string(src)+";true")
			out := evaluate[string](b, `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then((r) =>
				[...r.violations, ...r.incomplete].map((v) => v.id + ": " + v.nodes.map((n) => n.target + " " + n.failureSummary).join(" | ")).join("\n"))`)
			if out != "" {
				t.Errorf("%s on %s: %s", what, panel, out)
			}
		}
		b.open("http://" + s.Addr() + "/")
		axe("locked")
		b.launch(s)
		axe("attract")
		b.tap(`[data-act="start"]`)
		b.screen("language")
		axe("language")
		b.tap(`[data-language="es"]`)
		b.screen("identify")
		axe("identify")
		b.typeCode("ALREADY1")
		b.tap("#help-open")
		axe("help")
		b.tap("#help-close")
		b.tap("#code-go")
		b.screen("already")
		axe("already")
		b.shoot("18-already-" + panel)
		b.tap(`[data-act="depart"]`)
		b.until("left", `document.querySelector("main h1").textContent.startsWith("Ya no")`)
		axe("left")
		b.shoot("19-left-" + panel)
		b.tap(`[data-act="leave"]`)
		b.screen("attract")
		b.tap(`[data-act="start"]`)
		b.screen("language")
		b.tap(`[data-language="en"]`)
		b.screen("identify")
		b.typeCode("WRONGONE")
		b.tap("#code-go")
		b.screen("refused")
		axe("refused")
		b.tap(`[data-act="again"]`)
		b.screen("identify")
		b.typeCode(goodTyped)
		b.tap("#code-go")
		b.screen("consent")
		axe("consent")
		b.tap(`[data-granted="true"]`)
		b.until("second form", `document.querySelector("main h1").textContent.startsWith("Sharing")`)
		time.Sleep(400 * time.Millisecond)
		b.tap(`[data-granted="false"]`)
		b.screen("done")
		axe("done")
		b.open("http://" + s.Addr() + "/board")
		b.until("board", `document.querySelector("#called li") !== null`)
		axe("board")
	}
}
