package control

import (
	"context"
	"net"
	"net/http"

	"clinicgate/gateway/config"
)

// As makes the server believe that every caller is p, and that a name in the
// config is its own id.
func (s *Server) As(p Peer) {
	s.identify = func(net.Conn) (Peer, error) { return p, nil }
	s.resolve = func(p config.Principal) (string, bool) { return p.Name, p.Name != "nobody" }
}

// Endpoints lists the names of the table.
func (s *Server) Endpoints() []string {
	var names []string
	for _, e := range s.table {
		names = append(names, e.name)
	}
	return names
}

// ActorID is the function under test.
func ActorID(name string) string { return actorID(name) }

// Handler serves requests as if they came from p.
func (s *Server) Handler(p Peer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer := func() (Peer, error) { return p, nil }
		s.serve(w, r.WithContext(context.WithValue(r.Context(), peerKey{}, peer)))
	})
}
