package checkin

import (
	"sync"
	"time"
)

// attempts limits the guessing of codes and of names, per session and for the kiosk as a
// whole. It is in memory only: who can restart the kiosk at will is not stopped
// by counting.
type attempts struct {
	perSession, perKiosk int

	mu       sync.Mutex
	sessions map[string]int // guarded by mu: wrong codes and names
	wrong    []time.Time    // guarded by mu: recent ones of all sessions
}

const (
	attemptWindow = 10 * time.Minute
	maxSessions   = 1024
)

func newAttempts(perSession, perKiosk int) *attempts {
	return &attempts{perSession: perSession, perKiosk: perKiosk, sessions: map[string]int{}}
}

// locked reports whether a session may not try now.
func (a *attempts) locked(session string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.age(now)
	return a.sessions[session] >= a.perSession || len(a.wrong) >= a.perKiosk
}

// failed counts a wrong code or name.
func (a *attempts) failed(session string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.age(now)
	if _, known := a.sessions[session]; !known && len(a.sessions) >= maxSessions {
		clear(a.sessions) // nobody opens so many honestly; the kiosk's own limit holds
	}
	a.sessions[session]++
	if len(a.wrong) < a.perKiosk {
		a.wrong = append(a.wrong, now)
	}
}

// forget drops a session that has ended. The right code does not: who has one
// could guess another's in between. It reports whether there were any.
func (a *attempts) forget(session string) (any bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, any = a.sessions[session]
	delete(a.sessions, session)
	return any
}

// age drops what is older than the window, also when the clock went back. mu is
// held.
func (a *attempts) age(now time.Time) {
	kept := a.wrong[:0]
	for _, t := range a.wrong {
		if d := now.Sub(t); d >= 0 && d < attemptWindow {
			kept = append(kept, t)
		}
	}
	a.wrong = kept
}
