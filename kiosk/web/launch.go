package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"clinicgate/kiosk/web/door"
	"clinicgate/storage/keyring"
)

const (
	launchLife     = 60 * time.Second
	maxLaunches    = 8 // minted and not yet used; the oldest gives way
	launchPerSec   = 5
	launchesAtOnce = 20
)

// launch is a token that may be exchanged once.
type launch struct {
	token   door.SecretHash
	expires time.Time
}

// NewLaunch mints a launch token and returns the path that exchanges it, to be
// opened by the kiosk's own browser at http://Addr() within 60 seconds. The
// token works once; using it ends the session that is open.
func (s *Server) NewLaunch(ctx context.Context) (path string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	secret, hash := door.NewSecret()
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.launches[:0]
	for _, l := range s.launches {
		if now.Before(l.expires) {
			kept = append(kept, l)
		}
	}
	if len(kept) >= maxLaunches {
		kept = kept[1:]
	}
	s.launches = append(kept, launch{token: hash, expires: now.Add(launchLife)})
	return "/launch?t=" + secret, nil
}

// redeem uses a token up and reports whether it was good.
func (s *Server) redeem(token string) bool {
	hash := door.HashOf(token)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, l := range s.launches {
		if l.token.Equal(hash) {
			s.launches = append(s.launches[:i:i], s.launches[i+1:]...)
			if s.now().Before(l.expires) {
				s.launched = idOf(hash)
				return true
			}
			break
		}
	}
	s.refused = idOf(hash)
	return false
}

// idOf names a launch by a part of the token's hash, which opens nothing.
func idOf(hash door.SecretHash) string { return hex.EncodeToString(hash[:6]) }

// LaunchID names the launch of a path that NewLaunch returned.
func LaunchID(path string) string {
	_, token, _ := strings.Cut(path, "?t=")
	return idOf(door.HashOf(token))
}

// aliveWithin is how old the open page's last sign of life may be: it gives one each
// five beats.
const aliveWithin = 12 * time.Second

// Seen is what can be seen from here of the browser that was launched.
type Seen struct {
	Alive   bool   // its page is open, and its script gave a sign of life within 12 s
	Launch  string // the launch it came by; empty where none did since the start
	Refused string // the launch whose token was refused last
}

// Seen tells what the launched browser does.
func (s *Server) Seen() Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Seen{Alive: len(s.streams) > 0 && s.now().Sub(s.lived) < aliveWithin, Launch: s.launched, Refused: s.refused}
}

// noteAlive notes a sign of life of the page that holds the pass.
func (s *Server) noteAlive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lived = s.now()
}

// serveLaunch is the one GET that changes something: a browser can only start
// with a GET, and what it changes needs a secret that lives a minute.
func (s *Server) serveLaunch(w http.ResponseWriter, r *http.Request) {
	if !s.launchRate.Allow() {
		door.Refuse(w, http.StatusTooManyRequests)
		return
	}
	if !s.redeem(r.URL.Query().Get("t")) {
		s.log.Warn("launch refused")
		s.serveLocked(w)
		return
	}
	pass, hash := door.NewSecret()
	if err := s.pass.Save(hash[:]); err != nil {
		// The browser works all the same; after a restart of the gateway it
		// needs a new launch.
		s.log.Warn("cannot keep the browser's pass", "err", err)
	}
	s.mu.Lock()
	s.browser, s.hasBrowser = hash, true
	s.endSession(EndLaunch)
	s.comeBack("launch")
	for st := range s.streams {
		s.dropStream(st)
	}
	s.mu.Unlock()
	http.SetCookie(w, &http.Cookie{
		Name: s.cookie, Value: pass, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	w.Header().Set("Location", "/")
	w.WriteHeader(http.StatusSeeOther)
	s.log.Info("browser launched")
}

// Launched reports whether a browser holds the page's pass.
func (s *Server) Launched() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hasBrowser
}

// holdsPass reports whether the request comes from the browser that was
// launched last. What shows a patient's picture asks again under the lock that
// it reads the picture under: a launch may come in between.
func (s *Server) holdsPass(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.isBrowser(r)
}

// isBrowser is holdsPass with Server.mu held.
func (s *Server) isBrowser(r *http.Request) bool {
	cookies := r.CookiesNamed(s.cookie)
	if len(cookies) != 1 {
		return false
	}
	hash := door.HashOf(cookies[0].Value)
	return s.hasBrowser && hash.Equal(s.browser)
}

// PassStore keeps the hash of the launched browser's pass, so that a page that
// was open when the gateway was killed goes on by itself. It never sees the
// pass.
type PassStore interface {
	Load() ([]byte, error) // nil for none
	Save(hash []byte) error
}

// PassFile keeps the hash in a small file, replaced atomically.
func PassFile(path string) PassStore { return passFile(path) }

type passFile string

// Load returns the hash, or nil when there is none.
func (p passFile) Load() ([]byte, error) {
	b, err := os.ReadFile(string(p))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the browser's pass: %w", err)
	}
	if len(b) != sha256.Size {
		return nil, nil // half a file from a power cut: the next launch makes a new one
	}
	return b, nil
}

// Save replaces the hash.
func (p passFile) Save(hash []byte) error {
	f, err := os.CreateTemp(filepath.Dir(string(p)), filepath.Base(string(p))+".*")
	if err != nil {
		return fmt.Errorf("cannot keep the browser's pass: %w", err)
	}
	_, err = f.Write(hash)
	if err = errors.Join(err, f.Close()); err == nil {
		err = keyring.Dir(filepath.Dir(string(p))).Rename(filepath.Base(f.Name()), filepath.Base(string(p)))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("cannot keep the browser's pass: %w", err)
	}
	return nil
}

// noPass forgets: a restart of the gateway locks the page until the next launch.
type noPass struct{}

func (noPass) Load() ([]byte, error) { return nil, nil }
func (noPass) Save([]byte) error     { return nil }
