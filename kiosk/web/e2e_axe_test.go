//go:build e2e && axe

package web_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/webtest/chromium"
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
			chromium.Evaluate[bool](b.Tab, string(src)+";true")
			out := chromium.Evaluate[string](b.Tab, `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then((r) =>
				[...r.violations, ...r.incomplete].map((v) => v.id + ": " + v.nodes.map((n) => n.target + " " + n.failureSummary).join(" | ")).join("\n"))`)
			if out != "" {
				t.Errorf("%s on %s: %s", what, panel, out)
			}
		}
		b.Open("http://" + s.Addr() + "/")
		axe("locked")
		b.launch(s)
		axe("attract")
		b.Tap(`[data-act="start"]`)
		b.Screen("language")
		axe("language")
		b.Tap(`[data-language="es"]`)
		b.noHelp()
		b.Screen("identify")
		axe("identify")
		b.Tap(`[data-act="no-code"]`)
		b.Screen("birth")
		axe("birth")
		time.Sleep(400 * time.Millisecond)
		b.put("1", "2")
		axe("birth's months")
		b.put("12", "1", "9", "5", "7")
		b.Tap("[data-go]")
		b.Screen("name")
		axe("name")
		b.Tap("#back")
		b.Screen("birth")
		b.Tap("#back")
		b.Screen("identify")
		b.typeCode("ALREADY1")
		b.Tap("#help-open")
		axe("help")
		b.Tap("#help-close")
		b.Tap("#code-go")
		b.Screen("already")
		axe("already")
		b.Shoot("18-already-" + panel)
		b.Tap(`[data-act="depart"]`)
		b.Until("left", `document.querySelector("main h1").textContent.startsWith("Ya no")`)
		axe("left")
		b.Shoot("19-left-" + panel)
		b.Tap(`[data-act="leave"]`)
		b.Screen("attract")
		b.Tap(`[data-act="start"]`)
		b.Screen("language")
		b.Tap(`[data-language="en"]`)
		b.noHelp()
		b.Screen("identify")
		b.typeCode("WRONGONE")
		b.Tap("#code-go")
		b.Screen("refused")
		axe("refused")
		b.Tap(`[data-act="again"]`)
		b.Screen("identify")
		b.typeCode(goodTyped)
		b.Tap("#code-go")
		b.Screen("confirm")
		axe("confirm")
		b.confirmed()
		axe("consent")
		b.Tap(`[data-granted="true"]`)
		b.Until("second form", `document.querySelector("main h1").textContent.startsWith("Sharing")`)
		time.Sleep(400 * time.Millisecond)
		b.Tap(`[data-granted="false"]`)
		b.Screen("done")
		axe("done")
		b.Open("http://" + s.Addr() + "/board")
		b.Until("board", `document.querySelector("#called li") !== null`)
		axe("board")
	}
}
