// Package token keeps the kiosk's access token as fresh as its file.
//
// It promises that a new token in the file is used within a few seconds of its
// writing, that a half-written or foreign file never replaces a token that
// works, and that its expiry is known before PubNub says so. It refuses to grant
// or renew: a server that holds the secret key does (never a kiosk).
package token

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"clinicgate/gateway/pubnub"
)

// File is a token file. An empty path means a keyset without Access Manager.
type File struct {
	path string
	user string
	now  func() time.Time
	log  *slog.Logger

	mu      sync.Mutex
	text    string // guarded by mu
	token   pubnub.Token
	problem error
	mod     time.Time
	size    int64
}

// New makes a File; it reads nothing yet. user is the kiosk's user id, which
// the token must be bound to. now gives trusted time as well as it is known.
func New(path, user string, now func() time.Time, log *slog.Logger) *File {
	return &File{path: path, user: user, now: now, log: log}
}

// Text gives the token to send, or "".
func (f *File) Text() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text
}

// Status is what a person wants to know about the token.
type Status struct {
	Needed  bool      // a file is configured
	Held    bool      // a token was read
	Expires time.Time // zero when none is held
	Expired bool
	Problem error // why the file's present content is not used
}

// Status tells how the token stands.
func (f *File) Status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := Status{Needed: f.path != "", Held: f.text != "", Expires: f.token.Expires, Problem: f.problem}
	s.Expired = s.Held && !f.now().Before(f.token.Expires)
	return s
}

// Token gives what the token that is held says about itself, false for none.
func (f *File) Token() (pubnub.Token, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.token, f.text != ""
}

// Look reads the file now, so that what is sent before Run has a token, and for who
// does not Run. It reports whether there is a new one.
func (f *File) Look() (renewed bool) {
	if f.path == "" {
		return false
	}
	changed, err := f.look()
	switch {
	case changed && err != nil:
		f.log.Warn("token file is not used", "error", err)
	case changed:
		f.log.Info("token read", "expires", f.Status().Expires)
	}
	return changed && err == nil
}

const (
	lookEvery = 2 * time.Second
	maxFile   = 64 << 10
)

// Run reads the file now and whenever it changes, until ctx ends, and calls
// refreshed after each new token.
func (f *File) Run(ctx context.Context, refreshed func()) error {
	if f.path == "" {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	warned := time.Time{}
	for {
		if f.Look() {
			refreshed()
		}
		if s := f.Status(); s.Expired && !s.Expires.Equal(warned) {
			warned = s.Expires
			f.log.Warn("token expired; events are kept until there is a new one", "expired", s.Expires)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look reads the file when it changed since the last look.
func (f *File) look() (changed bool, err error) {
	info, err := os.Stat(f.path)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil && info.ModTime().Equal(f.mod) && info.Size() == f.size {
		return false, nil
	}
	var text string
	if err == nil {
		f.mod, f.size = info.ModTime(), info.Size()
		text, err = read(f.path, info.Size())
	}
	var t pubnub.Token
	if err == nil {
		t, err = pubnub.ParseToken(text)
	}
	switch {
	case err != nil:
		err = fmt.Errorf("cannot read token: %w", plain(err))
	case t.User != f.user:
		err = fmt.Errorf("the token is bound to another user id than this kiosk's, %q", f.user)
	case text == f.text:
		f.problem = nil
		return false, nil
	default:
		f.text, f.token, f.problem = text, t, nil
		return true, nil
	}
	repeat := f.problem != nil && f.problem.Error() == err.Error()
	f.problem = err
	return !repeat, err
}

func read(path string, size int64) (string, error) {
	if size > maxFile {
		return "", pubnub.ErrToken
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(data)), nil
}

// plain keeps the path out of the error where the caller's message names it.
func plain(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
