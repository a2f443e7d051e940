package web

// Present says whether a sensor sees somebody before the kiosk. The page answers:
// the start screen turns to who comes, and the panel stays lit. Nothing else hangs
// on it. A session neither begins nor lasts longer, since whoever is seen may be
// the next one in line; and who it is, the sensor cannot know.
func (s *Server) Present(there bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if there != s.present {
		s.present = there
		s.changed()
	}
}
