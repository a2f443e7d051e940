package gateway

import "sync"

// bell tells whoever watches that something changed, coalesced.
type bell struct {
	mu       sync.Mutex
	watchers map[chan struct{}]struct{}
}

// watch returns a channel that receives after changes until cancel is called.
func (b *bell) watch() (changed <-chan struct{}, cancel func()) {
	w := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.watchers == nil {
		b.watchers = map[chan struct{}]struct{}{}
	}
	b.watchers[w] = struct{}{}
	return w, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.watchers, w)
	}
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for w := range b.watchers {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}
