package web_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"
)

const codeMeasure = "MEASURE"

// measured is a clinic in which a visit has something to measure.
func measured(forms ...web.Form) *clinic {
	c := newClinic()
	c.outcome[codeMeasure] = web.Identified{Outcome: web.Found, Entry: entryOne, Forms: forms, Vitals: []string{"blood-pressure", "weight"},
		Visit: web.Visit{Name: phi.New("M… G…"), Department: "Cardiology"}}
	return c
}

// toMeasure leads to the step and gives what Measuring says.
func toMeasure(t *testing.T, s *web.Server, c *client, forms int) web.Measuring {
	t.Helper()
	c.act("start", nil)
	c.act("ready", nil)
	c.act("code", map[string]any{"code": codeMeasure})
	if _, on := s.Measuring(); on {
		t.Error("measures before the visit is confirmed")
	}
	v := c.act("confirm", nil)
	for range forms {
		if v.StepsLeft < 2 {
			t.Errorf("%d steps left before the last form, want the measuring too", v.StepsLeft)
		}
		v = c.answer(true)
	}
	m, on := s.Measuring()
	if v.State != web.Measure || !on || m.Entry != entryOne || m.Session != v.Session || len(m.Token) < 26 || !slices.Equal(m.Kinds, []string{"blood-pressure", "weight"}) {
		t.Fatalf("state %s, measuring %v %+v", v.State, on, m)
	}
	return m
}

func TestMeasureStep(t *testing.T) {
	for name, forms := range map[string][]web.Form{"no form": nil, "a form": {form("telehealth", "Visits by video", formText)}} {
		t.Run(name, func(t *testing.T) {
			desk := measured(forms...)
			s := newServer(t, web.Config{Languages: []string{"en"}}, web.Deps{CheckIn: desk})
			c := launched(t, s)
			m := toMeasure(t, s, c, len(forms))
			select {
			case <-s.MeasuringChanged():
			default:
				t.Error("nobody was told that the step began")
			}
			s.Measured(m.Token, web.Vital{Kind: "weight", Value: phi.New("81.4"), Unit: "kg"})
			s.Measured("another", web.Vital{Kind: "blood-pressure", Value: phi.New("222/111"), Unit: "mmHg"})
			s.Measured(m.Token, web.Vital{Kind: "pain", Value: phi.New("7")})
			s.Measured(m.Token, web.Vital{Kind: "blood-pressure", Again: true})
			want := []vital{{Kind: "blood-pressure", Again: true}, {Kind: "weight", Value: "81.4", Unit: "kg"}}
			if got := c.look().Vitals; !slices.Equal(got, want) {
				t.Errorf("the page shows %+v, want %+v", got, want)
			}
			if m, _ := s.Measuring(); m.Taken != 2 {
				t.Errorf("told %d times", m.Taken)
			}
			if v := c.act("measured", nil); v.State != web.Finished || v.Vitals != nil {
				t.Errorf("after the step: %s, %+v", v.State, v.Vitals)
			}
			if _, on := s.Measuring(); on || len(desk.finish) != 1 {
				t.Error("measures on after the step")
			}
			select {
			case <-s.MeasuringChanged():
			default:
				t.Error("nobody was told that the step ended")
			}
			s.Measured(m.Token, web.Vital{Kind: "weight", Value: phi.New("99.9"), Unit: "kg"})
			if got := c.look(); got.State != web.Finished || got.Vitals != nil {
				t.Errorf("a late value changed the screen: %+v", got)
			}
		})
	}
}

// TestMeasureIsSkipped: the step holds nobody up, and a visit by video goes on with
// the devices.
func TestMeasureIsSkipped(t *testing.T) {
	desk := measured()
	visit := desk.outcome[codeMeasure]
	visit.Visit.Video = true
	desk.outcome[codeMeasure] = visit
	s := newServer(t, web.Config{Languages: []string{"en"}, TryDevices: true}, web.Deps{CheckIn: desk})
	c := launched(t, s)
	toMeasure(t, s, c, 0)
	if v := c.look(); v.StepsLeft != 2 {
		t.Errorf("%d steps left", v.StepsLeft)
	}
	if v := c.act("measured", nil); v.State != web.Trying {
		t.Errorf("after the step: %s", v.State)
	}
}

// TestMeasureWhenAnotherComes: while it is asked whether two are together nothing is
// measured, and what was said to the devices before counts no more.
func TestMeasureWhenAnotherComes(t *testing.T) {
	s := newServer(t, web.Config{Languages: []string{"en"}}, web.Deps{CheckIn: measured()})
	c := launched(t, s)
	m := toMeasure(t, s, c, 0)
	s.Measured(m.Token, web.Vital{Kind: "weight", Value: phi.New("81.4"), Unit: "kg"})
	if v := c.act("scan", map[string]any{"code": goodScan}); v.State != web.Together || v.Vitals != nil {
		t.Fatalf("state %s, %+v", v.State, v.Vitals)
	}
	if _, on := s.Measuring(); on {
		t.Error("measures while it is not known who stands there")
	}
	s.Measured(m.Token, web.Vital{Kind: "weight", Value: phi.New("60.0"), Unit: "kg"})
	if v := c.act("together", nil); v.State != web.Measure || v.Vitals[1].Value != "81.4" {
		t.Errorf("state %s, %+v", v.State, v.Vitals)
	}
	if again, on := s.Measuring(); !on || again.Token == m.Token || again.Since.Before(m.Since) {
		t.Error("the devices' token outlived the question")
	}
}

// TestMeasureTakesTime: a blood pressure takes longer than a question, and a value
// is a sign that somebody is there; but nobody's value stays on the screen.
func TestMeasureTakesTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, web.Config{Languages: []string{"en"}, IdleAfter: time.Minute}, web.Deps{CheckIn: measured()})
		c := launched(t, s)
		go s.Watching(t.Context())
		m := toMeasure(t, s, c, 0)
		time.Sleep(125 * time.Second)
		if v := c.look(); v.State != web.Measure || v.IdleMs != 0 {
			t.Errorf("after two minutes: %s, asked %d", v.State, v.IdleMs)
		}
		s.Measured(m.Token, web.Vital{Kind: "weight", Value: phi.New("81.4"), Unit: "kg"})
		time.Sleep(125 * time.Second)
		if v := c.look(); v.State != web.Measure || v.IdleMs != 0 {
			t.Errorf("two minutes after a value: %s, asked %d", v.State, v.IdleMs)
		}
		time.Sleep(time.Minute)
		if v := c.look(); v.State != web.Attract || v.Vitals != nil {
			t.Errorf("left alone: %s", v.State)
		}
		if _, on := s.Measuring(); on {
			t.Error("measures nobody")
		}
	})
}
