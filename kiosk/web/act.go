package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"clinicgate/kiosk"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web/door"

	"github.com/google/uuid"
)

// action is what the page posts to /act: one event of the patient's, with a
// request id that the page minted (UUIDv7) and keeps when it has to send the
// same act again.
type action struct {
	Request  uuid.UUID  `json:"request"`
	Session  string     `json:"session"`
	Event    string     `json:"event"`
	Language string     `json:"language,omitempty"` // choose
	Code     string     `json:"code,omitempty"`     // code, scan
	Birth    string     `json:"birth,omitempty"`    // born: 2006-01-02
	Family   string     `json:"family,omitempty"`   // named
	Given    string     `json:"given,omitempty"`    // named
	Time     string     `json:"time,omitempty"`     // time: 15:04
	Phone    string     `json:"phone,omitempty"`    // phone: two digits
	Form     string     `json:"form,omitempty"`     // decide
	Shown    string     `json:"shown,omitempty"`    // decide: SHA-256 of the text on the screen, hex
	Granted  *bool      `json:"granted,omitempty"`  // decide
	Signer   Signer     `json:"signer,omitempty"`   // sign
	Present  bool       `json:"present,omitempty"`  // sign: an interpreter is
	Name     string     `json:"name,omitempty"`     // signed: as the signer typed it
	Drawing  [][]uint16 `json:"drawing,omitempty"`  // signed: strokes, each x, y, x, y, ... on consent's grid
	Need     kiosk.Need `json:"need,omitempty"`     // need; tongue, empty for no interpreter
	Mode     string     `json:"mode,omitempty"`     // display: large, contrast, low, or normal for none of them
	Ready    *bool      `json:"ready,omitempty"`    // tried: camera and microphone work
	Kind     HelpKind   `json:"kind,omitempty"`     // help
}

const (
	maxActBytes  = 32 << 10 // a code of 4 KiB, every byte escaped
	maxCodeBytes = 4096
	actsPerSec   = 20
	actsAtOnce   = 60
)

var errAction = errors.New("not an action of the page")

// parseAction reads an action strictly.
func parseAction(r io.Reader) (action, error) {
	var a action
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return a, err
		}
		return a, errAction // the decoder's own words may repeat the input
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return a, errAction
	}
	if a.Request.Version() != 7 || len(a.Session) > 36 || len(a.Form) > 128 || len(a.Shown) > 64 || len(a.Signer) > 40 {
		return a, errAction
	}
	return a, nil
}

// serveAct carries out one action and answers with the view that followed.
//
//	200  it happened, now or when the same request came before; a sign of life
//	     that crossed with the end of its session asked for nothing, and a call
//	     for help that did is made
//	409  it does not fit what the screen shows by now; the view says what it shows
func (s *Server) serveAct(w http.ResponseWriter, r *http.Request) {
	if !s.actRate.Allow() {
		door.Refuse(w, http.StatusTooManyRequests)
		return
	}
	a, err := parseAction(http.MaxBytesReader(w, r.Body, maxActBytes))
	switch {
	case err == nil:
	case errors.Is(err, errAction):
		door.Refuse(w, http.StatusBadRequest)
		return
	default:
		door.Refuse(w, http.StatusRequestEntityTooLarge)
		return
	}
	began := s.now()
	s.mu.Lock()
	finished, ok := closed, false
	if s.isBrowser(r) {
		finished, ok = s.act(a)
	}
	s.mu.Unlock()
	select {
	case <-finished:
	case <-r.Context().Done(): // the act goes on; the page asks again
		return
	}
	s.mu.Lock()
	admitted, v := s.isBrowser(r), s.view()
	s.mu.Unlock()
	switch {
	case !admitted:
		door.Refuse(w, http.StatusUnauthorized)
	case !ok:
		door.Answer(w, http.StatusConflict, v)
	default:
		door.Answer(w, http.StatusOK, v)
		if s.deps.Answered != nil {
			s.deps.Answered(s.now().Sub(began))
		}
	}
}

// act applies an action under Server.mu. The channel is closed when all that
// the action asked for is done.
func (s *Server) act(a action) (finished <-chan struct{}, ok bool) {
	x := s.live
	if a.Session != x.id {
		return s.actAfter(a)
	}
	call, repeated := x.calls.join(a.Request)
	if repeated {
		return call, true
	}
	s.touched(x)
	job, ok := s.apply(x, a)
	if ok && a.Event != "active" {
		s.changed()
	}
	return s.perform(call, job), ok
}

// perform does what an act asked for outside the lock, and closes its call then.
func (s *Server) perform(call chan struct{}, job work) <-chan struct{} {
	if job == nil {
		close(call)
		return call
	}
	s.inBackground(func(ctx context.Context) {
		defer close(call)
		job(ctx)
	})
	return call
}

// apply is the page's half of the state machine: it turns an action into the
// event that the table knows.
func (s *Server) apply(x *session, a action) (work, bool) {
	switch a.Event {
	case "start":
		if !x.step(evStart) {
			return nil, false
		}
		s.onlyLanguage(x)
		return nil, true
	case "choose":
		if !slices.ContainsFunc(s.words, func(w Words) bool { return w.Tag == a.Language }) {
			return nil, false
		}
		return nil, x.choose(a.Language)
	case "need", "tongues", "tongue":
		return nil, x.need(event(a.Event), a.Need)
	case "ready":
		return s.ready(x, a.Request)
	case "scan":
		if s.deps.Captured != nil {
			return s.captured(phi.New(a.Code)), true
		}
		return s.scanned(x, phi.New(a.Code), "", a.Request)
	case "code":
		code := strings.TrimSpace(a.Code)
		if code == "" || len(code) > maxTypedBytes || !printable(code) {
			return nil, false
		}
		return s.identify(x, evCode, newCode(phi.New(code), Typed), a.Request)
	case "no-code", "born", "named", "time", "phone", "unknown":
		return s.byPerson(x, a)
	case "number":
		return s.number(x, a.Request)
	case "decide":
		if a.Granted == nil {
			return nil, false
		}
		return s.decide(x, a.Form, a.Shown, *a.Granted, a.Request)
	case "measured":
		job, ok := s.goOn(x, onward{try: evMeasuredTry, last: evMeasured}, a.Request)
		if ok {
			x.measuring = measuring{}
		}
		return job, ok
	case "tried":
		if a.Ready == nil {
			return nil, false
		}
		return s.tried(x, *a.Ready, a.Request)
	case "confirm", "not-right":
		return s.confirm(x, a.Event == "confirm", a.Request)
	case "other":
		return nil, mayBeOther(x.found) && x.step(evOther)
	case "sign":
		return nil, x.sign(a.Signer, a.Present)
	case "type":
		return nil, x.step(evType)
	case "signed":
		return s.signed(x, a)
	case "nobody":
		return s.unsigned(x, a.Request)
	case "together":
		return s.together(x, a.Request)
	case "apart":
		return s.apart(x, a.Request)
	case "another":
		return s.another(x, a.Request)
	case "again":
		if x.state == Turned && !x.again {
			return nil, false
		}
		return nil, x.step(evAgain)
	case "print":
		return s.reprint(x, a.Request)
	case "depart":
		return s.move(x, evDepart, a.Request)
	case "return":
		return s.move(x, evReturn, a.Request)
	case "back":
		return nil, x.step(evBack)
	case "leave":
		if _, ok := x.state.after(evLeave); !ok {
			return nil, false
		}
		s.endSession(EndLeft)
		return nil, true
	case "display":
		return nil, x.display.toggle(a.Mode)
	case "active":
		return nil, true
	case "help":
		return s.callHelp(x.id, a.Kind, a.Request)
	}
	return nil, false
}

// choose sets the language.
func (x *session) choose(tag string) bool {
	if !x.step(evChoose) {
		return false
	}
	x.language = tag
	return true
}

// onlyLanguage chooses for the patient where there is no choice.
func (s *Server) onlyLanguage(x *session) {
	if len(s.words) == 1 {
		x.choose(s.words[0].Tag)
	}
}

var closed = func() <-chan struct{} { c := make(chan struct{}); close(c); return c }()

func hexSHA256(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
