package web

import (
	"slices"

	"github.com/google/uuid"
)

// party is who came together in one session, beside who is being checked in now.
type party struct {
	members []visitor // done, in the order in which they were
	queued  []code    // together with them, and not looked up yet
	other   code      // whose "are you together?" is asked, or waits for an answer of the gateway
	before  State     // where it was asked
}

// maxParty bounds the people of one session.
const maxParty = 8

// people counts the party, with who is being checked in now.
func (x *session) people() int {
	n := len(x.members) + len(x.queued)
	if x.state != Finished && x.state != Known {
		n++
	}
	return n
}

// knows reports whether a code is of somebody who is in the session already.
func (x *session) knows(c code) bool {
	same := func(o code) bool { return o.hash == c.hash && !o.isZero() }
	return same(x.code) || same(x.other) || slices.ContainsFunc(x.queued, same) ||
		slices.ContainsFunc(x.members, func(v visitor) bool { return same(v.code) })
}

// joined keeps what a visitor was told, for the list on the last screen. A visit is
// in it once, however it was found.
func (x *session) joined(v visitor) {
	kept := visitor{code: code{hash: v.code.hash}, done: v.done,
		found: Identified{Entry: v.found.Entry, Standing: v.found.Standing, Visit: Visit{Name: v.found.Visit.Name}}}
	if i := slices.IndexFunc(x.members, func(o visitor) bool { return o.found.Entry == v.found.Entry }); i >= 0 {
		x.members[i] = kept
		return
	}
	if len(x.members) < maxParty {
		x.members = append(x.members, kept)
	}
}

// second is a code of somebody else. Before anything of either is shown it is asked
// whether they are together. Server.mu is held.
func (s *Server) second(x *session, c code, request uuid.UUID) (work, bool) {
	switch _, next := x.state.after(evNextScan); {
	case x.state.busy():
		x.other = c // judged when the answer is there
		return nil, true
	case x.state == Together:
		return nil, true // one question at a time; the third one's code is read again
	case next && (x.state == Turned && len(x.members) == 0 || x.people() >= maxParty):
		// The next patient. Nobody is on the screen, or the party is whole; nothing of
		// the one before stays.
		s.endSession(EndNext)
		return s.read(s.live, c, request)
	case x.people() >= maxParty:
		x.notice = "party-full"
		return nil, true
	}
	before := x.state
	if !x.step(evSecond) {
		return nil, false
	}
	x.other, x.before = c, before
	return nil, true
}

// judgeLate decides on a code that was read while the gateway was busy. Server.mu
// is held.
func (s *Server) judgeLate(x *session) {
	c := x.other
	if x.other = (code{}); c.isZero() {
		return
	}
	request, err := uuid.NewV7()
	if err != nil {
		return // the code is read again
	}
	if job, _ := s.read(x, c, request); job != nil {
		s.inBackground(job)
	}
}

var resume = map[State]event{Confirming: evResumeConfirm, Signing: evResumeSign, Consent: evResumeConsent, SignDrawn: evResumeDrawn, SignTyped: evResumeTyped, Measure: evResumeMeasure, Trying: evResumeTry}

// together lets the other one wait until the one before is done, or begin.
func (s *Server) together(x *session, request uuid.UUID) (work, bool) {
	if x.state != Together {
		return nil, false
	}
	x.queued = append(x.queued, x.other)
	x.other = code{}
	if e, ok := resume[x.before]; ok {
		x.step(e)
		if x.state == Measure {
			x.measuring.begin(x.found.Vitals, s.now()) // what was measured meanwhile is nobody's
		}
		x.notice = "next-after"
		return nil, true
	}
	return s.nextPerson(x, request)
}

// nextPerson begins with the first of those who wait.
func (s *Server) nextPerson(x *session, request uuid.UUID) (work, bool) {
	next := x.queued[0]
	x.keepInterpreter()
	job, ok := s.identify(x, evNextPerson, next, request)
	if ok {
		x.queued = x.queued[1:]
	}
	return job, ok
}

// another goes on with the next one of the party: whose code was read, or else is
// to be read now.
func (s *Server) another(x *session, request uuid.UUID) (work, bool) {
	if len(x.queued) > 0 {
		return s.nextPerson(x, request)
	}
	if x.people() >= maxParty || !x.step(evAnother) {
		return nil, false
	}
	x.visitor = visitor{}
	x.keepInterpreter()
	return nil, true
}

// apart ends the session, of which nothing stays, and begins the other one's.
func (s *Server) apart(x *session, request uuid.UUID) (work, bool) {
	if _, ok := x.state.after(evApart); !ok {
		return nil, false
	}
	c := x.other
	s.endSession(EndNotOurs)
	return s.read(s.live, c, request)
}
