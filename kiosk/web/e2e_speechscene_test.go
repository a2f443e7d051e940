//go:build e2e

package web_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/webtest/chromium"
)

// hurried makes the pause between two sentences short, so that a screen is read in
// seconds.
const hurried = `{ const later = window.setTimeout; window.setTimeout = (f, ms, ...a) => later(f, ms === 320 ? 20 : ms, ...a); }`

// shown lists what a patient sees below the header, but for the keys of a pad.
const shown = `(() => {
	const out = [];
	for (const root of [document.getElementById("stage"), document.getElementById("strip")]) {
		const all = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
		while (all.nextNode()) {
			const el = all.currentNode.parentElement;
			if (!el.checkVisibility() || el.closest("[aria-hidden=true], .key")) continue;
			const room = el.closest("[data-room]") && /^\p{L}+ \d+$/u.exec(all.currentNode.data);
			out.push({ text: room ? room[0].replace(/\D/g, "") : all.currentNode.data, own: Boolean(el.closest("[data-own]")) });
		}
	}
	return { lines: out, heading: document.querySelector("main h1").textContent, pad: Boolean([...document.querySelectorAll(".key")].find((k) => k.checkVisibility())) };
})()`

type shownScreen struct {
	Lines []struct {
		Text string `json:"text"`
		Own  bool   `json:"own"`
	} `json:"lines"`
	Heading string `json:"heading"`
	Pad     bool   `json:"pad"`
}

// letters is what can be heard of a text.
func letters(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}

// sorted makes texts comparable that say the same in another order.
func sorted(text string) string {
	r := []rune(text)
	slices.Sort(r)
	return string(r)
}

// clinicSays is what a scenic clinic writes itself, and a pack holds that was built
// with its config.
func clinicSays() []string {
	texts := []string{"Visits by video", "Sharing your record", "May we share your record with your other doctors?", "Hall", "Waiting room 2, on your left"}
	texts = append(texts, strings.Split(formText, "\n")...)
	for _, w := range abroad {
		texts = append(texts, w.video, w.share, w.shareText)
		texts = append(texts, strings.Split(w.videoText, "\n")...)
	}
	return slices.DeleteFunc(texts, func(s string) bool { return s == "" })
}

// TestE2EEveryScreenIsReadAloud: on a loudspeaker each screen says all that it shows,
// heading first, and nothing that is a patient's own, of which it says that it is
// there. The languages take turns.
func TestE2EEveryScreenIsReadAloud(t *testing.T) {
	t.Parallel()
	packs, length := hummed(t, everyLanguage, clinicSays()...)
	b := openBrowser(t, 1280, 800)
	e := listen(t, b, length)
	b.atFirst(hurried)
	personal := []string{"M… G…", "10:30", "Cardiology", "Imaging", "Osei"}
	for _, w := range abroad {
		personal = append(personal, w.department)
	}
	var hosts []string
	for i, tag := range everyLanguage {
		words := readLanguage(t, tag)
		p, s := stage(t, b, tag, web.Config{Languages: everyLanguage, Speech: packs})
		hosts = append(hosts, s.Addr())
		b.launch(s)
		for k, sc := range scenes() {
			if sc.like || k%len(everyLanguage) != i {
				continue // that the pack has every sentence is tested without a browser
			}
			p.play(sc)
			if sc.state == "devices" {
				b.Until("devices", `document.querySelectorAll('.tests [data-state="ok"]').length === 2`)
			}
			e.heard(true)
			b.Tap(`[data-reader="read"]`)
			said := e.all()
			screen := chromium.Evaluate[shownScreen](b.Tab, shown)
			var want strings.Builder
			own := false
			for _, line := range screen.Lines {
				if !line.Own && slices.ContainsFunc(personal, func(fact string) bool { return strings.Contains(line.Text, fact) }) {
					t.Errorf("%s, %s: %q is not marked as the patient's own", tag, sc.name, line.Text)
				}
				if !line.Own {
					want.WriteString(letters(line.Text))
				} else if letters(line.Text) != "" {
					own = true
				}
			}
			if own {
				want.WriteString(letters(words.Text["speech.private"]))
			}
			if screen.Pad {
				want.WriteString(letters(words.Text["speech.typing"]))
			}
			var got strings.Builder
			for _, clip := range said {
				if _, text, ok := strings.Cut(clip, " "); ok && text != strings.TrimSpace(strings.ReplaceAll(words.Text["speech.room"], "{room}", "")) {
					got.WriteString(letters(text))
				}
			}
			if sorted(got.String()) != sorted(want.String()) || !strings.HasPrefix(got.String(), letters(screen.Heading)) {
				t.Errorf("%s, %s: shows %+v, says %v", tag, sc.name, screen, said)
			}
			p.over(sc)
		}
	}
	b.Spotless(hosts, nil)
}

// quiet waits until nothing was said for longer than any pause within a reading, by the
// page's timers and by the clock of the sound: where the machine stops, both stop.
const quiet = `(async () => {
	const count = 12, ms = 100, limit = performance.now() + 60_000;
	const clock = () => window.voiced?.currentTime ?? 0;
	for (let said = 0, times = 0, since = 0; performance.now() < limit; times += 1) {
		if (heard.length !== said) [said, times, since] = [heard.length, 0, clock()];
		if (said && times >= count && (!window.voiced || clock() - since >= count * ms / 1000)) return true;
		await new Promise((done) => setTimeout(done, ms));
	}
	return false;
})()`

// all waits until a reading is over.
func (e ear) all() []string {
	e.t.Helper()
	for range 3 {
		if chromium.Evaluate[bool](e.Tab, quiet) {
			return e.heard(false)
		}
	}
	e.t.Fatalf("it never ends: %v", e.heard(false))
	return nil
}

// TestE2EPartyIsReadAloud: of a party the numbers are said to everybody, and whose
// they are to a headset.
func TestE2EPartyIsReadAloud(t *testing.T) {
	t.Parallel()
	packs, length := hummed(t, []string{"en"}, clinicSays()...)
	for _, private := range []bool{false, true} {
		t.Run(fmt.Sprintf("private=%t", private), func(t *testing.T) {
			desk := family(1)
			s := start(t, web.Config{Speech: packs, Private: private, Languages: []string{"en"}}, web.Deps{CheckIn: desk})
			b := openBrowser(t, 1080, 1920)
			e := listen(t, b, length)
			scan := func(code string) {
				t.Helper()
				if err := s.Scan(b.Ctx, phi.New(code), "qr"); err != nil {
					t.Fatal(err)
				}
			}
			tap := func(selector string) { t.Helper(); time.Sleep(350 * time.Millisecond); b.Tap(selector) }
			b.launch(s)
			scan(goodScan)
			b.noHelp()
			b.confirmed()
			b.Tap(`[data-reader="read"]`)
			scan("CHK1:CHILD1")
			b.Screen("together")
			e.until("en This check-in ends here, and the next one begins.")
			tap(`[data-act="together"]`)
			b.Screen("consent")
			b.decides(true)
			b.decides(true)
			b.Screen("done")
			e.until("en Next person")
			tap(`[data-act="another"]`)
			b.Screen("confirm")
			tap(`[data-act="confirm"]`)
			b.Screen("signer")
			e.until("en An interpreter is helping us")
			e.heard(true)
			tap(`#interpreter`)
			if private {
				e.until("en chosen")
			}
			tap(`[data-signer="parent"]`)
			b.Screen("consent")
			tap(`[data-granted="true"]`)
			b.Screen("done")
			e.heard(true)
			b.Tap(`[data-reader="read"]`)
			said := strings.Join(e.all(), "|")
			for _, number := range []string{"en A|en 0|en 1|en 7", "en A|en 0|en 1|en 8"} {
				if !strings.Contains(said, number) {
					t.Errorf("%s is not said: %s", number, said)
				}
			}
			for _, name := range []string{"en M|en G", "en K|en 1|en G"} {
				if strings.Contains(said, name) != private {
					t.Errorf("%s: %s", name, said)
				}
			}
			b.clean(s.Addr())
		})
	}
}

// TestE2EDevicesAreToldAloud: whether camera and microphone work is said when it is
// known, after what is being read, and what the page says is not taken for the patient.
func TestE2EDevicesAreToldAloud(t *testing.T) {
	packs, length := hummed(t, []string{"en"}, clinicSays()...)
	desk := newClinic()
	desk.video, desk.noForms = true, true
	s := start(t, web.Config{Speech: packs, TryDevices: true, Languages: []string{"en"}}, web.Deps{CheckIn: desk})
	b := openBrowser(t, 1280, 800)
	e := listen(t, b, length)
	b.launch(s)
	if err := s.Scan(b.Ctx, phi.New(goodScan), "qr"); err != nil {
		t.Fatal(err)
	}
	b.noHelp()
	b.Screen("confirm")
	b.Tap(`[data-reader="read"]`)
	e.until("en Something is not right")
	b.Tap(`[data-act="confirm"]`)
	b.Screen("devices")
	e.until("en You can see yourself.")
	said := e.until("en We can hear you.")
	read := slices.Index(said, "en It does not work")
	if read < 0 || slices.Index(said, "en You can see yourself.") < read || slices.Index(said, "en Camera and sound") > read {
		t.Errorf("said %v", said)
	}
	b.clean(s.Addr())
}
