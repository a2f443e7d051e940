package web

import "clinicgate/kiosk/web/door"

func (s *Server) technicianRoutes() []door.Route {
	if s.deps.Technician == nil {
		return nil
	}
	return s.deps.Technician.Routes()
}

// comeBack asks for the browser, which may show the technician's page, and reports
// whether it did. Server.mu is held.
func (s *Server) comeBack(why string) bool {
	return s.deps.Technician != nil && s.deps.Technician.Leave(why)
}

// Free reports whether nobody checks in and nobody has called for help, so that the
// browser may show something else.
func (s *Server) Free() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live.state == Attract && s.help == HelpNone
}
