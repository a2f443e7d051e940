package diag

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/web/door"
)

const (
	codeDigits = 8
	codeLife   = 10 * time.Minute
	codeTries  = 5
)

// issued is the one code that is out.
type issued struct {
	hash    door.SecretHash
	by      kiosk.Actor
	expires time.Time // by count
	until   time.Time // by now, for people
	wrong   int
}

// Status is who may open the page, and who has.
type Status struct {
	Code    bool // one is out
	CodeBy  kiosk.Actor
	Expires time.Time
	Wrong   int // codes typed in vain since
	Open    bool
	OpenBy  kiosk.Actor
	Opened  time.Time
}

// Open gives the code that opens the page once within ten minutes. A code that was
// given before is void.
func (s *Server) Open(by kiosk.Actor) (code string, expires time.Time) {
	code = newCode()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.code = &issued{hash: door.HashOf(code), by: by, expires: s.count().Add(codeLife), until: s.now().Add(codeLife)}
	return code[:codeDigits/2] + " " + code[codeDigits/2:], s.code.until
}

func newCode() string {
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(codeDigits), nil)
	n, err := rand.Int(rand.Reader, limit)
	if err != nil {
		panic("the system gives no random numbers") // crypto/rand ends the process before that
	}
	return fmt.Sprintf("%0*d", codeDigits, n)
}

// Close voids the code that is out and ends the page, and tells what there was.
func (s *Server) Close() Status {
	was := s.Status()
	s.mu.Lock()
	s.code = nil
	s.mu.Unlock()
	s.Leave("closed")
	return was
}

// Status tells how it stands.
func (s *Server) Status() (st Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.code; c != nil && s.count().Before(c.expires) {
		st.Code, st.CodeBy, st.Expires, st.Wrong = true, c.by, c.until, c.wrong
	}
	if x := s.live; x != nil {
		st.Open, st.OpenBy, st.Opened = true, x.by, x.opened
	}
	return st
}

var (
	errWrong  = errors.New("wrong")
	errLocked = errors.New("locked")
)

// redeem uses the code up. A wrong one, one that came too late and one while none is
// out get the same answer for the same work; the fifth wrong one voids what is out.
func (s *Server) redeem(typed string) (by kiosk.Actor, err error) {
	hash := door.HashOf(typed)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.code
	if c == nil {
		c = &issued{hash: s.none} // nobody knows what this is the hash of
	}
	good := c.hash.Equal(hash)
	good = good && s.count().Before(c.expires)
	switch {
	case good:
		s.code = nil
		return c.by, nil
	case s.code != nil:
		if c.wrong++; c.wrong >= codeTries {
			s.code = nil
			return c.by, errLocked
		}
		return c.by, errWrong
	}
	return kiosk.Actor{Kind: kiosk.ActorSystem, ID: "diag"}, errWrong
}

// serveCode takes a code.
//
//	200  it was good; the cookie comes with the answer
//	403  it was not: {"refused": "wrong" or "locked"}
//	409  a patient is at the kiosk
func (s *Server) serveCode(w http.ResponseWriter, r *http.Request) {
	if !s.codeRate.Allow() {
		door.Answer(w, http.StatusTooManyRequests, refused{"wait"})
		return
	}
	var in struct {
		Code string `json:"code"`
	}
	if err := decode(http.MaxBytesReader(w, r.Body, 256), &in); err != nil {
		door.Refuse(w, http.StatusBadRequest)
		return
	}
	if !s.deps.Free() {
		door.Answer(w, http.StatusConflict, refused{"busy"})
		return
	}
	by, err := s.redeem(in.Code)
	if err != nil {
		s.log.Warn("diagnostics page refused", "reason", err.Error())
		facts := kiosk.AuditFacts{Action: "code " + err.Error(), Outcome: kiosk.OutcomeRefused, Resource: "code"}
		if errors.Is(err, errLocked) || s.refusals.Allow() { // a flood must not fill the store
			s.record(r.Context(), by, kiosk.DiagRefused, facts)
		}
		door.Answer(w, http.StatusForbidden, refused{err.Error()})
		return
	}
	secret, hash := door.NewSecret()
	x := s.begin(hash, by)
	if x == nil {
		door.Refuse(w, http.StatusServiceUnavailable)
		return
	}
	s.record(r.Context(), by, kiosk.DiagOpened, kiosk.AuditFacts{Action: "open", Resource: "page", Session: x.id})
	http.SetCookie(w, &http.Cookie{Name: cookieName(r), Value: secret, Path: Path, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	s.log.Info("diagnostics page opened", "by", by.String())
	door.Answer(w, http.StatusOK, struct{}{})
}

type refused struct {
	Refused string `json:"refused"`
}

// record writes an audit event. The page works where that fails: see the package.
func (s *Server) record(ctx context.Context, by kiosk.Actor, t kiosk.AuditType, f kiosk.AuditFacts) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditWithin)
	defer cancel()
	if err := s.deps.Audit(ctx, kiosk.NewAct(by), t, f); err != nil {
		s.log.Error("diagnostics were not recorded", "event", string(t), "err", err)
	}
}
