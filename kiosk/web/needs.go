package web

import (
	"slices"

	"clinicgate/kiosk"

	"github.com/google/uuid"
)

// need takes one answer to "do you need any help today?". An answer that is given
// again is taken back. There is one interpreter: a language takes the place of the
// one before.
func (x *session) need(e event, n kiosk.Need) bool {
	_, interpreter := n.Interpreter()
	switch {
	case e == evNeed && (!n.Known() || interpreter),
		e == evTongue && n != "" && (!n.Known() || !interpreter),
		!x.step(e):
		return false
	}
	switch e {
	case evNeed:
		if i := slices.Index(x.needs, n); i >= 0 {
			x.needs = slices.Delete(slices.Clone(x.needs), i, i+1)
		} else {
			x.needs = append(slices.Clip(x.needs), n)
		}
	case evTongue:
		x.needs = slices.DeleteFunc(slices.Clone(x.needs), func(n kiosk.Need) bool {
			_, interpreter := n.Interpreter()
			return interpreter
		})
		if n != "" {
			x.needs = append(x.needs, n)
		}
	}
	return true
}

// ready goes on from the needs, whether there are any or not, with the code that
// was read before, if one was.
func (s *Server) ready(x *session, request uuid.UUID) (work, bool) {
	if x.state != Needing {
		return nil, false
	}
	if !x.held.isZero() {
		return s.identify(x, evReadyHeld, x.held, request)
	}
	return nil, x.step(evReady)
}

// slow reports whether the patient said something that makes reading or touching
// take longer.
func (x *session) slow() bool {
	return x.display != display{} || slices.ContainsFunc(x.needs, func(n kiosk.Need) bool {
		return n == kiosk.NeedSeeing || n == kiosk.NeedMobility || n == kiosk.NeedTime
	})
}

// keepInterpreter drops what help the one before asked for, but for the interpreter:
// who came together speaks one language, mostly.
func (x *session) keepInterpreter() {
	x.needs = slices.DeleteFunc(slices.Clone(x.needs), func(n kiosk.Need) bool {
		_, interpreter := n.Interpreter()
		return !interpreter
	})
}
