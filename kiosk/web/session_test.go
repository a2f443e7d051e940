package web_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"
)

func TestCheckInByTypedCode(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk}))
	c.act("start", nil)
	if p := c.want(web.Language); p.StepsLeft != 5 {
		t.Errorf("steps left: %d, want 5", p.StepsLeft)
	}
	c.choose("es")
	c.want(web.Identifying)
	c.act("code", map[string]any{"code": goodTyped})
	p := c.confirmed()
	if p.Visit.Name != "M… G…" || p.Visit.At != "2026-11-22T10:30:00-05:00" || p.Visit.Zone != "America/New_York" {
		t.Errorf("visit: %+v", *p.Visit)
	}
	if p.Language != "es" || p.Form.Title != "Visitas por video" || p.Form.Number != 1 || p.Form.Of != 2 {
		t.Errorf("form: %s %+v", p.Language, *p.Form)
	}
	c.answer(true)
	if p := c.want(web.Consent); p.Form.Number != 2 {
		t.Errorf("form %d, want 2", p.Form.Number)
	}
	c.answer(false)
	p = c.want(web.Finished)
	if p.Done.Ticket != "A-017" || p.Done.WaitLow != 10 || p.Done.WaitHigh != 25 || !p.Done.StaffFlag {
		t.Errorf("done: %+v", *p.Done)
	}
	if in := desk.identify[0]; in.Method != web.Typed || in.Language != "es" || in.Value.Reveal() != goodTyped || in.Session != p.Session {
		t.Errorf("identified by %s in %s", in.Method, in.Language)
	}
	f := desk.finish[0]
	if f.Entry != entryOne || len(f.Decisions) != 2 || !f.Decisions[0].Granted || f.Decisions[1].Granted {
		t.Errorf("finished with %+v", f)
	}
	if d := f.Decisions[0]; d.FormID != "telehealth" || d.Version != "3" || len(d.SHA256) != 64 {
		t.Errorf("decision: %+v", d)
	}
	old := p.Session
	c.act("leave", nil)
	if p := c.want(web.Attract); p.Session == old || p.Done != nil || p.Visit != nil || p.Language != "en" {
		t.Errorf("after the end: %+v", p)
	}
	if _, _, abandoned, _ := desk.counts(); abandoned != 0 {
		t.Error("a finished check-in was abandoned")
	}
}

func TestScanStartsASession(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	s := start(t, web.Config{}, web.Deps{CheckIn: desk})
	if err := s.Scan(t.Context(), phi.New(goodScan), "qr"); !errors.Is(err, web.ErrNoPage) {
		t.Fatalf("scan without a page: %v, want ErrNoPage", err)
	}
	c := launched(t, s)
	stream := openEvents(t, s.Addr(), "/events", c.cookie)
	stream.until(t, "view", nil)
	if err := s.Scan(t.Context(), phi.New("]Q1"+goodScan+"\r\n"), "qr"); err != nil {
		t.Fatal(err)
	}
	stream.until(t, "view", func(d string) bool { return strings.Contains(d, `"codeRead":true`) })
	if p := c.look(); p.State != web.Language || !p.CodeRead {
		t.Fatalf("after the scan: %+v", p)
	}
	c.choose("en")
	c.confirmed()
	if in := desk.identify[0]; in.Value.Reveal() != goodScan || in.Method != web.Scanned {
		t.Errorf("identified by %s", in.Method)
	}
}

func TestOneLanguageIsNotAsked(t *testing.T) {
	t.Parallel()
	c := launched(t, start(t, web.Config{Languages: []string{"es"}}, web.Deps{}))
	c.act("start", nil)
	c.want(web.Needing)
	c.act("ready", nil)
	if p := c.want(web.Identifying); p.Language != "es" {
		t.Errorf("language %s", p.Language)
	}
}

func TestSecondReadOfTheSameCode(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk}))
	c.act("scan", map[string]any{"code": goodScan})
	c.choose("en")
	c.confirmed()
	session := c.now.Session
	c.act("scan", map[string]any{"code": goodScan})
	if p := c.want(web.Consent); p.Notice != "" || p.Session != session {
		t.Errorf("a second read changed the screen: %+v", p)
	}
	c.answer(true)
	c.answer(true)
	c.want(web.Finished)
	c.act("scan", map[string]any{"code": goodScan})
	if p := c.want(web.Finished); p.Session != session {
		t.Error("the patient's own code ended her last screen")
	}
}

// TestAnotherDepartmentIsNamed: where the visit is, and nothing else of it.
func TestAnotherDepartmentIsNamed(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	desk.outcome["ELSEWHER"] = web.Identified{Outcome: web.Refused, Sentence: "wrong-department",
		Visit: web.Visit{Name: phi.New("M… G…"), Department: "Radiology", Provider: "Dr. Osei"}}
	c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk}))
	c.act("start", nil)
	c.choose("en")
	c.act("code", map[string]any{"code": "ELSEWHER"})
	if p := c.want(web.Turned); p.Refusal.Where != "Radiology" || p.Visit != nil {
		t.Errorf("refusal %+v, visit %v", *p.Refusal, p.Visit)
	}
}

func TestRefusedAndAgain(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	desk.outcome["LOCKED99"] = web.Identified{Outcome: web.Refused, Sentence: "locked"}
	desk.outcome["STRANGE1"] = web.Identified{Outcome: web.Refused, Sentence: "<script>", Again: true}
	desk.outcome["ALREADY1"] = web.Identified{Outcome: web.Already, Done: web.Done{Ticket: "A-003", Where: "Hall"}}
	c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk}))
	c.act("start", nil)
	c.choose("en")
	c.act("code", map[string]any{"code": "WRONG123"})
	if p := c.want(web.Turned); p.Refusal.Sentence != "not-found" || !p.Refusal.Again {
		t.Errorf("refusal: %+v", *p.Refusal)
	}
	c.act("again", nil)
	c.want(web.Identifying)
	c.act("code", map[string]any{"code": "STRANGE1"})
	if p := c.want(web.Turned); p.Refusal.Sentence != "desk" {
		t.Errorf("an unknown reason shows %q, want the desk's", p.Refusal.Sentence)
	}
	c.act("scan", map[string]any{"code": "ALREADY1"})
	if p := c.want(web.Known); p.Done.Ticket != "A-003" || p.Done.WaitHigh != 0 || p.Standing.Sentence != "desk" || p.Standing.MayLeave {
		t.Errorf("already: %+v %+v", *p.Done, *p.Standing)
	}
	if w := c.post(newRequestID(), c.now.Session, "depart", nil); w.Code != http.StatusConflict {
		t.Errorf("leaving where it is not offered: %d, want 409", w.Code)
	}
	c.act("leave", nil)
	c.act("start", nil)
	c.choose("en")
	c.act("code", map[string]any{"code": "LOCKED99"})
	c.want(web.Turned)
	if w := c.post(newRequestID(), c.now.Session, "again", nil); w.Code != http.StatusConflict {
		t.Errorf("again after a lock: %d, want 409", w.Code)
	}
	if _, _, abandoned, _ := desk.counts(); abandoned != 0 {
		t.Error("an arrival that never was is abandoned")
	}
}

// TestLeaveAndReturn: who scans again may leave, and come back to the forms.
func TestLeaveAndReturn(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	desk.outcome["ALREADY1"] = web.Identified{Outcome: web.Already, Entry: entryOne, Standing: web.StandingCalled, MayLeave: true,
		Done: web.Done{Ticket: "A-003", Room: "Room 3"}, Visit: web.Visit{Department: "Cardiology"}}
	c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk}))
	c.act("start", nil)
	c.choose("en")
	c.act("code", map[string]any{"code": "ALREADY1"})
	if p := c.want(web.Known); p.Standing.Sentence != "called" || !p.Standing.MayLeave || p.Done.Room != "Room 3" {
		t.Errorf("called: %+v %+v", *p.Standing, *p.Done)
	}
	c.act("depart", nil)
	if p := c.want(web.Known); p.Standing.Sentence != "cancelled" || !p.Standing.MayReturn || p.Standing.MayLeave {
		t.Errorf("left: %+v", *p.Standing)
	}
	if w := c.post(newRequestID(), c.now.Session, "depart", nil); w.Code != http.StatusConflict {
		t.Errorf("leaving twice: %d, want 409", w.Code)
	}
	c.act("return", nil)
	if p := c.confirmed(); p.Visit == nil || p.Visit.Department != "Cardiology" {
		t.Errorf("back: %+v", p.Visit)
	}
	c.answer(true)
	c.want(web.Finished)
	if len(desk.moves) != 2 || !desk.moves[0].Leave || desk.moves[1].Leave || desk.moves[1].Entry != entryOne || desk.moves[0].Request == desk.moves[1].Request {
		t.Errorf("moves %+v", desk.moves)
	}
}

func TestUnreadableScan(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk}))
	c.act("start", nil)
	c.choose("en")
	for _, code := range []string{"\x00\x01\x02", strings.Repeat("A", 5000), "a\u202eb"} {
		c.act("scan", map[string]any{"code": code})
		if p := c.want(web.Turned); p.Refusal.Sentence != "unreadable" || !p.Refusal.Again {
			t.Errorf("refusal: %+v", *p.Refusal)
		}
		c.act("again", nil)
	}
	for _, in := range desk.identify { // told, for the audit log, and nothing to look up
		if in.Useless != web.Unreadable || !in.Value.IsZero() {
			t.Errorf("looked up %q as %q", in.Value.Reveal(), in.Useless)
		}
	}
}

func TestNoFormsToSign(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	desk.noForms = true
	c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk}))
	c.act("start", nil)
	c.choose("en")
	c.act("code", map[string]any{"code": goodTyped})
	c.want(web.Confirming)
	c.act("confirm", nil)
	c.want(web.Finished)
}

// TestNotRightBlocksNobody: staff are told with the last button, forms or none.
// TestVideoVisitTriesItsDevices: after the last form, or at once where there is none,
// and only where the kiosk tries them.
func TestVideoVisitTriesItsDevices(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name              string
		try, forms, ready bool
		want              web.Devices
	}{
		{"works", true, true, true, web.DevicesReady},
		{"does not work", true, true, false, web.DevicesFail},
		{"no forms", true, false, true, web.DevicesReady},
		{"not tried here", false, true, false, web.DevicesUntried},
	} {
		t.Run(tt.name, func(t *testing.T) {
			desk := newClinic()
			desk.video, desk.noForms = true, !tt.forms
			c := launched(t, newServer(t, web.Config{TryDevices: tt.try}, web.Deps{CheckIn: desk}))
			c.act("start", nil)
			c.act("choose", map[string]any{"language": "en"})
			c.act("ready", nil)
			c.act("code", map[string]any{"code": goodTyped})
			steps := []int{c.want(web.Confirming).StepsLeft}
			c.act("confirm", nil)
			for tt.forms && c.now.State == web.Consent {
				steps = append(steps, c.now.StepsLeft)
				c.answer(true)
			}
			if tt.try {
				steps = append(steps, c.want(web.Trying).StepsLeft)
				if w := c.post(newRequestID(), c.now.Session, "tried", nil); w.Code != http.StatusConflict {
					t.Errorf("no answer: %d", w.Code)
				}
				c.act("tried", map[string]any{"ready": tt.ready})
			}
			c.want(web.Finished)
			if got := desk.finish[0].Devices; got != tt.want {
				t.Errorf("devices %q, want %q", got, tt.want)
			}
			if !slices.IsSortedFunc(steps, func(a, b int) int { return b - a }) || steps[len(steps)-1] != 1 {
				t.Errorf("steps left: %v", steps)
			}
		})
	}
}

func TestNotRightBlocksNobody(t *testing.T) {
	t.Parallel()
	for _, bare := range []bool{true, false} {
		desk := newClinic()
		desk.noForms = bare
		c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk}))
		c.act("scan", map[string]any{"code": goodScan})
		c.choose("en")
		c.want(web.Confirming)
		c.act("not-right", nil)
		if !bare {
			if p := c.want(web.Consent); p.Notice != "note.not-right" {
				t.Errorf("notice %q", p.Notice)
			}
			c.answer(true)
			c.answer(true)
		}
		c.want(web.Finished)
		if !desk.finish[0].NotRight {
			t.Error("staff are not told")
		}
	}
}

// TestAnswerIsBoundToTheText refuses an answer to a text that was not shown.
func TestAnswerIsBoundToTheText(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk}))
	c.toConsent()
	good := hash(c.now.Form.Text)
	for name, fields := range map[string]map[string]any{
		"another text":   {"form": "telehealth", "shown": hash("Something else."), "granted": true},
		"one byte more":  {"form": "telehealth", "shown": hash(c.now.Form.Text + " "), "granted": true},
		"another form":   {"form": "data-sharing", "shown": good, "granted": true},
		"no answer":      {"form": "telehealth", "shown": good},
		"no text":        {"form": "telehealth", "granted": true},
		"the next form":  {"form": "data-sharing", "shown": hash("May we share your record with your other doctors?"), "granted": true},
		"upper-case hex": {"form": "telehealth", "shown": strings.ToUpper(good), "granted": true},
	} {
		if w := c.post(newRequestID(), c.now.Session, "decide", fields); w.Code != http.StatusConflict {
			t.Errorf("%s: %d, want 409", name, w.Code)
		}
	}
	if p := c.look(); p.State != web.Consent || p.Form.Number != 1 {
		t.Errorf("a refused answer moved the page: %+v", p)
	}
}

// TestLostReply: the same request again changes nothing and gives the same
// number, whether the first reply was lost before or after the commit.
func TestLostReply(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk}))
	c.toConsent()
	c.answer(true)
	request := newRequestID()
	last := map[string]any{"form": c.now.Form.ID, "shown": hash(c.now.Form.Text), "granted": true}
	session := c.now.Session
	for range 3 {
		w := c.post(request, session, "decide", last)
		if p := c.take(w); w.Code != http.StatusOK || p.State != web.Finished || p.Done.Ticket != "A-017" {
			t.Fatalf("status %d, %+v", w.Code, p)
		}
	}
	// A second press with a new request id is refused, and harmless.
	if w := c.post(newRequestID(), session, "decide", last); w.Code != http.StatusConflict {
		t.Errorf("second press: %d, want 409", w.Code)
	}
	if identified, finished, _, tickets := desk.counts(); identified != 1 || finished != 1 || tickets != 1 {
		t.Errorf("%d identified, %d finished, %d numbers, want 1 each", identified, finished, tickets)
	}
}

// TestTwoPressesAtOnce: both wait for the one commit.
func TestTwoPressesAtOnce(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk}))
	c.toConsent()
	c.answer(true)
	desk.set(func(c *clinic) { c.hold = make(chan struct{}) })
	request, session := newRequestID(), c.now.Session
	last := map[string]any{"form": c.now.Form.ID, "shown": hash(c.now.Form.Text), "granted": true}
	var both sync.WaitGroup
	states := make(chan web.State, 2)
	for range 2 {
		both.Go(func() {
			other := &client{t: t, s: c.s, cookie: c.cookie}
			states <- other.take(other.post(request, session, "decide", last)).State
		})
	}
	for c.look().State != web.Finishing {
		time.Sleep(time.Millisecond)
	}
	close(desk.hold)
	both.Wait()
	for range 2 {
		if s := <-states; s != web.Finished {
			t.Errorf("a press ended in %s", s)
		}
	}
	if _, _, _, tickets := desk.counts(); tickets != 1 {
		t.Errorf("%d numbers, want 1", tickets)
	}
}

// TestFailures runs every act against a check-in that fails, once without
// having done it and once having done it, and for good.
func TestFailures(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		for _, times := range []int{1, 2, 3} {
			synctest.Test(t, func(t *testing.T) {
				desk := newClinic()
				desk.lateFail = late
				c := launched(t, newServer(t, web.Config{}, web.Deps{CheckIn: desk}))
				desk.failIdentify = times
				c.act("start", nil)
				c.choose("en")
				c.act("code", map[string]any{"code": goodTyped})
				if times == 3 {
					if p := c.want(web.Turned); p.Refusal.Sentence != "unavailable" || p.Refusal.Again {
						t.Errorf("refusal: %+v", *p.Refusal)
					}
					return
				}
				desk.failFinish = times
				c.confirmed()
				c.answer(true)
				c.answer(true)
				if p := c.want(web.Finished); p.Done.Ticket != "A-017" {
					t.Errorf("number %s", p.Done.Ticket)
				}
				for _, f := range desk.finish {
					if f.Request != desk.finish[0].Request {
						t.Error("a repetition has another request id")
					}
				}
			})
		}
	}
	synctest.Test(t, func(t *testing.T) {
		desk := newClinic()
		c := launched(t, newServer(t, web.Config{}, web.Deps{CheckIn: desk}))
		c.toConsent()
		desk.failFinish = 99
		c.answer(true)
		c.answer(true)
		if p := c.want(web.Turned); p.Refusal.Sentence != "unavailable" || p.Done != nil {
			t.Errorf("after a commit that never came: %+v", p)
		}
		c.act("leave", nil)
		synctest.Wait()
		if _, _, abandoned, _ := desk.counts(); abandoned != 1 {
			t.Errorf("%d abandoned, want 1", abandoned)
		}
	})
}

// TestNotDoneBeforeTheCommit: while Finish runs, no picture says done.
func TestNotDoneBeforeTheCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		desk := newClinic()
		s := newServer(t, web.Config{}, web.Deps{CheckIn: desk})
		c := launched(t, s)
		c.toConsent()
		c.answer(true)
		desk.hold = make(chan struct{})
		ctx, stop := context.WithCancel(t.Context())
		go s.Watching(ctx)
		go c.post(newRequestID(), c.now.Session, "decide",
			map[string]any{"form": c.now.Form.ID, "shown": hash(c.now.Form.Text), "granted": true})
		synctest.Wait()
		for range 14 {
			time.Sleep(time.Second)
			if p := (&client{t: t, s: s, cookie: c.cookie}).look(); p.State != web.Finishing || p.Done != nil {
				t.Fatalf("before the commit: %+v", p)
			}
		}
		desk.set(func(c *clinic) { close(c.hold) })
		synctest.Wait()
		if p := c.look(); p.State != web.Finished {
			t.Errorf("after the commit: %s", p.State)
		}
		stop()
		synctest.Wait()
	})
}

// TestIdle: the warning comes 20 s ahead, any touch extends, more than ten
// times, and the end wipes everything and leaves the arrival to the desk.
func TestIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		desk := newClinic()
		s := newServer(t, web.Config{IdleAfter: 45 * time.Second}, web.Deps{CheckIn: desk})
		ctx, stop := context.WithCancel(t.Context())
		go s.Watching(ctx)
		c := launched(t, s)
		c.act("start", nil)
		c.choose("en")
		c.act("code", map[string]any{"code": goodTyped})
		c.want(web.Confirming)
		session := c.now.Session
		for extension := range 12 {
			time.Sleep(24 * time.Second)
			if p := c.look(); p.IdleMs != 0 {
				t.Fatalf("extension %d: warned after 24 s of 45", extension)
			}
			time.Sleep(2 * time.Second)
			if p := c.look(); p.IdleMs < 18_000 || p.IdleMs > 20_000 {
				t.Fatalf("extension %d: %d ms to answer, want about 19 s", extension, p.IdleMs)
			}
			time.Sleep(18 * time.Second)
			if p := c.act("active", nil); p.IdleMs != 0 || p.State != web.Confirming {
				t.Fatalf("extension %d: %+v", extension, p)
			}
		}
		// A form may be read in peace: half a second for each word comes on top.
		c.confirmed()
		reading := time.Duration(len(strings.Fields(formText))) * time.Second / 2
		if reading < 20*time.Second {
			t.Fatal("the form is too short for this test")
		}
		time.Sleep(24*time.Second + reading)
		if p := c.look(); p.IdleMs != 0 {
			t.Errorf("warned while there is still to read: %d ms left", p.IdleMs)
		}
		time.Sleep(20 * time.Second)
		if p := c.look(); p.Session != session || p.IdleMs == 0 {
			t.Fatal("wiped too early, or not warned")
		}
		time.Sleep(2 * time.Second)
		p := c.look()
		if p.State != web.Attract || p.Session == session || p.Visit != nil || p.Form != nil || p.IdleMs != 0 {
			t.Errorf("after the time-out: %+v", p)
		}
		if _, finished, abandoned, _ := desk.counts(); finished != 0 || abandoned != 1 {
			t.Errorf("%d finished, %d abandoned, want 0 and 1", finished, abandoned)
		}
		time.Sleep(time.Hour)
		if again := c.look(); again.Session != p.Session {
			t.Error("the start screen timed out")
		}
		// A sign of life of the patient before is no mistake, and none of the next one.
		c.act("start", nil)
		time.Sleep(26 * time.Second)
		if w := c.post(newRequestID(), session, "active", nil); w.Code != http.StatusOK {
			t.Errorf("a sign of life after the end: %d", w.Code)
		}
		if p := c.look(); p.State != web.Language || p.IdleMs == 0 {
			t.Errorf("after a sign of life of the patient before: %+v", p)
		}
		if w := c.post(newRequestID(), session, "leave", nil); w.Code != http.StatusConflict {
			t.Errorf("an act after the end: %d, want 409", w.Code)
		}
		stop()
		synctest.Wait()
	})
}

// TestShortIdle: however short the setting, there are 20 s to answer.
func TestShortIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, web.Config{IdleAfter: time.Second}, web.Deps{})
		ctx, stop := context.WithCancel(t.Context())
		go s.Watching(ctx)
		c := launched(t, s)
		c.act("start", nil)
		time.Sleep(5500 * time.Millisecond)
		if p := c.look(); p.State != web.Language || p.IdleMs < 19_000 {
			t.Errorf("%s, %d ms", p.State, p.IdleMs)
		}
		time.Sleep(20 * time.Second)
		if p := c.look(); p.State != web.Attract {
			t.Errorf("%s", p.State)
		}
		stop()
		synctest.Wait()
	})
}

func TestHelp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		desk := newClinic()
		s := newServer(t, web.Config{IdleAfter: time.Minute}, web.Deps{CheckIn: desk})
		ctx, stop := context.WithCancel(t.Context())
		go s.Watching(ctx)
		c := launched(t, s)
		if p := c.act("help", map[string]any{"kind": "ill"}); p.Help != "called" || p.State != web.Attract {
			t.Fatalf("help from the start screen: %+v", p)
		}
		c.toConsent() // goes on while help is on its way
		desk.set(func(c *clinic) { c.state = web.HelpComing })
		time.Sleep(time.Second)
		if p := c.look(); p.Help != "coming" || p.State != web.Consent {
			t.Errorf("acknowledged: %+v", p)
		}
		time.Sleep(2 * time.Minute)
		if p := c.look(); p.Help != "coming" || p.State != web.Attract {
			t.Errorf("the call ended with the session: %+v", p)
		}
		desk.set(func(c *clinic) { c.state = web.HelpNone })
		time.Sleep(time.Second)
		if p := c.look(); p.Help != "" {
			t.Errorf("after a person came: %q", p.Help)
		}
		desk.set(func(c *clinic) { c.failHelp = 99 })
		if p := c.act("help", map[string]any{"kind": "need-help"}); p.Help != "desk" {
			t.Errorf("a call that failed shows %q, want desk", p.Help)
		}
		if w := c.post(newRequestID(), c.now.Session, "help", map[string]any{"kind": "bored"}); w.Code != http.StatusConflict {
			t.Errorf("unknown kind: %d", w.Code)
		}
		desk.set(func(c *clinic) { c.failHelp, c.helps = 0, nil })
		// The session ends while the call is on its way: somebody is called all the same.
		c.act("start", nil)
		ended := c.now.Session
		c.act("leave", nil)
		c.act("start", nil)
		time.Sleep(41 * time.Second)
		request := newRequestID()
		for range 2 { // the answer was lost
			if w := c.post(request, ended, "help", map[string]any{"kind": "ill"}); w.Code != http.StatusOK {
				t.Errorf("help after the end: %d", w.Code)
			}
		}
		if p := c.look(); p.Help != "called" || p.IdleMs == 0 || !slices.Equal(desk.helps, []string{ended + " ill"}) {
			t.Errorf("help after the end: shown as %q, called %q, %d ms to answer for the next patient", p.Help, desk.helps, p.IdleMs)
		}
		for _, nobody := range []string{"", "nobody"} {
			if w := c.post(newRequestID(), nobody, "help", map[string]any{"kind": "ill"}); w.Code != http.StatusConflict {
				t.Errorf("help for session %q: %d", nobody, w.Code)
			}
		}
		stop()
		synctest.Wait()
	})
}

// TestLaunchDuringIdentify: the arrival of a session that was ended meanwhile
// is given to the desk.
func TestLaunchDuringIdentify(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		desk := newClinic()
		s := newServer(t, web.Config{}, web.Deps{CheckIn: desk})
		c := launched(t, s)
		c.act("start", nil)
		c.choose("en")
		desk.hold = make(chan struct{})
		go c.post(newRequestID(), c.now.Session, "code", map[string]any{"code": goodTyped})
		synctest.Wait()
		next := launched(t, s)
		if p := next.look(); p.State != web.Attract {
			t.Fatalf("the new browser sees %s", p.State)
		}
		close(desk.hold)
		synctest.Wait()
		if p := next.look(); p.State != web.Attract || p.Visit != nil {
			t.Errorf("the old session's answer reached the new one: %+v", p)
		}
		if _, _, abandoned, _ := desk.counts(); abandoned != 1 {
			t.Errorf("%d abandoned, want 1", abandoned)
		}
	})
}

func TestStaleActs(t *testing.T) {
	t.Parallel()
	c := launched(t, start(t, web.Config{}, web.Deps{}))
	first := c.act("start", nil).Session
	c.act("leave", nil)
	w := c.post(newRequestID(), first, "choose", map[string]any{"language": "en"})
	if p := c.take(w); w.Code != http.StatusConflict || p.State != web.Attract {
		t.Errorf("an act of an ended session: %d, %s", w.Code, p.State)
	}
	for event, fields := range map[string]map[string]any{
		"confirm": nil, "again": nil, "back": nil, "leave": nil, "decide": nil, "": nil, "done": nil, "idle": nil, "found": nil,
		"choose": {"language": "en"}, "code": {"code": goodTyped},
	} {
		if w := c.post(newRequestID(), c.now.Session, event, fields); w.Code != http.StatusConflict {
			t.Errorf("%q on the start screen: %d, want 409", event, w.Code)
		}
	}
	c.act("start", nil)
	for _, tag := range []string{"", "de", "../en", "EN"} {
		if w := c.post(newRequestID(), c.now.Session, "choose", map[string]any{"language": tag}); w.Code != http.StatusConflict {
			t.Errorf("language %q: %d, want 409", tag, w.Code)
		}
	}
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
