package web

import (
	"context"

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

// helpAfter calls a person for a session that ended while the call was on its way: the
// page has told the patient that somebody is called. It is no sign of life of whoever
// comes next. Server.mu is held.
func (s *Server) helpAfter(a action) (work, bool) {
	if uuid.Validate(a.Session) != nil {
		return nil, false
	}
	return s.callHelp(a.Session, a.Kind, a.Request)
}

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
