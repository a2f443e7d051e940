package desk

import (
	"time"

	"clinicgate/kiosk"
)

// guesses counts wrong PINs and says who has to wait. It belongs to the
// goroutine that holds Server.mu.
//
// A person at a browser has five tries, then waits, longer each time. The
// person at any browser, and the browser with any person, have more tries and
// then wait as well: one browser cannot try the same PIN on everybody, nor many
// browsers many PINs on one person.
type guesses map[guessKey]*tally

// guessKey is a person at a browser; empty stands for any.
type guessKey struct{ person, browser string }

type tally struct {
	wrong int
	until time.Time // no try before
	last  time.Time
}

const (
	freeTries   = 5
	freeAlone   = 15 // of a person at any browser, of a browser with any person
	firstWait   = 30 * time.Second
	longestWait = time.Hour
	forgetAfter = 24 * time.Hour
	maxTallies  = 4096
)

func keysOf(person, browser string) map[guessKey]int {
	return map[guessKey]int{{person, browser}: freeTries, {person, ""}: freeAlone, {"", browser}: freeAlone}
}

// wait says how long a try has to wait.
func (g guesses) wait(person, browser string, now time.Time) (longest time.Duration) {
	for k := range keysOf(person, browser) {
		if t := g[k]; t != nil {
			longest = max(longest, t.until.Sub(now))
		}
	}
	return longest
}

// wrong counts a try, before it is known to be wrong: tries that run at the
// same time must not all pass the bound.
func (g guesses) wrong(person, browser string, now time.Time) {
	for k, free := range keysOf(person, browser) {
		t := g[k]
		if t == nil || now.Sub(t.last) > forgetAfter {
			g.room(now)
			t = &tally{}
			g[k] = t
		}
		t.wrong++
		t.last = now
		if over := t.wrong - free; over >= 0 {
			t.until = now.Add(min(firstWait<<min(over, 20), longestWait))
		}
	}
}

// right takes a try back that was right, and what the person did wrong here
// before. What others did wrong at this browser stays counted.
func (g guesses) right(person, browser string) {
	delete(g, guessKey{person, browser})
	for _, k := range []guessKey{{person, ""}, {"", browser}} {
		if t := g[k]; t != nil {
			t.wrong--
			t.until = time.Time{}
		}
	}
}

// forgive forgets what was tried on a person, who has a new PIN.
func (g guesses) forgive(person string) {
	for k := range g {
		if k.person == person {
			delete(g, k)
		}
	}
}

// room drops what is old, and where that is not enough the oldest.
func (g guesses) room(now time.Time) {
	if len(g) < maxTallies {
		return
	}
	var oldest guessKey
	for k, t := range g {
		if now.Sub(t.last) > forgetAfter {
			delete(g, k)
		} else if o := g[oldest]; o == nil || t.last.Before(o.last) {
			oldest = k
		}
	}
	if len(g) >= maxTallies {
		delete(g, oldest)
	}
}

// person finds a member of staff by what was typed. Case does not count: the
// config takes no two ids that differ in it only.
func (s *Server) person(typed string) (Staff, bool) {
	p, ok := s.staff[folded(typed)]
	return p, ok
}

// pageActor is the page itself, for what nobody known did.
var pageActor = kiosk.Actor{Kind: kiosk.ActorSystem, ID: "desk"}
