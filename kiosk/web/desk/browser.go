package desk

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/web/door"
	"clinicgate/storage"
)

// Browser is a paired browser.
type Browser struct {
	ID      string
	Name    string // given when it was paired
	Paired  time.Time
	By      string // who gave the code
	Staff   kiosk.StaffID
	LastUse time.Time // since the service started; zero: not used
}

// browserRow is a browser as it is kept, and as it is in memory.
type browserRow struct {
	ID     string    `json:"id"`
	Name   string    `json:"name,omitempty"`
	Hash   []byte    `json:"hash"`
	Paired time.Time `json:"paired"`
	By     string    `json:"by"`

	used time.Time // guarded by Server.mu
}

// pairing is the one code that is out.
type pairing struct {
	code    door.SecretHash
	name    string
	by      kiosk.Actor
	expires time.Time
	tries   int
}

const (
	cookieName  = "__Host-clinicgate-desk"
	cookieLife  = 400 * 24 * time.Hour // as long as browsers keep one
	pairLife    = 10 * time.Minute
	pairTries   = 20
	codeLetters = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ" // nothing that is read as another
	codeLen     = 8
	maxBrowsers = 64
	maxName     = 40
)

// What Pair and Revoke refuse.
var (
	ErrManyBrowsers = errors.New("too many browsers are paired")
	ErrNoBrowser    = errors.New("there is no such browser")
	ErrBrowserName  = errors.New("a browser's name is one line of at most 40 characters")
	ErrNotRevoked   = errors.New("the browser is out, but that could not be recorded: it is back after a restart")
)

var errPairing = errors.New("pairing code is not good")

// Pair gives a code by which one browser can be paired within ten minutes. A
// code that was given before is void. name tells the browser from others.
func (s *Server) Pair(by kiosk.Actor, name string) (code string, expires time.Time, err error) {
	name = strings.TrimSpace(name)
	if len([]rune(name)) > maxName || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfffd }) {
		return "", expires, ErrBrowserName
	}
	code = newCode()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.browsers) >= maxBrowsers {
		return "", expires, ErrManyBrowsers
	}
	s.pairing = &pairing{code: door.HashOf(code), name: name, by: by, expires: s.count().Add(pairLife)}
	return code[:codeLen/2] + "-" + code[codeLen/2:], s.now().Add(pairLife), nil
}

// newCode gives 40 random bits in letters that are easy to read out.
func newCode() string {
	b := make([]byte, codeLen*5/8)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	return base32.NewEncoding(codeLetters).EncodeToString(b)
}

// cleanCode takes what a person typed to the form of a code. It keeps to the
// length of one, whatever comes.
func cleanCode(typed string) string {
	return strings.ToUpper(strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return -1
		}
		return r
	}, typed))
}

// redeem uses a code up and pairs the browser that brought it. address is for
// the audit.
func (s *Server) redeem(ctx context.Context, typed, address string) (cookie string, err error) {
	s.mu.Lock()
	p := s.pairing
	now := s.count()
	good := false
	if p != nil {
		p.tries++
		good = now.Before(p.expires) && p.code.Equal(door.HashOf(cleanCode(typed)))
		if good || p.tries >= pairTries || !now.Before(p.expires) {
			s.pairing = nil
		}
	}
	s.mu.Unlock()
	if !good {
		s.log.Warn("pairing refused")
		if s.pairAudits.Allow() { // a flood must not fill the store
			return "", errors.Join(errPairing, s.audit(ctx, kiosk.NewAct(pageActor), kiosk.PairingRefused,
				kiosk.AuditFacts{Action: "pair", Outcome: kiosk.OutcomeRefused, Resource: "none", Address: address}))
		}
		return "", errPairing
	}
	pass, hash := door.NewSecret()
	row := &browserRow{ID: "b-" + strings.ToLower(newCode()), Name: p.name, Hash: hash[:], Paired: s.now().UTC(), By: p.by.String(), used: now}
	data, err := json.Marshal(row)
	if err != nil {
		return "", fmt.Errorf("cannot encode browser: %w", err)
	}
	act := kiosk.NewAct(p.by)
	err = s.deps.Store.Update(ctx, func(tx *storage.Tx) error {
		if err := tx.Put(browserView, []byte(row.ID), data); err != nil {
			return err
		}
		return s.journal.Audit(tx, act, kiosk.BrowserPaired, kiosk.AuditFacts{Action: "pair", Resource: row.ID, Address: address})
	})
	if err != nil {
		return "", fmt.Errorf("cannot keep browser: %w", err)
	}
	s.mu.Lock()
	s.browsers[hash] = row
	s.mu.Unlock()
	s.log.Info("browser paired", "browser", row.ID)
	return pass, nil
}

// Browsers lists the paired browsers, the newest last.
func (s *Server) Browsers() []Browser {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Browser
	for _, row := range s.browsers {
		b := Browser{ID: row.ID, Name: row.Name, Paired: row.Paired, By: row.By, LastUse: row.used}
		if x := s.sessions[row.ID]; x != nil {
			b.Staff = x.staff.ID
		}
		list = append(list, b)
	}
	slices.SortFunc(list, func(a, b Browser) int {
		return cmp.Or(a.Paired.Compare(b.Paired), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// Revoke takes a browser's key away: its session ends and its page is wiped at
// once, before anything is written. ErrNotRevoked: it was not written, and may be
// asked again.
func (s *Server) Revoke(ctx context.Context, by kiosk.Actor, id string) error {
	s.mu.Lock()
	var ended []*session
	found := false
	for hash, row := range s.browsers {
		if row.ID != id {
			continue
		}
		found = true
		delete(s.browsers, hash)
		if x := s.sessions[id]; x != nil {
			ended = append(ended, s.endSession(x))
		}
		for st := range s.streams {
			if st.browser == id {
				s.dropStream(st)
			}
		}
	}
	s.mu.Unlock()
	s.sayEnded(ctx, "revoked", ended...)
	act := kiosk.NewAct(by)
	err := s.deps.Store.Update(ctx, func(tx *storage.Tx) error {
		// One whose row is there although it is out was revoked and not recorded.
		if row, err := tx.Get(browserView, []byte(id)); err != nil || row == nil && !found {
			return cmp.Or(err, ErrNoBrowser)
		}
		if err := tx.Delete(browserView, []byte(id)); err != nil {
			return err
		}
		return s.journal.Audit(tx, act, kiosk.BrowserRevoked, kiosk.AuditFacts{Action: "revoke", Resource: id})
	})
	switch {
	case errors.Is(err, ErrNoBrowser):
		return ErrNoBrowser
	case err != nil:
		return fmt.Errorf("%w: %w", ErrNotRevoked, err)
	}
	s.log.Info("browser revoked", "browser", id)
	return nil
}

// loadBrowsers reads the paired browsers.
func (s *Server) loadBrowsers(ctx context.Context) error {
	err := s.deps.Store.View(ctx, func(r *storage.Reader) error {
		return r.Walk(browserView, nil, func(_, value []byte) error {
			var row browserRow
			if json.Unmarshal(value, &row) != nil || len(row.Hash) != len(door.SecretHash{}) {
				// One browser has to be paired again; the kiosk runs.
				s.log.Error("stored browser of the desk is malformed and left out")
				return nil
			}
			s.browsers[door.SecretHash(row.Hash)] = &row
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("cannot load the desk's browsers: %w", err)
	}
	return nil
}

// paired reports whether a request comes from a paired browser.
func (s *Server) paired(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.browserOf(r) != nil
}

// browserOf gives the browser that a request comes from, or nil. Server.mu is
// held.
func (s *Server) browserOf(r *http.Request) *browserRow {
	cookies := r.CookiesNamed(cookieName)
	if len(cookies) != 1 {
		return nil
	}
	return s.browsers[door.HashOf(cookies[0].Value)]
}
