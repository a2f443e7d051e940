package pubnub

import (
	"context"
	"sync"
)

// link is what the requests together say about the way to PubNub.
type link struct {
	mu      sync.Mutex
	up      bool
	changed broadcast // the state changed, or the system says that the network did
	doubted broadcast // a request went unanswered: is the poll's connection still alive?
}

func newLink() *link { return &link{changed: newBroadcast(), doubted: newBroadcast()} }

func (l *link) state() (up bool, changed context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.up, l.changed.ctx
}

func (l *link) doubt() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.doubted.ctx
}

func (l *link) set(up bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.up != up {
		l.up = up
		l.changed.send()
	}
}

func (l *link) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed.send()
}

// failed takes note of a request without a usable answer. What could not even
// be sent, or met a stranger, means down. A sent request that stays without an
// answer is weaker: a proxy may cut publishes only. Then the poll makes its
// connection anew, and what that meets decides.
func (l *link) failed(x *exchange, e *Error) {
	switch {
	case e.Reason == ReasonAnswer, e.Reason == ReasonTooLarge:
	case !x.sent(), e.Reason == ReasonForeign, !x.mutates:
		l.set(false)
	default:
		l.mu.Lock()
		defer l.mu.Unlock()
		l.doubted.send()
	}
}

// broadcast wakes everybody who waits on its current context.
type broadcast struct {
	ctx    context.Context
	cancel context.CancelFunc
}

func newBroadcast() broadcast {
	ctx, cancel := context.WithCancel(context.Background())
	return broadcast{ctx, cancel}
}

func (b *broadcast) send() {
	b.cancel()
	*b = newBroadcast()
}
