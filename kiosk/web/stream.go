package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	beatEvery   = time.Second // the page misses two before it says so
	writeWithin = 3 * time.Second
	maxStreams  = 8 // open pages; the oldest gives way
)

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
		refuse(w, http.StatusUnauthorized)
		return
	}
	defer s.closeStream(st)
	out, err := newEventWriter(w)
	if err != nil {
		return
	}
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	show := func() error {
		if v, ok := s.viewFor(st); ok {
			return out.send("view", v)
		}
		return nil // ended says the rest
	}
	err = show()
	for err == nil {
		select {
		case <-r.Context().Done():
			return
		case <-st.ended:
			_ = out.send("locked", struct{}{})
			return
		case <-st.wake:
			err = show()
		case <-beat.C:
			err = out.send("beat", struct{}{})
		}
	}
}

// eventWriter writes server-sent events, each with a deadline, so that a page
// that stopped reading cannot hold its handler.
type eventWriter struct {
	w http.ResponseWriter
	c *http.ResponseController
}

func newEventWriter(w http.ResponseWriter) (*eventWriter, error) {
	e := &eventWriter{w: w, c: http.NewResponseController(w)}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	// The request is read to its end; the server's read deadline would cut a
	// stream that lives for days.
	if err := e.c.SetReadDeadline(time.Time{}); err != nil && !isUnsupported(err) {
		return nil, fmt.Errorf("cannot lift the read deadline: %w", err)
	}
	w.WriteHeader(http.StatusOK)
	return e, nil
}

func (e *eventWriter) send(name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("cannot encode event: %w", err)
	}
	if err := e.c.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil && !isUnsupported(err) {
		return fmt.Errorf("cannot set write deadline: %w", err)
	}
	if _, err := fmt.Fprintf(e.w, "event: %s\ndata: %s\n\n", name, b); err != nil {
		return err
	}
	return e.c.Flush()
}

func isUnsupported(err error) bool { return errors.Is(err, http.ErrNotSupported) }
