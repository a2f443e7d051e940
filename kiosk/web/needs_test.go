package web_test

import (
	"slices"
	"testing"

	"clinicgate/kiosk"
	"clinicgate/kiosk/web"
)

// TestNeeds: what a patient asks for is what the check-in is told, an answer given
// twice is taken back, and the next patient has none.
func TestNeeds(t *testing.T) {
	desk := newClinic()
	c := launched(t, newServer(t, web.Config{}, web.Deps{CheckIn: desk}))
	c.act("start", nil)
	if p := c.want(web.Language); p.StepsLeft != 5 {
		t.Errorf("%d steps left at the language, want 5", p.StepsLeft)
	}
	c.act("choose", map[string]any{"language": "es"})
	if p := c.want(web.Needing); p.StepsLeft != 4 || len(p.Needs) != 0 {
		t.Errorf("needs: %+v", p)
	}
	for _, hostile := range []string{"", "loud", "interpreter:so", "interpreter:xx", "<b>"} {
		c.refused("need", map[string]any{"need": hostile})
	}
	c.act("need", map[string]any{"need": "hearing"})
	c.act("need", map[string]any{"need": "mobility"})
	c.act("need", map[string]any{"need": "hearing"})
	c.act("tongues", nil)
	if p := c.want(web.Interpreting); p.StepsLeft != 4 {
		t.Errorf("choosing an interpreter leaves %d steps, want 4 as before", p.StepsLeft)
	}
	for _, hostile := range []string{"interpreter:", "interpreter:xx", "hearing", "so"} {
		c.refused("tongue", map[string]any{"need": hostile})
	}
	c.act("tongue", map[string]any{"need": "interpreter:so"})
	c.act("tongues", nil)
	c.act("tongue", map[string]any{"need": "interpreter:sign"})
	if p := c.want(web.Needing); !slices.Equal(p.Needs, []string{"mobility", "interpreter:sign"}) {
		t.Errorf("asked for %v", p.Needs)
	}
	c.act("ready", nil)
	if p := c.want(web.Identifying); p.StepsLeft != 3 || p.Needs != nil {
		t.Errorf("after the needs: %+v", p)
	}
	c.act("code", map[string]any{"code": goodTyped})
	c.want(web.Confirming)
	if got := desk.identify[0].Needs; !slices.Equal(got, []kiosk.Need{kiosk.NeedMobility, kiosk.NeedInterpreter(kiosk.SignLanguage)}) {
		t.Errorf("the check-in is told %v", got)
	}
	c.act("leave", nil)
	c.act("start", nil)
	c.act("choose", map[string]any{"language": "en"})
	if p := c.want(web.Needing); len(p.Needs) != 0 {
		t.Errorf("the next patient meets %v", p.Needs)
	}
	c.act("tongues", nil)
	c.act("tongue", map[string]any{"need": "interpreter:so"})
	c.act("tongues", nil)
	c.act("tongue", map[string]any{"need": ""})
	if p := c.want(web.Needing); len(p.Needs) != 0 {
		t.Errorf("no interpreter any more, and %v", p.Needs)
	}
}

// TestCodeWaitsForNeeds: a code that is read while the patient is asked waits, and
// there is one step less.
func TestCodeWaitsForNeeds(t *testing.T) {
	desk := newClinic()
	s := newServer(t, web.Config{}, web.Deps{CheckIn: desk})
	c := launched(t, s)
	c.act("start", nil)
	c.act("choose", map[string]any{"language": "en"})
	c.act("need", map[string]any{"need": "seeing"})
	if p := c.act("scan", map[string]any{"code": goodScan}); p.State != web.Needing || !p.CodeRead || p.StepsLeft != 3 {
		t.Errorf("a code read on the way: %+v", p)
	}
	c.act("ready", nil)
	c.want(web.Confirming)
	if in := desk.identify[0]; in.Value.Reveal() != goodScan || !slices.Equal(in.Needs, []kiosk.Need{kiosk.NeedSeeing}) {
		t.Errorf("the check-in is told %v", in.Needs)
	}
}
