package web_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"

	"github.com/google/uuid"
)

const stranger = "CHK1:SOMEBODYELSE"

// family lets a clinic expect a parent, whose code is goodScan, and children, whose
// codes are CHK1:CHILD1 and so on.
func family(n int) *clinic {
	c := newClinic()
	for i := range n {
		code := fmt.Sprintf("CHK1:CHILD%d", i+1)
		c.outcome[code] = web.Identified{Outcome: web.Found, Entry: uuid.MustParse(fmt.Sprintf("01890a5d-ac96-8b2f-8a1c-0000000000%02d", i+1)),
			Visit: web.Visit{Name: phi.New(fmt.Sprintf("K%d… G…", i+1)), Department: "Paediatrics"},
			Forms: []web.Form{form("data-sharing", "Sharing your record", "May we share?")}, Signers: []web.Signer{web.SignerParent, web.SignerGuardian}, AskSigner: true, MinAge: 18}
	}
	return c
}

// bare fails when a picture says anything of anybody.
func bare(t *testing.T, p picture) {
	t.Helper()
	if p.Visit != nil || p.Form != nil || p.Done != nil || p.Standing != nil || p.Refusal != nil || p.Party != nil || p.Signing != nil || p.Notice != "" || p.StepsLeft != 0 {
		t.Errorf("the question shows %+v", p)
	}
}

// TestTogether: the question comes at every screen that shows somebody, shows
// nobody, and either answer leads on.
func TestTogether(t *testing.T) {
	t.Parallel()
	for _, at := range []web.State{web.Confirming, web.Signing, web.Consent, web.Finished, web.Known} {
		t.Run(string(at), func(t *testing.T) {
			desk := family(1)
			desk.outcome["CHK1:BEFORE"] = web.Identified{Outcome: web.Already, Entry: entryOne, Standing: web.StandingWaiting, Done: web.Done{Ticket: "A-003"}}
			c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk}))
			reach := func() {
				t.Helper()
				c.look()
				code := map[web.State]string{web.Signing: "CHK1:CHILD1", web.Known: "CHK1:BEFORE"}[at]
				if code == "" {
					code = goodScan
				}
				c.act("scan", map[string]any{"code": code})
				c.act("choose", map[string]any{"language": "es"})
				c.act("ready", nil)
				if at == web.Signing || at == web.Consent || at == web.Finished {
					c.act("confirm", nil)
				}
				for at == web.Finished && c.now.State == web.Consent {
					c.answer(true)
				}
				c.want(at)
			}
			reach()
			session := c.now.Session
			c.act("scan", map[string]any{"code": stranger})
			p := c.want(web.Together)
			bare(t, p)
			if p.Session != session || p.Language != "es" {
				t.Errorf("asked in session %s, %s", p.Session, p.Language)
			}
			// Nothing but an answer leads on.
			for _, event := range []string{"confirm", "not-right", "sign", "nobody", "decide", "depart", "again", "back", "start", "another"} {
				if w := c.post(newRequestID(), session, event, map[string]any{"granted": true}); w.Code != http.StatusConflict {
					t.Errorf("%s: %d", event, w.Code)
				}
			}
			c.act("scan", map[string]any{"code": "CHK1:ATHIRD"})
			c.want(web.Together)
			// No: nothing of the first stays, and the other's check-in begins.
			c.act("apart", nil)
			if p := c.want(web.Language); p.Session == session || !p.CodeRead || p.Party != nil || p.Language != "en" {
				t.Errorf("the other's session: %+v", p)
			}
			c.act("choose", map[string]any{"language": "en"})
			c.act("ready", nil)
			if in := desk.identify[len(desk.identify)-1]; in.Value.Reveal() != stranger || in.Session == session {
				t.Errorf("looked up %d bytes in session %s", len(in.Value.Reveal()), in.Session)
			}
			c.act("leave", nil)
			// Yes: where the check-in goes on, it goes on where it was.
			reach()
			c.act("scan", map[string]any{"code": stranger})
			c.want(web.Together)
			c.act("together", nil)
			switch p := c.look(); {
			case at == web.Finished || at == web.Known:
				if p.State != web.Turned { // the stranger's code is unknown to this clinic
					t.Errorf("the next person: %s", p.State)
				}
			case p.State != at || p.Notice != "note.next-after" || p.Visit == nil:
				t.Errorf("resumed: %+v", p)
			}
		})
	}
}

// TestFamily: a parent and two children in one session, each with an entry, consents
// and a number; who signed for the children is recorded.
func TestFamily(t *testing.T) {
	t.Parallel()
	desk := family(2)
	c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk}))
	c.act("scan", map[string]any{"code": goodScan})
	c.act("choose", map[string]any{"language": "en"})
	c.act("ready", nil)
	c.confirmed()
	for i := range 2 {
		c.act("scan", map[string]any{"code": fmt.Sprintf("CHK1:CHILD%d", i+1)})
		c.act("together", nil)
		c.act("scan", map[string]any{"code": fmt.Sprintf("CHK1:CHILD%d", i+1)}) // read twice: the same child
		c.want(web.Consent)
	}
	c.answer(true)
	c.answer(true)
	p := c.want(web.Finished)
	session := p.Session
	if p.Done.Ticket != "A-017" || p.Party == nil || !p.Party.Next || len(p.Party.People) != 0 {
		t.Fatalf("the first is done: %+v, %+v", *p.Done, p.Party)
	}
	for i := range 2 {
		c.act("another", nil)
		if p := c.want(web.Confirming); p.Visit.Name != fmt.Sprintf("K%d… G…", i+1) || p.Done != nil || p.Party != nil || p.Session != session {
			t.Errorf("child %d: %+v", i+1, p)
		}
		c.act("confirm", nil)
		if p := c.want(web.Signing); len(p.Signing.Signers) != 2 || p.Signing.Signers[0] != web.SignerParent {
			t.Errorf("signers: %+v", *p.Signing)
		}
		c.refused("sign", map[string]any{"signer": "self"})
		c.act("sign", map[string]any{"signer": "parent", "present": i == 1})
		c.want(web.Consent)
		c.answer(true)
		c.want(web.Finished)
	}
	p = c.now
	if len(p.Party.People) != 3 || p.Party.Next || !p.Party.More || p.Party.People[0].Ticket != "A-017" || p.Party.People[2].Ticket != "A-019" || p.Party.People[1].Name != "K1… G…" {
		t.Errorf("the numbers: %+v", p.Party)
	}
	for i, f := range desk.finish {
		want := []web.Signer{"", web.SignerParent, web.SignerParent}[i]
		if f.Session != session || f.Signer != want || f.Interpreter != (i == 2) || f.Unsigned || len(f.Decisions) == 0 {
			t.Errorf("person %d: %+v", i+1, f)
		}
	}
	if desk.finish[1].Entry == desk.finish[0].Entry || desk.finish[1].Entry == desk.finish[2].Entry {
		t.Error("two of them share an entry")
	}
	// A member's own code again is nobody new.
	c.act("scan", map[string]any{"code": "CHK1:CHILD1"})
	c.want(web.Finished)
	c.act("leave", nil)
	if p := c.want(web.Attract); p.Party != nil || p.Session == session {
		t.Errorf("after the end: %+v", p)
	}
}

// TestAnotherPerson: one of the party who has no code at hand is found as anybody is.
// The same visit, found by another code, is one visit.
func TestAnotherPerson(t *testing.T) {
	t.Parallel()
	desk := family(1)
	desk.outcome["SAMEONE1"] = web.Identified{Outcome: web.Already, Entry: entryOne, Standing: web.StandingWaiting, Done: web.Done{Ticket: "A-017", Where: "Hall"}}
	c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk}))
	c.toConsent()
	c.answer(true)
	c.answer(true)
	c.want(web.Finished)
	c.act("another", nil)
	if p := c.want(web.Identifying); p.Done != nil || p.Party != nil {
		t.Errorf("asked for the next code: %+v", p)
	}
	c.act("code", map[string]any{"code": "SAMEONE1"})
	if p := c.want(web.Known); len(p.Party.People) != 0 || p.Done.Ticket != "A-017" {
		t.Errorf("the same visit again: %+v", p.Party)
	}
	c.act("another", nil)
	c.act("scan", map[string]any{"code": "CHK1:CHILD1"})
	c.act("confirm", nil)
	c.want(web.Signing)
	c.act("nobody", nil)
	if p := c.want(web.Finished); len(p.Party.People) != 2 {
		t.Errorf("the numbers: %+v", p.Party)
	}
	if f := desk.finish[1]; !f.Unsigned || len(f.Decisions) != 0 || f.Signer != "" {
		t.Errorf("unsigned: %+v", f)
	}
}

// TestPartyIsBounded: the ninth is told so, or begins anew.
func TestPartyIsBounded(t *testing.T) {
	t.Parallel()
	c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: family(9)}))
	c.act("scan", map[string]any{"code": goodScan})
	c.act("choose", map[string]any{"language": "en"})
	c.act("ready", nil)
	c.confirmed()
	for i := range 7 {
		c.act("scan", map[string]any{"code": fmt.Sprintf("CHK1:CHILD%d", i+1)})
		c.act("together", nil)
	}
	c.act("scan", map[string]any{"code": "CHK1:CHILD8"})
	if p := c.want(web.Consent); p.Notice != "note.party-full" {
		t.Errorf("the ninth: %q", p.Notice)
	}
	c.answer(true)
	c.answer(true)
	for range 7 {
		if p := c.want(web.Finished); p.Party.More {
			t.Error("more are offered")
		}
		c.act("another", nil)
		c.act("confirm", nil)
		c.act("nobody", nil)
	}
	if p := c.want(web.Finished); len(p.Party.People) != 8 || p.Party.Next || p.Party.More {
		t.Errorf("the numbers: %+v", p.Party)
	}
	c.refused("another", nil)
	session := c.now.Session
	c.act("scan", map[string]any{"code": "CHK1:CHILD8"})
	if p := c.want(web.Language); p.Session == session || p.Party != nil {
		t.Errorf("the next one sees %+v", p)
	}
}

// TestUnansweredQuestion: it warns, then wipes both; nobody is looked up.
func TestUnansweredQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		desk := family(1)
		s := newServer(t, web.Config{IdleAfter: 45 * time.Second, Languages: []string{"en"}}, web.Deps{CheckIn: desk})
		ctx, stop := context.WithCancel(t.Context())
		go s.Watching(ctx)
		c := launched(t, s)
		c.act("scan", map[string]any{"code": goodScan})
		c.want(web.Needing)
		c.act("ready", nil)
		c.want(web.Confirming)
		c.act("scan", map[string]any{"code": "CHK1:CHILD1"})
		session := c.want(web.Together).Session
		time.Sleep(26 * time.Second)
		p := c.look()
		if p.IdleMs == 0 || p.State != web.Together {
			t.Errorf("not warned: %+v", p)
		}
		bare(t, p)
		time.Sleep(20 * time.Second)
		if p := c.look(); p.State != web.Attract || p.Session == session || p.CodeRead {
			t.Errorf("after the time-out: %+v", p)
		}
		time.Sleep(time.Minute)
		if identified, finished, abandoned, _ := desk.counts(); identified != 1 || finished != 0 || abandoned != 1 {
			t.Errorf("%d looked up, %d finished, %d abandoned", identified, finished, abandoned)
		}
		stop()
		synctest.Wait()
	})
}

// TestSecondCodeWhileBusy: a code that is read while the gateway is busy is asked
// about when it has answered, before anything is shown.
func TestSecondCodeWhileBusy(t *testing.T) {
	t.Parallel()
	desk := family(1)
	hold := make(chan struct{})
	desk.hold = hold
	s := start(t, web.Config{}, web.Deps{CheckIn: desk})
	c := launched(t, s)
	stream := openEvents(t, s.Addr(), "/events", c.cookie)
	stream.until(t, "view", nil)
	c.act("start", nil)
	c.act("choose", map[string]any{"language": "en"})
	c.act("ready", nil)
	answered := make(chan struct{})
	session := c.now.Session
	go func() {
		defer close(answered)
		c.post(newRequestID(), session, "code", map[string]any{"code": goodTyped})
	}()
	stream.until(t, "view", func(d string) bool { return strings.Contains(d, `"state":"checking"`) })
	if err := s.Scan(t.Context(), phi.New("CHK1:CHILD1"), "qr"); err != nil {
		t.Fatal(err)
	}
	desk.set(func(c *clinic) { c.hold = nil })
	close(hold)
	<-answered
	stream.until(t, "view", func(d string) bool {
		if strings.Contains(d, "M… G…") {
			t.Error("the visit was shown before the question")
		}
		return strings.Contains(d, `"state":"together"`)
	})
	bare(t, c.look())
	c.act("together", nil)
	c.want(web.Confirming)
}
