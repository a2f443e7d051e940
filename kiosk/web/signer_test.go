package web_test

import (
	"net/http"
	"strings"
	"testing"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"
)

// signed makes a visit with one form that these may sign.
func signed(ask bool, signers ...web.Signer) web.Identified {
	return web.Identified{Outcome: web.Found, Entry: entryOne, Visit: web.Visit{Name: phi.New("M… G…"), Department: "Cardiology"},
		Forms: []web.Form{form("data-sharing", "Sharing your record", "May we share?")}, Signers: signers, AskSigner: ask, MinAge: 18}
}

// TestWhoSigns: asked before the first form where it must be, or where somebody says
// to be here for another; the answer goes with the decisions.
func TestWhoSigns(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	desk.outcome["ADULT111"] = signed(false, web.SignerSelf, web.SignerGuardian, "witness")
	desk.outcome["CHILD111"] = signed(true, web.SignerParent, web.SignerGuardian)
	desk.outcome["NOBIRTH1"] = signed(true, web.SignerSelf, web.SignerParent, web.SignerProxy)
	desk.outcome["ALONE111"] = signed(false, web.SignerSelf)
	c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk}))
	begin := func(code string) picture {
		t.Helper()
		if c.look().State != web.Attract {
			c.act("leave", nil)
		}
		c.act("start", nil)
		c.act("choose", map[string]any{"language": "en"})
		c.act("ready", nil)
		c.act("code", map[string]any{"code": code})
		return c.want(web.Confirming)
	}
	last := func() web.Finish { return desk.finish[len(desk.finish)-1] }

	// An adult is not asked, and may be spoken for.
	if p := begin("ADULT111"); p.Signing == nil || p.StepsLeft != 2 {
		t.Errorf("an adult: %+v", p)
	}
	c.confirmed()
	c.answer(true)
	if f := last(); f.Signer != "" || f.Unsigned {
		t.Errorf("the adult's own: %+v", f)
	}
	begin("ADULT111")
	c.act("other", nil)
	if p := c.want(web.Signing); len(p.Signing.Signers) != 2 || p.Signing.Signers[1] != web.SignerGuardian || p.Signing.Age != 0 || p.Visit == nil {
		t.Errorf("who signs for an adult: %+v", *p.Signing)
	}
	c.act("back", nil)
	c.want(web.Confirming)
	c.act("other", nil)
	for _, signer := range []string{"", "parent", "witness", "health-care-proxy", "Jane Roe", "<script>alert(1)</script>", strings.Repeat("x", 40)} {
		c.refused("sign", map[string]any{"signer": signer})
	}
	if w := c.post(newRequestID(), c.now.Session, "sign", map[string]any{"signer": strings.Repeat("x", 41)}); w.Code != http.StatusBadRequest {
		t.Errorf("a long signer: %d", w.Code)
	}
	c.act("sign", map[string]any{"signer": "guardian", "present": true})
	c.answer(false)
	if f := last(); f.Signer != web.SignerGuardian || !f.Interpreter || f.Decisions[0].Granted {
		t.Errorf("a guardian's: %+v", f)
	}

	// Something may be not right, and it is asked all the same.
	if p := begin("CHILD111"); p.StepsLeft != 3 || p.Signing != nil {
		t.Errorf("a child: %+v", p)
	}
	c.act("not-right", nil)
	if p := c.want(web.Signing); p.Notice != "note.not-right" || p.StepsLeft != 2 {
		t.Errorf("%+v", p)
	}
	c.refused("sign", map[string]any{"signer": "self"})
	c.act("nobody", nil)
	if f := last(); c.want(web.Finished).Done == nil || !f.Unsigned || !f.NotRight || len(f.Decisions) != 0 {
		t.Errorf("alone: %+v", f)
	}

	if begin("NOBIRTH1"); c.act("confirm", nil).Signing.Age != 18 {
		t.Errorf("nobody knows the age: %+v", *c.now.Signing)
	}
	// Nobody else may sign: it is not offered.
	if p := begin("ALONE111"); p.Signing != nil {
		t.Errorf("alone: %+v", p)
	}
	c.refused("other", nil)
}
