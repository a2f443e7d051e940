package bridge

import (
	"sync"
	"time"
)

// pace lets something happen so often per name: burst times at once, then once
// per interval. It remembers a bounded number of names; when it is full and none
// has recovered, strangers are refused.
type pace struct {
	burst    int
	interval time.Duration

	mu    sync.Mutex // guards names
	names map[string]spent
}

type spent struct {
	tokens float64
	at     time.Time
}

const maxPaced = 4096

func newPace(burst int, interval time.Duration) *pace {
	return &pace{burst: burst, interval: interval, names: map[string]spent{}}
}

// left gives what a name has now. The lock is held.
func (p *pace) left(name string, now time.Time) float64 {
	s, ok := p.names[name]
	if !ok {
		return float64(p.burst)
	}
	return min(float64(p.burst), s.tokens+now.Sub(s.at).Seconds()/p.interval.Seconds())
}

// may reports whether the name has any left, without taking it.
func (p *pace) may(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.left(name, time.Now()) >= 1
}

// take uses one, and reports whether there was one.
func (p *pace) take(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	left := p.left(name, now)
	if _, known := p.names[name]; !known && len(p.names) >= maxPaced {
		for n := range p.names {
			if p.left(n, now) >= float64(p.burst) {
				delete(p.names, n)
			}
		}
		if len(p.names) >= maxPaced {
			return false
		}
	}
	ok := left >= 1
	if ok {
		left--
	}
	p.names[name] = spent{left, now}
	return ok
}
