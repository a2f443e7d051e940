package diag

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/google/uuid"

	"clinicgate/kiosk"
	"clinicgate/kiosk/web/door"
)

const idleAfter = 3 * time.Minute

// session is one technician's time at the page. It is replaced, never used again.
type session struct {
	id     string // for the audit; no secret
	secret door.SecretHash
	by     kiosk.Actor
	opened time.Time
	active time.Time // by count; guarded by Server.mu
	ctx    context.Context
	cancel context.CancelFunc
}

// begin opens a session in place of the one before, or gives nil when the server does
// not run.
func (s *Server) begin(secret door.SecretHash, by kiosk.Actor) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.base == nil || s.base.Err() != nil {
		return nil
	}
	s.end("replaced")
	x := &session{id: uuid.NewString(), secret: secret, by: by, opened: s.now(), active: s.count()}
	x.ctx, x.cancel = context.WithCancel(s.base)
	s.live = x
	return x
}

// end ends the session, if there is one. It is recorded by Run. Server.mu is held.
func (s *Server) end(why string) {
	x := s.live
	if x == nil {
		return
	}
	s.live = nil
	x.cancel()
	s.log.Info("diagnostics page closed", "reason", why, "by", x.by.String())
	select {
	case s.ended <- endOf{x, why}:
	default: // there is room for more than can be opened meanwhile
		s.log.Error("diagnostics were not recorded", "event", string(kiosk.DiagClosed))
	}
}

type endOf struct {
	*session
	why string
}

// Leave ends the page and the pad and sends the browser back to the check-in. It
// reports whether a browser showed one of them. why is a fixed word. It does not block.
func (s *Server) Leave(why string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	shown := s.live != nil || s.shown > 0 || len(s.pads) > 0
	s.end(why)
	for gone := range s.pads {
		close(gone)
		delete(s.pads, gone)
	}
	return shown
}

// sessionOf gives the session that a request belongs to, or nil.
func (s *Server) sessionOf(r *http.Request) *session {
	cookies := r.CookiesNamed(cookieName(r))
	if len(cookies) != 1 {
		return nil
	}
	hash := door.HashOf(cookies[0].Value)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live == nil || !s.live.secret.Equal(hash) {
		return nil
	}
	return s.live
}

// touched takes note that somebody is here.
func (s *Server) touched(x *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.active = s.count()
}

// left is the time until the page closes by itself.
func (s *Server) left(x *session) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(0, idleAfter-s.count().Sub(x.active))
}

// endIdle ends a session that nobody has touched for three minutes.
func (s *Server) endIdle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live != nil && s.count().Sub(s.live.active) >= idleAfter {
		s.end("idle")
	}
}

// only serves the technician's session alone.
func (s *Server) only(serve func(http.ResponseWriter, *http.Request, *session)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		x := s.sessionOf(r)
		if x == nil {
			door.Refuse(w, http.StatusUnauthorized)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(x.ctx, cancel)()
		serve(w, r.WithContext(ctx), x)
	}
}

// cookieName is that of the technician's cookie: cookies do not know ports.
func cookieName(r *http.Request) string {
	_, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		port = "80"
	}
	return "clinicgate_diag_" + port
}
