package web

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"
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

// Idle reports whether nobody is at the page.
func (s *Server) Idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live.state == Attract
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
	quiet := s.now().Sub(x.active)
	if _, ok := x.state.after(evIdle); !ok {
		// Who changed the looks of the start screen and went away is not asked.
		if x.state == Attract && x.display != (display{}) && quiet >= s.allowed(x)+warnBefore {
			s.endSession(EndIdle)
		}
		return
	}
	switch {
	case quiet >= s.allowed(x)+warnBefore:
		s.endSession(EndIdle)
	case quiet >= s.allowed(x) && !x.warned:
		x.warned = true
		s.changed()
	}
}

// idleLeft is the time until the wipe, for the page's countdown.
func (s *Server) idleLeft(x *session) time.Duration {
	return max(0, s.allowed(x)+warnBefore-s.now().Sub(x.active))
}

// allowed is how long the patient may do nothing before being asked: longer where
// there is a text to read, and twice as long for whoever said so.
func (s *Server) allowed(x *session) time.Duration {
	quiet := s.quiet
	switch x.state {
	case Consent:
		quiet += reading(x.form().Text)
	case Measure:
		quiet += measuringTime
	case Trying:
		quiet += trying
	}
	if x.slow() {
		quiet *= 2
	}
	return quiet
}

const (
	trying = 30 * time.Second // to look at oneself, and to speak, which the page tells of
	// measuringTime is for a blood pressure, which takes a minute and a half with the
	// arm still, sitting down and the cuff included. What is measured counts as a touch.
	measuringTime = 90 * time.Second
	perWord       = time.Second / 2 // two words a second: slower than most people read
	perWordN      = 6               // characters that count as a word, where there are no spaces
)

func reading(text string) time.Duration {
	return time.Duration(max(len(strings.Fields(text)), utf8.RuneCountInString(text)/perWordN)) * perWord
}
