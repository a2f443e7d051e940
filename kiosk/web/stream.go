package web

import (
	"net/http"
	"time"

	"clinicgate/kiosk/web/door"
)

const maxStreams = 8 // open pages; the oldest gives way

// stream is one open page. A change wakes it; it then sends the picture of that
// moment, so a slow page gets fewer pictures and never an old one.
type stream struct {
	wake  chan struct{}
	ended chan struct{} // closed when it is no longer among Server.streams
	since time.Time
}

// changed counts a new picture and wakes every open page. Server.mu is held.
func (s *Server) changed() {
	s.rev++
	s.noticeMeasuring()
	for st := range s.streams {
		select {
		case st.wake <- struct{}{}:
		default:
		}
	}
}

// openStream returns nil for a browser that does not hold the pass.
func (s *Server) openStream(r *http.Request) *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isBrowser(r) {
		return nil
	}
	if len(s.streams) >= maxStreams {
		var oldest *stream
		for st := range s.streams {
			if oldest == nil || st.since.Before(oldest.since) {
				oldest = st
			}
		}
		s.dropStream(oldest)
	}
	st := &stream{wake: make(chan struct{}, 1), ended: make(chan struct{}), since: s.now()}
	s.streams[st] = struct{}{}
	s.lived = st.since
	return st
}

// dropStream ends a stream: from now on it gets no picture. Server.mu is held.
func (s *Server) dropStream(st *stream) {
	if _, ok := s.streams[st]; ok {
		delete(s.streams, st)
		close(st.ended)
	}
}

func (s *Server) closeStream(st *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropStream(st)
}

// viewFor makes the picture for a stream that is not dropped.
func (s *Server) viewFor(st *stream) (v view, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.streams[st]; !ok {
		return v, false
	}
	return s.view(), true
}

// serveEvents sends the picture at once, after each change, and a beat each
// second. It ends with "locked" when another launch took over.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	st := s.openStream(r)
	if st == nil {
		door.Refuse(w, http.StatusUnauthorized)
		return
	}
	defer s.closeStream(st)
	door.Live{Wake: st.wake, Ended: st.ended, Show: func(out *door.EventWriter) error {
		if v, ok := s.viewFor(st); ok {
			return out.Send("view", v)
		}
		return nil // st.ended says the rest
	}}.Serve(w, r)
}
