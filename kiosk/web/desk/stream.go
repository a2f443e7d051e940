package desk

import (
	"net/http"
	"time"

	"clinicgate/kiosk/web/door"
)

const maxStreams = 4 // open pages of one browser; the oldest gives way

// stream is one open page. A change wakes it; it then sends the picture of that
// moment.
type stream struct {
	browser string
	wake    chan struct{}
	ended   chan struct{} // closed when it is no longer among Server.streams
	since   time.Time
}

// changed counts a new picture and wakes every open page. Server.mu is held.
func (s *Server) changed() {
	s.rev++
	for st := range s.streams {
		select {
		case st.wake <- struct{}{}:
		default:
		}
	}
}

// openStream returns nil for a browser that is not paired.
func (s *Server) openStream(r *http.Request) *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.browserOf(r)
	if b == nil {
		return nil
	}
	var oldest *stream
	open := 0
	for st := range s.streams {
		if st.browser != b.ID {
			continue
		}
		open++
		if oldest == nil || st.since.Before(oldest.since) {
			oldest = st
		}
	}
	if open >= maxStreams {
		s.dropStream(oldest)
	}
	b.used = s.count()
	st := &stream{browser: b.ID, wake: make(chan struct{}, 1), ended: make(chan struct{}), since: s.count()}
	s.streams[st] = struct{}{}
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

// pictureFor makes the picture for a stream that is not dropped.
func (s *Server) pictureFor(st *stream) (p picture, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.streams[st]; !ok {
		return p, false
	}
	return s.picture(s.sessions[st.browser]), true
}

// serveEvents sends the picture at once, after each change, and a beat each
// second. It ends with "locked" when the browser was revoked.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	st := s.openStream(r)
	if st == nil {
		door.Refuse(w, http.StatusUnauthorized)
		return
	}
	defer s.closeStream(st)
	door.Live{Wake: st.wake, Ended: st.ended, Show: func(out *door.EventWriter) error {
		if p, ok := s.pictureFor(st); ok {
			return out.Send("view", p)
		}
		return nil // st.ended says the rest
	}}.Serve(w, r)
}
