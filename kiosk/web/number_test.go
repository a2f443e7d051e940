package web_test

import (
	"testing"

	"clinicgate/kiosk/web"
)

// A number for who was not found is offered where the clinic says so, and is to
// be had where it was offered and nowhere else.
func TestNumberForWhoWasNotFound(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	desk.outcome["1957-02-28 NOBODY AT ALL  "] = web.Identified{Outcome: web.Refused, Sentence: "no-person", Again: true, MayNumber: true}
	c := who(t, desk, "1957-02-28")
	c.refused("number", nil)
	c.act("named", map[string]any{"family": "NOBODY", "given": "AT ALL"})
	if p := c.want(web.Turned); !p.Refusal.Number || p.Refusal.Sentence != "no-person" {
		t.Errorf("refusal %+v", *p.Refusal)
	}
	desk.outcome["1957-02-28 NOBODY AT ALL  "] = web.Identified{Outcome: web.Numbered, Done: web.Done{Ticket: "A-017", Provisional: true}}
	c.act("number", nil)
	if p := c.want(web.Finished); p.Done.Ticket != "A-017" || !p.Done.Provisional {
		t.Errorf("done %+v", *p.Done)
	}
	if in := desk.identify[len(desk.identify)-1]; !in.Number || in.Method != web.Named {
		t.Errorf("asked for %v, %v", in.Method, in.Number)
	}
	c.refused("number", nil) // once

	c = who(t, newClinic(), "1957-02-28")
	c.act("named", map[string]any{"family": "NOBODY", "given": "ELSE"})
	if p := c.want(web.Turned); p.Refusal.Number {
		t.Error("a number is offered by a clinic that did not say so")
	}
	c.refused("number", nil)
	c.want(web.Turned)
}
