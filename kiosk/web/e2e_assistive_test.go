//go:build e2e

package web_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/webtest/chromium"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
)

// TestE2ETwoSwitches: a whole check-in with two switches, which are a Tab and an Enter
// key to a computer: no letter is typed, and nothing else is pressed.
func TestE2ETwoSwitches(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	desk.outcome["1957-02-07 MA G  "] = web.Identified{Outcome: web.Asked, Ask: web.AppointmentTime}
	desk.outcome["1957-02-07 MA G  42"] = web.Identified{Outcome: web.Found, Entry: entryOne,
		Visit: web.Visit{Name: phi.New("M… G…"), Department: "Cardiology", At: time.Date(2026, 11, 22, 10, 30, 0, 0, newYork())},
		Forms: []web.Form{form("telehealth", "Visits by video", strings.Repeat(formText+"\n\n", 12)), form("data-sharing", "Sharing your record", "May we?")}}
	s := start(t, web.Config{Languages: everyLanguage, IdleAfter: 10 * time.Minute}, web.Deps{CheckIn: desk})
	b := openBrowser(t, 1280, 800)
	b.launch(s)
	presses := 0
	press := func(selector string) { t.Helper(); presses += b.press(selector) }
	put := func(keys ...string) {
		t.Helper()
		for _, k := range keys {
			press(fmt.Sprintf(`[data-put=%q]`, k))
		}
	}
	press(`[data-act="start"]`)
	b.Screen("language")
	press(`[data-language="es"]`)
	b.Screen("needs")
	press(`[data-act="tongues"]`)
	b.Screen("interpreter")
	press(`[data-tongue="so"]`)
	b.Screen("needs")
	press(`[data-need="mobility"]`)
	b.Until("ticked", `document.querySelectorAll('main [aria-pressed="true"]').length === 2`)
	press("#display-open")
	b.Until("the display's dialog", `document.getElementById("display").open`)
	press(`[data-mode="contrast"]`)
	b.Until("contrast", `document.documentElement.classList.contains("contrast")`)
	press("#display-close")
	press(`[data-act="ready"]`)
	b.Screen("identify")
	press(`[data-act="no-code"]`)
	b.Screen("birth")
	press(`[data-field="day"]`)
	put("7")
	press(`[data-field="month"]`)
	put("2")
	press(`[data-field="year"]`)
	put("1", "9", "5", "7")
	press("[data-go]")
	b.Screen("name")
	put("M", "A")
	press(`[data-field="given"]`)
	put("X")
	press("[data-erase]")
	put("G")
	press("[data-go]")
	b.Screen("time")
	press(`[data-act="unknown"]`)
	b.Screen("phone")
	put("4", "2")
	press("[data-go]")
	b.Screen("confirm")
	press(`[data-act="confirm"]`)
	b.Screen("consent")
	top := chromium.Evaluate[float64](b.Tab, `document.getElementById("form-text").scrollTop`)
	press("#form-more")
	b.Until("the rest of the form", fmt.Sprintf(`document.getElementById("form-text").scrollTop > %f`, top))
	press(`[data-granted="true"]`)
	b.Until("the second form", `document.querySelector("main h1").textContent === "Sharing your record"`)
	time.Sleep(400 * time.Millisecond)
	press(`[data-granted="false"]`)
	b.Screen("done")
	press("#help-open")
	b.Until("help", `document.getElementById("help").open`)
	press("#help-close")
	press(`[data-act="leave"]`)
	b.Screen("attract")
	t.Logf("%d presses of two switches for a check-in by birth date and name, with everything it offers", presses)
	b.clean(s.Addr())
}

// spoken is what a screen reader is told of a part of the page.
type spoken struct{ Role, Name, Value string }

// told gives what the browser tells a screen reader, in the order of reading.
func told(t *testing.T, b *browser) (list []spoken) {
	t.Helper()
	tree, err := chromedp.Call(b.Ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		t.Fatal(err)
	}
	word := func(v *accessibility.Value) string {
		if v == nil {
			return ""
		}
		var s any
		_ = json.Unmarshal([]byte(v.Value), &s)
		if s == nil {
			return ""
		}
		return fmt.Sprint(s)
	}
	nodes := map[accessibility.NodeID]*accessibility.Node{}
	for _, n := range tree.Nodes {
		nodes[n.NodeID] = n
	}
	var walk func(n *accessibility.Node)
	walk = func(n *accessibility.Node) {
		if !n.Ignored {
			list = append(list, spoken{word(n.Role), strings.TrimSpace(word(n.Name)), word(n.Value)})
		}
		for _, id := range n.ChildIDs {
			if child := nodes[id]; child != nil {
				walk(child)
			}
		}
	}
	walk(tree.Nodes[0])
	return list
}

// TestE2EToldToAScreenReader looks at what the browser tells assistive technology of
// every screen: one heading of the first level that says what the screen is, a name
// for everything that can be pressed or is a picture, nothing that is there for the
// eye only, and a place where news are announced.
func TestE2EToldToAScreenReader(t *testing.T) {
	t.Parallel()
	named := []string{"button", "link", "image", "img", "region", "dialog", "group", "textbox", "checkbox", "combobox", "meter", "list", "alertdialog"}
	silent := []string{"list", "group"} // they may have no name
	b := openBrowser(t, 1080, 1920)
	p, s := stage(t, b, "en", web.Config{Clinic: "Riverside Clinic", Languages: everyLanguage})
	b.launch(s)
	for n, screen := range scenes() {
		p.language = everyLanguage[(n+2)%len(everyLanguage)]
		p.play(screen)
		what := screen.name + " in " + p.language
		headings, news, mains, buttons := []string{}, 0, 0, 0
		list := told(t, b)
		for _, n := range list {
			switch n.Role {
			case "heading":
				headings = append(headings, n.Name)
			case "status", "alert":
				news++
			case "main":
				mains++
			case "button":
				buttons++
			}
			if slices.Contains(named, n.Role) && n.Name == "" && !slices.Contains(silent, n.Role) {
				t.Errorf("%s: a %s without a name", what, n.Role)
			}
		}
		title := chromium.Evaluate[string](b.Tab, `document.querySelector("main h1").textContent.replace(/\s+/g, " ").trim()`)
		if len(headings) == 0 || headings[0] != title || title == "" {
			t.Errorf("%s: headings %q, want %q first", what, headings, title)
		}
		if news == 0 || mains != 1 || buttons == 0 && !screen.busy {
			t.Errorf("%s: %d places for news, %d main parts, %d buttons", what, news, mains, buttons)
		}
		// What can be read can be heard.
		heard := ""
		for _, n := range list {
			heard += n.Name + " " + n.Value + " "
		}
		heard = strings.Join(strings.Fields(heard), "")
		for _, line := range chromium.Evaluate[[]string](b.Tab, `[...document.querySelectorAll("main *")].filter((el) => el.checkVisibility() && !el.closest("svg, [aria-hidden]"))
			.flatMap((el) => [...el.childNodes].filter((c) => c.nodeType === 3 && c.data.trim()).map((c) => c.data.trim()))`) {
			if text := strings.Join(strings.Fields(line), ""); !strings.Contains(heard, text) {
				t.Errorf("%s: %q can be read and is not told", what, line)
			}
		}
		p.over(screen)
	}
}
