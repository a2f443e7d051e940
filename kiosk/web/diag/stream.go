package diag

import (
	"net/http"
	"time"

	"clinicgate/kiosk/web/door"
)

const factsEvery = 5 * time.Second

// picture is what the page is told; what is absent is as before.
type picture struct {
	Build   string   `json:"build"`
	By      string   `json:"by"`
	LeftMS  int64    `json:"leftMs"`
	Facts   *Facts   `json:"facts,omitempty"`
	Devices []Device `json:"devices,omitempty"`
	Samples []Sample `json:"samples,omitempty"`
}

// servePad holds the line to an open pad, so that it goes when it is to go.
func (s *Server) servePad(w http.ResponseWriter, r *http.Request) {
	gone := make(chan struct{})
	s.mu.Lock()
	full := len(s.pads) >= maxPads || s.base == nil
	if !full {
		s.pads[gone] = struct{}{}
	}
	s.mu.Unlock()
	if full {
		door.Refuse(w, http.StatusServiceUnavailable)
		return
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.pads, gone)
	}()
	door.Live{Ended: gone}.Serve(w, r)
}

// serveEvents tells the page how the kiosk is. It ends with "locked" when the session
// does.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request, x *session) {
	s.mu.Lock()
	s.shown++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.shown--
	}()
	out, err := door.NewEventWriter(w)
	if err != nil {
		return
	}
	beat := time.NewTicker(door.Beat)
	defer beat.Stop()
	var told time.Time // when facts were
	var taken uint64
	for err == nil {
		p := picture{Build: s.build, By: x.by.ID, LeftMS: s.left(x).Milliseconds()}
		if now := s.count(); told.IsZero() || now.Sub(told) >= factsEvery {
			told = now
			facts := s.deps.Kiosk.Facts(r.Context())
			p.Facts, p.Devices = &facts, s.deps.Kiosk.Devices(r.Context())
		}
		s.mu.Lock()
		if s.taken != taken {
			taken, p.Samples = s.taken, s.samples
		}
		s.mu.Unlock()
		if x.ctx.Err() == nil {
			err = out.Send("view", p)
		}
		select {
		case <-x.ctx.Done():
			_ = out.Send("locked", struct{}{})
			return
		case <-r.Context().Done():
			if x.ctx.Err() != nil {
				_ = out.Send("locked", struct{}{})
			}
			return
		case <-beat.C:
		}
	}
}
