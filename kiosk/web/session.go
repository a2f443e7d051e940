package web

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/consent"
	"clinicgate/kiosk/identity"
	"clinicgate/kiosk/phi"

	"github.com/google/uuid"
)

const (
	identifyWithin = 10 * time.Second
	finishWithin   = 15 * time.Second
	forgetWithin   = 5 * time.Second
	helpWithin     = 5 * time.Second
	tries          = 3 // of one act, all with the same request id
)

// session is one patient's check-in, from the first touch to the wipe. It is
// replaced, never cleared: what points to an old one finds it no longer live.
// Server.mu guards it.
type session struct {
	id       string
	state    State
	language string
	display  display
	needs    []kiosk.Need // the help that the patient asked for
	active   time.Time    // last sign that somebody is here
	warned   bool         // asked whether more time is needed
	ended    Ending       // why it is no longer the live one

	held code // read before a language was chosen
	visitor
	party

	notice string // a remark beside what the screen says
	calls  callLog
}

// visitor is who is being checked in. The next one of a party starts with an empty
// one.
type visitor struct {
	code   code   // as it was looked up last, without what was read
	person Person // who a patient without a code, or her licence, says she is, as far as asked

	found    Identified
	notRight bool // the patient says that something of the visit is not right
	signing
	decisions []Decision
	measuring measuring
	devices   Devices
	done      Done
	sentence  string // why it was refused
	again     bool   // refused, and another try is allowed
	mayNumber bool   // refused, and a number is to be had all the same
}

func newSession(language string, now time.Time) *session {
	return &session{id: uuid.NewString(), state: Attract, language: language, active: now}
}

// step moves the session by the table and reports whether it did.
func (x *session) step(e event) bool {
	next, ok := x.state.after(e)
	if ok {
		x.state, x.notice = next, ""
	}
	return ok
}

// form is the one to be answered now.
func (x *session) form() Form { return x.found.Forms[len(x.decisions)] }

// work is what a transition asks to be done outside the lock.
type work func(ctx context.Context)

// identify moves to Checking by e and looks the code up; with a card it asks for
// the date of birth first.
func (s *Server) identify(x *session, e event, c code, request uuid.UUID) (work, bool) {
	if c.method == Carded {
		return nil, x.tap(c)
	}
	if !x.step(e) {
		return nil, false
	}
	x.held, x.visitor = code{}, visitor{code: code{method: c.method, hash: c.hash}, person: c.person}
	return s.lookUp(x, Identify{Session: x.id, Method: c.method, Value: c.value, Person: c.person, Useless: c.useless, Kind: c.kind,
		Language: x.language, Needs: x.needs, Request: request}), true
}

// lookUp asks the check-in who the patient is; the state is Checking.
func (s *Server) lookUp(x *session, in Identify) work {
	return func(ctx context.Context) {
		var out Identified
		err := attempt(ctx, identifyWithin, func(ctx context.Context) (err error) {
			out, err = s.deps.CheckIn.Identify(ctx, in)
			return err
		})
		s.answered(x, "identify", out, err)
	}
}

// byPerson takes one answer of a patient without a code and, once there is a
// whole claim, looks the person up by it.
func (s *Server) byPerson(x *session, a action) (work, bool) {
	p, method := x.person, Named
	switch event(a.Event) {
	case evNoCode:
		if x.state == Turned && !x.again || !x.step(evNoCode) {
			return nil, false
		}
		x.held, x.visitor = code{}, visitor{}
		return nil, true
	case evBorn:
		if x.state != Born {
			return nil, false
		}
		if !identity.PossibleBirth(a.Birth, s.now()) {
			x.notice = "no-such-date"
			return nil, true
		}
		if x.code.method == Carded {
			return s.byCard(x, phi.New(a.Birth), a.Request), true
		}
		x.step(evBorn)
		x.person = Person{Birth: phi.New(a.Birth)}
		return nil, true
	case evNamed:
		p = Person{Birth: p.Birth, Family: nameOf(a.Family), Given: nameOf(a.Given)}
		if p.Family.IsZero() && p.Given.IsZero() {
			return nil, false
		}
	case evTime:
		if p.Time = phi.New(a.Time); !timeForm.MatchString(a.Time) {
			return nil, false
		}
	case evPhone:
		if p.Phone = phi.New(a.Phone); !phoneForm.MatchString(a.Phone) {
			return nil, false
		}
	case evUnknown:
		if x.state == WhichTime && x.step(evUnknown) {
			return nil, true
		}
	}
	if !x.step(event(a.Event)) {
		return nil, false
	}
	if x.code.method == Licensed && event(a.Event) != evNamed {
		method = Licensed // and a question about it
	} else {
		x.code = code{}
	}
	x.person = p
	return s.lookUp(x, Identify{Session: x.id, Method: method, Person: p, NoMore: event(a.Event) == evUnknown,
		Language: x.language, Needs: x.needs, Request: a.Request}), true
}

var (
	timeForm  = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
	phoneForm = regexp.MustCompile(`^[0-9]{2}$`)
)

const maxNameBytes = 200

// nameOf reads a name that was typed; what cannot be one is empty.
func nameOf(text string) phi.Text {
	text = strings.TrimSpace(text)
	if len(text) > maxNameBytes || !printable(text) {
		return phi.Text{}
	}
	return phi.New(text)
}

// number takes in a patient by name who was not found, where that was offered.
func (s *Server) number(x *session, request uuid.UUID) (work, bool) {
	if !x.mayNumber || x.person == (Person{}) || !x.step(evNumber) {
		return nil, false
	}
	x.mayNumber = false
	return s.lookUp(x, Identify{Session: x.id, Method: Named, Person: x.person, Number: true, Language: x.language, Request: request}), true
}

// move takes the patient out of the queue, or back.
func (s *Server) move(x *session, e event, request uuid.UUID) (work, bool) {
	if e == evDepart && !x.found.MayLeave || e == evReturn && !x.found.MayReturn || !x.step(e) {
		return nil, false
	}
	in := Move{Session: x.id, Entry: x.found.Entry, Language: x.language, Leave: e == evDepart, Request: request}
	return func(ctx context.Context) {
		var out Identified
		err := attempt(ctx, identifyWithin, func(ctx context.Context) (err error) {
			out, err = s.deps.CheckIn.Move(ctx, in)
			return err
		})
		s.answered(x, "move", out, err)
	}, true
}

// answered brings the check-in's answer to the screen, if its session is still
// the live one.
func (s *Server) answered(x *session, act string, out Identified, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live != x { // a new launch ended the session meanwhile
		s.forget(x, x.ended)
		return
	}
	x.active = s.now()
	if x.code.method == Licensed && out.Outcome != Asked {
		x.person = Person{} // it was for this look-up alone
	}
	if out.Visit == (Visit{}) { // an answer to a move need not tell the visit again
		out.Visit = x.found.Visit
	}
	switch {
	case err != nil:
		s.log.Warn("check-in failed", "act", act, "err", err)
		x.step(evFailed)
		x.sentence, x.again = "unavailable", false
	case out.Outcome == Refused:
		x.step(evRefused)
		x.sentence, x.again, x.mayNumber = out.Sentence, out.Again, out.MayNumber
		x.found = Identified{Visit: Visit{Department: out.Visit.Department}} // where to go instead, and nothing else
	case out.Outcome == Numbered:
		x.step(evNumbered)
		x.found, x.done = Identified{Entry: out.Entry}, out.Done
	case out.Outcome == Asked && out.Ask == AppointmentTime:
		x.step(evAskTime)
	case out.Outcome == Asked:
		x.step(evAskPhone)
	case out.Outcome == Already:
		x.step(evAlready)
		x.found, x.done = out, out.Done
		x.joined(x.visitor)
	default:
		x.step(evFound)
		x.found, x.notice = out, out.Sentence
	}
	s.judgeLate(x)
	s.changed()
}

// confirm goes on from the visit that was found, right or not.
func (s *Server) confirm(x *session, right bool, request uuid.UUID) (work, bool) {
	e := evConfirm
	switch {
	case len(x.found.Forms) == 0 && len(x.found.Vitals) > 0:
		e = evConfirmMeasure
	case len(x.found.Forms) == 0 && s.tries(x):
		e = evConfirmTry
	case len(x.found.Forms) == 0:
		e = evConfirmEnd
	case x.mustAsk():
		e = evConfirmAsk
	}
	if !x.step(e) {
		return nil, false
	}
	x.notRight = !right
	if e == evConfirmMeasure {
		x.measuring.begin(x.found.Vitals, s.now())
	}
	if e != evConfirmEnd {
		x.notice = x.found.Sentence
		if !right {
			x.notice = "not-right"
		}
		return nil, true
	}
	return s.finish(x, request), true
}

// tries reports whether the visit needs devices that are to be tried first.
func (s *Server) tries(x *session) bool { return s.try && x.found.Visit.Video }

// tried takes what came of trying the devices.
func (s *Server) tried(x *session, ready bool, request uuid.UUID) (work, bool) {
	if !x.step(evTried) {
		return nil, false
	}
	x.devices = DevicesFail
	if ready {
		x.devices = DevicesReady
	}
	return s.finish(x, request), true
}

// decide records the answer to the form on the screen. shown is the SHA-256 of
// the text that the page displayed, made by the page from what it displayed.
func (s *Server) decide(x *session, formID, shown string, granted bool, request uuid.UUID) (work, bool) {
	if x.state != Consent {
		return nil, false
	}
	f := x.form()
	if formID != f.ID || shown != hexSHA256(f.Text) {
		return nil, false
	}
	switch {
	case granted && f.Signature == consent.Drawn:
		return nil, x.step(evDecideDraw)
	case granted && f.Signature == consent.Typed:
		return nil, x.step(evDecideType)
	}
	return s.decided(x, granted, consent.Signature{}, evDecide, onward{evDecideMeasure, evDecideTry, evDecideLast}, request)
}

// decided takes the answer to the form in turn, and what it was signed with. It goes
// on by more to the next form, or else onward.
func (s *Server) decided(x *session, granted bool, signature consent.Signature, more event, o onward, request uuid.UUID) (work, bool) {
	f := x.form()
	x.decisions = append(slices.Clip(x.decisions),
		Decision{FormID: f.ID, Type: f.Type, Version: f.Version, Language: f.Language, SHA256: f.SHA256, Granted: granted, Signature: signature})
	if len(x.decisions) < len(x.found.Forms) {
		return nil, x.step(more)
	}
	return s.goOn(x, o, request)
}

// finish commits. The page says "checked in" after this returned, not before.
func (s *Server) finish(x *session, request uuid.UUID) work {
	in := Finish{Session: x.id, Entry: x.found.Entry, NotRight: x.notRight, Decisions: x.decisions, Devices: x.devices,
		Signer: x.signer, Language: x.language, Interpreter: x.interpreter, Unsigned: x.nobody, Request: request}
	return func(ctx context.Context) {
		var out Done
		err := attempt(ctx, finishWithin, func(ctx context.Context) (err error) {
			out, err = s.deps.CheckIn.Finish(ctx, in)
			return err
		})
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.live != x {
			s.forget(x, x.ended)
			return
		}
		x.active = s.now()
		x.decisions = nil // with what was signed: nobody needs it here any more
		if err != nil {
			s.log.Warn("check-in failed", "act", "finish", "err", err)
			x.step(evFailed)
			x.sentence, x.again = "unavailable", false
		} else {
			x.step(evDone)
			x.done = out
			x.joined(x.visitor)
		}
		s.judgeLate(x)
		s.changed()
	}
}

// attempt calls act until it succeeds, at most a few times within a limit. The
// act carries one request id, so a repetition cannot do it twice.
func attempt(ctx context.Context, within time.Duration, act func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var err error
	pause := 250 * time.Millisecond
	for try := range tries {
		if err = act(ctx); err == nil || try == tries-1 {
			return err
		}
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return err
		case <-t.C:
		}
		pause *= 4
	}
	return err
}

// endSession wipes the patient's session: a fresh one takes its place and
// nothing of the old is reachable. Server.mu is held.
func (s *Server) endSession(why Ending) {
	old := s.live
	s.live = newSession(s.words[0].Tag, s.now())
	if old.state != Attract {
		s.log.Info("session ended", "reason", string(why), "state", string(old.state))
	}
	if old.state != Attract && !old.state.busy() { // a busy one is forgotten when its answer has come
		s.forget(old, why)
	}
	old.ended = why
	s.ended = append(s.ended[max(0, len(s.ended)+1-maxEnded):], ended{old.id, old.calls})
	s.changed()
}

// forget tells the check-in, in the background, that nobody holds the session.
// Where that fails, an arrival stays "unfinished", which the desk sees anyway.
// Server.mu is held.
func (s *Server) forget(x *session, why Ending) {
	s.inBackground(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, forgetWithin)
		defer cancel()
		if err := s.deps.CheckIn.EndSession(ctx, x.id, why); err != nil {
			s.log.Warn("check-in failed", "act", "end", "err", err)
		}
	})
}

// callLog remembers the requests of a session, so that a repeated one waits for
// the first and changes nothing. It is bounded; the oldest is forgotten.
type callLog struct {
	calls map[uuid.UUID]chan struct{} // closed when the request is finished
	order []uuid.UUID
}

const maxCalls = 128

// join returns the request's channel, and whether it is a repetition.
func (c *callLog) join(request uuid.UUID) (finished chan struct{}, repeated bool) {
	if ch, ok := c.calls[request]; ok {
		return ch, true
	}
	if c.calls == nil {
		c.calls = map[uuid.UUID]chan struct{}{}
	}
	if len(c.order) >= maxCalls {
		delete(c.calls, c.order[0])
		c.order = c.order[1:]
	}
	ch := make(chan struct{})
	c.calls[request] = ch
	c.order = append(c.order, request)
	return ch, false
}
