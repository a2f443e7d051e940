//go:build !linux

package printer

import (
	"sync"
	"time"
)

// outlet is the port that is written to. The library's write has no time limit; one
// that runs out of it is freed by throwing away what the port still holds. Where a
// driver does not even then let go, no other write of that port begins: one thread
// hangs and not one for each attempt.
type outlet struct{ name string }

// writing are the names of the ports that a write is under way to.
var writing sync.Map

func openOutlet(name string) (outlet, error) {
	if _, hangs := writing.Load(name); hangs {
		return outlet{}, errStuck
	}
	return outlet{name}, nil
}

func (outlet) Close() error { return nil }

// Write sends all of b, or fails when the time is over.
func (l *line) Write(b []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	own := append([]byte(nil), b...) // outlives a caller who gave up
	writing.Store(l.out.name, true)
	go func() {
		n, err := l.Port.Write(own)
		if err == nil {
			err = l.Drain()
		}
		writing.Delete(l.out.name)
		done <- result{n, err}
	}()
	t := time.NewTimer(l.within(b))
	defer t.Stop()
	select {
	case r := <-done:
		return r.n, r.err
	case <-t.C:
		_ = l.ResetOutputBuffer()
		return 0, errStuck
	}
}
