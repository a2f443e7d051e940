package desk

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"clinicgate/kiosk"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web/door"
)

const (
	maxBody   = 4 << 10
	actWithin = 10 * time.Second
	maxRoom   = 20
)

var errBody = errors.New("not a request of the page")

// parse reads one JSON object strictly. The error does not repeat it.
func parse[In any](w http.ResponseWriter, r *http.Request) (in In, ok bool) {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(&in)
	if err == nil {
		if _, end := d.Token(); !errors.Is(end, io.EOF) {
			err = errBody
		}
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		door.Refuse(w, http.StatusRequestEntityTooLarge)
		return in, false
	}
	if err != nil {
		door.Refuse(w, http.StatusBadRequest)
		return in, false
	}
	return in, true
}

// answer is what a post gets: nothing, or the reason why it was not done.
type answer struct {
	Refused string `json:"refused,omitempty"` // last part of a key of the page's texts
	Seconds int    `json:"seconds,omitempty"` // to wait
	Day     any    `json:"day,omitempty"`     // for paper
	List    any    `json:"list,omitempty"`    // who is expected
}

// addressOf gives the caller's network address, for the audit.
func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// servePair exchanges a pairing code for the browser's cookie.
func (s *Server) servePair(w http.ResponseWriter, r *http.Request) {
	if !s.pairs.Allow() {
		door.Answer(w, http.StatusTooManyRequests, answer{Refused: "wait", Seconds: 1})
		return
	}
	in, ok := parse[struct {
		Code string `json:"code"`
	}](w, r)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), actWithin)
	defer cancel()
	pass, err := s.redeem(ctx, in.Code, addressOf(r))
	switch {
	case errors.Is(err, errPairing):
		door.Answer(w, http.StatusForbidden, answer{Refused: "pairing"})
		return
	case err != nil:
		s.log.Error("cannot pair browser", "reason", err)
		door.Answer(w, http.StatusServiceUnavailable, answer{Refused: "failed"})
		return
	}
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: pass, Path: "/", MaxAge: int(cookieLife.Seconds()),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	door.Answer(w, http.StatusOK, answer{})
}

// serveLogin begins a session.
//
//	200  it began; the events show it
//	403  refused: wrong PIN, nobody of that name, or no PIN
//	429  refused without a look, for some seconds
func (s *Server) serveLogin(w http.ResponseWriter, r *http.Request) {
	if !s.logins.Allow() {
		door.Answer(w, http.StatusTooManyRequests, answer{Refused: "wait", Seconds: 1})
		return
	}
	in, ok := parse[struct {
		Staff string `json:"staff"`
		PIN   string `json:"pin"`
	}](w, r)
	if !ok {
		return
	}
	if len(in.Staff) > 40 || len(in.PIN) > maxPIN {
		in.Staff, in.PIN = "", "" // counted as a wrong try of nobody
	}
	s.mu.Lock()
	b := s.browserOf(r)
	s.mu.Unlock()
	if b == nil {
		door.Refuse(w, http.StatusUnauthorized)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), actWithin)
	defer cancel()
	err := s.login(ctx, b, in.Staff, in.PIN, addressOf(r))
	wait, waits := errors.AsType[*waitError](err)
	switch {
	case err == nil:
		door.Answer(w, http.StatusOK, answer{})
	case waits:
		door.Answer(w, http.StatusTooManyRequests, answer{Refused: "wait", Seconds: int(math.Ceil(wait.left.Seconds()))})
	case errors.Is(err, errLogin):
		door.Answer(w, http.StatusForbidden, answer{Refused: "login"})
	default:
		s.log.Error("login failed", "reason", err)
		door.Answer(w, http.StatusServiceUnavailable, answer{Refused: "failed"})
	}
}

// action is what the page posts to /act: one event, with a request id that the
// page minted (UUIDv7) and keeps when it has to send the same act again.
type action struct {
	Request      uuid.UUID          `json:"request"`
	Session      string             `json:"session"`
	Event        Event              `json:"event"`
	Entry        string             `json:"entry,omitempty"`        // call, status, remove, priority, transfer, undo
	Room         string             `json:"room,omitempty"`         // call, provider
	Status       kiosk.Status       `json:"status,omitempty"`       // status
	Removal      kiosk.Removal      `json:"removal,omitempty"`      // remove
	Priority     kiosk.Priority     `json:"priority,omitempty"`     // priority
	Department   kiosk.DepartmentID `json:"department,omitempty"`   // transfer
	Provider     kiosk.ProviderID   `json:"provider,omitempty"`     // provider
	Availability kiosk.Availability `json:"availability,omitempty"` // provider
	Help         string             `json:"help,omitempty"`         // acknowledge, resolve
	HappenedAt   string             `json:"happenedAt,omitempty"`   // admit, walk-in, call, status, remove: 09:40

	Appointment kiosk.AppointmentID `json:"appointment,omitempty"` // admit, match
	Reason      string              `json:"reason,omitempty"`      // walk-in
	Family      string              `json:"family,omitempty"`      // walk-in
	Given       string              `json:"given,omitempty"`       // walk-in
	Born        string              `json:"born,omitempty"`        // walk-in: 2006-01-02
}

// act gives the action's event with the members that it needs; ok is false when
// one is missing or malformed, or there is one that the event has no use for.
func (a action) act() (act Act, ok bool) {
	act = Act{Event: a.Event}
	rest := a
	rest.Request, rest.Session, rest.Event = uuid.Nil, "", ""
	switch a.Event {
	case Call, SetStatus, Remove, SetPriority, Transfer, Undo, Match:
		if _, err := kiosk.ParseEntryID(a.Entry); err != nil {
			return act, false
		}
		act.Entry, rest.Entry = a.Entry, ""
	case Acknowledge, Resolve:
		if id, err := uuid.Parse(a.Help); err != nil || id.String() != a.Help {
			return act, false
		}
		act.Help, rest.Help = a.Help, ""
	}
	ok = true
	switch a.Event {
	case SetStatus:
		act.Status, rest.Status, ok = a.Status, "", a.Status.Valid()
	case Remove:
		act.Removal, rest.Removal, ok = a.Removal, "", a.Removal.Valid()
	case SetPriority:
		act.Priority, rest.Priority, ok = a.Priority, "", a.Priority.Valid()
	case Transfer:
		act.Department, rest.Department, ok = a.Department, "", a.Department.Validate() == nil
	case SetProvider:
		act.Provider, act.Availability, rest.Provider, rest.Availability = a.Provider, a.Availability, "", ""
		ok = a.Provider.Validate() == nil && a.Availability.Valid()
	case Admit, Match:
		act.Appointment, rest.Appointment, ok = a.Appointment, "", a.Appointment.Validate() == nil
	case WalkIn:
		act.Department, rest.Department = a.Department, ""
		act.Reason, rest.Reason = a.Reason, ""
		act.Family, act.Given, act.Born = phi.New(a.Family), phi.New(a.Given), phi.New(a.Born)
		rest.Family, rest.Given, rest.Born = "", "", ""
		// A comma parts the two where they are joined.
		ok = a.Department.Validate() == nil && kiosk.StaffID(a.Reason).Validate() == nil && isName(a.Family) && isName(a.Given) && len(a.Born) <= 10
	case Call, Undo, Acknowledge, Resolve, List, Print, Stay, LogOff:
	default:
		ok = false
	}
	if a.Event == Call || a.Event == SetProvider {
		act.Room, rest.Room = a.Room, ""
		ok = ok && len(a.Room) <= maxRoom && utf8.ValidString(a.Room)
	}
	switch a.Event {
	case Admit, WalkIn, Call, SetStatus, Remove:
		act.HappenedAt, rest.HappenedAt = a.HappenedAt, ""
		ok = ok && (a.HappenedAt == "" || isClock(a.HappenedAt))
	}
	return act, ok && rest == action{}
}

const maxPart = 90 // bytes, of each part

func isName(text string) bool {
	return len(text) <= maxPart && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r == ',' || !unicode.IsPrint(r) })
}

func isClock(text string) bool {
	t, err := time.Parse("15:04", text)
	return err == nil && t.Format("15:04") == text
}

// serveAct carries out one action.
//
//	200  it is done, now or when the same request came before
//	403  the person's roles do not include it
//	409  the session is over, or the rules refuse it; the answer says which
func (s *Server) serveAct(w http.ResponseWriter, r *http.Request) {
	if !s.acts.Allow() {
		door.Answer(w, http.StatusTooManyRequests, answer{Refused: "wait", Seconds: 1})
		return
	}
	a, ok := parse[action](w, r)
	if !ok {
		return
	}
	in, ok := a.act()
	if !ok || a.Request.Version() != 7 {
		door.Refuse(w, http.StatusBadRequest)
		return
	}
	x, known := s.sessionOf(r, a.Session)
	switch {
	case !known:
		door.Refuse(w, http.StatusUnauthorized)
		return
	case x == nil:
		door.Answer(w, http.StatusConflict, answer{Refused: "session"})
		return
	case !x.staff.may(in.Event):
		door.Answer(w, http.StatusForbidden, answer{Refused: "role"})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), actWithin)
	defer cancel()
	// The act's id follows from the request: a lost answer may be asked for again.
	act := kiosk.Act{ID: kiosk.DeriveID(a.Request, "desk", x.id), Actor: x.actor(), Session: x.id}
	out, err := s.do(ctx, x, act, in)
	refused, isRefusal := errors.AsType[*Refusal](err)
	switch {
	case err == nil:
		door.Answer(w, http.StatusOK, out)
	case isRefusal:
		door.Answer(w, http.StatusConflict, answer{Refused: s.reason(refused.Reason)})
	default:
		s.log.Error("desk act failed", "event", string(in.Event), "reason", err)
		door.Answer(w, http.StatusServiceUnavailable, answer{Refused: "failed"})
	}
}

// sessionOf gives the session that a request names, nil when it is over, and
// notes that its person is there. known is false for a browser that is not
// paired.
func (s *Server) sessionOf(r *http.Request, id string) (x *session, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.browserOf(r)
	if b == nil {
		return nil, false
	}
	now := s.count()
	x = s.sessions[b.ID]
	// Whose time is over does not come back by an act that comes before the tick.
	if x == nil || x.id != id || now.Sub(x.seen) >= s.idle {
		return nil, true
	}
	x.seen, b.used = now, now
	return x, true
}

func (s *Server) do(ctx context.Context, x *session, act kiosk.Act, in Act) (answer, error) {
	switch in.Event {
	case Stay:
		return answer{}, nil
	case LogOff:
		s.mu.Lock()
		ended := s.sessions[x.browser] == x
		if ended {
			s.endSession(x)
		}
		s.mu.Unlock()
		if ended {
			s.sayEnded(ctx, "logoff", x)
		}
		return answer{}, nil
	case List:
		list, err := s.deps.Clinic.Expected(ctx)
		if err != nil {
			return answer{}, err
		}
		return answer{List: expectedShown(list)}, nil
	case Print:
		d, err := s.deps.Clinic.Day(ctx)
		if err != nil {
			return answer{}, err
		}
		// On record before it is on paper.
		if err := s.audit(ctx, act, kiosk.DayListPrinted, kiosk.AuditFacts{Action: "print", Resource: string(d.Day), Address: x.address}); err != nil {
			return answer{}, err
		}
		return answer{Day: dayShown(d, s.cfg.Zone)}, nil
	}
	return answer{}, s.deps.Clinic.Do(ctx, act, in)
}

// reason keeps to reasons that the page has a sentence for.
func (s *Server) reason(reason string) string {
	if _, ok := s.words[0].Text["refused."+reason]; ok {
		return reason
	}
	return "failed"
}
