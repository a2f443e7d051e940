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

// Scan feeds a code from a device into the live session, or starts one. It
// returns as soon as the page has the code; what becomes of it the page shows.
// kind is the device layer's word for the kind of code ("qr", "code128", ...;
// may be empty) and is only logged. The value is never logged or echoed.
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
	if len(s.streams) == 0 {
		return ErrNoPage
	}
	s.log.Debug("code read", "kind", kind, "bytes", len(value.Reveal()))
	job, _ := s.scanned(s.live, value.Reveal(), request)
	s.touched(s.live)
	s.changed()
	if job != nil {
		s.inBackground(job)
	}
	return nil
}

// code is what was read or typed to tell who somebody is.
type code struct {
	value  phi.Text
	method Method
	hash   [sha256.Size]byte
}

func newCode(value phi.Text, m Method) code {
	return code{value, m, sha256.Sum256([]byte(value.Reveal()))}
}

func (c code) isZero() bool { return c.hash == [sha256.Size]byte{} }

// scanned decides what a code means on the screen that is shown. Server.mu is
// held.
func (s *Server) scanned(x *session, raw string, request uuid.UUID) (work, bool) {
	text := cleanScan(raw)
	if text == "" {
		if x.state == Identifying {
			x.step(evScan)
			x.step(evRefused)
			x.sentence, x.again = "unreadable", true
			return nil, true
		}
		return nil, false
	}
	return s.read(x, newCode(phi.New(text), methodOf(text)), request)
}

// read decides what a code means that is one. Server.mu is held.
func (s *Server) read(x *session, c code, request uuid.UUID) (work, bool) {
	if x.state.asks() {
		return s.identify(x, evScan, c, request)
	}
	switch x.state {
	case Attract, Language, Needing, Interpreting:
		x.step(evScan)
		x.held = c
		s.onlyLanguage(x)
		return nil, true
	case Turned:
		if x.again {
			return s.identify(x, evScan, c, request)
		}
	}
	if x.knows(c) {
		return nil, true // a scanner reads a code twice, or the phone is still under it
	}
	return s.second(x, c, request)
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
