package web

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"clinicgate/kiosk/web/door"
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
			return s.now().Before(l.expires)
		}
	}
	return false
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
		err = os.Rename(f.Name(), string(p))
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
