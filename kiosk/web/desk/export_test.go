package desk

import (
	"bytes"
	"context"
	"html/template"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"clinicgate/kiosk/web/door"
)

// Seams for tests on virtual time, which cannot use sockets.

func (s *Server) Handler() http.Handler      { return s.gate }
func (s *Server) Watching(c context.Context) { s.watch(c) }
func (s *Server) Routes() []door.Route       { return s.gate.Routes() }

// Shows reports whether the clinic is in memory.
func (s *Server) Shows() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view != nil
}

// CertificateUntil gives the end of the certificate in use, and makes what is due.
func (s *Server) CertificateUntil(ctx context.Context) time.Time {
	s.certs.renew(ctx)
	return s.certs.current.Load().until
}

const (
	CookieName = cookieName
	MaxTallies = maxTallies
	FreeTries  = freeTries
	FreeAlone  = freeAlone
	PairTries  = pairTries
	DeskConns  = deskConns
	MaxStreams = maxStreams
)

// Guess runs a guess against the counting alone.
type Guess struct{ g guesses }

func NewGuess() *Guess { return &Guess{guesses{}} }

func (g *Guess) Wait(person, browser string, now time.Time) time.Duration {
	return g.g.wait(person, browser, now)
}
func (g *Guess) Wrong(person, browser string, now time.Time) { g.g.wrong(person, browser, now) }
func (g *Guess) Right(person, browser string)                { g.g.right(person, browser) }
func (g *Guess) Len() int                                    { return len(g.g) }

// CheapGuesses makes the work for who has no PIN small, for tests of hundreds of
// guesses that do not look at time.
func (s *Server) CheapGuesses() { s.nobody.Memory, s.nobody.Passes = 64, 1 }

// Restore forgets what the limits of rate and guesses have counted.
func (s *Server) Restore() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.guesses)
	for _, l := range []*rate.Limiter{s.acts, s.logins, s.pairs} {
		l.SetLimit(rate.Inf)
	}
}

// PageOf makes a document as the product does and by html/template, the texts of the
// clinic and of the languages replaced by one text, if it is not empty.
func (s *Server) PageOf(name, text string) (own, standard string, err error) {
	data := s.pageData()
	if text != "" {
		all := func(w words) words {
			texts := map[string]string{}
			for key := range w.Text {
				texts[key] = text
			}
			return words{Tag: text, Name: text, Text: texts}
		}
		data = pageData{Build: text, Clinic: text, Fingerprint: []string{text, text}, Words: []words{all(s.words[0]), all(s.words[1])}, First: all(s.words[0])}
	}
	b, err := s.pages.Render(name, data)
	if err != nil {
		return "", "", err
	}
	pages, err := template.ParseFS(files, "pages/*.html")
	if err != nil {
		return "", "", err
	}
	var out bytes.Buffer
	err = pages.ExecuteTemplate(&out, name, data)
	return string(b), out.String(), err
}
