//go:build e2e

package web_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/webtest/chromium"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// listening notes every sound before the page's own script runs: clips by their
// length, tones by their pitch, and how loud they were. voiced keeps the time of clips.
const listening = `window.heard = [];
{
  const start = AudioBufferSourceNode.prototype.start;
  AudioBufferSourceNode.prototype.start = function (...a) { window.heard.push(this.buffer.length); window.voiced = this.context; return start.apply(this, a); };
  const tone = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...a) { window.heard.push(-Math.round(this.frequency.value)); return tone.apply(this, a); };
  const gain = AudioContext.prototype.createGain;
  AudioContext.prototype.createGain = function (...a) { const g = gain.apply(this, a); (window.gains ??= []).push(g); return g; };
}`

// ear knows what was said by the length of the clip.
type ear struct {
	*browser
	names map[int]string
}

func listen(t *testing.T, b *browser, length map[string]int) ear {
	t.Helper()
	b.atFirst(listening)
	e := ear{b, map[int]string{}}
	for name, n := range length {
		e.names[n] = name
	}
	return e
}

// atFirst runs a script in every document to come, before its own.
func (b *browser) atFirst(script string) {
	b.t.Helper()
	if _, err := chromedp.Call(b.Ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script}); err != nil {
		b.t.Fatal(err)
	}
}

// heard gives what was said since the last call, clips as "en Help", tones as "tone".
func (e ear) heard(clear bool) []string {
	e.t.Helper()
	script := `window.heard`
	if clear {
		script = `window.heard.splice(0)` // at once: a sound between two scripts would be lost
	}
	var said []string
	for _, n := range chromium.Evaluate[[]int](e.Tab, script) {
		switch name, ok := e.names[n]; {
		case n < 0:
			said = append(said, "tone")
		case ok:
			said = append(said, name)
		default:
			e.t.Errorf("a sound of %d samples", n)
		}
	}
	return said
}

// until waits until a text was said.
func (e ear) until(want string) []string {
	e.t.Helper()
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if said := e.heard(false); slices.Contains(said, want) {
			return said
		}
	}
	e.t.Fatalf("never said: %q; heard %v", want, e.heard(false))
	return nil
}

// TestE2EReadAloud: the whole of a check-in is read, on a loudspeaker: nothing that
// is about the patient.
func TestE2EReadAloud(t *testing.T) {
	packs, length := hummed(t, []string{"en", "es"}, "Cardiology")
	s := start(t, web.Config{Speech: packs}, web.Deps{CheckIn: newClinic()})
	b := openBrowser(t, 1080, 1920)
	e := listen(t, b, length)
	b.launch(s)
	if said := e.heard(true); len(said) != 0 {
		t.Errorf("it speaks unasked: %v", said)
	}
	const loaded = `performance.getEntriesByType("resource").filter((r) => /reader|voice|[.]speech/.test(r.name)).length`
	if n := chromium.Evaluate[int](b.Tab, loaded); n != 0 {
		t.Errorf("who is not read to waits for %d files", n)
	}
	b.Tap(`[data-reader="read"]`)
	e.until("es Le damos la bienvenida")
	b.Tap(`[data-act="start"]`)
	b.Screen("language")
	e.until("es Español") // which the start screen does not say
	b.Tap(`[data-language="en"]`)
	b.Screen("needs")
	e.until("en No, go on")
	e.heard(true)
	b.Tap(`[data-need="hearing"]`)
	b.Until("ticked", `document.querySelector('[data-need="hearing"]').ariaPressed === "true"`)
	time.Sleep(400 * time.Millisecond)
	if said := e.heard(true); !slices.Equal(said, []string{"tone"}) {
		t.Errorf("what a patient needs is answered with %v", said)
	}
	b.Tap("#display-open")
	e.until("en Larger text")
	b.Tap("#display-close")
	b.Until("closed", `!document.getElementById("display").open`)
	time.Sleep(500 * time.Millisecond)
	e.heard(true)
	time.Sleep(time.Second)
	if said := e.heard(true); len(said) != 0 {
		t.Errorf("a question that is closed is read: %v", said)
	}
	b.Tap(`[data-act="ready"]`)
	b.Screen("identify")
	said := e.until("en Continue") // the last line
	if i, j := slices.Index(said, "en Find your appointment"), slices.Index(said, "en Or type it"); i < 0 || j < i {
		t.Errorf("not the heading first: %v", said)
	}
	if !slices.Contains(said, "en Each key is answered with a tone.") {
		t.Errorf("the tone is not announced: %v", said)
	}

	// A typed code is answered by tones; what is said stops. It is being read again as
	// the first key is touched, and may go on until the touch has come.
	e.heard(true)
	b.Tap(`[data-reader="read"]`)
	e.until("en Find your appointment")
	b.typeCode(goodTyped)
	b.Until("typed", `document.getElementById("code").textContent.replace(" ", "") === `+strconv.Quote(goodTyped))
	const keyTone = -520
	if sounds := chromium.Evaluate[[]int](b.Tab, `heard.slice(heard.indexOf(`+strconv.Itoa(keyTone)+`))`); !slices.Equal(sounds, slices.Repeat([]int{keyTone}, len(goodTyped))) {
		t.Errorf("typing sounds %v", sounds)
	}
	e.heard(true)
	b.Tap("#code-go")
	b.Screen("confirm")
	said = e.until("en Something is not right")
	for _, clip := range said {
		if strings.HasSuffix(clip, " M") || strings.HasSuffix(clip, " 10") || strings.HasSuffix(clip, " Cardiology") {
			t.Errorf("%q is about the patient: %v", clip, said)
		}
	}
	if !slices.Contains(said, "en Your own details are on the screen. They are not read aloud here.") {
		t.Errorf("it keeps silent about what it leaves out: %v", said)
	}
	b.Tap(`[data-act="confirm"]`)
	b.Screen("consent")
	said = e.until("en I do not agree")
	if !slices.Contains(said, "en Some words on the screen cannot be read aloud. If you need them, choose Help.") {
		t.Errorf("a form without clips passes for read: %v", said)
	}
	b.decides(true)
	b.Tap(`[data-granted="false"]`)
	b.Screen("done")
	said = e.until("en Finish")
	i := slices.Index(said, "en Your number")
	if i < 0 || !slices.Equal(said[i+1:i+5], []string{"en A", "en 0", "en 1", "en 7"}) {
		t.Errorf("the number is not said: %v", said)
	}

	// The next patient begins with silence and the usual loudness.
	b.Tap(`[data-reader="louder"]`)
	usual := 0.45
	b.Until("louder", fmt.Sprintf(`gains[0].gain.value > %v`, usual+0.01))
	b.Tap(`[data-act="leave"]`)
	b.Screen("attract")
	if gain := chromium.Evaluate[float64](b.Tab, `gains[0].gain.value`); gain < usual-0.01 || gain > usual+0.01 {
		t.Errorf("the next patient's loudness is %v", gain)
	}
	b.Until("off", `document.getElementById("reader").dataset.on === "false"`)
	e.heard(true)
	b.Tap(`[data-act="start"]`)
	b.Screen("language")
	time.Sleep(time.Second)
	if said := e.heard(true); len(said) != 0 {
		t.Errorf("it reads to the next patient: %v", said)
	}
	b.clean(s.Addr())
}

// TestE2EReadAloudAsksAgain: what reads comes when it is asked for; where it did not
// come, because the gateway was restarting just then, it comes the next time.
func TestE2EReadAloudAsksAgain(t *testing.T) {
	packs, length := hummed(t, []string{"en"})
	s := start(t, web.Config{Speech: packs, Languages: []string{"en"}}, web.Deps{})
	for _, missing := range []string{"/assets/reader.js", "/assets/voice.js", "/speech/en.speech"} {
		b := openBrowser(t, 1280, 800)
		e := listen(t, b, length)
		b.launch(s)
		block := func(patterns ...*network.BlockPattern) {
			t.Helper()
			if _, err := chromedp.Call(b.Ctx, network.SetBlockedURLs, network.SetBlockedURLsParams{URLPatterns: patterns}); err != nil {
				t.Fatal(err)
			}
		}
		block(&network.BlockPattern{URLPattern: "http://*:*" + missing, Block: true})
		b.Tap(`[data-reader="read"]`)
		time.Sleep(time.Second)
		if said := e.heard(true); len(said) > 0 {
			t.Errorf("without %s it says %v", missing, said)
		}
		block()
		b.Tap(`[data-reader="read"]`)
		e.until("en Welcome")
	}
}

// TestE2EReadAloudWithoutSight: with a headset, by keys alone.
func TestE2EReadAloudWithoutSight(t *testing.T) {
	packs, length := hummed(t, []string{"en"}, "Cardiology")
	s := start(t, web.Config{Speech: packs, Private: true, Languages: []string{"en"}}, web.Deps{CheckIn: newClinic()})
	b := openBrowser(t, 1280, 800)
	e := listen(t, b, length)
	b.launch(s)
	key := func(k string) { t.Helper(); b.Do(chromedp.KeyEvent(k), chromedp.Sleep(120*time.Millisecond)) }
	key(kb.F2)
	e.until("en Welcome")
	key(kb.F4) // stop
	e.heard(true)
	key(kb.F2)
	e.until("en Welcome")
	before := chromium.Evaluate[float64](b.Tab, `gains[0].gain.value`)
	for range 6 {
		key(kb.F9)
	}
	loudest := chromium.Evaluate[float64](b.Tab, `gains[0].gain.value`)
	key(kb.F8)
	if softer := chromium.Evaluate[float64](b.Tab, `gains[0].gain.value`); loudest <= before || softer >= loudest || loudest > 1 {
		t.Errorf("loudness %v, then %v, then %v", before, loudest, softer)
	}
	b.Do(chromedp.Focus(chromedp.CSS(`[data-act="start"]`)))
	key(kb.Enter)
	b.Screen("needs")
	e.until("en No, go on")
	e.heard(true)
	b.Do(chromedp.Focus(chromedp.CSS(`[data-need="seeing"]`)))
	key(" ")
	if said := e.until("en chosen"); !slices.Contains(said, "en I do not see well. Please show me the way.") {
		t.Errorf("of what was chosen a headset hears %v", said)
	}
	b.Do(chromedp.Focus(chromedp.CSS(`[data-act="ready"]`)))
	key(kb.Enter)
	b.Screen("identify")
	e.until("en I have no code")
	e.heard(true)
	for _, k := range strings.ToLower(goodTyped) {
		key(string(k))
	}
	if said := e.until("en " + goodTyped[len(goodTyped)-1:]); !slices.Contains(said, "en K") {
		t.Errorf("with a headset typing says %v", said)
	}
	e.heard(true)
	b.Do(chromedp.Focus(chromedp.CSS("#leave")))
	key(kb.Tab)
	b.Do(chromedp.Focus(chromedp.CSS("#code-go")))
	key(kb.Enter)
	b.Screen("confirm")
	said := e.until("en Something is not right")
	for _, own := range []string{"en M", "en G", "en Cardiology"} {
		if !slices.Contains(said, own) {
			t.Errorf("%q is not read to the headset: %v", own, said)
		}
	}
	key(kb.F3)
	b.Until("paused", `document.getElementById("reader").dataset.paused === "true"`)
	key(kb.F3)
	b.Until("going on", `document.getElementById("reader").dataset.paused === "false"`)
	e.heard(true)
	key(kb.Tab)
	e.until("en Yes, this is right")
	b.clean(s.Addr())
}

// TestE2EHiddenScreen (A19): whoever listens with a headset may hide the screen from
// others; the keys go on below it, a touch shows it, and the next patient finds it open.
func TestE2EHiddenScreen(t *testing.T) {
	packs, length := hummed(t, []string{"en", "es"}, "Cardiology")
	s := start(t, web.Config{Speech: packs, Private: true, Languages: []string{"en", "es"}}, web.Deps{CheckIn: newClinic()})
	b := openBrowser(t, 1280, 800)
	listen(t, b, length)
	b.launch(s)
	key := func(k string) { t.Helper(); b.Do(chromedp.KeyEvent(k), chromedp.Sleep(120*time.Millisecond)) }
	seen := func(what string, want bool) {
		t.Helper()
		b.Until(what, `[10, 200, 400, 640, 790].flatMap((y) => [10, 300, 640, 1270].map((x) => document.elementFromPoint(x, y)))
			.every((el) => !el.closest("#curtain") === `+strconv.FormatBool(want)+`)`)
	}
	key(kb.F10)
	seen("not hidden from who does not listen", true)
	b.Tap(`[data-act="start"]`)
	b.Screen("language")
	b.Tap(`[data-language="es"]`)
	b.Screen("needs")
	key(kb.F2)
	b.Until("reading", `document.getElementById("reader").dataset.on === "true"`)
	key(kb.F10)
	seen("hidden", false)
	b.Shoot("35-hidden")
	if said := chromium.Evaluate[string](b.Tab, `document.getElementById("curtain").textContent`); !strings.Contains(said, "Tóquela") {
		t.Errorf("it says %q", said)
	}
	b.Do(chromedp.Focus(chromedp.CSS(`[data-act="ready"]`)))
	key(kb.Enter)
	b.Screen("identify")
	seen("still hidden on the next screen", false)
	b.Tap("#curtain")
	seen("shown by a touch", true)
	b.Screen("identify") // which touched nothing else
	key(kb.F10)
	seen("hidden again", false)
	b.Do(chromedp.Focus(chromedp.CSS("#leave")))
	key(kb.Enter)
	b.Screen("attract")
	seen("open for the next", true)
	b.clean(s.Addr())

	s = start(t, web.Config{Speech: packs, Languages: []string{"en"}}, web.Deps{CheckIn: newClinic()})
	b.launch(s)
	if chromium.Evaluate[bool](b.Tab, `Boolean(document.querySelector('#curtain, [data-reader="hide"]'))`) {
		t.Error("a kiosk with a loudspeaker offers to hide what everybody hears")
	}
}

// TestE2EMonthsHaveClips: the months and halves of the day are the browser's own.
func TestE2EMonthsHaveClips(t *testing.T) {
	tags := []string{"en", "es", "zh-Hans", "vi", "ar"}
	_, length := hummed(t, tags)
	s := start(t, web.Config{Languages: tags}, web.Deps{})
	b := openBrowser(t, 1280, 800)
	b.launch(s)
	if chromium.Evaluate[bool](b.Tab, `document.getElementById("reader").checkVisibility()`) {
		t.Error("without packs there is a control for them")
	}
	for _, tag := range tags {
		names := chromium.Evaluate[[]string](b.Tab, `import("/assets/words.js").then(async (w) => { await w.use("`+tag+`"); return [...w.monthNames(), ...Object.values(w.clockParts().half ?? {})]; })`)
		for _, name := range names {
			name, _, _ = strings.Cut(name, " (")
			if length[tag+" "+name] == 0 {
				t.Errorf("%s: no clip for %q", tag, name)
			}
		}
	}
}

// TestE2ESpokenCall: the board says a new call after the chime, in two languages.
func TestE2ESpokenCall(t *testing.T) {
	packs, length := hummed(t, []string{"en", "es"})
	room := newRoom()
	s := start(t, web.Config{Speech: packs}, web.Deps{Board: room})
	b := openBrowser(t, 1920, 1080)
	e := listen(t, b, length)
	b.Open("http://" + s.Addr() + "/board")
	b.Until("board", `document.querySelector("#called li") !== null`)
	time.Sleep(time.Second)
	if said := e.heard(true); len(said) != 0 {
		t.Errorf("calls that stood there before are said: %v", said)
	}
	call := func(n uint16, where string) {
		room.change(func(v *web.BoardView) {
			v.Called = append([]web.Called{{Ticket: web.Ticket{Letter: 'C', Number: n}, Room: where, Times: 1}}, v.Called...)
		})
	}
	call(7, "Room 4")
	e.until("es 4")
	if said, want := e.heard(true), "tone tone|en C|en 0|en 0|en 7|en room|en 4|es C|es 0|es 0|es 7|es sala|es 4"; strings.Join(said, "|") != strings.Replace(want, "tone tone", "tone|tone", 1) {
		t.Errorf("said %v", said)
	}
	call(8, "R-204")
	call(9, "")
	said := e.until("es Pregunte en la recepción")
	if i := slices.Index(said, "en room"); i < 0 || !slices.Equal(said[i+1:i+5], []string{"en R", "en 2", "en 0", "en 4"}) {
		t.Errorf("said %v", said)
	}
	e.heard(true)
	call(11, "Bay 3")
	if said := e.until("es Pase, por favor"); slices.Contains(said, "en room") || slices.Contains(said, "es sala") {
		t.Errorf("a bay is called a room: %v", said)
	}
	b.Spotless([]string{s.Addr()}, nil)

	quiet := start(t, web.Config{Speech: packs, BoardMute: true}, web.Deps{Board: room})
	b.Open("http://" + quiet.Addr() + "/board")
	b.Until("board", `document.querySelector("#called li") !== null`)
	call(10, "5")
	time.Sleep(3 * time.Second)
	if said := e.heard(true); !slices.Equal(said, []string{"tone", "tone"}) {
		t.Errorf("told to be silent, it says %v", said)
	}
}

// TestE2EListeningCounts: while the screen is read to somebody, nobody is asked for
// more time; when the reading is over, the page asks, aloud, and then forgets.
func TestE2EListeningCounts(t *testing.T) {
	packs, length := hummedFrom(t, 32000, []string{"en"}) // two seconds and more for each sentence
	desk := newClinic()
	s := start(t, web.Config{Speech: packs, Languages: []string{"en"}, IdleAfter: 30 * time.Second}, web.Deps{CheckIn: desk})
	b := openBrowser(t, 1280, 800)
	e := listen(t, b, length)
	b.launch(s)
	if err := s.Scan(b.Ctx, phi.New(goodScan), "qr"); err != nil {
		t.Fatal(err)
	}
	b.noHelp()
	b.Screen("confirm")
	b.Tap(`[data-reader="read"]`)
	b.Until("asked", `document.getElementById("idle").open`)
	if said := e.until("en Do you need more time?"); !slices.Contains(said, "en Something is not right") {
		t.Errorf("asked before the screen was read: %v", said)
	}
	b.Screen("attract")
	b.wiped()
	b.clean(s.Addr())
}
