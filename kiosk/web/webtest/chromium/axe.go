package chromium

import (
	"os"
	"slices"
	"time"
)

// Finding is something that axe-core finds wrong with a page, or cannot decide.
type Finding struct{ Rule, Target, Said string }

// Axe runs axe-core over what a tab shows: WCAG 2.0 to 2.2, levels A and AA, and
// best practice. Its file is named by the variable AXE; it is not part of this
// repository, make axe brings it from npm. Without it the test ends as failed.
// reviewed are findings that a person has looked at, as "rule target"; anything else
// fails the test.
func Axe(b *Tab, what string, reviewed ...string) {
	b.t.Helper()
	if !Evaluate[bool](b, `typeof axe === "object"`) {
		src, err := os.ReadFile(os.Getenv("AXE"))
		if err != nil {
			b.t.Fatalf("axe-core is missing: make axe brings it: %v", err)
		}
		Evaluate[bool](b, string(src)+";true")
	}
	look := func() []Finding {
		found := Evaluate[[]Finding](b, `(async () => {
			await Promise.race([Promise.allSettled(document.getAnimations().map((a) => a.finished)), new Promise((done) => setTimeout(done, 700))]);
			const found = await axe.run(document, {resultTypes: ["violations", "incomplete"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]});
			return [...found.violations, ...found.incomplete].flatMap((v) => v.nodes.map((n) => ({Rule: v.id, Target: n.target.join(" "), Said: n.failureSummary})));
		})()`)
		return slices.DeleteFunc(found, func(f Finding) bool { return slices.Contains(reviewed, f.Rule+" "+f.Target) })
	}
	found := look()
	if len(found) > 0 { // letters may still have been on their way
		time.Sleep(time.Second)
		found = look()
	}
	for _, f := range found {
		b.t.Errorf("%s: %s: %s %s", what, f.Rule, f.Target, f.Said)
	}
}
