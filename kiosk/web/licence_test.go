package web_test

import (
	"strings"
	"testing"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"
)

// understand reads texts such as "licence 1957-02-28 MARLOW GRETA" and "useless
// payment-card"; all else is a code.
func understand(value phi.Text, kind string) web.Read {
	word, rest, _ := strings.Cut(value.Reveal(), " ")
	switch word {
	case "licence":
		f := strings.Fields(rest)
		return web.Read{Kind: "driving-licence", Person: web.Person{Birth: phi.New(f[0]), Family: phi.New(f[1]), Given: phi.New(f[2])}}
	case "damaged":
		return web.Read{Kind: "driving-licence", Useless: web.Unreadable}
	case "useless":
		return web.Read{Kind: rest, Useless: web.OtherCard}
	case "noise":
		return web.Read{Useless: web.Unreadable}
	}
	return web.Read{Kind: kind, Code: value}
}

const gretasLicence = "licence 1957-02-28 MARLOW GRETA"

// licences: one would do.
func licences() bool { return true }

// atStart brings a page to the question for a code.
func atStart(t *testing.T, desk *clinic) *client {
	t.Helper()
	c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk, Understand: understand, Licences: licences}))
	c.act("start", nil)
	c.choose("en")
	return c
}

func (c *client) scan(text string) { c.act("scan", map[string]any{"code": text}) }

// TestLicence: on the start screen and where a code is asked for, a licence leads to
// the visit of its holder, with nothing of it on the page.
func TestLicence(t *testing.T) {
	t.Parallel()
	for _, early := range []bool{true, false} {
		desk := newClinic()
		c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk, Understand: understand}))
		if early {
			c.scan(gretasLicence)
			if p := c.want(web.Language); !p.CodeRead {
				t.Errorf("a licence on the start screen: %+v", p)
			}
			c.choose("en")
		} else {
			c.act("start", nil)
			c.choose("en")
			c.scan(gretasLicence)
		}
		session := c.now.Session
		c.confirmed()
		if in := desk.identify[0]; in.Method != web.Licensed || claimed(in.Person) != goodPerson || !in.Value.IsZero() || in.Session != session {
			t.Errorf("identified by %s, %q", in.Method, claimed(in.Person))
		}
		if s := c.post(newRequestID(), c.now.Session, "active", nil).Body.String(); strings.Contains(s, "MARLOW") || strings.Contains(s, "1957") {
			t.Errorf("the page holds the licence: %s", s)
		}
		c.scan(gretasLicence) // a scanner reads a code twice
		if p := c.want(web.Consent); p.Notice != "" || p.Session != session {
			t.Errorf("a second read of the same licence: %+v", p)
		}
	}
}

// TestLicenceOfTwo: who has somebody else's name and birth date is asked what
// anybody is, and stays one who was identified by licence.
func TestLicenceOfTwo(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	desk.outcome["1957-02-28 MARLOW GRETA  "] = web.Identified{Outcome: web.Asked, Ask: web.AppointmentTime}
	desk.outcome["1957-02-28 MARLOW GRETA 10:30 "] = web.Identified{Outcome: web.Asked, Ask: web.PhoneDigits}
	desk.outcome["1957-02-28 MARLOW GRETA 10:30 42"] = web.Identified{Outcome: web.Found, Entry: entryOne}
	c := atStart(t, desk)
	c.scan(gretasLicence)
	c.want(web.WhichTime)
	c.act("time", map[string]any{"time": "10:30"})
	c.want(web.WhichPhone)
	c.act("phone", map[string]any{"phone": "42"})
	c.want(web.Confirming)
	for _, in := range desk.identify {
		if in.Method != web.Licensed {
			t.Errorf("asked by %s", in.Method)
		}
	}

	// Who goes back and types a name is one who typed it.
	c = atStart(t, desk)
	c.scan(gretasLicence)
	c.want(web.WhichTime)
	c.act("back", nil)
	c.want(web.Naming)
	c.act("named", map[string]any{"family": "MARLOW", "given": "GRETA"})
	c.want(web.WhichTime)
	if in := desk.identify[len(desk.identify)-1]; in.Method != web.Named {
		t.Errorf("a typed name is looked up by %s", in.Method)
	}
}

// TestLicenceOfAStranger: the answer is that to a name, the next step is to type
// it, and what the licence said is gone by then.
func TestLicenceOfAStranger(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	desk.outcome["1901-01-01 NOBODY ANNE  "] = web.Identified{Outcome: web.Refused, Sentence: "no-person", Again: true, MayNumber: true}
	c := atStart(t, desk)
	c.scan("licence 1901-01-01 NOBODY ANNE")
	if p := c.want(web.Turned); p.Refusal.Sentence != "no-person" || !p.Refusal.Again {
		t.Errorf("refusal %+v", *p.Refusal)
	}
	c.refused("number", nil) // there is nobody left to give one to
	c.act("no-code", nil)
	c.want(web.Born)
	c.act("born", map[string]any{"birth": "1957-02-28"})
	c.act("named", map[string]any{"family": "MARLOW", "given": "GRETA"})
	c.confirmed()
}

// TestLicenceOfASecondPerson: it is asked whether they are together, as for any code.
func TestLicenceOfASecondPerson(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	c := atStart(t, desk)
	c.act("code", map[string]any{"code": goodTyped})
	c.confirmed()
	c.scan(gretasLicence)
	bare(t, c.want(web.Together))
	c.act("together", nil)
	c.want(web.Consent)
	c.answer(true)
	c.answer(true)
	c.want(web.Finished)
	c.act("another", nil)
	c.want(web.Confirming)
	if in := desk.identify[1]; in.Method != web.Licensed || claimed(in.Person) != goodPerson {
		t.Errorf("the second one: %s, %q", in.Method, claimed(in.Person))
	}

	c = atStart(t, desk)
	c.act("code", map[string]any{"code": goodTyped})
	c.confirmed()
	session := c.now.Session
	c.scan(gretasLicence)
	c.act("apart", nil)
	if p := c.want(web.Language); p.Session == session || !p.CodeRead {
		t.Errorf("not together: %+v", p)
	}
}

// TestUselessScans: of whatever kind and on whatever screen, somebody gets a
// sentence and a next step, or nothing changes; never another patient's session.
func TestUselessScans(t *testing.T) {
	t.Parallel()
	for scan, want := range map[string]struct {
		sentence web.Useless
		kind     string
	}{
		"damaged":                   {web.Unreadable, "driving-licence"},
		"useless smart-health-card": {web.OtherCard, "smart-health-card"},
		"useless smart-health-link": {web.OtherCard, "smart-health-link"},
		"useless magnetic-stripe":   {web.OtherCard, "magnetic-stripe"},
		"useless payment-card":      {web.OtherCard, "payment-card"},
		"noise":                     {web.Unreadable, ""},
	} {
		desk := newClinic()
		told := func(c *client, where string) {
			t.Helper()
			if p := c.want(web.Turned); p.Refusal.Sentence != string(want.sentence) || !p.Refusal.Again || p.Refusal.Number {
				t.Errorf("%s %s: %+v", scan, where, *p.Refusal)
			}
			if in := desk.identify[len(desk.identify)-1]; in.Useless != want.sentence || in.Kind != want.kind || in.Method != web.Scanned || !in.Value.IsZero() || in.Person != (web.Person{}) {
				t.Errorf("%s %s: told %+v", scan, where, in)
			}
		}
		c := atStart(t, desk)
		c.scan(scan)
		told(c, "where a code is asked for")
		if want.kind != "" {
			c.scan(scan)
			told(c, "a second time")
		}
		c.act("no-code", nil)
		c.want(web.Born)
		c.scan(scan)
		told(c, "where the birth date is asked for")
		c.scan(goodScan)
		c.confirmed()
		before, session := len(desk.identify), c.now.Session
		if want.kind != "" {
			c.scan(scan)
			if p := c.want(web.Consent); p.Notice != "refused."+string(want.sentence)+".title" || p.Session != session {
				t.Errorf("%s in a session: %+v", scan, p)
			}
			c.answer(true)
			c.answer(true)
			c.want(web.Finished)
			c.scan(scan)
			if p := c.want(web.Finished); p.Session != session || len(desk.identify) != before {
				t.Errorf("%s on the last screen: %+v", scan, p)
			}
		}

		c = launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk, Understand: understand}))
		if want.kind == "" {
			c.look()
			c.refused("scan", map[string]any{"code": scan})
			c.want(web.Attract)
			continue
		}
		c.scan(scan)
		if p := c.want(web.Language); p.CodeRead {
			t.Errorf("%s on the start screen: the page says that it has read a code", scan)
		}
		c.choose("en")
		told(c, "on the start screen")

		// It does not take the place of a code, and a code takes its place.
		for _, scans := range [][]string{{goodScan, scan}, {scan, goodScan}} {
			c = launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk, Understand: understand}))
			c.scan(scans[0])
			c.scan(scans[1])
			c.choose("en")
			c.confirmed()
		}
	}
}

// TestLicenceIsAskedFor only where one would do.
func TestLicenceIsAskedFor(t *testing.T) {
	t.Parallel()
	if p := atStart(t, newClinic()).want(web.Identifying); !p.Licence {
		t.Error("the page does not say that a licence would do")
	}
	c := launched(t, start(t, web.Config{}, web.Deps{}))
	c.act("start", nil)
	c.choose("en")
	if p := c.want(web.Identifying); p.Licence {
		t.Error("the page asks for a licence that nobody can read")
	}
}
