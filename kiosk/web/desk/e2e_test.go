//go:build e2e

package desk_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"clinicgate/kiosk"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web/desk"
	"clinicgate/kiosk/web/webtest/chromium"
)

// fullRoom is a clinic on a busy morning.
type fullRoom struct{ *room }

func init() { busy = func(r *room) desk.Clinic { return fullRoom{r} } }

func (r fullRoom) View(ctx context.Context) (desk.View, error) {
	v, err := r.room.View(ctx)
	at := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	v.Departments = append(v.Departments, desk.Department{ID: "general", Name: "General medicine"})
	v.Rooms = []string{"101", "102", "X-ray 1"}
	v.Held = []desk.HeldList{{ID: "3f9a10c2", Why: "shrunk", Since: at, Rows: 28, Days: []string{"2026-11-23"}, Importable: true}, {ID: "77aa01ff", Why: "unreadable", Since: at}}
	v.Glasses = []desk.Glass{{ID: "1c9d", By: "bela", Role: "desk", Reference: "INC-4711", Until: at.Add(time.Hour)}, {ID: "2e0f", By: "cyd", Role: "pins", Reference: "INC-4712", Until: at.Add(2 * time.Hour)}}
	v.Providers = append(v.Providers, desk.Provider{ID: "dr-b", Name: "Dr. Berenike Osei-Vandenberg", Department: "general", Status: kiosk.Busy, Room: "102"},
		desk.Provider{ID: "dr-c", Name: "Dr. C", Department: "general", Status: kiosk.Away})
	names := []string{"Nguyễn, Thị Hoa", "García López, María José", "محمد", "李, 小龙", "O'Brien-Smith, Aoife", "Featherstonehaugh-Cholmondeley, Bartholomew", "Li, Bo", "Canary, Willy", "Adeyemi, Tunde", "Kowalska, Zofia"}
	states := []kiosk.Status{kiosk.Waiting, kiosk.Waiting, kiosk.Waiting, kiosk.Waiting, kiosk.Waiting, kiosk.Waiting, kiosk.InConsultation, kiosk.CheckedIn, kiosk.NoShow, kiosk.Completed}
	for i, name := range names {
		e := desk.Entry{ID: kiosk.RandomEntryID(), Ticket: fmt.Sprintf("A-%03d", i+2), Name: phi.New(name), Department: "general", Provider: "dr-b", Status: states[i],
			Priority: kiosk.Normal, CheckIn: at.Add(time.Duration(i) * 4 * time.Minute), Appointment: at.Add(time.Duration(i) * 10 * time.Minute), WaitLow: 5 + 5*i, WaitHigh: 15 + 5*i}
		e.ID[0], e.ID[1] = byte(i), 7
		copy(e.ID[2:], entryID[2:])
		switch i {
		case 0:
			e.Called, e.Calls, e.Room, e.Interpreter, e.Language = at.Add(30*time.Minute), 2, "102", true, "vi"
		case 1:
			e.Priority, e.Language = kiosk.Urgent, "es"
		case 2:
			e.Needs, e.Flags = []kiosk.Need{"mobility", "<b>hostile</b>"}, []kiosk.Flag{kiosk.FlagConsentDeclined}
		case 3:
			e.Name, e.Mode = phi.Text{}, kiosk.Video
		}
		e.LastBy = "staff:ana"
		if states[i] == kiosk.Completed {
			v.Left = append(v.Left, e)
		} else {
			v.Entries = append(v.Entries, e)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.amend != nil {
		r.amend(&v)
	}
	return v, err
}

// Do does what a clinic does on a call: the patient stands among those who were called.
func (r fullRoom) Do(ctx context.Context, act kiosk.Act, in desk.Act) error {
	if err := r.room.Do(ctx, act, in); err != nil || in.Event != desk.Call {
		return err
	}
	r.amends(func(v *desk.View) {
		for i := range v.Entries {
			if v.Entries[i].ID.String() == in.Entry {
				v.Entries[i].Called, v.Entries[i].Calls = v.Entries[i].CheckIn.Add(time.Hour), v.Entries[i].Calls+1
			}
		}
	})
	return nil
}

// amends changes the clinic once more, and the desk is told.
func (r fullRoom) amends(change func(*desk.View)) {
	r.mu.Lock()
	before := r.amend
	r.amend = func(v *desk.View) {
		if before != nil {
			before(v)
		}
		change(v)
	}
	r.mu.Unlock()
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// serveDesk serves a busy desk, and a browser that has been told to trust it.
func serveDesk(t *testing.T, w, h int) (*kit, *chromium.Tab) {
	t.Helper()
	k := newKit(t, func(k *kit) { k.full = true })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	b := chromium.Open(t, w, h)
	if _, err := chromedp.Call(b.Ctx, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true}); err != nil {
		t.Fatal(err)
	}
	return k, b
}

func (k *kit) open443() string {
	_, port, _ := net.SplitHostPort(k.Addr())
	return "https://127.0.0.1:" + port + "/"
}

// A person with a keyboard alone pairs the browser, logs in, calls a patient,
// logs off; the page keeps nothing, asks nobody else, and the browser complains
// of nothing.
func TestE2EDeskByKeyboard(t *testing.T) {
	k, b := serveDesk(t, 1280, 800)
	k.pin("ana", anaPIN)
	code, _, err := k.Pair(admin, "front desk")
	if err != nil {
		t.Fatal(err)
	}
	b.Open(k.open443())
	b.Do(chromedp.WaitVisible("#code"))
	b.Shoot("desk-pair-1280x800")
	b.Do(chromedp.Focus("#code"), chromedp.KeyEvent(code+kb.Enter))
	b.Until("the login", `document.body.dataset.state === "entrance" && document.activeElement.id === "staff"`)
	b.Shoot("desk-login-1280x800")
	b.Do(chromedp.KeyEvent("ana" + kb.Tab + "000001" + kb.Enter))
	b.Until("the refusal", `document.querySelector("#login-refused").textContent.includes("do not fit")`)
	b.Do(chromedp.KeyEvent(anaPIN + kb.Enter))
	b.Until("the queue", `document.body.dataset.state === "desk" && document.querySelectorAll(".rows li").length === 11`)
	for _, size := range [][2]int64{{1280, 800}, {1920, 1080}, {1080, 1920}} {
		b.Do(chromedp.EmulateViewport(size[0], size[1]))
		b.Shoot(fmt.Sprintf("desk-queue-%dx%d", size[0], size[1]))
		if wide := chromium.Evaluate[float64](b, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
			t.Errorf("at %d pixels the page is %v too wide", size[0], wide)
		}
	}
	b.Do(chromedp.EmulateViewport(1280, 800))
	if html := chromium.Evaluate[string](b, `document.querySelector("#desk").innerHTML`); strings.Contains(html, "<b>hostile") {
		t.Error("a need became markup")
	}
	// Who took a role in an emergency is told at once, to a screen reader too.
	took := `((g) => g.hidden || !g.offsetParent || g.getAttribute("role") !== "alert" ? "hidden" : g.innerText)(document.querySelector("#glass"))`
	for _, says := range []string{"Emergency access is open", "bela may see and call patients", "INC-4711", "cyd may set PINs of staff", "INC-4712", "To end it: clinicgate break-glass end 1c9d", "clinicgate break-glass end 2e0f"} {
		if text := chromium.Evaluate[string](b, took); !strings.Contains(text, says) {
			t.Errorf("emergency access: %q, want %q", text, says)
		}
	}
	b.Do(chromedp.Focus(`[data-list="waiting"] .acts .go`), chromedp.KeyEvent(kb.Enter))
	b.Until("the call", `document.querySelector("#refused").textContent === ""`)
	for end := time.Now().Add(10 * time.Second); k.room.done() == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the call did not reach the clinic")
		}
	}
	if a := k.room.acts[0]; a.Event != desk.Call {
		t.Errorf("the act is %+v", a)
	}
	// The focus goes with the patient, to the row: a key that is held down does not call twice.
	b.Until("the focus at who was called", focused("called/A-001/row"))
	b.Do(chromedp.KeyEvent(kb.Enter + kb.Tab + kb.Tab + kb.Tab + kb.Enter))
	b.Do(chromedp.WaitVisible("#more"))
	b.Shoot("desk-more-1280x800")
	b.Do(chromedp.KeyEvent(kb.Escape))
	b.Until("the focus back at the button", focused("called/A-001/More"))
	if n := k.room.done(); n != 1 {
		t.Errorf("%d acts reached the clinic", n)
	}
	chromium.Evaluate[float64](b, `(document.querySelector("#language").value = "es", document.querySelector("#language").onchange(), 0)`)
	b.Until("Spanish", `document.querySelector("#logoff").textContent === "Salir"`)
	b.Shoot("desk-queue-es-1280x800")
	covered := chromium.Evaluate[string](b, `[...document.querySelectorAll(".rows li")].filter((li) => {
		const [button, when] = [li.querySelector(".acts button").getBoundingClientRect(), li.querySelector(".when").getBoundingClientRect()];
		return button.left < when.right && button.top < when.bottom && when.top < button.bottom;
	}).map((li) => li.innerText).join()`)
	if covered != "" {
		t.Errorf("buttons lie over words: %s", covered)
	}
	if text := chromium.Evaluate[string](b, took); !strings.Contains(text, "INC-4711") || strings.Contains(text, "may see") {
		t.Errorf("emergency access in Spanish: %q", text)
	}
	small := chromium.Evaluate[string](b, `[...document.querySelectorAll("#desk button, #desk select, .top button, .top select")].filter((e) => e.offsetParent && (e.offsetHeight < 44 || e.offsetWidth < 44)).map((e) => e.outerHTML).join()`)
	if small != "" {
		t.Errorf("smaller than 44 pixels: %s", small)
	}
	b.Do(chromedp.Focus("#logoff"), chromedp.KeyEvent(kb.Enter))
	b.Until("the login again", `document.body.dataset.state === "entrance"`)
	if text := chromium.Evaluate[string](b, took); text != "hidden" {
		t.Errorf("emergency access after the logoff: %q", text)
	}
	dom := chromium.Evaluate[string](b, `document.documentElement.outerHTML`)
	for _, secret := range []string{"Canary", "García", "A-003", anaPIN, code} {
		if strings.Contains(dom, secret) {
			t.Errorf("after the logoff the page holds %q", secret)
		}
	}
	_, port, _ := net.SplitHostPort(k.Addr())
	// The refusals of a page that is not paired, and of a wrong PIN, are on the
	// browser's console as any such answer is.
	b.SpotlessBut([]string{"401", "403"}, []string{"127.0.0.1:" + port}, []string{"Canary", anaPIN, code, "A-003"})
}

// focused tells in the page whether the focus is where it should be: a list, a ticket in
// it, and "row" or the words of a button in it.
func focused(where string) string {
	return fmt.Sprintf(`((el) => [el.closest("[data-list]")?.dataset.list, el.closest("li")?.querySelector(".ticket").textContent, el.tagName === "LI" ? "row" : el.textContent].join("/"))(document.activeElement) === %q`, where)
}

// What a colleague does takes the focus from nobody: it stays at the patient.
func TestE2EDeskKeepsTheFocus(t *testing.T) {
	k, b := serveDesk(t, 1280, 800)
	k.pin("ana", anaPIN)
	k.enter(b)
	colleague := func(ticket string, does func(*desk.Entry)) {
		fullRoom{k.room}.amends(func(v *desk.View) {
			for i := range v.Entries {
				if v.Entries[i].Ticket == ticket {
					does(&v.Entries[i])
				}
			}
		})
	}
	calls := func(e *desk.Entry) { e.Called, e.Calls = e.CheckIn.Add(time.Hour), 1 }
	takesIn := func(e *desk.Entry) { e.Status = kiosk.InConsultation }
	b.Do(chromedp.Focus(`[data-list="waiting"] li:nth-child(2) .acts button:last-child`))
	b.Until("the focus", focused("waiting/A-003/More"))
	colleague("A-003", calls)
	b.Until("the same button in another list", focused("called/A-003/More"))
	colleague("A-003", takesIn)
	b.Until("the same button, and another beside it", focused("inside/A-003/More"))
	b.Do(chromedp.Focus(`[data-list="inside"] li:first-child .acts .go`))
	b.Until("the focus", focused("inside/A-003/Complete"))
	colleague("A-003", func(e *desk.Entry) { e.Status, e.Called, e.Calls = kiosk.Waiting, time.Time{}, 0 })
	b.Until("the row where the button is no more", focused("waiting/A-003/row"))
	// Its list is out of sight until the focus comes to it.
	chromium.Evaluate[bool](b, `(scrollTo(0, 1e4), true)`)
	colleague("A-003", calls)
	b.Until("the row in another list", focused("called/A-003/row"))
	b.Until("it can be seen", `((row, top) => row.top >= top.bottom && row.bottom <= innerHeight)(document.activeElement.getBoundingClientRect(), document.querySelector(".top").getBoundingClientRect())`)
	b.Shoot("desk-focus-1280x800")
	fullRoom{k.room}.amends(func(v *desk.View) {
		v.Entries = slices.DeleteFunc(v.Entries, func(e desk.Entry) bool { return e.Ticket == "A-003" })
	})
	b.Until("the queue where the row is no more", `document.activeElement.className === "queue"`)

	// In the dialog, and when it closes.
	b.Do(chromedp.Focus(`[data-list="waiting"] li:nth-child(2) .acts button:last-child`), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible("#more-acts"))
	chromium.Evaluate[bool](b, `([...document.querySelectorAll("#more-acts button")].find((x) => x.textContent === "Cancel visit").focus(), true)`)
	colleague("A-004", takesIn)
	b.Until("the dialog's title", `document.activeElement.id === "more-title" && document.querySelector("#more-acts").textContent.includes("Complete")`)
	b.Do(chromedp.KeyEvent(kb.Escape))
	b.Until("who it was about", focused("inside/A-004/row"))

	// Who uses a mouse goes on where she was.
	chromium.Evaluate[bool](b, `(document.querySelector('[data-list="waiting"] li:last-child').scrollIntoView({ block: "start" }), true)`)
	b.Click(`[data-list="waiting"] li:last-child .acts .go`)
	before := chromium.Evaluate[float64](b, `scrollY + document.querySelector("#desk .queue").scrollTop`)
	b.Until("the call", `document.querySelector('[data-list="called"]').textContent.includes("A-007")`)
	b.Until("the focus at who was called", focused("called/A-007/row"))
	if after := chromium.Evaluate[float64](b, `scrollY + document.querySelector("#desk .queue").scrollTop`); after < before-100 || before == 0 {
		t.Errorf("the page went from %v to %v", before, after)
	}
	b.Shoot("desk-called-1280x800")
}

// A key that is held down, and a second press as the first one's answer has just come,
// call a patient once, also where the row stays where it is.
func TestE2EDeskPressesOnce(t *testing.T) {
	k, b := serveDesk(t, 1280, 800)
	k.pin("ana", anaPIN)
	k.enter(b)
	const again = `[data-list="called"] .acts .go`
	free := func() {
		t.Helper()
		b.Until("the button counts", `!document.querySelector('`+again+`').ariaDisabled`)
	}
	b.Do(chromedp.Focus(again))
	enter := func(typ input.DispatchKeyEventType, repeat bool) {
		t.Helper()
		p := input.DispatchKeyEventParams{Type: typ, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13, AutoRepeat: new(repeat)}
		if typ == input.DispatchKeyEventTypeKeyDown {
			p.Text = "\r"
		}
		if _, err := chromedp.Call(b.Ctx, input.DispatchKeyEvent, p); err != nil {
			t.Fatal(err)
		}
	}
	enter(input.DispatchKeyEventTypeKeyDown, false)
	for range 20 {
		enter(input.DispatchKeyEventTypeKeyDown, true)
		time.Sleep(50 * time.Millisecond)
	}
	free()
	enter(input.DispatchKeyEventTypeKeyDown, true)
	enter(input.DispatchKeyEventTypeKeyUp, false)
	free()
	if n := k.room.done(); n != 1 {
		t.Errorf("a key that is held down called %d times", n)
	}

	posts := chromium.Evaluate[int](b, `new Promise((done) => {
		const button = document.querySelector('`+again+`'), send = window.fetch;
		let posts = 0;
		window.fetch = async (to, what) => {
			if (!what?.body?.includes('"call"')) return send(to, what);
			posts += 1;
			const answer = await send(to, what), json = answer.json.bind(answer);
			answer.json = async () => {
				const said = await json();
				setTimeout(() => (button.click(), done(posts)), 0);
				return said;
			};
			return answer;
		};
		button.click();
		button.click();
	})`)
	if posts != 1 {
		t.Errorf("pressed thrice at once it called %d times", posts)
	}
	free()
	chromium.Evaluate[bool](b, `(document.querySelector('`+again+`').click(), true)`)
	for end := time.Now().Add(10 * time.Second); k.room.done() < 3; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("a later press did nothing: %d calls", k.room.done())
		}
	}
}

// After an outage a person with a keyboard enters from paper who came and who was
// called, and says why a patient will not be seen, which the page asks first.
func TestE2EDeskEntersPaperNotes(t *testing.T) {
	k, b := serveDesk(t, 1280, 800)
	k.pin("ana", anaPIN)
	k.enter(b)
	last := func(n int) desk.Act {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); k.room.done() < n; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d acts reached the clinic, want %d", k.room.done(), n)
			}
		}
		k.room.mu.Lock()
		defer k.room.mu.Unlock()
		return k.room.acts[n-1]
	}
	fill := func(id, at string) {
		chromium.Evaluate[string](b, fmt.Sprintf(`document.querySelector(%q).value = %q`, id, at))
	}
	held := chromium.Evaluate[string](b, `document.querySelector("#held").innerText`)
	for _, want := range []string{"Many of the appointments", "clinicgate roster accept 3f9a10c2", "clinicgate roster refuse 3f9a10c2", "clinicgate roster refuse 77aa01ff"} {
		if !strings.Contains(held, want) {
			t.Errorf("the alarm does not say %q: %s", want, held)
		}
	}
	if strings.Contains(held, "accept 77aa01ff") {
		t.Error("a list that cannot be read may be accepted")
	}
	b.Do(chromedp.Focus("#arrives"), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible("#arrive-at"))
	fill("#arrive-at", "09:40")
	b.Shoot("desk-arrive-1280x800")
	b.Do(chromedp.Focus("#expected .act"), chromedp.KeyEvent(kb.Enter))
	if a := last(1); a.Event != desk.Admit || a.HappenedAt != "09:40" {
		t.Errorf("arrival: %+v", a)
	}
	more := func() {
		b.Until("no dialog", `!document.querySelector("dialog[open]")`)
		b.Do(chromedp.Focus(`[data-list="waiting"] .acts button:last-child`), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible("#more-at"))
		if at := chromium.Evaluate[string](b, `document.querySelector("#more-at").value`); at != "" {
			t.Errorf("the time of before is still there: %q", at)
		}
	}
	more()
	fill("#more-at", "09:50")
	b.Shoot("desk-more-paper-1280x800")
	b.Do(chromedp.Focus(`[data-do="call"]`), chromedp.KeyEvent(kb.Enter))
	if a := last(2); a.Event != desk.Call || a.HappenedAt != "09:50" {
		t.Errorf("call: %+v", a)
	}
	b.Until("the call is on the list", `document.querySelectorAll('[data-list="called"] .rows li').length === 2`)
	more()
	chromium.Evaluate[bool](b, `([...document.querySelectorAll("#more-acts button")].find((x) => x.textContent === "Cancel visit").focus(), true)`)
	b.Do(chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible("#more-question"))
	b.Until("the question in focus", `document.activeElement.id === "more-question"`)
	b.Shoot("desk-remove-1280x800")
	if n := k.room.done(); n != 2 {
		t.Errorf("it was removed before it was said why: %d acts", n)
	}
	b.Do(chromedp.Focus("#more-acts button:last-child"), chromedp.KeyEvent(kb.Enter))
	if a := last(3); a.Event != desk.Remove || a.Removal != kiosk.RemovedRescheduled || a.HappenedAt != "" {
		t.Errorf("removal: %+v", a)
	}
	small := chromium.Evaluate[string](b, `(document.querySelector("#more").showModal(), document.querySelector("#arrive").showModal(), [...document.querySelectorAll("dialog button, dialog select, dialog input")].filter((e) => e.offsetParent && (e.offsetHeight < 44 || e.offsetWidth < 44)).map((e) => e.outerHTML).join())`)
	if small != "" {
		t.Errorf("smaller than 44 pixels: %s", small)
	}
}

// The queue moves under the hand of who works with it. A press within a moment after
// that does nothing, whatever it hits, and says so; a finger that was down before calls
// whom it meant; a double click is one click, and no dialog takes the second one.
func TestE2EDeskUnderAFinger(t *testing.T) {
	k, b := serveDesk(t, 1280, 1400)
	k.pin("ana", anaPIN)
	k.enter(b)
	const (
		first  = `[data-list="waiting"] li:first-child`
		second = `[data-list="waiting"] li:nth-child(2)`
		call   = ` .acts .go`
		more   = ` .acts button:last-child`
	)
	acts := func(want ...string) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); k.room.done() < len(want) && time.Now().Before(end); {
			time.Sleep(20 * time.Millisecond)
		}
		k.room.mu.Lock()
		defer k.room.mu.Unlock()
		var did []string
		for _, a := range k.room.acts {
			did = append(did, string(a.Event)+" "+a.Entry)
		}
		if !slices.Equal(did, want) {
			t.Fatalf("the clinic did %q, want %q", did, want)
		}
	}
	arrives := func(ticket string, id byte) {
		fullRoom{k.room}.amends(func(v *desk.View) {
			e := v.Entries[0]
			e.ID[0], e.Ticket, e.Priority = id, ticket, kiosk.Emergency
			v.Entries = slices.Insert(v.Entries, 0, e)
		})
	}
	// press does what a pointer does at this very moment, where no machine is too slow for
	// it. It gives the ticket of the row whose button is there.
	chromium.Evaluate[bool](b, `(window.press = (el, detail = 1) => {
		const init = { bubbles: true, cancelable: true, detail };
		el.dispatchEvent(new PointerEvent("pointerdown", init));
		el.dispatchEvent(new PointerEvent("click", init));
		return el.closest("li")?.querySelector(".ticket")?.textContent ?? "";
	}, window.settled = async (selector) => {
		while ("moved" in document.querySelector(selector).dataset) await new Promise(requestAnimationFrame);
		return document.querySelector(selector);
	}, true)`)
	refused := func() string {
		return chromium.Evaluate[string](b, `document.querySelector("#refused").textContent`)
	}

	// A patient comes in before the others as somebody presses.
	chromium.Evaluate[bool](b, `(window.hit = new Promise((done) => {
		const { x, y, width, height } = document.querySelector('`+second+call+`').getBoundingClientRect();
		new MutationObserver((_, watch) => {
			watch.disconnect();
			done(press(document.elementFromPoint(x + width / 2, y + height / 2).closest("button")));
		}).observe(document.querySelector('[data-list="waiting"] .rows'), { childList: true });
	}), true)`)
	arrives("A-900", 0x90)
	hit := chromium.Evaluate[string](b, `window.hit`)
	if !strings.HasPrefix(hit, "A-") {
		t.Fatalf("no row slid under the finger: %q", hit)
	}
	if said := refused(); !strings.HasPrefix(said, "The list moved just then") {
		t.Errorf("the press did nothing, and the page says %q", said)
	}
	acts()

	// The finger was down before the row slid away: it is who was meant, or nobody.
	id := chromium.Evaluate[string](b, `document.querySelector('`+first+`').dataset.key`)
	b.Press(first+call, func() {
		arrives("A-901", 0x91)
		b.Until("a patient comes", `document.querySelector('`+first+`').textContent.includes("A-901")`)
	})
	b.Until("the press is over", `document.querySelector('[data-list="called"]').textContent.includes("A-900") || document.querySelector("#refused").textContent !== ""`)
	want := []string{}
	if refused() == "" {
		want = append(want, "call "+id)
	}
	acts(want...)

	// A mouse that lets go where the row no longer is has called nobody, and that is said.
	chromium.Evaluate[bool](b, `settled('`+first+call+`').then(() => { document.querySelector("#refused").textContent = ""; return true; })`)
	x, y := b.Middle(first + call)
	b.Mouse(x, y, "down")
	arrives("A-902", 0x92)
	b.Until("a patient comes", `document.querySelector('`+first+`').textContent.includes("A-902")`)
	b.Mouse(x, y, "up")
	b.Until("what became of the press", `document.querySelector("#refused").textContent.startsWith("The list moved just then")`)
	acts(want...)

	// One who stands still is called, and the second click of two is nobody's.
	id = chromium.Evaluate[string](b, `document.querySelector('`+first+`').dataset.key`)
	b.Tap(first + call)
	want = append(want, "call "+id)
	acts(want...)
	b.Until("the call", `document.querySelector('[data-list="called"] [data-key="`+id+`"]') !== null`)
	id = chromium.Evaluate[string](b, `document.querySelector('`+first+`').dataset.key`)
	chromium.Evaluate[string](b, `settled('`+first+call+`').then((go) => new Promise((done) => {
		const rows = document.querySelector('[data-list="waiting"] .rows');
		new MutationObserver((_, watch) => (watch.disconnect(), done(press(document.querySelector('`+first+call+`'), 2)))).observe(rows, { childList: true });
		press(go);
	}))`)
	want = append(want, "call "+id)
	acts(want...)
	if said := refused(); said != "" {
		t.Errorf("a double click is told: %q", said)
	}

	// The dialogs: as one opens, as its question comes, and as it closes.
	question := func() bool {
		return chromium.Evaluate[bool](b, `!document.querySelector("#more-question").hidden`)
	}
	chromium.Evaluate[bool](b, `(window.cancels = () => [...document.querySelectorAll("#more-acts button")].find((x) => x.textContent === "Cancel visit"), true)`)
	chromium.Evaluate[string](b, `settled('`+first+more+`').then((button) => (press(button), press(cancels())))`)
	if !chromium.Evaluate[bool](b, `document.querySelector("#more").open`) || question() {
		t.Error("the press that opened the dialog went on in it")
	}
	chromium.Evaluate[string](b, `settled("#more-acts button").then(() => (press(cancels()), press(document.querySelector("#more-acts button"))))`)
	if !question() {
		t.Error("the question does not come")
	}
	if said := chromium.Evaluate[string](b, `document.querySelector("#more-refused").textContent`); !strings.HasPrefix(said, "The list moved just then") {
		t.Errorf("the second press did nothing, and the page says %q", said)
	}
	chromium.Evaluate[string](b, `settled('`+first+call+`').then(() => new Promise((done) => {
		document.querySelector("#more").addEventListener("close", () => done(press(document.querySelector('`+first+call+`'))), { once: true });
		document.querySelector("#more").close();
	}))`)
	chromium.Evaluate[string](b, `settled("#arrives").then((button) => new Promise((done) => {
		const dialog = document.querySelector("#arrive");
		new MutationObserver((_, watch) => (watch.disconnect(), done(press(document.querySelector("#expected .act"))))).observe(dialog, { attributes: true });
		press(button);
	}))`)
	acts(want...)
	b.Tap("#expected .act")
	acts(append(want, "admit ")...)
}

// The list for paper is what goes to the printer, and nothing else of the page.
func TestE2EDeskPrint(t *testing.T) {
	k, b := serveDesk(t, 1280, 800)
	k.pin("ana", anaPIN)
	k.enter(b)
	chromium.Evaluate[bool](b, `(window.print = () => {}, true)`)
	b.Do(chromedp.Focus("#print"), chromedp.KeyEvent(kb.Enter))
	b.Until("the list", `!document.querySelector("#paper").hidden && document.querySelectorAll("#paper tbody tr").length === 1`)
	if on := chromium.Evaluate[float64](b, `document.querySelector("#paper").offsetHeight`); on != 0 {
		t.Error("the list for paper is on the screen")
	}
	within, cancel := context.WithTimeout(b.Ctx, time.Minute)
	defer cancel()
	if _, err := chromedp.Call(within, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}); err != nil {
		t.Fatal(err)
	}
	shown := chromium.Evaluate[string](b, `[...document.body.children].filter((e) => e.offsetHeight > 0).map((e) => e.id).join()`)
	if shown != "paper" {
		t.Errorf("on paper are %q, want the list alone", shown)
	}
	b.Shoot("desk-paper")
	pdf, err := chromedp.Run(within, chromedp.PrintToPDF())
	if err != nil {
		t.Fatal(err)
	}
	dir := os.Getenv("CLINICGATE_SCREENSHOTS")
	if dir == "" {
		dir = t.ArtifactDir()
	}
	if err := os.WriteFile(filepath.Join(dir, "desk-paper.pdf"), pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	b.Until("the list wiped", `document.querySelectorAll("#paper tbody tr").length === 0`)
}

// When the gateway is gone the names are off the screen within three seconds.
func TestE2EDeskWithoutItsGateway(t *testing.T) {
	k := newKit(t, func(k *kit) { k.full = true })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	defer func() { cancel(); <-done }()
	b := chromium.Open(t, 1280, 800)
	if _, err := chromedp.Call(b.Ctx, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true}); err != nil {
		t.Fatal(err)
	}
	k.pin("ana", anaPIN)
	k.enter(b)
	// The page notes when it was: the way to the browser takes time as well.
	chromium.Evaluate[bool](b, `(new MutationObserver((_, watch) => {
		if (document.querySelector("#gone").hidden || document.querySelectorAll(".rows li").length > 0) return;
		watch.disconnect();
		window.wiped = performance.timeOrigin + performance.now();
	}).observe(document.body, { attributes: true, childList: true, subtree: true }), true)`)
	start := time.Now()
	cancel()
	b.Until("what to do without the kiosk", `window.wiped > 0`)
	took := time.UnixMicro(int64(1000 * chromium.Evaluate[float64](b, `window.wiped`))).Sub(start)
	t.Logf("the names were wiped after %v", took.Round(time.Millisecond))
	if took > 4*time.Second {
		t.Errorf("the names were there for %v", took)
	}
	b.Shoot("desk-gone-1280x800")
}

// enter pairs the browser and logs ana in.
func (k *kit) enter(b *chromium.Tab) {
	k.t.Helper()
	code, _, err := k.Pair(admin, "front desk")
	if err != nil {
		k.t.Fatal(err)
	}
	b.Open(k.open443())
	b.Do(chromedp.WaitVisible("#code"), chromedp.Focus("#code"), chromedp.KeyEvent(code+kb.Enter))
	b.Until("the login", `document.body.dataset.state === "entrance" && document.activeElement.id === "staff"`)
	b.Do(chromedp.KeyEvent("ana" + kb.Tab + anaPIN + kb.Enter))
	b.Until("the queue", `document.body.dataset.state === "desk" && document.querySelectorAll(".rows li").length === 11`)
}
