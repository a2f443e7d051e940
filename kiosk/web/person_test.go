package web_test

import (
	"strings"
	"testing"

	"clinicgate/kiosk/web"
)

// who brings a page to the question for the name.
func who(t *testing.T, desk *clinic, birth string) *client {
	t.Helper()
	c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk}))
	c.act("start", nil)
	c.choose("en")
	c.act("no-code", nil)
	if p := c.want(web.Born); p.StepsLeft != 3 {
		t.Errorf("steps left: %d, want 3", p.StepsLeft)
	}
	c.act("born", map[string]any{"birth": birth})
	return c
}

func TestCheckInByName(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	c := who(t, desk, "1957-02-28")
	c.want(web.Naming)
	c.act("named", map[string]any{"family": " MARLOW ", "given": "GRETA"})
	c.confirmed()
	if in := desk.identify[0]; in.Method != web.Named || claimed(in.Person) != goodPerson || !in.Value.IsZero() {
		t.Errorf("identified by %s", in.Method)
	}
}

// TestTwoOfOneName: the time is asked, then the phone; each answer goes with all
// that was said before.
func TestTwoOfOneName(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	desk.outcome["1957-02-28 MARLOW GRETA  "] = web.Identified{Outcome: web.Asked, Ask: web.AppointmentTime}
	desk.outcome["1957-02-28 MARLOW GRETA 10:30 "] = web.Identified{Outcome: web.Asked, Ask: web.PhoneDigits}
	desk.outcome["1957-02-28 MARLOW GRETA 10:30 42"] = web.Identified{Outcome: web.Found, Entry: entryOne}
	desk.outcome["1957-02-28 MARLOW GRETA  42"] = web.Identified{Outcome: web.Found, Entry: entryOne}
	for _, knowsTime := range []bool{true, false} {
		c := who(t, desk, "1957-02-28")
		c.act("named", map[string]any{"family": "MARLOW", "given": "GRETA"})
		c.want(web.WhichTime)
		if knowsTime {
			c.act("time", map[string]any{"time": "10:30"})
		} else {
			c.act("unknown", nil)
		}
		c.want(web.WhichPhone)
		c.act("phone", map[string]any{"phone": "42"})
		c.want(web.Confirming)
	}
	c := who(t, desk, "1957-02-28")
	c.act("named", map[string]any{"family": "MARLOW", "given": "GRETA"})
	c.act("unknown", nil)
	c.act("unknown", nil)
	if p := c.want(web.Turned); p.Refusal.Sentence != "alike" || p.Refusal.Again {
		t.Errorf("who knows neither is told %+v", *p.Refusal)
	}
}

func TestNobodyOfThatName(t *testing.T) {
	t.Parallel()
	c := who(t, newClinic(), "1957-02-28")
	c.act("named", map[string]any{"family": "NOBODY", "given": "AT ALL"})
	if p := c.want(web.Turned); !p.Refusal.Again {
		t.Errorf("refusal %+v", *p.Refusal)
	}
	c.act("no-code", nil)
	c.want(web.Born)
	c.act("scan", map[string]any{"code": goodScan})
	c.confirmed()
}

// TestBadClaims: what no key of the page can enter changes nothing, and a date
// that does not exist is said.
func TestBadClaims(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	for _, birth := range []string{"", "1957-02-30", "1957-2-28", "2999-01-01", "1857-01-01", "28.2.1957", "١٩٥٧-٠٢-٢٨", "１９５７-02-28", strings.Repeat("1", 5000), "<script>"} {
		c := who(t, desk, birth)
		if p := c.want(web.Born); p.Notice != "note.no-such-date" {
			t.Errorf("born %.20q: notice %q", birth, p.Notice)
		}
	}
	c := who(t, desk, "1957-02-28")
	for _, name := range []map[string]any{nil, {"family": "  "}, {"family": "A\u0000B"}, {"given": strings.Repeat("A", 201)}} {
		c.refused("named", name)
		c.want(web.Naming)
	}
	desk.outcome["1957-02-28 MARLOW   "] = web.Identified{Outcome: web.Asked, Ask: web.AppointmentTime}
	c.act("named", map[string]any{"family": "MARLOW"})
	c.want(web.WhichTime)
	for _, at := range []string{"", "24:00", "9:30", "09:60", "noon", "١٠:٣٠"} {
		c.refused("time", map[string]any{"time": at})
		c.want(web.WhichTime)
	}
	c.act("unknown", nil)
	for _, digits := range []string{"", "4", "423", "x1", "٤٢"} {
		c.refused("phone", map[string]any{"phone": digits})
		c.want(web.WhichPhone)
	}
	if n := len(desk.identify); n != 1 {
		t.Errorf("the clinic was asked %d times, want once", n)
	}
	// A question that is not on the screen is not answered.
	for _, event := range []string{"born", "named", "time", "no-code"} {
		c.refused(event, map[string]any{"birth": "1957-02-28", "family": "MARLOW", "time": "10:30"})
		c.want(web.WhichPhone)
	}
}
