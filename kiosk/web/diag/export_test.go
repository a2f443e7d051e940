package diag

import (
	"context"
	"io"
)

// Seams for tests on virtual time, which cannot use sockets.

// ParseAction reads an action as the page's server does.
func ParseAction(r io.Reader) error { _, err := parseAction(r); return err }

// Static gives a served file or document.
func (s *Server) Static(name string) []byte { return s.static[name] }

// Texts gives the sentences of each language.
func (s *Server) Texts() map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, w := range s.words {
		out[w.Tag] = w.Text
	}
	return out
}

// Samples counts those that are held.
func (s *Server) Samples() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.samples)
}

// Started makes the server serve without Run.
func (s *Server) Started(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.base = ctx
}

// Running reports whether Run serves.
func (s *Server) Running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.base != nil
}
