package web

import (
	"crypto/rand"
	"slices"
	"time"

	"clinicgate/kiosk/phi"

	"github.com/google/uuid"
)

// Vital is something to be measured of a visitor, and what was measured last.
type Vital struct {
	Kind  string   // message keys measure.{kind} and measure.{kind}.how
	Value phi.Text // as the device shows it; empty: not measured
	Unit  string   // as a person writes it
	Again bool     // what came last cannot be, so that it is to be measured again
}

// Measuring is the visitor who is being measured: the one whose step of the
// check-in is on the screen now.
type Measuring struct {
	Session string
	Entry   uuid.UUID
	// Token is said to the devices and to nobody else. Who says it was told in this
	// step; it ends with the step.
	Token string
	Since time.Time // when the step began, by Deps.Now
	Kinds []string  // what is wanted
	Taken int       // how often Measured was told something in this step
}

// measuring is a visitor's step, once it has begun.
type measuring struct {
	token string
	since time.Time
	taken int
	shown []Vital
}

// begin starts the step, or starts it again after another question.
func (m *measuring) begin(kinds []string, now time.Time) {
	m.token, m.since, m.taken = rand.Text(), now, 0
	if m.shown == nil {
		for _, k := range kinds {
			m.shown = append(m.shown, Vital{Kind: k})
		}
	}
}

// Measuring tells who is being measured now, if anybody is.
func (s *Server) Measuring() (Measuring, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.live
	if x.state != Measure {
		return Measuring{}, false
	}
	return Measuring{x.id, x.found.Entry, x.measuring.token, x.measuring.since, slices.Clone(x.found.Vitals), x.measuring.taken}, true
}

// MeasuringChanged receives when Measuring may have another answer; coalesced.
// There is one reader.
func (s *Server) MeasuringChanged() <-chan struct{} { return s.measured }

// Measured shows the patient what was measured, where its step, named by the
// token, is still on the screen. Nobody else's screen shows it.
func (s *Server) Measured(token string, v Vital) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.live
	if x.state != Measure || x.measuring.token != token {
		return
	}
	i := slices.IndexFunc(x.measuring.shown, func(o Vital) bool { return o.Kind == v.Kind })
	if i < 0 {
		return
	}
	x.measuring.taken++
	x.measuring.shown = slices.Clone(x.measuring.shown)
	x.measuring.shown[i] = v
	s.touched(x) // who sits still with an arm in the cuff is there
	s.changed()
}

// onward names the events by which a step that is done goes on to the next one: to
// be measured, to try the devices, or to the end.
type onward struct{ measure, try, last event }

// goOn takes the first of the steps that the visit has. Server.mu is held.
func (s *Server) goOn(x *session, o onward, request uuid.UUID) (work, bool) {
	switch {
	case o.measure != "" && len(x.found.Vitals) > 0:
		if !x.step(o.measure) {
			return nil, false
		}
		x.measuring.begin(x.found.Vitals, s.now())
		return nil, true
	case s.tries(x):
		return nil, x.step(o.try)
	}
	if !x.step(o.last) {
		return nil, false
	}
	return s.finish(x, request), true
}

// noticeMeasuring tells the reader of MeasuringChanged when the step on the screen is
// another one. Server.mu is held.
func (s *Server) noticeMeasuring() {
	token := ""
	if s.live.state == Measure {
		token = s.live.measuring.token
	}
	if token == s.measuredToken {
		return
	}
	s.measuredToken = token
	select {
	case s.measured <- struct{}{}:
	default:
	}
}

type vitalView struct {
	Kind  string `json:"kind"`
	Value string `json:"value,omitempty"`
	Unit  string `json:"unit,omitempty"`
	Again bool   `json:"again,omitempty"`
}

func vitalsView(list []Vital) (out []vitalView) {
	for _, v := range list {
		out = append(out, vitalView{v.Kind, v.Value.Reveal(), v.Unit, v.Again})
	}
	return out
}
