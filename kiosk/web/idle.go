package web

import (
	"context"
	"time"
)

const (
	warnBefore = 20 * time.Second // WCAG 2.2.1: at least 20 s to answer
	minQuiet   = 5 * time.Second  // before the first warning, however short the setting
	watchEvery = 250 * time.Millisecond
)

// touched takes note that somebody is here. There is no limit to how often.
func (s *Server) touched(x *session) {
	x.active = s.now()
	if x.warned {
		x.warned = false
		s.changed()
	}
}

// watch ends what nobody attends: it warns, then wipes. It also brings the
// state of a call for help to the page.
func (s *Server) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.look()
		}
	}
}

func (s *Server) look() {
	help := s.deps.CheckIn.HelpState()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.followHelp(help)
	x := s.live
	if _, ok := x.state.after(evIdle); !ok {
		return
	}
	quiet := s.now().Sub(x.active)
	switch {
	case quiet >= s.quiet+warnBefore:
		s.endSession("idle")
	case quiet >= s.quiet && !x.warned:
		x.warned = true
		s.changed()
	}
}

// idleLeft is the time until the wipe, for the page's countdown.
func (s *Server) idleLeft(x *session) time.Duration {
	return max(0, s.quiet+warnBefore-s.now().Sub(x.active))
}
