package web

import (
	"context"
	"slices"

	"github.com/google/uuid"
)

// callHelp calls a person. It works in every state and belongs to the kiosk,
// not to the session: it stays when the session is wiped, until a person came.
// Server.mu is held.
func (s *Server) callHelp(session string, kind HelpKind, request uuid.UUID) (work, bool) {
	if kind != HelpIll && kind != HelpNeed {
		return nil, false
	}
	return func(ctx context.Context) {
		err := attempt(ctx, helpWithin, func(ctx context.Context) error {
			return s.deps.CheckIn.Help(ctx, session, kind, request)
		})
		s.mu.Lock()
		defer s.mu.Unlock()
		if err != nil {
			s.log.Error("cannot call for help", "err", err)
			s.help, s.helpSince = HelpDesk, s.now()
		} else {
			s.help, s.helpSince = HelpCalled, s.now()
		}
		s.changed()
	}, true
}

// actAfter takes an act of a session that is not the live one. A call for help that
// was on its way as its session ended is made, for the page has told the patient that
// somebody is called; it is no sign of life of whoever comes next. Server.mu is held.
func (s *Server) actAfter(a action) (finished <-chan struct{}, ok bool) {
	i := slices.IndexFunc(s.ended, func(e ended) bool { return e.id == a.Session })
	if i < 0 || a.Event != "help" {
		return closed, a.Event == "active"
	}
	call, repeated := s.ended[i].calls.join(a.Request)
	if repeated {
		return call, true
	}
	job, ok := s.callHelp(a.Session, a.Kind, a.Request)
	return s.perform(call, job), ok
}

// ended is what is kept of a session that has ended: nothing about its patient.
type ended struct {
	id    string
	calls callLog
}

const maxEnded = 4 // sessions for which a call for help may still be on its way

// followHelp takes over what the check-in knows of the call. A call that could
// not be made is shown until the session ends.
func (s *Server) followHelp(known HelpState) {
	next := s.help
	switch {
	case known != HelpNone:
		next = known
	case s.help == HelpDesk:
		if s.live.state == Attract && s.now().Sub(s.helpSince) >= s.quiet+warnBefore {
			next = HelpNone
		}
	default:
		next = HelpNone
	}
	if next != s.help {
		if next != HelpNone {
			s.comeBack("help")
		}
		s.help, s.helpSince = next, s.now()
		s.changed()
	}
}
