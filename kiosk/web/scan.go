package web

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"clinicgate/kiosk/phi"

	"github.com/google/uuid"
)

// ErrNoPage means that no browser shows the page, so nobody could see what
// becomes of a scan.
var ErrNoPage = errors.New("the check-in page is not open")

const maxTypedBytes = 32

// Scan feeds what a device read into the live session, or starts one. It returns
// as soon as the page has it; what becomes of it the page shows. kind is the
// device layer's word for what it is ("appointment-code", "driving-licence", ...;
// may be empty); see Deps.Understand. The value is never logged or echoed.
func (s *Server) Scan(ctx context.Context, value phi.Text, kind string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	request, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("cannot mint a request id: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if back := s.comeBack("patient"); len(s.streams) == 0 && !back {
		return ErrNoPage
	}
	s.log.Debug("code read", "kind", kind, "bytes", len(value.Reveal()))
	job, ok := s.scanned(s.live, value, kind, request)
	if ok {
		s.touched(s.live)
		s.changed()
	}
	if job != nil {
		s.inBackground(job)
	}
	return nil
}

// captured hands on what a scanner typed into the page. What comes of it
// comes back by Scan, as from any other scanner.
func (s *Server) captured(keys phi.Text) work {
	return func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, identifyWithin)
		defer cancel()
		if err := s.deps.Captured(ctx, keys); err != nil {
			s.log.Warn("scan of the page was not taken", "err", err)
		}
	}
}

// code is what was read or typed to tell who somebody is.
type code struct {
	method  Method
	value   phi.Text // Scanned, Typed
	person  Person   // Licensed
	useless Useless  // Scanned, and it tells of nobody
	kind    string   // of what is useless
	hash    [sha256.Size]byte
}

func newCode(value phi.Text, m Method) code {
	return code{method: m, value: value, hash: sha256.Sum256([]byte(value.Reveal()))}
}

// newScan makes a code of what was read.
func newScan(r Read) code {
	text := cleanScan(r.Code.Reveal())
	switch {
	case r.Useless == "" && r.Person != (Person{}):
		p := Person{Birth: r.Person.Birth, Family: nameOf(r.Person.Family.Reveal()), Given: nameOf(r.Person.Given.Reveal())}
		said := strings.Join([]string{p.Birth.Reveal(), p.Family.Reveal(), p.Given.Reveal()}, "\n")
		return code{method: Licensed, person: p, hash: sha256.Sum256([]byte("licence\n" + said))}
	case r.Useless == "" && text != "":
		return newCode(phi.New(text), methodOf(text))
	case r.Useless == "":
		r.Useless = Unreadable
	}
	return code{method: Scanned, useless: r.Useless, kind: r.Kind, hash: sha256.Sum256([]byte("useless\n" + r.Kind))}
}

func (c code) isZero() bool { return c.hash == [sha256.Size]byte{} }

// scanned decides what a scan means on the screen that is shown. Server.mu is
// held.
func (s *Server) scanned(x *session, value phi.Text, kind string, request uuid.UUID) (work, bool) {
	r := Read{Code: value}
	if s.deps.Understand != nil {
		r = s.deps.Understand(value, kind)
	}
	c := newScan(r)
	if c.kind == "" && c.useless != "" && !x.state.asks() {
		return nil, false // noise, and nobody waits for a code
	}
	return s.read(x, c, request)
}

// read decides what a code means on the screen that is shown. Server.mu is held.
func (s *Server) read(x *session, c code, request uuid.UUID) (work, bool) {
	if x.state.asks() {
		return s.identify(x, evScan, c, request)
	}
	switch x.state {
	case Attract, Language, Needing, Interpreting:
		x.step(evScan)
		if c.useless != "" && !x.held.isZero() {
			return nil, true // of the two, the one before may be of use
		}
		x.held = c
		s.onlyLanguage(x)
		return nil, true
	case Turned:
		if x.again {
			return s.identify(x, evScan, c, request)
		}
	}
	if c.useless != "" {
		return nil, x.remark(string(c.useless)) // it is nobody's, so there is no second person
	}
	if x.knows(c) {
		return nil, true // a scanner reads a code twice, or the phone is still under it
	}
	return s.second(x, c, request)
}

// remark says something beside a screen that stays as it is.
func (x *session) remark(notice string) bool {
	if x.state.busy() || x.state == Together {
		return false
	}
	x.notice = notice
	return true
}

// cleanScan takes off what a scanner adds: an AIM identifier in front ("]Q1"),
// a line ending behind. It returns "" for what cannot be a code of ours.
func cleanScan(raw string) string {
	code := strings.TrimRight(raw, "\r\n\t ")
	if len(code) > 3 && code[0] == ']' {
		code = code[3:]
	}
	code = strings.TrimSpace(code)
	if len(code) > maxCodeBytes || !printable(code) {
		return ""
	}
	return code
}

func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

var typedForm = regexp.MustCompile(`^[A-Za-z0-9]{4}[ -]?[A-Za-z0-9]{4}$`)

// methodOf tells a typed code that came as a bar code, or from a keyboard that
// types fast, from an appointment's QR code.
func methodOf(code string) Method {
	if typedForm.MatchString(code) {
		return Typed
	}
	return Scanned
}
