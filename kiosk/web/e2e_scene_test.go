//go:build e2e

package web_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"clinicgate/kiosk/consent"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/webtest/chromium"
)

// scene is a screen of the check-in page as a patient may meet it, and the way to
// it from the start screen. It needs a clinic that scenic made.
type scene struct {
	name  string
	state string // what the page calls it
	way   func(*player)
	busy  bool // the clinic is being asked; release ends it
	like  bool // another scene has the same template; only the words differ
	acted bool // something was touched on the screen, and the focus is there

	device bool // a device says something: only where the gateway is in the test's process
}

// displayModes are the ways in which a patient may want the page, alone and together.
var displayModes = []string{"", "large", "contrast", "low", "large contrast low"}

// player goes from scene to scene in one language.
type player struct {
	*browser
	language string
	clinic   *clinic
	scan     func(code string) // holds a code under the scanner
	release  func()            // lets the clinic answer what it holds back
	help     func(web.HelpState)
	paper    func(web.TicketState) // what has become of the ticket
	vital    func(web.Vital)       // what a device measured
	pass     func(time.Duration)   // lets time pass for the gateway
}

// The codes of a scenic clinic; for a refusal it is the sentence's own name.
const (
	codeSlow   = "SLOW" // is looked up until release
	codeBroken = "BROKEN"
	codeSigner = "SIGNER" // a minor's: it is asked who signs
	codeVideo  = "VIDEO"  // a visit by video, with nothing to sign
	codeOther  = "OTHER"  // of somebody else
	codeVitals = "VITALS" // a visit with all that a vitals station measures
)

// refusals are the sentences by which a look-up ends at the desk.
var refusals = []string{"not-found", "no-card", "wrong-day", "wrong-department", "not-in-person", "early", "late", "cancelled", "closed", "alike", "locked"}

// standings are all that a second check-in may find.
var standings = []web.Standing{web.StandingWaiting, web.StandingCalled, web.StandingSeen, web.StandingCompleted, web.StandingMissed, web.StandingLeft}

// scenic makes a clinic in which every scene can be reached by a code.
func scenic() *clinic {
	c := newClinic()
	c.slow, c.broken = map[string]chan struct{}{codeSlow: make(chan struct{})}, map[string]bool{codeBroken: true}
	for _, sentence := range refusals {
		r := web.Identified{Outcome: web.Refused, Sentence: sentence, Again: sentence == "not-found"}
		if sentence == "wrong-department" {
			r.Visit.Department = "Imaging"
		}
		c.outcome[sentence] = r
	}
	visit := web.Visit{Name: phi.New("M… G…"), Department: "Cardiology", At: time.Date(2026, 11, 22, 10, 30, 0, 0, newYork())}
	c.outcome[codeSigner] = web.Identified{Outcome: web.Found, Entry: entryOne, Visit: visit, Forms: []web.Form{form("telehealth", "Visits by video", formText)},
		Signers: []web.Signer{web.SignerParent, web.SignerGuardian}, AskSigner: true, MinAge: 18}
	c.outcome[codeDraw], c.outcome[codeName] = signing(consent.Drawn, consent.Tapped), signing(consent.Typed, consent.Typed)
	video := visit
	video.Video = true
	c.outcome[codeMeasure] = web.Identified{Outcome: web.Found, Entry: entryOne, Visit: visit, Vitals: []string{"blood-pressure", "temperature"}}
	c.outcome[codeVitals] = web.Identified{Outcome: web.Found, Entry: entryOne, Visit: visit,
		Vitals: []string{"blood-pressure", "oxygen-saturation", "temperature", "weight"}}
	c.outcome[codeVideo] = web.Identified{Outcome: web.Found, Entry: entryOne, Visit: video}
	for _, s := range standings {
		known := web.Identified{Outcome: web.Already, Entry: entryOne, Standing: s, MayLeave: s == web.StandingWaiting, MayReturn: s == web.StandingLeft,
			Done: web.Done{Ticket: "A-003", Where: "Hall", WaitLow: 5, WaitHigh: 15, WaitKnown: true}}
		if s == web.StandingCalled {
			known.Done.Room = "Room 3"
		}
		c.outcome["already "+string(s)] = known
	}
	for _, p := range samePersons {
		c.outcome[p+"  "] = web.Identified{Outcome: web.Asked, Ask: web.AppointmentTime}
		c.outcome[p+" 22:30 "] = web.Identified{Outcome: web.Asked, Ask: web.PhoneDigits}
	}
	return c
}

// samePersons are what two of one name and birth date give, in each script.
var samePersons = []string{"1957-02-07 LI NA", "1957-02-07 أأ أأ"}

// scenes lists every screen of the check-in, in the order of a visit.
func scenes() []scene {
	list := []scene{
		{name: "attract", state: "attract", way: func(*player) {}},
		{name: "language", state: "language", way: func(p *player) { p.Tap(`[data-act="start"]`) }},
		{name: "language, a code read", state: "language", way: func(p *player) { p.scan(goodScan) }},
		{name: "needs", state: "needs", way: (*player).toNeeds},
		{name: "interpreter", state: "interpreter", way: func(p *player) { p.toNeeds(); p.Tap(`[data-act="tongues"]`) }},
		{name: "identify", state: "identify", way: (*player).toIdentify},
		{name: "identify, typed", state: "identify", acted: true, way: func(p *player) { p.toIdentify(); p.typeCode(goodTyped) }},
		{name: "birth", state: "birth", way: (*player).toBirth},
		{name: "birth, no such date", state: "birth", acted: true, way: func(p *player) {
			p.toBirth()
			p.born("31")
			p.Tap("[data-go]")
			p.Until("told so", `document.getElementById("strip").textContent !== ""`)
		}},
		{name: "name", state: "name", way: (*player).toName},
		{name: "time", state: "time", way: (*player).toTime},
		{name: "phone", state: "phone", way: func(p *player) { p.toTime(); p.Tap(`[data-act="unknown"]`) }},
		{name: "checking", state: "checking", busy: true, way: func(p *player) { p.scanned(codeSlow) }},
		{name: "confirm", state: "confirm", way: func(p *player) { p.scanned(goodScan) }},
		{name: "signer", state: "signer", way: func(p *player) { p.confirm(codeSigner) }},
		{name: "measure", state: "measure", way: func(p *player) { p.confirm(codeMeasure) }},
		{name: "measure, one of them again", state: "measure", device: true, way: func(p *player) {
			p.confirm(codeMeasure)
			p.Screen("measure")
			p.vital(web.Vital{Kind: "blood-pressure", Again: true})
			p.vital(web.Vital{Kind: "temperature", Value: phi.New("98.6"), Unit: "°F"})
			p.Until("both", `document.querySelectorAll(".measured strong").length === 1`)
		}},
		{name: "measure, several", state: "measure", device: true, way: func(p *player) {
			p.confirm(codeVitals)
			p.Screen("measure")
			p.vital(web.Vital{Kind: "blood-pressure", Value: phi.New("122/78"), Unit: "mmHg"})
			p.Until("the value", `document.querySelectorAll(".measured strong").length === 1`)
		}},
		{name: "devices", state: "devices", way: func(p *player) { p.confirm(codeVideo) }},
		{name: "together", state: "together", way: func(p *player) { p.toConsent(); p.scan(codeOther) }},
		{name: "consent", state: "consent", way: (*player).toConsent},
		{name: "consent, the second form", state: "consent", way: (*player).toSecondForm},
		{name: "a drawing", state: "sign-drawn", acted: true, way: func(p *player) {
			p.toForm(codeDraw)
			p.Screen("sign-drawn")
			p.pen(p.Mouse, wave)
			p.Until("ink", hasInk)
		}},
		{name: "a typed name", state: "sign-typed", acted: true, way: func(p *player) { p.toForm(codeName); p.Screen("sign-typed"); p.put(p.letter()) }},
		{name: "done", state: "done", way: func(p *player) { p.toSecondForm(); p.Tap(`[data-granted="true"]`) }},
		{name: "done, a person will come", state: "done", way: func(p *player) { p.toSecondForm(); p.Tap(`[data-granted="false"]`) }},
		{name: "done, with a ticket", state: "done", device: true, way: func(p *player) {
			p.toSecondForm()
			p.Tap(`[data-granted="true"]`)
			p.Screen("done")
			before := chromium.Evaluate[string](p.Tab, `document.querySelector('main [data-slot="remember"]').textContent`)
			p.paper(web.TicketPrinted)
			p.Until("that it is out", `document.querySelector('main [data-slot="remember"]').textContent !== `+"`"+before+"`")
		}},
		{name: "already, another ticket", state: "already", device: true, way: func(p *player) {
			p.scanned("already " + string(web.StandingWaiting))
			p.Screen("already")
			p.paper(web.TicketOffered)
			p.Until("the button", `document.querySelector('main [data-act="print"]')?.checkVisibility()`)
		}},
		{name: "refused, unreadable", state: "refused", like: true, way: func(p *player) { p.toIdentify(); p.scan("\x01\x02") }},
		{name: "refused, no such person", state: "refused", like: true, way: func(p *player) { p.toName(); p.put(p.letter()); p.Tap("[data-go]") }},
		{name: "out of order", state: "refused", like: true, way: func(p *player) { p.scanned(codeBroken) }},
	}
	for _, sentence := range refusals {
		list = append(list, scene{name: "refused, " + sentence, state: "refused", like: sentence != "not-found" && sentence != "wrong-department", way: func(p *player) { p.scanned(sentence) }})
	}
	for _, s := range standings {
		list = append(list, scene{name: "already, " + string(s), state: "already", like: s == web.StandingSeen || s == web.StandingCompleted || s == web.StandingMissed, way: func(p *player) { p.scanned("already " + string(s)) }})
	}
	return list
}

// play goes to a scene, from the start screen.
func (p *player) play(s scene) {
	p.t.Helper()
	s.way(p)
	p.Screen(s.state)
	p.settled()
}

// over goes back to the start screen, whatever is shown.
func (p *player) over(s scene) {
	p.t.Helper()
	p.paper(web.TicketNone)
	if s.busy {
		p.release()
		p.Until("the answer", `document.body.dataset.state !== "`+s.state+`"`)
		p.settled()
	}
	state := func() string { return chromium.Evaluate[string](p.Tab, `document.body.dataset.state`) }
	for clicks := 0; ; clicks++ {
		at := state()
		if at == "attract" {
			p.Screen("attract")
			return
		}
		if clicks == 5 {
			p.t.Fatalf("no way back to the start\n%s", p.Text())
		}
		chromium.Evaluate[bool](p.Tab, `(([...document.querySelectorAll('#leave, main [data-act="leave"], main [data-act="apart"]')].find((x) => x.checkVisibility()))?.click(), true)`)
		for end := time.Now().Add(10 * time.Second); state() == at && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		}
		p.settled()
	}
}

// dress turns the page to the modes of the display that words names, and no others.
func (p *player) dress(words string) {
	p.t.Helper()
	want := words
	if want == "" {
		want = "normal"
	}
	if chromium.Evaluate[string](p.Tab, `document.documentElement.className`) == want {
		return
	}
	p.Tap("#display-open")
	p.settled()
	p.Tap(`[data-mode="normal"]`)
	p.Until("no mode", `document.documentElement.className === "normal"`)
	for mode := range strings.FieldsSeq(words) {
		p.Tap(`[data-mode="` + mode + `"]`)
		p.Until(mode, `document.documentElement.classList.contains("`+mode+`")`)
	}
	p.Tap("#display-close")
	p.Until("closed", `!document.getElementById("display").open`)
}

// settled waits until touches on a new screen count.
func (p *player) settled() { time.Sleep(400 * time.Millisecond) }

func (p *player) choose() {
	p.t.Helper()
	p.Screen("language")
	p.Tap(`[data-language="` + p.language + `"]`)
	p.noHelp()
}

func (p *player) toNeeds() {
	p.t.Helper()
	p.Tap(`[data-act="start"]`)
	p.Screen("language")
	p.Tap(`[data-language="` + p.language + `"]`)
	p.Screen("needs")
	p.settled()
}

// confirm says that the visit of a code is right.
func (p *player) confirm(code string) {
	p.t.Helper()
	p.scanned(code)
	p.Screen("confirm")
	p.settled()
	p.Tap(`[data-act="confirm"]`)
}

// scanned shows what becomes of a code.
func (p *player) scanned(code string) { p.t.Helper(); p.scan(code); p.choose() }

func (p *player) toIdentify() {
	p.t.Helper()
	p.Tap(`[data-act="start"]`)
	p.choose()
	p.Screen("identify")
}

func (p *player) toBirth() {
	p.t.Helper()
	p.toIdentify()
	p.Tap(`[data-act="no-code"]`)
	p.Screen("birth")
}

// born enters a day of February 1957, in the order in which the language asks.
func (p *player) born(day string) {
	p.t.Helper()
	order := strings.Fields(chromium.Evaluate[string](p.Tab, `[...document.querySelectorAll("[data-field]")].map((x) => x.dataset.field).join(" ")`))
	for _, field := range order {
		p.Tap(`[data-field="` + field + `"]`)
		keys := map[string][]string{"day": strings.Split(day, ""), "month": {"2"}, "year": {"1", "9", "5", "7"}}[field]
		p.put(keys...)
	}
}

func (p *player) toName() {
	p.t.Helper()
	p.toBirth()
	p.born("7")
	p.Tap("[data-go]")
	p.Screen("name")
}

// letter is one that the language's keyboard has.
func (p *player) letter() string {
	if p.language == "ar" {
		return "أ"
	}
	return "A"
}

func (p *player) toTime() {
	p.t.Helper()
	p.toName()
	family, given := []string{"L", "I"}, []string{"N", "A"}
	if p.language == "ar" {
		family, given = []string{"أ", "أ"}, []string{"أ", "أ"}
	}
	p.put(family...)
	p.Tap(`[data-field="given"]`)
	p.put(given...)
	p.Tap("[data-go]")
	p.Screen("time")
}

func (p *player) toConsent() { p.t.Helper(); p.scanned(goodScan); p.confirmed() }

func (p *player) toSecondForm() {
	p.t.Helper()
	p.toConsent()
	p.decides(true)
}

// toForm agrees to the first form of a code.
func (p *player) toForm(code string) {
	p.t.Helper()
	p.confirm(code)
	p.Screen("consent")
	p.Tap(`[data-granted="true"]`)
}

// condition is what may come over any screen.
type condition struct {
	name string
	set  func(*player)
	end  func(*player)
	not  []string // screens on which it cannot be
}

func conditions() []condition {
	return []condition{
		{name: "as it is", set: func(*player) {}, end: func(*player) {}},
		{name: "help asked for", set: func(p *player) {
			p.Tap("#help-open")
			p.Until("the question", `document.getElementById("help").open`)
		}, end: func(p *player) { p.Tap("#help-close") }},
		{name: "more time asked for", not: []string{"attract", "checking"}, set: func(p *player) {
			p.idle(p.pass, "the question for more time", `document.getElementById("idle").open`)
		}, end: func(p *player) {
			p.Tap("#idle-more")
			p.Until("more time", `!document.getElementById("idle").open`)
		}},
		{name: "help called", set: func(p *player) {
			p.help(web.HelpCalled)
			p.Until("said", `document.getElementById("strip").dataset.kind === "called"`)
		}, end: func(p *player) {
			p.help(web.HelpNone)
			p.Until("no more", `document.getElementById("strip").dataset.kind !== "called"`)
		}},
	}
}

// idle lets time pass for a gateway with an IdleAfter of a minute until the page shows
// that nobody is there. From the question to the end of the session there are 20 s: in
// steps of 5 s, the page has several looks' time to show it.
func (b *browser) idle(pass func(time.Duration), what, script string) {
	b.t.Helper()
	pass(35 * time.Second) // nobody is asked before 40
	for range 60 {
		pass(5 * time.Second)
		for range 20 {
			if chromium.Evaluate[bool](b.Tab, script) {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	b.t.Fatalf("never: %s\n%s", what, b.Text())
}

// still is a clock that stands unless it is moved on: a machine that does much else
// must not use up a patient's time.
func still() (now func() time.Time, pass func(time.Duration)) {
	begun, passed := time.Now(), new(atomic.Int64)
	return func() time.Time { return begun.Add(time.Duration(passed.Load())) }, func(d time.Duration) { passed.Add(int64(d)) }
}

// stage is a browser before a server with a scenic clinic, whose clock the player
// moves on.
func stage(t *testing.T, b *browser, language string, cfg web.Config) (*player, *web.Server) {
	t.Helper()
	c := scenic()
	now, pass := still()
	cfg.IdleAfter, cfg.TryDevices = time.Minute, true
	paper := &paperPrinter{}
	s := start(t, cfg, web.Deps{CheckIn: c, Licences: licences, Tickets: paper, Now: now})
	return &player{browser: b, language: language, clinic: c,
		scan: func(code string) {
			t.Helper()
			if err := s.Scan(b.Ctx, phi.New(code), "qr"); err != nil {
				t.Fatal(err)
			}
		},
		release: func() {
			c.set(func(c *clinic) {
				close(c.slow[codeSlow])
				c.slow[codeSlow] = make(chan struct{})
			})
		},
		vital: func(v web.Vital) {
			m, _ := s.Measuring()
			s.Measured(m.Token, v)
		},
		paper: func(state web.TicketState) {
			paper.mu.Lock()
			paper.state = state
			paper.mu.Unlock()
			s.TicketChanged()
		},
		help: func(h web.HelpState) { c.set(func(c *clinic) { c.state = h }) },
		pass: pass,
	}, s
}
